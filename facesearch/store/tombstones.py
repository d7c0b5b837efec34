"""Photos that were forgotten and must stay so, known by salted hashes of their pixels."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from facesearch.store.connection import chunks
from facesearch.store.schema import TombstoneRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection


def kept_out(connection: Connection, pixel_hashes: Sequence[str]) -> set[str]:
    """Those of the photos, by the hash of their pixels, that no new face may be taken from."""
    found: set[str] = set()
    for salt in connection.execute(select(TombstoneRow.salt).distinct()).scalars().all():
        salted = {_salted(salt, pixel_hash): pixel_hash for pixel_hash in pixel_hashes}
        for some in chunks(list(salted)):
            query = select(TombstoneRow.hash).where(TombstoneRow.hash.in_(some))
            found.update(salted[one] for one in connection.execute(query).scalars())
    return found


def tombstones_for(connection: Connection, pixel_hashes: Iterable[str]) -> list[dict[str, str]]:
    """Rows that keep photos out, with the salt that the gallery has, or a new one."""
    salt = connection.execute(select(TombstoneRow.salt).limit(1)).scalar_one_or_none() or secrets.token_hex(16)
    return [{"hash": _salted(salt, pixel_hash), "salt": salt} for pixel_hash in sorted(set(pixel_hashes))]


def _salted(salt: str, pixel_hash: str) -> str:
    return hashlib.sha256(f"{salt}:{pixel_hash}".encode()).hexdigest()
