"""The seam between the store and where its database is: a file in a folder, or a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from facesearch.store.schema import Base


class Lock(Protocol):
    """**Protocol:** one writer at a time; re-entrant within a thread."""

    def hold(self, timeout: float | None = None, *, command: str | None = None) -> AbstractContextManager[None]:
        """Hold it; see ``WriterLock.hold``."""
        ...

    def holder(self) -> str | None:
        """Who else holds it, if that is known."""
        ...


class OwnFiles(Protocol):
    """**Protocol:** files that belong to the database and lie where only the database can read them."""

    missing: str
    """Why they cannot be read; "" where they can be."""

    tables: dict[str, str]
    """Whose the files are that were read, by their names."""

    def __iter__(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Each one: its name, and its bytes from end to end."""
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

    def files_lock(self, timeout: float | None = None, *, command: str | None = None) -> AbstractContextManager[None]:
        """Held by whoever writes files into ``folder``; taken after ``lock`` where both are needed."""
        ...

    @property
    def index_lock(self) -> Lock:
        """Of whoever brings an index up to date that several machines share; taken before ``lock``."""
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

    def rewrite(self, tables: Collection[str]) -> bool:
        """Write the database anew without what was deleted from these tables; ``lock`` is held.

        False where a reader hinders it and cannot be named.
        """
        ...

    def clear(self, connection: Connection, table: type[Base]) -> None:
        """Delete all rows of a table and leave nothing of them, in a transaction; ``lock`` is held."""
        ...

    def own_files(self) -> OwnFiles | None:
        """What a search for remnants cannot find on this machine; None where all is in ``folder``."""
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
