"""Nearest vectors by pgvector, where the vectors are: in the rows of the database, in the same transactions.

The column has no dimension, for each recipe has its own, so an approximate index is one of an expression over the rows
of one recipe: ``((embedding::vector(128)) vector_l2_ops) WHERE recipe = '…'``. A query that does not cast the column
cannot use it, and so compares with everything.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete, func, insert, select, text

from facesearch.store.changes import pack, unpack
from facesearch.store.connection import chunks
from facesearch.store.schema import EmbeddingRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from sqlalchemy import Connection, Table

    from facesearch.store.database import Database

MOST = 1000
"""The largest ``hnsw.ef_search`` that pgvector takes; with iterative scans a query may return more rows than that."""

LEAST = 100
"""The smallest ``hnsw.ef_search`` asked for: recall 1.0 of 100,000 faces was measured at 40 already."""

_BUILDING = 0x66616366
"""Key of the advisory lock of whoever builds an index."""


class VectorTable:
    """The vectors of one recipe in a database on a server.

    Args:
        database: where they are; one of PostgreSQL.
        recipe: key of the recipe.
        dim: length of a vector.
        half: let the approximate index hold numbers of 16 bits: half as large; what it proposes is measured anew.
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
        self._kind = f"{'halfvec' if half else 'vector'}({int(dim)})"
        self._operators = f"{'halfvec' if half else 'vector'}_l2_ops"
        self.dim = dim
        self.index_name = f"ix_{self._table.name}_hnsw_{recipe}" + ("_half" if half else "")

    def count(self, most: int | None = None) -> int:
        """How many vectors there are; no more than ``most`` are counted, for PostgreSQL counts row by row."""
        held = select(self._table.c.face_id).where(self._table.c.recipe == self._recipe).limit(most)
        with self._read() as connection:
            return int(connection.execute(select(func.count()).select_from(held.subquery())).scalar_one())

    def ids(self) -> NDArray[np.int64]:
        """The ids of all faces with a vector, (n,) int64, ascending."""
        face_id = self._table.c.face_id
        with self._read() as connection:
            query = select(face_id).where(self._table.c.recipe == self._recipe).order_by(face_id)
            return np.array(connection.execute(query).scalars().all(), dtype=np.int64)

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors (n, dim) of known ids (n,), in their order."""
        columns = self._table.c
        found: dict[int, bytes] = {}
        with self._read() as connection:
            for some in chunks(np.unique(ids).tolist()):
                query = select(columns.face_id, columns.embedding)
                query = query.where(columns.recipe == self._recipe, columns.face_id.in_(some))
                found.update((row[0], row[1]) for row in connection.execute(query))
        return unpack([found[one] for one in ids.tolist()], self.dim)

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

    def nearest(
        self,
        probes: NDArray[np.float32],
        m: int,
        *,
        only: NDArray[np.int64] | None = None,
        exact: bool = False,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """About the m nearest of each probe (q, dim): ids (q, m) and squared distances (q, m), ascending.

        Args:
            probes: unit rows, float32.
            m: no more than there are, or than ``only`` names of them.
            only: compare with these ids alone, all of them.
            exact: compare with everything, also where there is an approximate index.
        """
        ids = np.empty((len(probes), m), dtype=np.int64)
        apart = np.empty((len(probes), m), dtype=np.float32)
        with self._read() as connection:
            approximate = not exact and only is None and self._has_index(connection)
            if approximate:
                wide = min(MOST, max(LEAST, 2 * m))
                connection.exec_driver_sql("SET LOCAL hnsw.iterative_scan = strict_order")
                connection.exec_driver_sql(f"SET LOCAL hnsw.ef_search = {wide}")
            for row, probe in enumerate(probes):
                found = self._ask(connection, probe, m, only, self._kind) if approximate else []
                if len(found) < m:
                    found = self._ask(connection, probe, m, only, None)
                ids[row], apart[row] = [one[0] for one in found], [one[1] ** 2 for one in found]
        return ids, apart

    def build_index(self) -> bool:
        """Make the approximate index where there is none, beside whatever is read and written meanwhile.

        Takes about a minute for 100,000 faces. Returns whether it was made; not where another process is making it.
        """
        with self._database.seam(), self._database.engine.connect() as pooled:
            connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
            lock = {"kind": _BUILDING, "name": self.index_name}
            free = connection.execute(text("SELECT pg_try_advisory_lock(:kind, hashtext(:name))"), lock).scalar_one()
            if not free:
                return False
            try:
                if self._has_index(connection):
                    return False
                # One that was cut short is there and not valid.
                connection.exec_driver_sql(f'DROP INDEX IF EXISTS "{self.index_name}"')
                connection.exec_driver_sql(
                    f'CREATE INDEX CONCURRENTLY "{self.index_name}" ON "{self._table.name}" USING hnsw '
                    f"((embedding::{self._kind}) {self._operators}) WHERE recipe = '{self._recipe}'"
                )
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:kind, hashtext(:name))"), lock)
            return True

    def has_index(self) -> bool:
        """Whether there is an approximate index that can be used."""
        with self._read() as connection:
            return self._has_index(connection)

    def _has_index(self, connection: Connection) -> bool:
        query = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
        return bool(connection.execute(query, {"name": f'"{self.index_name}"'}).scalar_one_or_none())

    def _ask(
        self,
        connection: Connection,
        probe: NDArray[np.float32],
        m: int,
        only: NDArray[np.int64] | None,
        kind: str | None,
    ) -> list[tuple[int, float]]:
        from pgvector import Vector

        # The key stands in the statement itself, for only so does the planner see that the index is of these rows.
        apart = "embedding <-> %(probe)s" if kind is None else f"(embedding::{kind}) <-> %(probe)s::{kind}"
        few = "" if only is None else "AND face_id = ANY(%(only)s)"
        statement = (
            f"SELECT face_id, {apart} FROM \"{self._table.name}\" WHERE recipe = '{self._recipe}' {few} "  # noqa: S608
            f"ORDER BY {apart} LIMIT {int(m)}"
        )
        values = {"probe": Vector(probe)} | ({} if only is None else {"only": only.tolist()})
        return [(row[0], row[1]) for row in connection.exec_driver_sql(statement, values)]

    def _delete(self, connection: Connection, ids: NDArray[np.int64]) -> int:
        columns = self._table.c
        return sum(
            connection.execute(
                delete(self._table).where(columns.recipe == self._recipe, columns.face_id.in_(some))
            ).rowcount
            for some in chunks(ids.tolist())
        )

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._database.seam(), self._database.snapshot() as connection:
            yield connection

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._database.seam(), self._database.lock.hold(), self._database.transaction() as connection:
            yield connection
