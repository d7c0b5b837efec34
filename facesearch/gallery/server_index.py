"""A vector index that is the database itself: pgvector searches the rows, so there is no file, and nothing to catch up.

What pgvector proposes is measured again (``index.ranking``), so distances are those of every other index, and so are
the answers where it compares with everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.index import ranking
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.index.base import Hits
    from facesearch.store.nearest import VectorTable

PGVECTOR = "pgvector"
PGVECTOR_HALF = "pgvector-half"
SERVER_INDEXES = (PGVECTOR, PGVECTOR_HALF)
"""The names of this kind of index; the second one's HNSW index has numbers of 16 bits."""

APPROXIMATE_FROM = 20_000
"""Faces from which an HNSW index is made: comparing with all of 100,000 took 44 ms, by HNSW 3 ms."""

_TIES = 4096
"""So many vectors at one distance, and k more, are told apart by their ids; counting all for each search would take
longer than searching.
"""


class ServerIndex:
    """See ``index.base.VectorIndex``."""

    name = PGVECTOR

    def __init__(self, table: VectorTable) -> None:
        self._table = table
        self.dim = table.dim

    def __len__(self) -> int:
        """How many vectors there are now."""
        return self._table.count()

    def ids(self) -> NDArray[np.int64]:
        """The ids, ascending."""
        return self._table.ids()

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors; those of a gallery come with their photos, see ``VectorTable.put``."""
        self._table.put(*ranking.last_of_each(ids, vectors, self.dim))

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove vectors; returns how many were there."""
        return self._table.drop(ranking.checked_ids(ids))

    def search(
        self, vectors: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None, *, exact: bool = False
    ) -> Hits:
        """The k nearest of each probe (q, dim); see ``VectorIndex.search``."""
        probes = ranking.checked_vectors(vectors, self.dim)
        wanted = None if only is None else np.intersect1d(ranking.checked_ids(only), self._table.ids())

        def propose(some: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            return self._table.nearest(some, m, only=wanted, exact=exact)

        available = self._table.count(k + _TIES) if wanted is None else len(wanted)
        return ranking.search_exactly(probes, k, available, propose, self._table.vectors)

    def about(self) -> IndexFacts:
        """What it is; the recall of HNSW is not measured here."""
        return IndexFacts(self.name, len(self))


class ServerCache:
    """Stands where a gallery in a folder has an ``IndexCache``; there is nothing to keep fresh."""

    def __init__(self, table: VectorTable) -> None:
        self._table = table
        self._index = ServerIndex(table)

    def fresh(self) -> ServerIndex:
        """The index; it always is."""
        return self._index

    def search(self, vectors: NDArray[np.float32], k: int, *, exact: bool = False) -> Hits:
        """See ``ServerIndex.search``."""
        return self._index.search(vectors, k, exact=exact)

    def save(self, *, force: bool = True, timeout: float | None = None, switch: bool = True) -> None:  # noqa: ARG002
        """Make the approximate index where there are faces enough for one; only at the end of a run."""
        if force and switch and self._table.count() >= APPROXIMATE_FROM:
            self._table.build_index()

    def save_if_possible(self) -> None:
        """There is nothing to save."""

    def tidy(self) -> None:
        """There is nothing to delete."""
