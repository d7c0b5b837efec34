"""A whole gallery into another database, row by row, and compared there before anything is kept."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from facesearch.errors import ConfigError, StoreError
from facesearch.store.bulk import write_rows
from facesearch.store.canonical import Checksum, in_key_order
from facesearch.store.reviewing import ReviewStore
from facesearch.store.schema import (
    Base,
    CommitRow,
    ErasureRow,
    EventRow,
    MetaRow,
    PersonRow,
    PhotoRow,
    RootRow,
    TombstoneRow,
)
from facesearch.store.sequences import highest_ids, raise_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Column, Connection, Table

    Progress = Callable[[int, int, str], None]

LEFT_BEHIND = ("claim", "commit_log", "erasure")
"""Tables that are not carried: who is at work on what, the states that index files of the *source* may be in, and what
is being forgotten, which a source has none of.
"""

IDENTITY = {"meta": ("gallery", "token", "enrolments")}
"""Columns that are not carried either: a copy is a gallery of its own."""

BATCH = 2000
"""Rows that are held in memory at once."""

_HOLDS = (PhotoRow, EventRow, PersonRow, TombstoneRow, ErasureRow)
"""A gallery with rows in none of these is empty."""


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """What was carried of a table: how many rows, and their SHA-256 (``canonical.Checksum``), equal on both sides."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """One state of the gallery that is copied. ``host`` says whose its paths are, ``seam`` makes errors ours."""

    connection: Connection
    gallery: str
    host: str
    seam: Callable[[], AbstractContextManager[None]]

    def count(self, table: Table) -> int:
        """How many rows a table has."""
        with self.seam():
            return self.connection.execute(select(func.count()).select_from(table)).scalar_one()

    def folders(self, host: str) -> list[Path]:
        """The folders that were indexed on a machine."""
        with self.seam():
            query = select(RootRow.folder).where(RootRow.host == host)
            return [Path(folder) for folder in self.connection.execute(query).scalars()]

    def highest(self) -> dict[str, int]:
        """The highest id ever given out, by table."""
        with self.seam():
            return highest_ids(self.connection)

    def rows(self, table: Table) -> Iterator[Sequence[Sequence[Any]]]:
        """What is carried of a table, in batches, by its key."""
        with self.seam():
            yield from _batches(self.connection, table)


class MoveStore(ReviewStore):
    """The part of the store that can be carried to another database."""

    def copy_to(self, target: MoveStore, progress: Progress) -> tuple[CopiedTable, ...]:
        """Write everything into another gallery, which must be empty: every row under its id, in one transaction.

        The copy is a gallery of its own, with another UUID and token, so that no file that was made from one is ever
        taken for the other's. Paths on this machine stay paths on this machine.

        Args:
            target: where to; its lock is taken. This gallery is read in one state and may be written meanwhile.
            progress: called with rows done, rows to do and a table; once from the start for writing, and once more for
                comparing.

        Returns:
            The tables, as they were compared.

        Raises:
            ConfigError: the target is not empty, or is this very gallery.
            StoreError: something is being forgotten here; or the target cannot be written, or holds something else
                than what was written. Nothing is kept there then.
        """
        with self._reader() as connection:
            self.check_settled()
            source = Source(connection, self.state().gallery, self._database.host, self._seam)
            return target.take_in(source, progress)

    def check_settled(self) -> None:
        """Make sure that nothing is being forgotten.

        Raises:
            StoreError: something is; it must not come into a copy.
        """
        if self.pending_erasure() is not None:
            raise StoreError(
                f"{self.name}: something is being forgotten and is not all gone yet",
                hint="facesearch forget goes on where it stopped; copy the gallery then",
            )

    def take_in(self, source: Source, progress: Progress) -> tuple[CopiedTable, ...]:
        """The target's half of ``copy_to``."""
        with self.writing():
            self._check_empty(source)
            self._check_hosts(source)
            self._clear()
            self._work.enrolments_changed = True
            tables = carried()
            totals = {table.name: source.count(table) for table in tables}
            read = _Count(progress, sum(totals.values()))
            sums = [self._copy(table, source, read) for table in tables]
            self._write(update(MetaRow).values(gallery=str(uuid.uuid4())))
            highest = source.highest()
            raise_ids(self._work.connection, highest)
            self._compare(sums, totals, highest, _Count(progress, sum(totals.values())))
        return tuple(sums)

    def _check_empty(self, source: Source) -> None:
        if self.state().gallery == source.gallery:
            raise ConfigError(
                f"{self.name} is the gallery that is to be copied, or a plain copy of it", hint="name another place"
            )
        for table in _HOLDS:
            if self._work.connection.execute(select(table).limit(1)).first() is not None:
                raise ConfigError(
                    f"{self.name} is a gallery that holds something already",
                    hint="name a new folder or an empty database; facesearch journal export carries names alone",
                )

    def _check_hosts(self, source: Source) -> None:
        """Make sure that no file gets two places when folders without a host get one, or the other way round."""
        before, after = source.host, self._database.host
        if before == after:
            return
        ours, theirs = source.folders(before), source.folders(after)
        for one in ours:
            for other in theirs:
                if one.is_relative_to(other) or other.is_relative_to(one):
                    raise ConfigError(
                        f"{one} is in the gallery twice: on this machine, and on {before or after}",
                        hint="set FACESEARCH_HOST to another name for this machine",
                    )

    def _clear(self) -> None:
        """Delete what an empty gallery may hold: recipes, and files that no photo came from."""
        self._write(update(MetaRow).values(recipe=None, clusters=None))
        for table in [*reversed(carried()), CommitRow.__table__]:
            if table is not MetaRow.__table__:
                self._write(delete(table))

    def _copy(self, table: Table, source: Source, read: _Count) -> CopiedTable:
        columns = carried_columns(table)
        names = [column.name for column in columns]
        checksum = Checksum(columns)
        for rows in source.rows(table):
            if table is RootRow.__table__:
                rows = _at_home(rows, names.index("host"), source.host, self._database.host)
            checksum.add(rows)
            if table is MetaRow.__table__:
                self._write(update(MetaRow).values(dict(zip(names, rows[0], strict=True))))
            else:
                write_rows(self._work.connection, columns, rows)
            read.add(len(rows), table.name)
        return CopiedTable(table.name, checksum.rows, checksum.hexdigest())

    def _compare(
        self, sums: Sequence[CopiedTable], totals: dict[str, int], highest: dict[str, int], read: _Count
    ) -> None:
        """Read everything that was written.

        Raises:
            StoreError: it is not what the source holds.
        """
        connection = self._work.connection
        for copied in sums:
            table = Base.metadata.tables[copied.name]
            checksum = Checksum(carried_columns(table))
            for rows in _batches(connection, table):
                checksum.add(rows)
                read.add(len(rows), table.name)
            found = CopiedTable(table.name, checksum.rows, checksum.hexdigest())
            if found != copied or copied.rows != totals[table.name]:
                raise _differs(
                    self.name, f"{found.rows:,} rows of {table.name}", f"{totals[table.name]:,} of the source"
                )
        for name, value in highest_ids(connection).items():
            if value < highest[name]:
                raise _differs(self.name, f"the highest number of {name}, {value:,},", f"{highest[name]:,}")


class _Count:
    """Tells how many rows were read, and from which table."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._done = 0
        self._total = total
        progress(0, total, "")

    def add(self, rows: int, table: str) -> None:
        self._done += rows
        self._progress(self._done, self._total, table)


def carried() -> list[Table]:
    """The tables that are carried, each after those that it refers to."""
    return [table for table in Base.metadata.sorted_tables if table.name not in LEFT_BEHIND]


def carried_columns(table: Table) -> list[Column[Any]]:
    """What is carried of a table: its key, and everything that does not say which gallery this is."""
    return [column for column in table.columns if column.name not in IDENTITY.get(table.name, ())]


def _batches(connection: Connection, table: Table) -> Iterator[Sequence[Sequence[Any]]]:
    query = in_key_order(carried_columns(table), connection.dialect.name)
    # Not as an option of the connection, where it would stay.
    with connection.execute(query, execution_options={"yield_per": BATCH}) as result:
        for rows in result.partitions():
            yield [tuple(row) for row in rows]


def _at_home(rows: Sequence[Sequence[Any]], at: int, before: str, after: str) -> list[Sequence[Any]]:
    """Roots whose host is this machine as the source calls it, as the target calls it."""
    return [(*row[:at], after if row[at] == before else row[at], *row[at + 1 :]) for row in rows]


def _differs(place: str, found: str, expected: str) -> StoreError:
    return StoreError(
        f"{place}: {found} are not what was copied ({expected}); nothing is kept",
        hint="copy again; if it stays so, check the disk of the server or of the folder",
    )
