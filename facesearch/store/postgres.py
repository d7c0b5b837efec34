"""What is particular to PostgreSQL: reaching it, pgvector, its errors. The other modules know only SQL."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from facesearch.errors import ConfigError, GalleryBusyError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

DRIVER = "postgresql+psycopg"

_BY_STATE = {
    "53100": "free some disk space on the server, then run the command again: nothing is half written",
    "53300": "the server has no connection left: try again later, or raise max_connections",
    "42501": "the user of the URL may not do this: let the owner of the database grant it",
    "25006": "this server only reads, as a standby does: give the URL of the primary one",
    "57P01": "the server was stopped: start it, then run the command again; nothing is half written",
    "57P03": "the server is starting or stopping: try again in a moment",
}
"""Hints by SQLSTATE (PostgreSQL documentation, appendix A)."""

_BY_TEXT = {
    "password authentication failed": "check user and password in the URL, or in ~/.pgpass",
    "no password supplied": "put the password into ~/.pgpass or PGPASSWORD, or into the URL (user:password@host)",
    "no pg_hba.conf entry": "the server does not let this user in from here: see its pg_hba.conf",
    "role ": "check the user in the URL",
    "database ": "make it first: createdb NAME, or CREATE DATABASE in psql",
    "could not translate host name": "check the host in the URL",
    "failed to resolve host": "check the host in the URL",
    "connection refused": "check that the server runs and listens there, and host and port in the URL",
    "no such file or directory": "check that the server runs, and host and port in the URL",
    "timeout expired": "check that the server can be reached from here, and host and port in the URL",
    "server closed the connection": "the server went away: run the command again; nothing is half written",
    "the connection is closed": "the server went away: run the command again; nothing is half written",
    "consuming input failed": "the server went away: run the command again; nothing is half written",
}
"""Hints for errors of connections, which have no SQLSTATE, by what libpq says of them."""

_BUSY = ("55P03", "40001", "40P01", "57014")
"""Lock not available, serialization failure, deadlock, statement cancelled."""

CONNECT_SECONDS = 10


def is_url(place: object) -> bool:
    """Whether this names a database on a server, and not a folder."""
    return isinstance(place, URL) or (isinstance(place, str) and "://" in place)


def parse(place: str | URL) -> URL:
    """The URL of a gallery on a server.

    Raises:
        ConfigError: it is not one that can be used, or the driver is not installed.
    """
    form = f"{DRIVER}://USER@HOST/DATABASE"
    try:
        url = make_url(place)
    except (ArgumentError, ValueError) as exc:
        raise ConfigError("this gallery's URL cannot be read", hint=f"write {form}") from exc
    if url.drivername not in (DRIVER, "postgresql", "postgres"):
        raise ConfigError(f"a gallery cannot be kept in {url.drivername}", hint=f"name a folder, or {form}")
    if not url.database:
        raise ConfigError(f"{shown(url)} names no database", hint=f"write {form}")
    missing = [name for name in ("psycopg", "pgvector") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"a gallery in PostgreSQL needs {' and '.join(missing)}, which is not installed",
            hint="pip install 'facesearch[postgres]'",
        )
    return url.set(drivername=DRIVER)


def shown(url: URL) -> str:
    """The URL as it may be printed: without a password."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string(hide_password=True)


def open_engine(url: URL, *, name: str) -> Engine:
    """An engine whose readers see one state each (REPEATABLE READ) where asked to, and that knows pgvector.

    Args:
        url: of the database.
        name: what this process is called in ``pg_stat_activity``.
    """
    arguments = {"application_name": name, "connect_timeout": CONNECT_SECONDS}
    # What the URL says itself goes first.
    arguments = {key: value for key, value in arguments.items() if key not in url.query}
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True)

    event.listen(engine, "connect", lambda connection, _: _learn_vectors(connection))
    return engine


def learn_vectors(connection: Connection) -> None:
    """Let a connection that was opened before ``add_extension`` know the type."""
    _learn_vectors(connection.connection.driver_connection)


def _learn_vectors(connection: Any) -> None:  # noqa: ANN401
    from pgvector.psycopg import register_vector
    from psycopg import ProgrammingError

    # Before the first gallery is made the database need not have the extension.
    with contextlib.suppress(ProgrammingError):
        register_vector(connection)


def add_extension(connection: Connection) -> None:
    """Make sure that the database has pgvector.

    Raises:
        StoreError: the server has not, or this user may not switch it on.
    """
    has = "SELECT count(*) FROM pg_extension WHERE extname = 'vector'"
    if connection.exec_driver_sql(has).scalar_one():
        return
    if not connection.exec_driver_sql(
        "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
    ).scalar_one():
        raise StoreError(
            "this PostgreSQL server has no pgvector",
            hint="install pgvector on the server: https://github.com/pgvector/pgvector#installation",
        )
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
    except DBAPIError as exc:
        if sql_state(exc) != "42501":
            raise
        raise StoreError(
            "pgvector is not switched on in this database, and this user may not do it",
            hint="let a superuser say CREATE EXTENSION vector in it, once",
        ) from exc


@contextlib.contextmanager
def seam(place: str, holder: Callable[[], str | None] = lambda: None, *, files: bool = False) -> Iterator[None]:
    """Where errors of the database become ours; arguments as for ``sqlite.seam``, ``place`` as ``shown`` gives it.

    Raises:
        GalleryBusyError: somebody else is writing.
        StoreError: whatever else went wrong.
    """
    try:
        yield
    except SQLAlchemyError as exc:
        raise _translate(place, exc, holder) from exc
    except OSError as exc:
        if not files:
            raise
        raise StoreError(f"{place}: {exc}", hint="check the permissions of the cache folder") from exc


def sql_state(exc: BaseException) -> str:
    """The SQLSTATE of what the server said, or ""."""
    cause = getattr(exc, "orig", None) or exc
    return str(getattr(cause, "sqlstate", None) or "")


def _translate(place: str, exc: SQLAlchemyError, holder: Callable[[], str | None]) -> StoreError:
    state = sql_state(exc)
    if state in _BUSY:
        return busy(place, holder())
    whole = str(getattr(exc, "orig", None) or exc)
    text = next((line.strip() for line in whole.splitlines() if line.strip()), "unknown error")
    # libpq tells one thing of every address that it tried.
    said = whole.lower()
    hint = _BY_STATE.get(state) or next((hint for words, hint in _BY_TEXT.items() if words in said), None)
    return StoreError(f"{place}: {text}", hint=hint)


def busy(place: str, holder: str | None) -> GalleryBusyError:
    """The error that says who is writing."""
    who = holder or "another process"
    return GalleryBusyError(f"{place}: {who} is writing to this gallery", hint="wait until it is done, then try again")
