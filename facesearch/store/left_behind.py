"""What this machine still keeps of a gallery that was on a server and is not there any more.

A gallery that is forgotten as a whole gets another UUID, and so another folder in the cache. A machine that was away at
the time, or killed in the middle, has the old one still. Each folder says, as a hash, where its gallery was: of all
with one place, only that of the gallery that is there now keeps what it holds. All of it can be made anew, so that a
place that two galleries share, as on a copy of a whole server, costs time and nothing else.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from facesearch.errors import StoreError
from facesearch.store.lock import LOCK_NAME, NOTE_NAME, WriterLock

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

PLACE_NAME = "place"
"""The file that holds the hash."""

_PLACE = text(
    """
    SELECT format('%s/%s/%s', system_identifier, pg_database.oid, pg_namespace.oid)
    FROM pg_control_system(), pg_database, pg_namespace
    WHERE datname = current_database() AND nspname = current_schema()
    """
)
"""The number that a server drew when it was made, for an address may lead to several servers, by turns; and numbers of
the database and the schema, for others may get their names once they are renamed."""


def place_of(engine: Engine) -> str | None:
    """Where a gallery is, as a hash, by whatever address it is reached; None where the server does not say."""
    with suppress(DBAPIError), engine.connect() as connection:
        place = connection.execute(_PLACE).scalar_one_or_none()
        return None if place is None else hashlib.sha256(str(place).encode()).hexdigest()
    return None


def tidy(folder: Path, place: str) -> None:
    """Empty the folders beside this one whose gallery was at the same place; one that is in use is left for later.

    Args:
        folder: of the gallery that is there now.
        place: see ``place_of``.
    """
    own = folder / PLACE_NAME
    with suppress(OSError):
        own.touch(0o600)
        own.write_bytes(place.encode())
    for note in folder.parent.glob(f"*/{PLACE_NAME}"):
        if note.parent != folder:
            # One that is damaged, in use or somebody else's is no reason to leave the others.
            with suppress(OSError, StoreError):
                _empty(note, place)


def _empty(note: Path, place: str) -> None:
    """Delete what lies beside a note of this place."""
    kept, old = {LOCK_NAME, NOTE_NAME, PLACE_NAME}, note.parent
    if note.read_bytes() != place.encode() or {path.name for path in old.iterdir()} <= kept:
        return
    with WriterLock(old, 0).hold():
        for path in old.rglob("*"):
            if path.is_file() and path.name not in kept:
                path.unlink(missing_ok=True)
