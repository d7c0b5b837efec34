"""Nearest vectors by pgvector, where the vectors are: in the rows of the database, in the same transactions.

The column has no dimension, for each recipe has its own, so an approximate index is one of an expression over the rows
of one recipe: ``((embedding::vector(128)) vector_l2_ops) WHERE recipe = '…'``. A query that does not cast the column
cannot use it, and so compares with everything.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import delete, func, insert, select

from facesearch.store.changes import pack, unpack
from facesearch.store.connection import chunks
from facesearch.store.hnsw import Graph
from facesearch.store.schema import EmbeddingRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from sqlalchemy import Column, Connection, Select, Table

    from facesearch.store.database import Database
    from facesearch.store.hnsw import Builder, GraphState

MOST = 1000
"""The largest ``hnsw.ef_search`` that pgvector takes; with iterative scans a query may return more rows than that."""

SPAN = 8192
"""Vectors that are read at once."""


class VectorTable:
    """The vectors of one recipe in a database on a server.

    Args:
        database: where they are; one of PostgreSQL.
        recipe: key of the recipe.
        dim: length of a vector.
        half: let the approximate index hold numbers of 16 bits, so that it is a third smaller; what it proposes is
            measured anew.
        table: another one than that of the gallery, with columns ``face_id``, ``recipe`` and ``embedding``.
    """

    def __init__(
        self, database: Database, recipe: str, dim: int, *, half: bool = False, table: Table | None = None
    ) -> None:
        if not re.fullmatch(r"\w{1,40}", recipe):
            raise ValueError(f"{recipe!r} is no key of a recipe")
        self._database = database
        self._table = EmbeddingRow.metadata.tables["embedding"] if table is None else table
        self._recipe = recipe
        self.graph = Graph(self._table.name, recipe, int(dim), half)
        self.dim = dim

    @contextlib.contextmanager
    def reading(self) -> Iterator[VectorView]:
        """The vectors of one state, whatever others commit meanwhile."""
        with self._database.seam(), self._database.snapshot() as connection:
            yield VectorView(connection, self._table, self.graph)

    def building(self) -> contextlib.AbstractContextManager[Builder | None]:
        """See ``Graph.building``. Whoever makes a graph must not be ``reading``: that would be waited for."""
        return self.graph.building(self._database)

    def put(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors (n, dim) under ids (n,), each once, or replace them. Those of a gallery come with their photos
        instead (``Store.add_photos``), for its change log must tell of them.
        """  # noqa: D205
        rows = [
            {"face_id": one, "recipe": self._recipe, "embedding": blob}
            for one, blob in zip(ids.tolist(), pack(vectors), strict=True)
        ]
        with self._write() as connection:
            self._delete(connection, ids)
            if rows:
                connection.execute(insert(self._table), rows)

    def drop(self, ids: NDArray[np.int64]) -> int:
        """Remove vectors by id; returns how many were there."""
        with self._write() as connection:
            return self._delete(connection, np.unique(ids))

    def _delete(self, connection: Connection, ids: NDArray[np.int64]) -> int:
        columns = self._table.c
        return sum(
            connection.execute(
                delete(self._table).where(columns.recipe == self._recipe, columns.face_id.in_(some))
            ).rowcount
            for some in chunks(ids.tolist())
        )

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._database.seam(), self._database.lock.hold(), self._database.transaction() as connection:
            yield connection


class VectorView:
    """The vectors of one recipe in one state of the database; see ``VectorTable.reading``."""

    def __init__(self, connection: Connection, table: Table, graph: Graph) -> None:
        self._connection = connection
        self._table = table
        self._graph = graph

    def graph(self) -> GraphState | None:
        """The approximate index, if there is one."""
        return self._graph.state(self._connection)

    def count(self, most: int | None = None) -> int:
        """How many vectors there are; no more than ``most`` are counted, for PostgreSQL counts row by row."""
        held = self._of_recipe(self._table.c.face_id).limit(most)
        return int(self._connection.execute(select(func.count()).select_from(held.subquery())).scalar_one())

    def ids(self) -> NDArray[np.int64]:
        """The ids of all faces with a vector, (n,) int64, ascending."""
        query = self._of_recipe(self._table.c.face_id).order_by(self._table.c.face_id)
        return np.array(self._connection.execute(query).scalars().all(), dtype=np.int64)

    def known(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of some ids (n,) that have a vector, each once, ascending."""
        face_id = self._table.c.face_id
        found: list[int] = []
        for some in chunks(np.unique(ids).tolist()):
            found += self._connection.execute(self._of_recipe(face_id).where(face_id.in_(some))).scalars()
        return np.array(sorted(found), dtype=np.int64)

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors (n, dim) of known ids (n,), in their order."""
        columns = self._table.c
        found: dict[int, bytes] = {}
        for some in chunks(np.unique(ids).tolist()):
            query = self._of_recipe(columns.face_id, columns.embedding).where(columns.face_id.in_(some))
            found.update((row[0], row[1]) for row in self._connection.execute(query))
        return unpack([found[one] for one in ids.tolist()], self._graph.dim)

    def spans(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All ids (b,) and vectors (b, dim), ``SPAN`` at a time, in any order."""
        query = self._of_recipe(self._table.c.face_id, self._table.c.embedding)
        rows = self._connection.execute(query, execution_options={"yield_per": SPAN})
        for some in rows.partitions():
            yield np.array([row[0] for row in some], dtype=np.int64), unpack([row[1] for row in some], self._graph.dim)

    def nearest(
        self,
        probes: NDArray[np.float32],
        m: int,
        *,
        only: NDArray[np.int64] | None = None,
        effort: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """About the m nearest of each probe (q, dim): ids (q, m) and squared distances (q, m), ascending.

        Args:
            probes: unit rows, float32.
            m: no more than there are, or than ``only`` names of them.
            only: compare with these ids alone, all of them.
            effort: vectors that the approximate index keeps in view (``hnsw.ef_search``), up to ``MOST``; it must be
                there, and ``only`` not be given. None compares with everything.
        """
        ids = np.empty((len(probes), m), dtype=np.int64)
        apart = np.empty((len(probes), m), dtype=np.float32)
        if effort is not None:
            # Goes on until m are found, which deleted rows and those of a filter would else prevent. In any order: a
            # strict one passes over what is found late, and rows are sorted here anyway.
            self._connection.exec_driver_sql(
                f"SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = {int(min(effort, MOST))}"
            )
        for row, probe in enumerate(probes):
            found = [] if effort is None else self._ask(probe, m, None, self._graph.kind)
            if len(found) < m:
                found = self._ask(probe, m, only, None)
            found.sort(key=lambda one: one[1])
            ids[row], apart[row] = [one[0] for one in found], [one[1] ** 2 for one in found]
        return ids, apart

    def _ask(
        self, probe: NDArray[np.float32], m: int, only: NDArray[np.int64] | None, kind: str | None
    ) -> list[tuple[int, float]]:
        from pgvector import Vector

        # The key stands in the statement itself, for only so does the planner see that the index is of these rows.
        apart = "embedding <-> %(probe)s" if kind is None else f"(embedding::{kind}) <-> %(probe)s::{kind}"
        few = "" if only is None else "AND face_id = ANY(%(only)s)"
        statement = (
            f'SELECT face_id, {apart} FROM "{self._table.name}" '  # noqa: S608
            f"WHERE recipe = '{self._graph.recipe}' {few} ORDER BY {apart} LIMIT {int(m)}"
        )
        values = {"probe": Vector(probe)} | ({} if only is None else {"only": only.tolist()})
        return [(row[0], row[1]) for row in self._connection.exec_driver_sql(statement, values)]

    def _of_recipe(self, *columns: Column[Any]) -> Select[*tuple[Any, ...]]:
        return select(*columns).where(self._table.c.recipe == self._graph.recipe)
