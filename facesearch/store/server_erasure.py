"""Erasing on a server: tables are written anew once nobody reads what is to go, and their very files can be read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from facesearch.errors import GalleryBusyError
from facesearch.store.postgres import sql_state
from facesearch.store.schema import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine

LOCK_NOT_AVAILABLE = "55P03"
INSUFFICIENT_PRIVILEGE = "42501"

_POLL = 0.1
_BLOCK = 8 << 20

_NOW = text("SELECT CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text)")
"""The first transaction that had not begun: all that were committed came before it."""

_NAME = "coalesce(nullif(application_name, ''), 'a program without a name') || ' (server process ' || pid || ')'"
# A row that was deleted is kept, also by VACUUM FULL, as long as a transaction of the database may still see it
# (PostgreSQL, procarray.c, ComputeXidHorizons), be it of a program, prepared, or of a standby that says what it reads.
_READERS = text(
    f"""
    SELECT {_NAME} FROM pg_stat_activity
    WHERE (datname = current_database() OR backend_type = 'walsender') AND pid <> pg_backend_pid()
      AND backend_type <> 'autovacuum worker'
      AND greatest(age(backend_xid), age(backend_xmin)) > age(CAST(CAST(:now AS xid8) AS xid))
    UNION ALL
    SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts
    WHERE database = current_database() AND age(transaction) > age(CAST(CAST(:now AS xid8) AS xid))
    UNION ALL
    SELECT 'replication slot ' || slot_name FROM pg_replication_slots
    WHERE age(xmin) > age(CAST(CAST(:now AS xid8) AS xid))
    """  # noqa: S608
)
_USERS = text(
    f"""
    SELECT DISTINCT {_NAME} FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE relation = to_regclass(quote_ident(:table)) AND granted AND pid <> pg_backend_pid()
    """  # noqa: S608
)
_DEAD = text(
    """
    SELECT relname FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND relname = ANY(:tables) AND n_dead_tup > 0 ORDER BY relname
    """
)
_READABLE = "SELECT has_function_privilege('pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')"
_FILES = text(
    """
    WITH held AS (
        SELECT oid, reltoastrelid, relname AS name FROM pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relname = ANY(:tables)
    ), whole AS (SELECT oid, name FROM held UNION SELECT reltoastrelid, name FROM held WHERE reltoastrelid <> 0)
    SELECT name, pg_relation_filepath(oid), pg_relation_size(oid),
           (SELECT CAST(setting AS bigint) FROM pg_settings WHERE name = 'segment_size')
               * CAST(current_setting('block_size') AS bigint)
    FROM (
        SELECT oid, name FROM whole UNION ALL SELECT indexrelid, name FROM pg_index JOIN whole ON indrelid = oid
    ) AS files
    ORDER BY 1, 2
    """
)
_READ = text("SELECT pg_read_binary_file(:path, :start, :size, true)")


def rewrite(connection: Connection, tables: Sequence[str], *, place: str, seconds: float) -> None:
    """Write tables into new files, without any row that was deleted: VACUUM FULL.

    Args:
        connection: in autocommit.
        tables: by name.
        place: for messages.
        seconds: to wait for whoever may still see a deleted row, and for each table.

    Raises:
        GalleryBusyError: somebody did not stop reading; it says who, as far as this user may know.
    """
    now = connection.execute(_NOW).scalar_one()
    deadline = time.monotonic() + seconds
    _tell_statistics(connection)
    todo = tables
    while todo:
        while readers := connection.execute(_READERS, {"now": now}).scalars().all():
            if time.monotonic() >= deadline:
                raise busy(place, readers)
            time.sleep(_POLL)
        for table in todo:
            run(connection, f'VACUUM (FULL, ANALYZE) "{table}"', table, place=place)
        # Of others' transactions one may see nothing; ANALYZE counted the rows that VACUUM had to keep for them.
        todo = connection.execute(_DEAD, {"tables": list(todo)}).scalars().all()
        if todo and time.monotonic() >= deadline:
            raise busy(place, ())


def _tell_statistics(connection: Connection) -> None:
    """Have the rows that this connection deleted counted now, and not after they are gone."""
    if connection.exec_driver_sql("SELECT to_regproc('pg_stat_force_next_flush') IS NOT NULL").scalar_one():
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")


def run(connection: Connection, statement: str, table: str, *, place: str) -> None:
    """Run a statement that needs a table for itself.

    Raises:
        GalleryBusyError: somebody uses the table for longer than ``lock_timeout``; it says who.
    """
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as exc:
        if sql_state(exc) != LOCK_NOT_AVAILABLE:
            raise
        with connection.engine.connect() as other:
            users = other.execute(_USERS, {"table": table}).scalars().all()
        raise busy(place, users) from exc


def busy(place: str, readers: Iterable[str]) -> GalleryBusyError:
    """The error that says who is in the way of erasing."""
    who = " and ".join(readers) or "a transaction that this user may not look at"
    return GalleryBusyError(
        f"{place}: {who} may still see what was forgotten, so it cannot be erased yet",
        hint="let it end, or end it: SELECT pg_terminate_backend(SERVER PROCESS); "
        "whatever opens the gallery next goes on where this stopped",
    )


def may_read_files(connection: Connection) -> bool:
    """Whether this user may read the server's own files."""
    return bool(connection.exec_driver_sql(_READABLE).scalar_one())


class RelationFiles:
    """The server's own files of the gallery's tables and of their indexes.

    Args:
        engine: of the database.
        seam: where errors become ours.

    Attributes:
        missing: why they cannot be read; "" where they can be.
        tables: whose the files are that were read, by their names.
    """

    def __init__(self, engine: Engine, seam: Callable[[], AbstractContextManager[None]]) -> None:
        self._engine = engine
        self._seam = seam
        self.missing = ""
        self.tables: dict[str, str] = {}
        with seam(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not may_read_files(connection):
                self.missing = "this user may not call pg_read_binary_file"
                return
            try:
                # What is only in the server's memory is written; files that were replaced are deleted now.
                connection.exec_driver_sql("CHECKPOINT")
            except DBAPIError as exc:
                if sql_state(exc) != INSUFFICIENT_PRIVILEGE:
                    raise
                self.missing = "this user may not say CHECKPOINT"

    def __iter__(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Each file as its name, with the table that it is of, and its bytes from end to end."""
        if self.missing:
            return
        with self._seam(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            held = connection.execute(_FILES, {"tables": list(Base.metadata.tables)}).all()
            for table, path, size, segment in held:
                for number in range(max(1, -(-size // segment))):
                    part = f"{path}.{number}" if number else path
                    name = f"{part} of the server ({table})"
                    self.tables[name] = table
                    yield name, self._blocks(connection, part)

    def _blocks(self, connection: Connection, path: str) -> Iterator[bytes]:
        """A file in pieces; one that is gone has none."""
        start = 0
        with self._seam():
            while block := connection.execute(_READ, {"path": path, "start": start, "size": _BLOCK}).scalar_one():
                yield bytes(block)
                start += len(block)
