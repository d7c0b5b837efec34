"""Transactions: how every method of the store reads and writes."""

from __future__ import annotations

import contextlib
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import func, insert, select, update

from facesearch.store.schema import Base, ChangeRow, CommitRow, MetaRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, UpdateBase
    from sqlalchemy.orm import InstrumentedAttribute

    from facesearch.store.database import Database

Key = TypeVar("Key", int, str)

# SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535.
CHUNK = 1000


def chunks(ids: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Ids, or hashes, in pieces that fit into one statement."""
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def new_token() -> str:
    """32 hexadecimal digits that nobody else drew."""
    return secrets.token_hex(16)


@dataclass(slots=True)
class Work:
    """A write transaction; ``action`` marks journal events that belong together, ``tables`` lost or changed rows."""

    connection: Connection
    action: str = field(default_factory=lambda: str(uuid.uuid4()))
    changed: bool = False
    enrolments_changed: bool = False
    tables: set[str] = field(default_factory=set)


class _Local(threading.local):
    reader: Connection | None = None
    work: Work | None = None


class Connected:
    """A database with one writer at a time and readers that never wait. Usable from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database.engine
        self._lock = database.lock
        self._local = _Local()

    @property
    def folder(self) -> Path:
        """For files made from the database: the gallery's folder, or for one on a server its folder in the cache."""
        return self._database.folder

    @property
    def name(self) -> str:
        """Where the gallery is, as people know it: its folder, or its URL without a password."""
        return self._database.name

    @property
    def out_of_reach(self) -> tuple[str, ...]:
        """What still holds what was erased, and nobody here can reach."""
        return self._database.out_of_reach

    @contextlib.contextmanager
    def lock(self, timeout: float | None = None, *, command: str | None = None) -> Iterator[None]:
        """Keep other writers out for a long run that commits in groups; a ``writing`` inside costs no lock.

        Args:
            timeout: seconds to wait for another writer; None for the limit given to ``Store.open``.
            command: what other writers are told that this process is; None for how it was started.

        Raises:
            GalleryBusyError: another process was still writing after that time; it names its pid and command.
        """
        with self._seam(), self._lock.hold(timeout, command=command):
            yield

    @contextlib.contextmanager
    def files_lock(self, timeout: float | None = None, *, command: str | None = None) -> Iterator[None]:
        """Keep others from writing files into ``folder``; in a gallery in a folder that is ``lock``.

        Args:
            timeout: as for ``lock``.
            command: as for ``lock``.

        Raises:
            GalleryBusyError: another process held it after that time.
        """
        with self._seam(), self._database.files_lock(timeout, command=command):
            yield

    @contextlib.contextmanager
    def index_lock(self, timeout: float | None = None, *, command: str | None = None) -> Iterator[None]:
        """Keep others from bringing an index up to date that several machines share; they may write all the while.

        Taken before ``lock`` where both are needed. Arguments and errors are those of ``lock``.
        """
        with self._seam(), self._database.index_lock.hold(timeout, command=command):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, under the writer's lock: all of it happens, or nothing.

        Re-entrant: an inner one is a savepoint of the outer one, so a part that failed can be given up alone.

        Raises:
            GalleryBusyError: another process is writing; it names its pid and command.
            StoreError: the database cannot be written.
            RuntimeError: called inside ``reading``, where what was read could be out of date.
        """
        local = self._local
        if local.reader is not None:
            raise RuntimeError("writing() inside reading(): read inside writing() instead")
        if local.work is not None:
            with self._seam(), local.work.connection.begin_nested():
                yield
            return
        with self.lock(), self._database.transaction() as connection:
            local.work = Work(connection)
            try:
                yield
                self._stamp(local.work)
            finally:
                local.work = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Everything read inside is of one and the same state, whatever others commit meanwhile. Re-entrant."""
        with self._reader():
            yield

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Connection]:
        local = self._local
        if local.work is not None or local.reader is not None:
            with self._seam():
                yield local.work.connection if local.work is not None else local.reader  # type: ignore[misc]
            return
        with self._seam(), self._database.snapshot() as connection:
            local.reader = connection
            try:
                yield connection
            finally:
                local.reader = None

    def _seam(self) -> contextlib.AbstractContextManager[None]:
        return self._database.seam()

    @property
    def _work(self) -> Work:
        """The transaction of the ``writing`` that every caller is in."""
        if self._local.work is None:
            raise RuntimeError("outside of writing()")
        return self._local.work

    def _write(self, statement: UpdateBase, rows: list[dict[str, Any]] | None = None) -> int:
        """Run a statement that changes rows, once or for each of ``rows``; returns how many it changed."""
        if rows is not None and not rows:
            return 0
        work = self._work
        # Else no dialect but SQLite's tells it of an INSERT.
        result = work.connection.execute(statement, rows, execution_options={"preserve_rowcount": True})
        work.changed |= result.rowcount != 0
        if result.rowcount and not statement.is_insert:
            work.tables.add(str(statement.table))
        return result.rowcount

    def _insert(self, table: type[Base], key: InstrumentedAttribute[int], rows: list[dict[str, Any]]) -> list[int]:
        """Insert rows into an AUTOINCREMENT table and return their ids, in their order."""
        if not rows:
            return []
        if self._work.connection.dialect.name == "postgresql":
            # Sorted by SQLAlchemy, which counts the rows in the statement.
            statement = insert(table).returning(key, sort_by_parameter_order=True)
            self._work.changed = True
            return list(self._work.connection.execute(statement, rows).scalars())
        # There is one writer, so all higher ids are ours, and ascend with the rows. RETURNING promises no order, and
        # where it is asked for one, SQLAlchemy gives SQLite a statement a row.
        before = self._work.connection.execute(select(func.max(key))).scalar_one() or 0
        self._write(insert(table), rows)
        return list(self._work.connection.execute(select(key).where(key > before).order_by(key)).scalars())

    def _upsert(self, table: type[Base], keys: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
        """Insert rows, or update the ones whose ``keys`` are there; all rows name the same columns."""
        if not rows:
            return
        dialect = self._work.connection.dialect.name
        if dialect == "postgresql":
            from sqlalchemy.dialects.postgresql import insert as insert_or_update
        else:
            from sqlalchemy.dialects.sqlite import insert as insert_or_update  # type: ignore[assignment]
        statement = insert_or_update(table)
        others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        if others:
            statement = statement.on_conflict_do_update(index_elements=list(keys), set_=others)
        else:
            statement = statement.on_conflict_do_nothing(index_elements=list(keys))
        self._write(statement, rows)

    def _stamp(self, work: Work) -> None:
        """Give the new state a token of its own, and remember it, before the commit.

        The tokens of all states are kept so that a cache can be told from one of a lost future: after a backup was
        restored, the change log reaches the same ``seq`` again, with other faces.
        """
        if not work.changed:
            return
        connection = work.connection
        token = new_token()
        seq = connection.execute(select(func.max(ChangeRow.seq))).scalar_one() or 0
        values = {"token": token}
        if work.enrolments_changed:
            values["enrolments"] = new_token()
        connection.execute(update(MetaRow).values(**values))
        connection.execute(insert(CommitRow).values(token=token, seq=seq))
