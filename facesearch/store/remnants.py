"""What the database still holds, for whoever looks for remnants of what was erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary, String, cast, func, literal, select

from facesearch.errors import GalleryBusyError
from facesearch.store.calibrations import CalibrationStore
from facesearch.store.columns import Embedding
from facesearch.store.schema import Base, EmbeddingRow, PathRow, RootRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Column, ColumnElement, ScalarResult, Select

    from facesearch.store.database import OwnFiles

_AT_ONCE = 4096
_SCHEMA = """
    SELECT CAST(held AS BLOB) FROM (SELECT name AS held FROM sqlite_schema UNION SELECT sql FROM sqlite_schema)
    WHERE instr(CAST(held AS BLOB), ?) > 0
"""


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
            if connection.dialect.name == "sqlite":
                # Somebody may be called like a part of a table's name.
                for value in connection.exec_driver_sql(_SCHEMA, (needle,)).scalars():
                    yield "schema", value

    def all_values(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every column of texts, BLOBs or vectors of a database on a server, as table.column, and its bytes in pieces.

        Between two values is a zero. A gallery in a folder has none: its file holds them.
        """
        with self._reader() as connection:
            if connection.dialect.name != "postgresql":
                return
            for table in Base.metadata.sorted_tables:
                for column in table.columns:
                    held = column if isinstance(column.type, Embedding) else _bytes_on_server(column)
                    if held is not None:
                        query = select(held).where(column.is_not(None)).execution_options(yield_per=_AT_ONCE)
                        found = connection.execute(query).scalars()
                        yield f"{table.name}.{column.name}", self._pieces(found)

    def _pieces(self, found: ScalarResult[bytes]) -> Iterator[bytes]:
        with self._seam():
            for some in found.partitions():
                yield b"".join(bytes(value) + b"\0" for value in some)

    def own_files(self) -> OwnFiles | None:
        """Files of the database that only its server can read; None for a gallery in a folder, which has none."""
        with self._seam():
            return self._database.own_files()

    def rewrite(self, tables: Collection[str]) -> bool:
        """Write tables of a database on a server anew, without what was deleted from them at any time.

        Returns:
            Whether nobody was in the way.
        """
        with self.lock(), self._seam():
            try:
                return self._database.rewrite(tables)
            except GalleryBusyError:
                return False

    def all_vectors(self) -> Iterator[list[bytes]]:
        """The embeddings of all faces by all recipes as they are stored, a few thousand at a time."""
        query = select(EmbeddingRow.embedding).execution_options(yield_per=_AT_ONCE)
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
    held = _bytes_on_server(column)
    return None if held is None else select(held).where(func.pg_catalog.position(held, needle) > 0)


def _bytes_on_server(column: Column[object]) -> ColumnElement[bytes] | None:
    """A column of texts, BLOBs or vectors as bytes; None for one of numbers."""
    kind = getattr(column.type, "impl_instance", column.type)
    if isinstance(column.type, Embedding):
        return func.vector_send(column, type_=LargeBinary)
    if isinstance(kind, String):
        return func.convert_to(column, "UTF8", type_=LargeBinary)
    return cast(column, LargeBinary) if isinstance(kind, LargeBinary) else None
