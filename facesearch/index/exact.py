"""Exact search in NumPy: the index that the others are tested against, and the one for the few enrolled faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from facesearch.index import ranking
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.index.base import Hits
    from facesearch.index.rows import StoredRows


class ExactIndex:
    """Vectors in one array, ordered by id; compares every probe with all of them.

    A change builds new arrays and swaps them in at the end, so a search that runs meanwhile sees the old or the new
    state, never a mixture.
    """

    name: ClassVar[str] = "exact"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._held: tuple[NDArray[np.int64], NDArray[np.float32]] = (
            np.empty(0, dtype=np.int64),
            np.empty((0, dim), dtype=np.float32),
        )

    def __len__(self) -> int:
        """How many vectors it holds."""
        return len(self._held[0])

    def ids(self) -> NDArray[np.int64]:
        """The ids it holds, shape (n,), int64, ascending."""
        return self._held[0].copy()

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors (n, dim) under ids (n,); see ``VectorIndex.add``."""
        keys, rows = ranking.last_of_each(ids, vectors, self.dim)
        held_keys, held_rows = self._held
        kept = ~np.isin(held_keys, keys)
        keys, rows = np.concatenate([held_keys[kept], keys]), np.concatenate([held_rows[kept], rows])
        order = np.argsort(keys)
        self._held = keys[order], rows[order]

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove ids (n,); returns how many were there."""
        keys, rows = self._held
        kept = ~np.isin(keys, np.asarray(ids, dtype=np.int64))
        self._held = keys[kept], rows[kept]
        return len(keys) - int(np.count_nonzero(kept))

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        only: NDArray[np.int64] | None = None,
        *,
        exact: bool = True,  # noqa: ARG002 - it always is
    ) -> Hits:
        """The k nearest of each probe (q, dim); see ``VectorIndex.search``."""
        probes = ranking.checked_vectors(vectors, self.dim)
        keys, rows = self._held
        if only is not None:
            wanted = np.isin(keys, np.asarray(only, dtype=np.int64))
            keys, rows = keys[wanted], rows[wanted]

        def propose(some: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            ids = np.empty((len(some), m), dtype=np.int64)
            rough = np.empty((len(some), m), dtype=np.float32)
            size = max(1, ranking.CHUNK // len(rows))
            for start in range(0, len(some), size):
                part = slice(start, start + size)
                every = 2 - 2 * (some[part] @ rows.T)  # (size, n)
                near = np.argpartition(every, m - 1, axis=1)[:, :m] if m < len(rows) else _all_of(every)
                ids[part], rough[part] = keys[near], np.take_along_axis(every, near, axis=1)
            order = np.argsort(rough, axis=1)
            return np.take_along_axis(ids, order, axis=1), np.take_along_axis(rough, order, axis=1)

        def fetch(ids: NDArray[np.int64]) -> NDArray[np.float32]:
            return rows[np.searchsorted(keys, ids)]

        return ranking.search_exactly(probes, k, len(keys), propose, fetch)

    def about(self) -> IndexFacts:
        """An exact index of so many vectors."""
        return IndexFacts(self.name, len(self))

    def settle(self) -> None:
        """Nothing is put off."""

    def rows(self) -> None:
        """``dump`` holds the vectors."""

    def dump(self) -> NDArray[np.uint8]:
        """The ids, little-endian int64, then the rows, little-endian float32; shape (n · (8 + 4 · dim),)."""
        keys, rows = self._held
        return np.concatenate([keys.astype("<i8").view(np.uint8), rows.astype("<f4").reshape(-1).view(np.uint8)])

    @classmethod
    def restore(cls, payload: NDArray[np.uint8], dim: int, rows: StoredRows | None = None) -> Self:  # noqa: ARG003
        """The index that gave these bytes.

        Raises:
            ValueError: the bytes are not of such an index.
        """
        count, rest = divmod(len(payload), 8 + 4 * dim)
        if rest:
            raise ValueError(f"{len(payload)} bytes are not a whole number of {dim}-d vectors")
        index = cls(dim)
        keys = payload[: 8 * count].copy().view("<i8").astype(np.int64)
        index.add(keys, payload[8 * count :].copy().view("<f4").astype(np.float32).reshape(count, dim))
        return index


def _all_of(every: NDArray[np.float32]) -> NDArray[np.int64]:
    """The positions 0 to n - 1 for each row of a (q, n) array."""
    return np.broadcast_to(np.arange(every.shape[1]), every.shape)
