"""A gallery's database as a file in the gallery's folder: SQLite."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy import delete

from facesearch.errors import NotFoundError
from facesearch.store import sqlite
from facesearch.store.lock import INDEX_NAMES, WriterLock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from facesearch.store.schema import Base


class FileDatabase:
    """See ``database.Database``.

    Args:
        folder: of the gallery.
        create: make the folder and an empty database where there is none.
        timeout: seconds to wait for another process that writes.

    Raises:
        NotFoundError: there is no gallery, and none was to be made.
        StoreError: it cannot be read or made.
    """

    host = ""
    out_of_reach: tuple[str, ...] = ()

    def __init__(self, folder: Path, *, create: bool, timeout: float) -> None:
        # Connections are opened later too, when the working directory may be another one.
        self.folder = folder.absolute()
        self.path = self.folder / sqlite.FILE_NAME
        self.name = str(self.folder)
        self.lock = WriterLock(self.folder, timeout)
        self.index_lock = WriterLock(self.folder, timeout, name=INDEX_NAMES[0], note=INDEX_NAMES[1])
        self._timeout = timeout
        with self.seam(files=True):
            if create:
                sqlite.make_private_folder(self.folder)
            elif not self.path.is_file():
                raise NotFoundError("gallery", str(self.folder), hint="facesearch index PHOTOS makes one")
            frozen = not create and sqlite.is_frozen(self.path)
            if not frozen:
                sqlite.make_private(self.path)
            self.engine = sqlite.open_engine(self.path, timeout=timeout, frozen=frozen)

    def files_lock(
        self, timeout: float | None = None, *, command: str | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """The same lock: files and database lie together."""
        return self.lock.hold(timeout, command=command)

    def seam(self, *, files: bool = False) -> contextlib.AbstractContextManager[None]:
        """Where errors become ours."""
        return sqlite.seam(self.path, self.lock.holder, files=files)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that takes SQLite's own write lock at its start."""
        with self.engine.connect() as pooled:
            connection = pooled.execution_options(immediate=True)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read transaction."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def prepare(self) -> None:
        """Readers and the writer side by side, from now on."""
        sqlite.use_wal(self.engine)

    def migrate(self, run: Callable[[Connection], None]) -> None:
        """After a backup, with foreign keys off, which are checked at the end."""
        sqlite.back_up(self.engine, self.path.with_name(sqlite.BACKUP_NAME))
        engine = sqlite.open_engine(self.path, timeout=self._timeout, foreign_keys=False)
        try:
            with engine.connect().execution_options(immediate=True) as connection, connection.begin():
                sequences = sqlite.read_sequences(connection)
                run(connection)
                sqlite.restore_sequences(connection, sequences)
                sqlite.check_foreign_keys(connection)
        finally:
            engine.dispose()

    def begin_erasing(self, connection: Connection) -> None:
        """Pages are overwritten as they become free."""
        connection.exec_driver_sql(sqlite.SECURE)

    def rewrite(self, tables: Collection[str]) -> bool:  # noqa: ARG002
        """VACUUM, which knows no part of a file."""
        return sqlite.rewrite(self.engine)

    def clear(self, connection: Connection, table: type[Base]) -> None:
        """The rows are overwritten: ``begin_erasing``."""
        self.begin_erasing(connection)
        connection.execute(delete(table))

    def own_files(self) -> None:
        """All are in the folder."""
        return

    def empty_log(self) -> bool:
        """A checkpoint that cuts the write-ahead log."""
        return sqlite.empty_log(self.engine)

    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
