"""A gallery's database on a server: PostgreSQL with pgvector. Files that are made from it lie in the user's cache."""

from __future__ import annotations

import contextlib
import os
import platform
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, text

from facesearch.config import cache_folder, host_name
from facesearch.errors import NotFoundError
from facesearch.store import left_behind, postgres, server_erasure, sqlite
from facesearch.store.lock import WriterLock
from facesearch.store.schema import Base, MetaRow
from facesearch.store.server_lock import INDEX_KIND, ServerLock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from sqlalchemy import URL, Connection

GALLERIES = "galleries"
"""The folder in the user's cache."""

_LIMIT = text("SELECT set_config('lock_timeout', :limit, :local)")


class ServerDatabase:
    """See ``database.Database``.

    Args:
        url: of the database, as ``postgres.parse`` gives it.
        create: make a gallery where there is none.
        timeout: seconds to wait for another process that writes.

    Raises:
        NotFoundError: there is no gallery, and none was to be made.
        StoreError: the server cannot be reached or used.
    """

    out_of_reach: tuple[str, ...] = (
        "the database server's write-ahead log, replicas and backups, for as long as it keeps them",
        "statistics that the server makes of columns (pg_statistic), until newer ones take their place",
        "indexes that other machines keep of this gallery, until they next search it or index",
        "where all was forgotten, such indexes perhaps for good: delete the folder galleries in those machines' cache",
    )

    def __init__(self, url: URL, *, create: bool, timeout: float) -> None:
        self.name = postgres.shown(url)
        self.host = host_name()
        self._timeout = timeout
        self.engine = postgres.open_engine(url, name=f"facesearch on {platform.node()[:30]}, process {os.getpid()}")
        self.lock = ServerLock(self.engine, timeout, self.name)
        self.index_lock = ServerLock(self.engine, timeout, self.name, kind=INDEX_KIND)
        try:
            with self.seam(), self.engine.connect() as connection:
                if not create and not inspect(connection).get_table_names():
                    raise NotFoundError("gallery", self.name, hint="facesearch index PHOTOS makes one")  # noqa: TRY301
        except BaseException:
            self.engine.dispose()
            raise

    @cached_property
    def folder(self) -> Path:
        """A folder of this gallery's own, by its UUID, in the cache; it may be deleted at any time.

        What is there of a gallery that was at the same place before is deleted.
        """
        with self.seam(files=True), self.snapshot() as connection:
            gallery = connection.execute(select(MetaRow.gallery)).scalar_one()
            folder = cache_folder() / GALLERIES / gallery
            sqlite.make_private_folder(folder)
        place = left_behind.place_of(self.engine)
        if place is not None:
            left_behind.tidy(folder, place)
        return folder

    @cached_property
    def _files_lock(self) -> WriterLock:
        return WriterLock(self.folder, self._timeout)

    def files_lock(
        self, timeout: float | None = None, *, command: str | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """A lock of this machine: its files are nobody else's."""
        return self._files_lock.hold(timeout, command=command)

    def seam(self, *, files: bool = False) -> contextlib.AbstractContextManager[None]:
        """Where errors become ours."""
        return postgres.seam(self.name, self.lock.holder, files=files)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """READ COMMITTED under the lock, so that every statement sees all that was committed before the lock."""
        connection = self.lock.connection
        with connection.begin():
            yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """REPEATABLE READ: of one state, and in nobody's way."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect() as pooled:
            connection = pooled.execution_options(**options)
            with connection.begin():
                yield connection

    def prepare(self) -> None:
        """Switch pgvector on."""
        with self.transaction() as connection:
            postgres.add_extension(connection)
        # Connections that were opened before do not know the type.
        postgres.learn_vectors(self.lock.connection)
        self.engine.dispose()

    def migrate(self, run: Callable[[Connection], None]) -> None:
        """DDL is part of the transaction. Backups are the server's business."""
        with self.transaction() as connection:
            run(connection)

    def begin_erasing(self, connection: Connection) -> None:
        """There is nothing to switch on."""

    def rewrite(self, tables: Collection[str]) -> bool:
        """VACUUM FULL of these tables: each is written into a new file, and the old one deleted.

        All of them where nobody could search the files of the others for what was deleted from those long ago.
        The write-ahead log, replicas and backups of the server still hold what was deleted, for as long as the server
        keeps them.

        Raises:
            GalleryBusyError: somebody may still see what was deleted; it says who.
        """
        connection = self.lock.connection
        raw = connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            raw.execute(_LIMIT, {"limit": self._limit(), "local": False})
            if not server_erasure.may_read_files(raw):
                tables = Base.metadata.tables
            server_erasure.rewrite(raw, sorted(tables), place=self.name, seconds=self._timeout)
        finally:
            raw.exec_driver_sql("RESET lock_timeout")
            raw.commit()
            connection.execution_options(isolation_level="READ COMMITTED")
        return True

    def clear(self, connection: Connection, table: type[Base]) -> None:
        """TRUNCATE: the table gets a new file.

        Raises:
            GalleryBusyError: somebody uses the table; it says who.
        """
        connection.execute(_LIMIT, {"limit": self._limit(), "local": True})
        server_erasure.run(connection, f'TRUNCATE "{table.__tablename__}"', table.__tablename__, place=self.name)

    def _limit(self) -> str:
        return f"{max(1, round(self._timeout * 1000))}ms"

    def own_files(self) -> server_erasure.RelationFiles:
        """The server's files of the tables, for whoever may read them."""
        return server_erasure.RelationFiles(self.engine, self.seam)

    def empty_log(self) -> bool:
        """Not possible from here: see ``rewrite``."""
        return True

    def size(self) -> int:
        """Bytes of all tables with their indexes."""
        total = "SELECT coalesce(sum(pg_total_relation_size(format('%%I', tablename)::regclass)), 0)::bigint"
        with self.snapshot() as connection:
            return int(
                connection.exec_driver_sql(f"{total} FROM pg_tables WHERE schemaname = current_schema()").scalar_one()
            )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
