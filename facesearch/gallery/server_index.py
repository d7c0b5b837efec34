"""A vector index that is the database itself: pgvector searches the rows, so there is no file, and nothing to catch up.

What pgvector proposes is measured again (``index.ranking``), so distances are those of every other index, and so are
the answers where it compares with everything.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError
from facesearch.gallery.server_tuning import effort_for, maintain, tuned_of
from facesearch.index import ranking
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.index.base import Hits
    from facesearch.store.nearest import VectorTable
    from facesearch.store.store import Store
    from facesearch.types import Recipe

PGVECTOR = "pgvector"
PGVECTOR_HALF = "pgvector-half"
SERVER_INDEXES = (PGVECTOR, PGVECTOR_HALF)
"""The names of this kind of index; the second one's HNSW index has numbers of 16 bits."""

APPROXIMATE_FROM = 20_000
"""Faces from which an HNSW index is made: on a busy machine, comparing with all of 21,000 took 84 ms, a graph 50;
with all of 100,000 it was 156 and 52."""

_TIES = 4096
"""So many vectors at one distance, and k more, are told apart by their ids; counting all for each search would take
longer than searching.
"""


class ServerIndex:
    """See ``index.base.VectorIndex``. Each answer comes from one state of the database."""

    def __init__(self, table: VectorTable) -> None:
        self._table = table
        self.dim = table.dim
        self.name = PGVECTOR_HALF if table.graph.half else PGVECTOR

    def __len__(self) -> int:
        """How many vectors there are now."""
        with self._table.reading() as view:
            return view.count()

    def ids(self) -> NDArray[np.int64]:
        """The ids, ascending."""
        with self._table.reading() as view:
            return view.ids()

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
        with self._table.reading() as view:
            wanted = None if only is None else view.known(ranking.checked_ids(only))
            effort = None if exact or wanted is not None else effort_for(view.graph(), k)

            def propose(some: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
                return view.nearest(some, m, only=wanted, effort=None if effort is None else max(effort, m))

            available = view.count(k + _TIES) if wanted is None else len(wanted)
            return ranking.search_exactly(probes, k, available, propose, view.vectors)

    def about(self) -> IndexFacts:
        """What it is, and how well it was measured to find."""
        with self._table.reading() as view:
            tuned, count = tuned_of(view.graph()), view.count()
        if tuned is None or not tuned.candidates:
            return IndexFacts(self.name, count)
        return IndexFacts(self.name, count, tuned.recall, tuned.candidates)


def graph_facts(store: Store, recipe: Recipe) -> IndexFacts | None:
    """Of the approximate index that the database has of a recipe's vectors, whoever made it; None without one."""
    with suppress(ConfigError):
        for half in (False, True):
            facts = ServerIndex(store.vector_table(recipe, half=half)).about()
            if facts.recall is not None:
                return facts
    return None


class ServerCache:
    """Stands where a gallery in a folder has an ``IndexCache``; there is nothing to keep fresh.

    Args:
        table: the vectors.
        tell: takes a line about what takes long.
    """

    def __init__(self, table: VectorTable, *, tell: Callable[[str], None] = lambda _: None) -> None:
        self._table = table
        self._tell = tell
        self._index = ServerIndex(table)

    def fresh(self) -> ServerIndex:
        """The index; it always is."""
        return self._index

    def search(self, vectors: NDArray[np.float32], k: int, *, exact: bool = False) -> Hits:
        """See ``ServerIndex.search``."""
        return self._index.search(vectors, k, exact=exact)

    def about(self) -> IndexFacts:
        """See ``ServerIndex.about``."""
        return self._index.about()

    def save(self, *, force: bool = True, timeout: float | None = None, switch: bool = True) -> None:  # noqa: ARG002
        """Make and measure the approximate index where that is due (``maintain``); only at the end of a run."""
        if force and switch:
            maintain(self._table, APPROXIMATE_FROM, self._tell)

    def save_if_possible(self) -> None:
        """There is nothing to save."""

    def tidy(self) -> None:
        """There is nothing to delete."""

    def expect(self, photos: int) -> None:
        """The server holds as many as come."""
