"""Claims of photos: machines that index the same photos into one gallery on a server share the work.

A claim says who is working on a picture that the gallery does not hold yet. It saves work and nothing else: that a
picture is there once is the unique hash's business, so a claim that is lost or taken too early costs one more analysis
and never a wrong row. Owners are told apart by a number that each drew, and hold an advisory lock with it for as long
as they work; the server drops that lock with their connection, so an owner who was killed is known to be gone.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

from facesearch.errors import StoreError
from facesearch.store.connection import chunks
from facesearch.store.moving import MoveStore
from facesearch.store.schema import ClaimRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, CursorResult, TextClause

    from facesearch.store.database import Database

KIND = 0x636C6169
"""The first half of an owner's lock, "clai"; the second is the owner's number."""

PATIENCE = 600.0
"""Seconds after which a claim may be taken from somebody who lives: a machine that lost its power or was frozen keeps
its connection for as long as the server hopes for it, two hours by default. Of 64 photos that a worker may have under
way, each may take nine seconds, many times what the largest one needs, before somebody else starts in vain."""

_LIVING = """
    (at > now() - make_interval(secs => :patience) AND EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid::bigint = :kind AND objsubid = 2
          AND objid::bigint = claim.owner
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ))
"""
_LIVE = text("SELECT pg_try_advisory_lock(:kind, :owner)")
# A row that is there is left alone at once: an INSERT would wait for the transaction of a writer who deletes it.
_TAKE = text(
    """
    INSERT INTO claim (pixel_hash, owner, at) SELECT CAST(:photo AS varchar), CAST(:owner AS integer), now()
    WHERE NOT EXISTS (SELECT FROM claim WHERE pixel_hash = CAST(:photo AS varchar))
    ON CONFLICT DO NOTHING RETURNING owner
    """
)
_WHOSE = text(f"SELECT owner, at, {_LIVING} AS living FROM claim WHERE pixel_hash = :photo")  # noqa: S608
# Of several who found the same owner gone, one finds the row as it was.
_TAKE_OVER = text(
    """
    UPDATE claim SET owner = :owner, at = now() WHERE pixel_hash IN (
        SELECT pixel_hash FROM claim WHERE pixel_hash = :photo AND owner = :before AND at = :since
        FOR UPDATE SKIP LOCKED
    ) RETURNING owner
    """
)
_DROP = text("DELETE FROM claim WHERE pixel_hash = :photo AND owner = :owner")
_THEIRS = text(
    f"SELECT pixel_hash FROM claim WHERE pixel_hash = ANY(:photos) AND owner <> :owner AND {_LIVING}"  # noqa: S608
)
_TIDY = text(
    f"""
    DELETE FROM claim WHERE pixel_hash IN (
        SELECT pixel_hash FROM claim WHERE owner = :owner OR NOT {_LIVING} FOR UPDATE SKIP LOCKED
    )
    """  # noqa: S608
)


class Claims:
    """Claims in a gallery of one machine: there is nobody to share with, so every photo is free.

    ``shared`` says whether anybody else can have a claim.
    """

    shared = False

    def take(self, pixel_hash: str) -> bool:  # noqa: ARG002
        """Claim a photo. False where somebody else is working on it; true also where it is one's own already."""
        return True

    def drop(self, pixel_hash: str) -> None:
        """Give one's own claim of a photo back."""

    def theirs(self, pixel_hashes: Sequence[str]) -> set[str]:  # noqa: ARG002
        """Those of the photos that somebody else is working on."""
        return set()

    def tidy(self) -> None:
        """Give all one's own claims back, and drop those of owners who are gone."""

    def close(self) -> None:
        """``tidy``, and claim no more. Harmless when repeated."""


class ServerClaims(Claims):
    """Claims on a server, through a connection of their own: they never wait for writers, nor writers for them.

    Each is a statement and a transaction of its own, and need not reach the disk: claims do not outlive their owner.
    """

    shared = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self._values: dict[str, object] = {"kind": KIND, "patience": PATIENCE}
        self._connection = self._connect()

    def take(self, pixel_hash: str) -> bool:
        """See ``Claims.take``."""
        photo = {"photo": pixel_hash}
        while self._run(_TAKE, photo).first() is None:
            found = self._run(_WHOSE, photo).one_or_none()
            if found is not None:
                if found.owner == self._values["owner"]:
                    return True
                seen = {"before": found.owner, "since": found.at}
                return not found.living and self._run(_TAKE_OVER, photo | seen).first() is not None
            # It was given back between the two statements.
        return True

    def drop(self, pixel_hash: str) -> None:
        """See ``Claims.drop``."""
        self._run(_DROP, {"photo": pixel_hash})

    def theirs(self, pixel_hashes: Sequence[str]) -> set[str]:
        """See ``Claims.theirs``."""
        found: set[str] = set()
        for some in chunks(pixel_hashes):
            found.update(self._run(_THEIRS, {"photos": list(some)}).scalars())
        return found

    def tidy(self) -> None:
        """See ``Claims.tidy``."""
        self._run(_TIDY, {})

    def close(self) -> None:
        """See ``Claims.close``."""
        if not self._connection.closed:
            # Where it fails, the end of the connection does as well.
            with contextlib.suppress(StoreError):
                self.tidy()
            self._let_go()

    def _run(self, statement: TextClause, values: Mapping[str, object]) -> CursorResult[Any]:
        """Run a statement; once more, as a new owner, where the connection was lost, and the claims with it."""
        with self._database.seam():
            if not self._connection.invalidated:
                try:
                    return self._connection.execute(statement, {**self._values, **values})
                except DBAPIError as exc:
                    if not exc.connection_invalidated:
                        raise
            self._let_go()
            self._connection = self._connect()
            return self._connection.execute(statement, {**self._values, **values})

    def _connect(self) -> Connection:
        with self._database.seam():
            connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                connection.exec_driver_sql("SET synchronous_commit = off")
                free = False
                while not free:
                    self._values["owner"] = secrets.randbelow(2**31)
                    free = connection.execute(_LIVE, self._values).scalar_one()
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
        return connection

    def _let_go(self) -> None:
        # Not back into the pool: the lock ends with the connection.
        self._connection.invalidate()
        self._connection.close()


class ClaimStore(MoveStore):
    """The part of the store that knows who is working on what."""

    @contextlib.contextmanager
    def claiming(self) -> Iterator[Claims]:
        """Claims of photos for one run, whose end gives them back; so does the end of the process, however it ends.

        Raises:
            StoreError: the server cannot be reached.
        """
        claims = ServerClaims(self._database) if self._on_server else Claims()
        try:
            yield claims
        finally:
            claims.close()

    def drop_claims(self, pixel_hashes: Sequence[str]) -> None:
        """Drop claims of photos, whoever has them, in the transaction that writes the photos."""
        if self._on_server:
            for some in chunks(pixel_hashes):
                # No change of the gallery's state: nothing that is read from it depends on claims.
                self._work.connection.execute(delete(ClaimRow).where(ClaimRow.pixel_hash.in_(some)))

    @property
    def _on_server(self) -> bool:
        return self._engine.dialect.name == "postgresql"
