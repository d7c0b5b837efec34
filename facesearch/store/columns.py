"""Column types: what a value is in Python, and how SQLite and PostgreSQL hold it."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import BigInteger, Integer, LargeBinary, String, Text, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import UserDefinedType

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

# SQLite makes a row id of "INTEGER PRIMARY KEY" only, and its INTEGER has 64 bits anyway.
RowId = BigInteger().with_variant(Integer(), "sqlite")


def ordered_string(length: int) -> String:
    """Text whose order counts: by code point, as in SQLite, and not by the language of a PostgreSQL database."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def ordered_text() -> Text:
    """``ordered_string`` of any length."""
    return Text().with_variant(Text(collation="C"), "postgresql")


class FileName(TypeDecorator[str]):
    """A path as the bytes that the file system knows, so that names that are not valid Unicode survive."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Text, with lone surrogates for undecodable bytes, to bytes."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002
        """Bytes to text, with lone surrogates for undecodable bytes."""
        return None if value is None else os.fsdecode(bytes(value))


class Doubles(TypeDecorator[tuple[float, ...]]):
    """A few numbers as little-endian float64: exact, and one narrow column instead of ten."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: tuple[float, ...] | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Numbers to bytes."""
        return None if value is None else struct.pack(f"<{len(value)}d", *value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[float, ...] | None:  # noqa: ANN401, ARG002
        """Bytes to numbers."""
        return None if value is None else struct.unpack(f"<{len(value) // 8}d", bytes(value))


class Vector(UserDefinedType[bytes]):
    """pgvector's type, without a dimension: each recipe has its own."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """As ``CREATE TABLE`` names it."""
        return "VECTOR"


class _Stored(GenericFunction[bytes]):
    """A vector as bytes: the column itself, or in PostgreSQL what it would send to a binary client.

    Text would be parsed number by number, which costs ten times as much.
    """

    inherit_cache = True


@compiles(_Stored)
def _as_it_is(element: _Stored, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return compiler.process(element.clauses, **options)


@compiles(_Stored, "postgresql")
def _as_sent(element: _Stored, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"vector_send({compiler.process(element.clauses, **options)})"


_HEADER = 4
"""Bytes before the numbers in what ``vector_send`` gives: dimension and zero, uint16 each (pgvector, vector.c)."""


class Embedding(TypeDecorator[bytes]):
    """One vector as little-endian float32: a BLOB in SQLite, pgvector's VECTOR in PostgreSQL; the bits are the same."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the column."""
        return dialect.type_descriptor(Vector() if dialect.name == "postgresql" else LargeBinary())

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """How it is read."""
        return _Stored(column, type_=self)

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:  # noqa: ANN401
        """Bytes to what the driver takes."""
        if value is None or dialect.name != "postgresql":
            return value
        from pgvector import Vector as Sent

        return Sent(np.frombuffer(value, dtype="<f4"))

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:  # noqa: ANN401
        """What the driver gave to bytes."""
        if value is None or dialect.name != "postgresql":
            return value
        return np.frombuffer(value, dtype=">f4", offset=_HEADER).astype("<f4").tobytes()
