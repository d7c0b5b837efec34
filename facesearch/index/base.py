"""The index's seam: what finds the nearest embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Hits:
    """Nearest neighbours of q probes, nearest first; ties are ordered by id.

    ``ids`` has shape (q, k), int64; ``distances`` shape (q, k), float32, squared Euclidean, 0 to 4. Where fewer than k
    vectors were there to find, the row is filled up with id -1 at distance infinity.
    """

    ids: NDArray[np.int64]
    distances: NDArray[np.float32]


class VectorIndex(Protocol):
    """**Protocol:** unit vectors by id. Ids are the store's face row ids, so nothing maps between the two."""

    dim: int

    def __len__(self) -> int:
        """How many vectors it holds."""
        ...

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, shape (n, dim), float32, unit rows, under ids, shape (n,), int64. A known id is replaced.

        Raises:
            DimensionMismatchError: the vectors are not of this index's dimension.
        """
        ...

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove ids, shape (n,), int64; unknown ones are ignored. Returns how many were there."""
        ...

    def search(self, vectors: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None) -> Hits:
        """The k nearest of each probe.

        Args:
            vectors: shape (q, dim), float32, unit rows; q may be 0.
            k: how many neighbours of each, 1 or more.
            only: search among these ids alone, shape (m,), int64; None searches all.

        Raises:
            DimensionMismatchError: the vectors are not of this index's dimension.
        """
        ...
