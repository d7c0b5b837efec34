"""What the database still holds, for whoever looks for remnants of what was erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary, String, cast, func, literal, select

from facesearch.store.calibrations import CalibrationStore
from facesearch.store.columns import Embedding
from facesearch.store.schema import Base, EmbeddingRow, PathRow, RootRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, ColumnElement, Select


class RemnantStore(CalibrationStore):
    """The part of the store that can be looked through."""

    def values_with(self, needle: bytes) -> Iterator[tuple[str, bytes]]:
        """Every text and BLOB in the database that contains these bytes, as (table.column, value)."""
        with self._reader() as connection:
            for table in Base.metadata.sorted_tables:
                for column in table.columns:
                    look = _look_on_server if connection.dialect.name == "postgresql" else _look_in_file
                    query = look(column, literal(needle, LargeBinary))
                    for value in () if query is None else connection.execute(query).scalars():
                        yield f"{table.name}.{column.name}", bytes(value)

    def all_vectors(self) -> Iterator[list[bytes]]:
        """The embeddings of all faces by all recipes as they are stored, a few thousand at a time."""
        query = select(EmbeddingRow.embedding).execution_options(yield_per=4096)
        with self._reader() as connection:
            for some in connection.execute(query).scalars().partitions():
                yield list(some)

    def all_paths(self) -> list[str]:
        """Where all known files lie, whether they could be used or not, and folders that hold none, sorted."""
        query = select(RootRow.folder, PathRow.relative).join(PathRow, PathRow.root_id == RootRow.id, isouter=True)
        with self._reader() as connection:
            return sorted(str(Path(folder, relative or "")) for folder, relative in connection.execute(query))


def _look_in_file(column: Column[object], needle: ColumnElement[bytes]) -> Select[bytes]:
    """SQLite keeps a value's type with the value."""
    held = cast(column, LargeBinary)
    return select(held).where(func.typeof(column).in_(("text", "blob")), func.instr(held, needle) > 0)


def _look_on_server(column: Column[object], needle: ColumnElement[bytes]) -> Select[bytes] | None:
    """None for a column of numbers."""
    kind = getattr(column.type, "impl_instance", column.type)
    if isinstance(column.type, Embedding):
        held: ColumnElement[bytes] = func.vector_send(column, type_=LargeBinary)
    elif isinstance(kind, String):
        held = func.convert_to(column, "UTF8", type_=LargeBinary)
    elif isinstance(kind, LargeBinary):
        held = cast(column, LargeBinary)
    else:
        return None
    return select(held).where(func.pg_catalog.position(held, needle) > 0)
