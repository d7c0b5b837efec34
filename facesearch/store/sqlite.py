"""What is particular to SQLite: opening it, its pragmas, its errors, its backup. The other modules know only SQL."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy import QueuePool, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from facesearch.errors import GalleryBusyError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

FILE_NAME = "gallery.sqlite"
BACKUP_NAME = "gallery.sqlite.backup"

_HINTS = {
    "FULL": "free some disk space, then run the command again: nothing is half written",
    "READONLY": "check the permissions of the gallery's folder",
    "CANTOPEN": "check the permissions of the gallery's folder",
    "IOERR": "check the disk that holds the gallery",
    "CORRUPT": f"put {BACKUP_NAME} or a backup of yours in its place (and delete {FILE_NAME}-wal and -shm first)",
    "NOTADB": f"put {BACKUP_NAME} or a backup of yours in its place, or move it away to start anew",
}


def make_private(path: Path) -> None:
    """Create the file, empty, for its owner alone, or take the rights of others away; it holds biometrics.

    SQLite gives its -wal and -shm files the mode of the database.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def make_private_folder(folder: Path) -> None:
    """Create the folder for its owner alone; one that holds other things already keeps its mode."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Another process may be making the same gallery.
    folder.mkdir(mode=0o700, exist_ok=True)
    if not any(folder.iterdir()):
        folder.chmod(0o700)


def is_frozen(path: Path) -> bool:
    """Whether the database or its folder cannot be written: by its mode, or because its file system is read-only."""
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def open_engine(path: Path, *, timeout: float, foreign_keys: bool = True, frozen: bool = False) -> Engine:
    """An engine whose transactions are real ones.

    Left to itself, Python's driver runs a SELECT outside of any transaction and commits before DDL, so two writers
    that read, compute and write lose updates, and a failed migration stays half done. So the driver's own mode is
    switched off, and we begin: IMMEDIATE with the execution option ``immediate``, because a read transaction that
    turns to writing fails at once, whatever the timeout, where somebody else wrote in between.

    Args:
        path: the database; it exists (an empty file is an empty database).
        timeout: seconds to wait for a writer that does not know our lock.
        foreign_keys: off for migrations only: rebuilding a table drops it, and that would cascade.
        frozen: only to be read; see ``is_frozen``.
    """

    def connect() -> sqlite3.Connection:
        place = _frozen_uri(path) if frozen else str(path)
        connection = sqlite3.connect(place, timeout, isolation_level=None, check_same_thread=False, uri=frozen)
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        # NORMAL may lose the last commits when the power fails, and a name is too dear for that. Indexing commits
        # in groups, so the flush costs nothing that can be measured.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    event.listen(engine, "begin", begin)
    return engine


def _frozen_uri(path: Path) -> str:
    """How SQLite reads what it cannot write.

    A reader of a write-ahead log marks its place in a file beside it. Where no log is there, nobody writes, and where
    that file cannot be made, SQLite must be told so ("immutable").
    """
    logged = os.access(path.parent, os.W_OK) or path.with_name(path.name + "-wal").exists()
    return f"{path.as_uri()}?mode=ro" + ("" if logged else "&immutable=1")


def use_wal(engine: Engine) -> None:
    """Let readers go on beside the writer; a property of the file, hence set once. Call it under the writer's lock."""
    with contextlib.closing(engine.raw_connection()) as pooled:
        pooled.cursor().execute("PRAGMA journal_mode = WAL")


SECURE = "PRAGMA secure_delete = ON"
"""What is deleted on this connection from now on is overwritten with zeros in its page."""


def rewrite(engine: Engine) -> bool:
    """Write the whole database anew, without anything that was deleted; call it under the writer's lock.

    Returns:
        Whether nothing old is left; False where another process still reads an old state from the write-ahead log.
    """
    with contextlib.closing(engine.raw_connection()) as pooled:
        cursor = pooled.cursor()
        cursor.execute(SECURE)
        # The journal of a database that has no write-ahead log holds the old pages. One that is kept for the next
        # transaction, as other programs may have left it, would hold them on.
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "delete"):
            cursor.execute("PRAGMA journal_mode = DELETE")
        cursor.execute("VACUUM")
    return empty_log(engine)


def empty_log(engine: Engine) -> bool:
    """Bring everything from the write-ahead log, where there is one, into the database, and cut the log to nothing.

    Returns:
        Whether that was possible; see ``rewrite``.
    """
    with contextlib.closing(engine.raw_connection()) as pooled:
        busy, _, _ = pooled.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


@contextlib.contextmanager
def seam(path: Path, holder: Callable[[], str | None] = lambda: None, *, files: bool = False) -> Iterator[None]:
    """Where errors of the database become ours.

    Args:
        path: the database, for the message.
        holder: names the process that writes, if it is known.
        files: errors of the file system too; not where a caller's own code runs inside.

    Raises:
        GalleryBusyError: somebody else is writing.
        StoreError: whatever else went wrong.
    """
    try:
        yield
    except DBAPIError as exc:
        # SQLite gives up a whole transaction on a full disk; what then fails is the way back to a savepoint in it.
        cause: BaseException = exc.orig or exc
        if "no such savepoint" in str(cause) and isinstance(cause.__context__, DBAPIError):
            cause = cause.__context__.orig or cause
        raise _translate(path, cause, holder) from exc
    except (SQLAlchemyError, sqlite3.Error) as exc:
        raise _translate(path, exc, holder) from exc
    except OSError as exc:
        if not files:
            raise
        raise _translate(path, exc, holder) from exc


def _translate(path: Path, exc: BaseException | None, holder: Callable[[], str | None]) -> StoreError:
    name = str(getattr(exc, "sqlite_errorname", "")).removeprefix("SQLITE_").split("_")[0]
    if name in ("BUSY", "LOCKED"):
        return busy(path.parent, holder())
    return StoreError(f"{path}: {exc}", hint=_HINTS.get(name))


def busy(folder: Path, holder: str | None) -> GalleryBusyError:
    """The error that says who is writing."""
    who = holder or "another process"
    return GalleryBusyError(f"{folder}: {who} is writing to this gallery", hint="wait until it is done, then try again")


def back_up(engine: Engine, target: Path) -> None:
    """Copy the whole database, write-ahead log included, to ``target``, replacing an older copy.

    A crash leaves the older copy, or the new one, never half of one.
    """
    temporary = target.with_name(target.name + ".tmp")
    temporary.unlink(missing_ok=True)
    make_private(temporary)
    with contextlib.closing(sqlite3.connect(temporary)) as copy, contextlib.closing(engine.raw_connection()) as pooled:
        source: Any = pooled.driver_connection
        source.backup(copy)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(target)


def read_sequences(connection: Connection) -> dict[str, int]:
    """The highest id that each AUTOINCREMENT table ever gave out."""
    return dict(connection.execute(text("SELECT name, seq FROM sqlite_sequence")).all())


def restore_sequences(connection: Connection, before: dict[str, int]) -> None:
    """Make sure that no id comes back after a migration rebuilt a table.

    The rebuilt table starts to count after the highest row that was *copied*, so an id of a face that is deleted
    already would be given out again.

    Raises:
        StoreError: the migration lost a table's AUTOINCREMENT.
    """
    query = text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    tables: dict[str, str] = dict(connection.execute(query).all())
    for name, seq in before.items():
        if name not in tables:
            continue
        if "AUTOINCREMENT" not in tables[name].upper():
            raise StoreError(f"the migration made table {name} without AUTOINCREMENT")
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name AND seq < :seq"), _row(name, seq))
        connection.execute(
            text(
                "INSERT INTO sqlite_sequence (name, seq) SELECT :name, :seq "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
            ),
            _row(name, seq),
        )


def _row(name: str, seq: int) -> dict[str, str | int]:
    return {"name": name, "seq": seq}


def check_foreign_keys(connection: Connection) -> None:
    """What a migration, which runs with foreign keys off, must end with.

    Raises:
        StoreError: a row refers to one that is not there.
    """
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        raise StoreError(f"the migration left {len(broken)} rows without what they refer to, in {tables}")
