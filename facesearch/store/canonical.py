"""Rows as bytes that are the same in whatever database they are, and checksums of whole tables."""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Double, Integer, String, select

from facesearch.store.columns import Doubles, Embedding, FileName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Column, Select

_INTEGER = struct.Struct("<q")
_DOUBLE = struct.Struct("<d")


def _with_length(data: bytes) -> bytes:
    return _INTEGER.pack(len(data)) + data


_FORMS: tuple[tuple[type, Callable[[Any], bytes]], ...] = (
    (FileName, lambda value: _with_length(os.fsencode(value))),
    (Doubles, lambda value: _with_length(struct.pack(f"<{len(value)}d", *value))),
    (Embedding, _with_length),
    (Boolean, lambda value: b"\1" if value else b"\0"),
    (Integer, _INTEGER.pack),
    (Double, _DOUBLE.pack),
    # Times and JSON are text that this program wrote, and must stay what they are, letter by letter.
    (String, lambda value: _with_length(value.encode())),
)
"""How a value of a column type is written, the first type that fits."""


def in_key_order(columns: Sequence[Column[Any]], dialect: str) -> Select[Any]:
    """The rows of one table by its primary key, text by code point, whatever the language of the database.

    Args:
        columns: those of the table that are wanted.
        dialect: of the database, as SQLAlchemy calls it.
    """
    keys = columns[0].table.primary_key
    by_language = dialect == "postgresql"
    order = [key.collate("C") if by_language and isinstance(key.type, String) else key for key in keys]
    return select(*columns).order_by(*order)


class Checksum:
    """SHA-256 over rows, and how many there were.

    Of every value stands one byte, 0 for None and 1 for any other, which then follows: integers as little-endian
    int64, numbers as little-endian IEEE 754 double, truth as one byte; text as UTF-8, file names as the bytes that the
    file system knows, landmarks as doubles and embeddings as little-endian float32, each after its length in bytes as
    an int64.

    Args:
        columns: of the rows.
    """

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        self._forms = [_form(column) for column in columns]
        self._hash = hashlib.sha256()
        self.rows = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Go on with these rows."""
        forms = self._forms
        parts = [
            b"\0" if value is None else b"\1" + form(value)
            for row in rows
            for form, value in zip(forms, row, strict=True)
        ]
        self._hash.update(b"".join(parts))
        self.rows += len(rows)

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()


def _form(column: Column[Any]) -> Callable[[Any], bytes]:
    for kind, form in _FORMS:
        if isinstance(column.type, kind):
            return form
    raise TypeError(f"no canonical form for {column}: {column.type!r}")
