"""What this machine still keeps of a gallery that was on a server and is not there any more.

A gallery that is forgotten as a whole gets another UUID, and so another folder in the cache. A machine that was away at
the time, or killed in the middle, has the old one still. Each folder says, as a hash, where its gallery was: of all
with one place, only that of the gallery that is there now keeps what it holds.
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

_PLACE = text("SELECT concat_ws(' ', system_identifier, current_database(), current_schema()) FROM pg_control_system()")
"""The number that a server drew when it was made: an address may lead to several servers, by turns."""


def place_of(engine: Engine) -> str | None:
    """Where a gallery is, as a hash, by whatever address it is reached; None where the server does not say."""
    with suppress(DBAPIError), engine.connect() as connection:
        return hashlib.sha256(str(connection.execute(_PLACE).scalar_one()).encode()).hexdigest()
    return None


def tidy(folder: Path, place: str) -> None:
    """Empty the folders beside this one whose gallery was at the same place; one that is in use is left for later.

    Args:
        folder: of the gallery that is there now.
        place: see ``place_of``.
    """
    kept = {LOCK_NAME, NOTE_NAME, PLACE_NAME}
    with suppress(OSError):
        (folder / PLACE_NAME).write_text(place)
        for note in folder.parent.glob(f"*/{PLACE_NAME}"):
            old = note.parent
            if old == folder or note.read_text() != place or {path.name for path in old.iterdir()} <= kept:
                continue
            with suppress(StoreError), WriterLock(old, 0).hold():
                for path in old.rglob("*"):
                    if path.is_file() and path.name not in kept:
                        path.unlink(missing_ok=True)
