"""The seam between the store and where its database is: a file in a folder, or a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection, Engine


class Lock(Protocol):
    """**Protocol:** one writer at a time; re-entrant within a thread."""

    def hold(self, timeout: float | None = None, *, command: str | None = None) -> AbstractContextManager[None]:
        """Hold it; see ``WriterLock.hold``."""
        ...

    def holder(self) -> str | None:
        """Who else holds it, if that is known."""
        ...


class Database(Protocol):
    """**Protocol:** what a store needs beside SQL."""

    engine: Engine
    name: str
    """Where it is, for messages: the folder, or the URL without a password."""

    host: str
    """Whose paths ``root`` rows are: the name of this machine, or "" where there is no other."""

    out_of_reach: tuple[str, ...]
    """What still holds what was erased, after ``rewrite`` and ``empty_log``."""

    @property
    def lock(self) -> Lock:
        """Of whoever writes."""
        ...

    @property
    def folder(self) -> Path:
        """For files that are made from the database; it exists."""
        ...

    def files_lock(self, timeout: float | None = None) -> AbstractContextManager[None]:
        """Held by whoever writes files into ``folder``; taken after ``lock`` where both are needed."""
        ...

    def seam(self, *, files: bool = False) -> AbstractContextManager[None]:
        """Where errors of the database, and with ``files`` those of the file system, become ours."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """A write transaction; ``lock`` is held."""
        ...

    def snapshot(self) -> AbstractContextManager[Connection]:
        """A transaction whose reads are all of one state."""
        ...

    def prepare(self) -> None:
        """What an empty database needs before its tables are made; ``lock`` is held."""
        ...

    def migrate(self, run: Callable[[Connection], None]) -> None:
        """Let ``run`` change the schema in one transaction, all or nothing; ``lock`` is held."""
        ...

    def begin_erasing(self, connection: Connection) -> None:
        """Called in a transaction that deletes what must not be found again."""
        ...

    def rewrite(self) -> bool:
        """Write the database anew without what was deleted; ``lock`` is held. False where a reader hinders it."""
        ...

    def empty_log(self) -> bool:
        """Empty what is written ahead of the database. False where a reader hinders it."""
        ...

    def size(self) -> int:
        """Bytes."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
