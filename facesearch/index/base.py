"""The index's seam: what finds the nearest embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.index.rows import StoredRows
    from facesearch.types import IndexFacts


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Nearest neighbours of q probes, nearest first; ties are ordered by id.

    ``ids`` has shape (q, k), int64; ``distances`` shape (q, k), float32, squared Euclidean, 0 to 4. Where fewer than k
    vectors were there to find, the row is filled up with id -1 at distance infinity.
    """

    ids: NDArray[np.int64]
    distances: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which state of which gallery an index file holds; the file is stale where it differs from the store's.

    ``gallery`` is the gallery's UUID, ``recipe`` the key of the recipe whose vectors these are, ``token`` the store's
    token after its last commit (so that a restored backup is noticed) and ``seq`` the last change that is included.
    """

    gallery: str
    recipe: str
    token: str
    seq: int


class VectorIndex(Protocol):
    """**Protocol:** unit vectors by id. Ids are the store's face row ids, so nothing maps between the two.

    Any number of threads may search at once; adding and removing need the index to themselves.
    """

    dim: int

    def __len__(self) -> int:
        """How many vectors it holds."""
        ...

    def ids(self) -> NDArray[np.int64]:
        """The ids it holds, shape (n,), int64, ascending."""
        ...

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, shape (n, dim), float32, unit rows, under ids, shape (n,), int64, 0 or more; n may be 0.

        A known id is replaced; where an id is given twice, its last vector stays. Nothing is added where an error is
        raised.

        Raises:
            DimensionMismatchError: the vectors are not of this index's dimension.
            ValueError: a vector is not finite or not of length 1, an id is negative, or the counts differ.
        """
        ...

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove ids, shape (n,), int64; unknown ones are ignored. Returns how many were there."""
        ...

    def search(
        self, vectors: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None, *, exact: bool = False
    ) -> Hits:
        """The k nearest of each probe. An approximate index finds nearly all of them, at exact distances.

        Args:
            vectors: shape (q, dim), float32, unit rows; q may be 0.
            k: how many neighbours of each, 1 or more.
            only: search among these ids alone, shape (m,), int64; unknown ones are ignored, None searches all. This
                is always exact: there are k hits wherever k of them are known.
            exact: compare with everything, also where the index is an approximate one.

        Raises:
            DimensionMismatchError: the vectors are not of this index's dimension.
            ValueError: a vector is not finite or not of length 1, or k is less than 1.
        """
        ...


class FileIndex(VectorIndex, Protocol):
    """**Protocol:** a vector index that is kept in a file (``facesearch.index.file``)."""

    name: str
    """The name in the registry; the file says which class can read it."""

    def about(self) -> IndexFacts:
        """What it is, and how well it was measured to find."""
        ...

    def settle(self) -> None:
        """What is put off until many vectors have come or gone: learning, tuning, clearing away. Takes seconds."""
        ...

    def dump(self) -> NDArray[np.uint8]:
        """Everything it holds but ``rows`` as bytes, shape (size,); settles first."""
        ...

    def rows(self) -> Iterator[NDArray[np.float32]] | None:
        """The vectors (b, dim), piece by piece, where the file is to keep them on disk; else they are in ``dump``."""
        ...

    @classmethod
    def restore(cls, payload: NDArray[np.uint8], dim: int, rows: StoredRows | None = None) -> Self:
        """The index that gave these bytes, and rows, if it gave any.

        Raises:
            ValueError: they are not of such an index.
        """
        ...
