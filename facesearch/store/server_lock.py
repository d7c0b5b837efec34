"""One writer at a time in a gallery on a server: an advisory lock, which the server drops with the connection."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from facesearch.store import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

KIND = 0x66616365
"""The first half of the lock's key, "face"; the second is the schema, for a database may hold several galleries."""

INDEX_KIND = 0x66616378
"""The same for whoever brings an index up to date that is elsewhere: not in the way of those who write."""

_TAKE = text("SELECT pg_advisory_lock(:kind, hashtext(current_schema()))")
_TRY = text("SELECT pg_try_advisory_lock(:kind, hashtext(current_schema()))")
_DROP = text("SELECT pg_advisory_unlock(:kind, hashtext(current_schema()))")
_HOLDER = text(
    """
    SELECT activity.application_name FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND classid::bigint = :kind AND objsubid = 2
      AND objid::bigint = hashtext(current_schema())::bigint & 4294967295
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
)


class _Local(threading.local):
    connection: Connection | None = None
    depth: int = 0


class ServerLock:
    """The write lock of a gallery. Re-entrant within a thread.

    Whoever holds it writes through the very connection that holds it: should the server lose that connection, and
    with it the lock, nothing of what was not committed stays.
    """

    def __init__(self, engine: Engine, timeout: float, place: str, *, kind: int = KIND) -> None:
        self._kind = kind
        self._engine = engine
        self._timeout = timeout
        self._place = place
        self._local = _Local()

    @contextlib.contextmanager
    def hold(self, timeout: float | None = None, *, command: str | None = None) -> Iterator[None]:  # noqa: ARG002
        """Hold the lock.

        Args:
            timeout: seconds to wait for another holder; None for the lock's own limit.
            command: not told to anybody: other users of the server could read it.

        Raises:
            GalleryBusyError: another process or thread still held it after that time.
            StoreError: the server cannot be reached.
        """
        local = self._local
        if local.connection is None:
            local.connection = self._take(self._timeout if timeout is None else timeout)
        local.depth += 1
        try:
            yield
        finally:
            local.depth -= 1
            if not local.depth:
                connection, local.connection = local.connection, None
                _let_go(connection, self._kind)

    @property
    def connection(self) -> Connection:
        """The one that holds the lock for this thread."""
        if self._local.connection is None:
            raise RuntimeError("the lock is not held")
        return self._local.connection

    def holder(self) -> str | None:
        """``facesearch on HOST, process 123``, or None where nobody else writes, or nobody says so."""
        if self._local.connection is not None:
            return None
        with contextlib.suppress(DBAPIError), self._engine.connect() as connection:
            names = connection.execute(_HOLDER, {"kind": self._kind}).scalars().all()
            return next((name for name in names if name), None)
        return None

    def _take(self, seconds: float) -> Connection:
        with postgres.seam(self._place, self.holder):
            connection = self._engine.connect()
            try:
                if seconds > 0:
                    limit = f"{max(1, round(seconds * 1000))}ms"
                    connection.exec_driver_sql("SELECT set_config('lock_timeout', %s, true)", (limit,))
                    connection.execute(_TAKE, {"kind": self._kind})
                elif not connection.execute(_TRY, {"kind": self._kind}).scalar_one():
                    raise postgres.busy(self._place, self.holder())  # noqa: TRY301
                # The lock is the session's and outlives this transaction.
                connection.commit()
            except BaseException:
                # A lock that was got in the last moment must not go back into the pool.
                connection.invalidate()
                connection.close()
                raise
        return connection


def _let_go(connection: Connection, kind: int) -> None:
    try:
        connection.rollback()
        connection.execute(_DROP, {"kind": kind})
        connection.commit()
    except DBAPIError:
        # The server dropped it with the connection; should it not have, the connection must not be used again.
        connection.invalidate()
    finally:
        connection.close()
