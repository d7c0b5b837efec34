"""pgvector's approximate index, an HNSW graph of one recipe's vectors: making it, and what is written on it.

How far a search must look is measured by whoever made it (``gallery.server_tuning``), and written into the comment of
the index: every machine reads it there, it goes when the index goes, a dump of the database holds it, and no table is
needed for it. An index without such a note is not used.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from facesearch.store.database import Database

_BUILDING = 0x66616366
"""Key of the advisory lock of whoever makes or measures a graph."""

EACH = 700
"""Bytes that a vector takes in the graph while that is made, beside its numbers: pgvector 0.8.5 had room for 52,665
vectors of 128 float32 in 61 MiB, and for 67,075 of 128 float16."""

SPARE = 16 << 20
"""Bytes of memory asked for beside the graph."""

MOST_MEMORY = 2 << 30
"""Bytes asked for at most, for other work needs the server's memory too: 1.6 million faces. A larger graph takes some
times as long to make (100,000 faces: 40 s in memory, 102 s in half of it), unless the server itself allows more."""

CONSTRUCTION = 160
"""Vectors kept in view while each is put in (``ef_construction``, of itself 64): of 100,000 faces, strangers then found
0.99 of their ten nearest by a search that keeps 300 in view, and else by 600; making it took 107 s, and else 86."""

LONGEST = 2000
LONGEST_HALF = 4000
"""Numbers of a vector at most that pgvector makes a graph of, with 32 and with 16 bits each (its README, HNSW)."""

NO_MEMORY = ("53100", "53200")
"""Disk full, which shared memory is said to be too, and out of memory (PostgreSQL documentation, appendix A)."""

_STATE = text(
    """
    SELECT obj_description(indexrelid, 'pg_class') AS note,
           pg_stat_get_live_tuples(indrelid) AS live, pg_stat_get_dead_tuples(indrelid) AS dead
    FROM pg_index WHERE indexrelid = to_regclass(:name) AND indisvalid
    """
)


@dataclass(frozen=True, slots=True)
class GraphState:
    """A graph that can be used.

    ``note`` is what was written on it. ``live`` is the share of the table's rows that are not deleted: a graph holds
    the others too until the server's next VACUUM, and they take up places among what is looked at. It is the server's
    own estimate, some seconds old.
    """

    note: str | None
    live: float


@dataclass(frozen=True, slots=True)
class Graph:
    """Where a graph is, or would be: of the vectors (dim,) of a recipe in a table; ``half`` with numbers of 16 bits."""

    table: str
    recipe: str
    dim: int
    half: bool

    @property
    def name(self) -> str:
        """The index's."""
        return f"ix_{self.table}_hnsw_{self.recipe}" + ("_half" if self.half else "")

    @property
    def kind(self) -> str:
        """The type that a vector must be cast to."""
        return f"{'halfvec' if self.half else 'vector'}({self.dim})"

    @property
    def possible(self) -> bool:
        """Whether pgvector can make it."""
        return self.dim <= (LONGEST_HALF if self.half else LONGEST)

    def state(self, connection: Connection) -> GraphState | None:
        """How it is now; None where there is none, or it is being made."""
        row = connection.execute(_STATE, {"name": f'"{self.name}"'}).one_or_none()
        if row is None:
            return None
        return GraphState(row.note, row.live / (row.live + row.dead) if row.live else 1.0)

    @contextlib.contextmanager
    def building(self, database: Database) -> Iterator[Builder | None]:
        """Have the graph to oneself, beside whatever is read and written; None where another process has it."""
        lock = {"kind": _BUILDING, "name": self.name}
        with database.seam(), database.engine.connect() as pooled:
            connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
            take = text("SELECT pg_try_advisory_lock(:kind, hashtext(current_schema() || :name))")
            if not connection.execute(take, lock).scalar_one():
                yield None
                return
            try:
                yield Builder(self, connection)
            finally:
                # Should the connection be lost, the server has dropped the lock.
                with contextlib.suppress(DBAPIError):
                    drop = text("SELECT pg_advisory_unlock(:kind, hashtext(current_schema() || :name))")
                    connection.execute(drop, lock)


class Builder:
    """Makes one graph and writes on it."""

    def __init__(self, graph: Graph, connection: Connection) -> None:
        self._graph = graph
        self._connection = connection

    def make(self, count: int) -> None:
        """Make the graph of about so many vectors, in place of what there is; 100,000 take about a minute.

        CREATE INDEX CONCURRENTLY: nobody is kept from reading and writing, but it waits for transactions that began
        before it. How many processes work at it is the server's own ``max_parallel_maintenance_workers``, by which its
        owner says how many of its cores such work may have.
        """
        graph = self._graph
        each = EACH + graph.dim * (2 if graph.half else 4)
        wanted = min(MOST_MEMORY, SPARE + count * each * 11 // 10) >> 10
        own = "SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'"
        memory = max(wanted, int(self._connection.exec_driver_sql(own).scalar_one()))
        try:
            self._connection.exec_driver_sql(f"SET maintenance_work_mem = '{memory}kB'")
            try:
                self._create()
            except DBAPIError as exc:
                if getattr(exc.orig, "sqlstate", None) not in NO_MEMORY:
                    raise
                # Several processes need the graph in shared memory, of which a container has 64 MiB; one does not.
                self._connection.exec_driver_sql("SET max_parallel_maintenance_workers = 0")
                self._create()
        finally:
            with contextlib.suppress(DBAPIError):
                self._connection.exec_driver_sql("RESET maintenance_work_mem")
                self._connection.exec_driver_sql("RESET max_parallel_maintenance_workers")

    def write(self, note: str) -> None:
        """Write on the graph, in place of what was written."""
        # A comment takes no parameters.
        quoted = "'" + note.replace("'", "''") + "'"
        self._connection.execute(text(f'COMMENT ON INDEX "{self._graph.name}" IS {_literal(quoted)}'))

    def _create(self) -> None:
        graph = self._graph
        # One that was cut short is there and not valid.
        self._connection.exec_driver_sql(f'DROP INDEX CONCURRENTLY IF EXISTS "{graph.name}"')
        self._connection.exec_driver_sql(
            f'CREATE INDEX CONCURRENTLY "{graph.name}" ON "{graph.table}" USING hnsw '
            f"((embedding::{graph.kind}) {graph.kind.partition('(')[0]}_l2_ops) "
            f"WITH (ef_construction = {CONSTRUCTION}) WHERE recipe = '{graph.recipe}'"
        )


def _literal(quoted: str) -> str:
    """A string literal inside ``text``, where a colon begins a parameter."""
    return quoted.replace(":", "\\:")
