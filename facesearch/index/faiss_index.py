"""Exact search by FAISS: the fastest exact one at every size that fits into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from facesearch.index import ranking
from facesearch.index.faiss_codes import nearest_of
from facesearch.index.growing import Growing
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.index.base import Hits
    from facesearch.index.rows import StoredRows


class FlatIndex:
    """Vectors in one array of NumPy's, compared with all of them by FAISS: distance = 2 - 2 · inner product.

    FAISS proposes, ``ranking`` measures again; both are exact, so its answers equal ``ExactIndex``'s to the last bit.
    The array is NumPy's because NumPy asks for huge pages: among 500,000 vectors a question takes 8.3 ms so, as long
    as reading them once, and 12 to 16 ms with ``IndexFlatIP``, whose memory has small pages.
    """

    name: ClassVar[str] = "flat"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._keys = Growing(np.int64)
        self._room: NDArray[np.float32] = np.empty((0, dim), dtype=np.float32)
        self._highest = -1
        self._sorted: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """How many vectors it holds."""
        return len(self._keys)

    def ids(self) -> NDArray[np.int64]:
        """The ids it holds, shape (n,), int64, ascending."""
        return np.sort(self._keys.values)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors (n, dim) under ids (n,); see ``VectorIndex.add``."""
        keys, rows = ranking.last_of_each(ids, vectors, self.dim)
        if not len(keys):
            return
        # New ids, ascending as the database gives them, need not be looked for among all others.
        if keys[0] <= self._highest:
            self.remove(keys)
        held, count = len(self), len(self) + len(keys)
        if count > len(self._room):
            room = np.empty((max(count, 2 * held), self.dim), dtype=np.float32)
            room[:held] = self._room[:held]
            self._room = room
        self._room[held:count] = rows
        self._keys.append(keys)
        self._highest, self._sorted = max(self._highest, int(keys[-1])), None

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove ids (n,); returns how many were there. The last vectors take their places."""
        keys = self._keys.values
        gone = np.flatnonzero(np.isin(keys, np.asarray(ids, dtype=np.int64)))
        if len(gone):
            left = len(keys) - len(gone)
            holes = gone[gone < left]
            movers = np.setdiff1d(np.arange(left, len(keys)), gone, assume_unique=True)
            keys[holes], self._room[holes] = keys[movers], self._room[movers]
            self._keys, self._sorted = Growing.of(keys[:left]), None
        return len(gone)

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
        keys, rows = self._keys.values, self._room[: len(self)]
        if only is not None:
            wanted = np.isin(keys, np.asarray(only, dtype=np.int64))
            keys, rows = keys[wanted], rows[wanted]

        def propose(some: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            places, products = nearest_of(some, rows, m)
            return keys[places], 2 - 2 * products

        return ranking.search_exactly(probes, k, len(keys), propose, self._fetch)

    def about(self) -> IndexFacts:
        """An exact index of so many vectors."""
        return IndexFacts(self.name, len(self))

    def settle(self) -> None:
        """Nothing is put off."""

    def rows(self) -> None:
        """``dump`` holds the vectors."""

    def dump(self) -> NDArray[np.uint8]:
        """As ``ExactIndex.dump``: the ids, then the rows; shape (n · (8 + 4 · dim),)."""
        keys, rows = self._keys.values, self._room[: len(self)]
        return np.concatenate([keys.astype("<i8").view(np.uint8), rows.astype("<f4").reshape(-1).view(np.uint8)])

    @classmethod
    def restore(cls, payload: NDArray[np.uint8], dim: int, rows: StoredRows | None = None) -> Self:  # noqa: ARG003
        """The index that gave these bytes; it goes on using them.

        Raises:
            ValueError: the bytes are not of such an index.
        """
        count, rest = divmod(len(payload), 8 + 4 * dim)
        if rest:
            raise ValueError(f"{len(payload)} bytes are not a whole number of {dim}-d vectors")
        index = cls(dim)
        index._keys = Growing.of(payload[: 8 * count].view("<i8").astype(np.int64))
        index._room = payload[8 * count :].view("<f4").astype(np.float32, copy=False).reshape(count, dim)
        index._highest = int(index._keys.values.max(initial=-1))
        return index

    def _fetch(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of known ids, shape (n,), as (n, dim)."""
        held = self._sorted
        if held is None:
            order = np.argsort(self._keys.values, kind="stable")
            held = self._sorted = self._keys.values[order], order
        keys, places = held
        found: NDArray[np.float32] = self._room[places[np.searchsorted(keys, ids)]]
        return found
