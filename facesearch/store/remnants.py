"""What the database still holds, for whoever looks for remnants of what was erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary, cast, func, literal, select

from facesearch.store.calibrations import CalibrationStore
from facesearch.store.schema import Base, EmbeddingRow, PathRow, RootRow

if TYPE_CHECKING:
    from collections.abc import Iterator


class RemnantStore(CalibrationStore):
    """The part of the store that can be looked through."""

    def values_with(self, needle: bytes) -> Iterator[tuple[str, bytes]]:
        """Every text and BLOB in the database that contains these bytes, as (table.column, value)."""
        with self._reader() as connection:
            for table in Base.metadata.sorted_tables:
                for column in table.columns:
                    held = cast(column, LargeBinary)
                    stored = func.typeof(column).in_(("text", "blob"))
                    query = select(held).where(stored, func.instr(held, literal(needle, LargeBinary)) > 0)
                    for value in connection.execute(query).scalars():
                        yield f"{table.name}.{column.name}", bytes(value)

    def all_vectors(self) -> Iterator[list[bytes]]:
        """The embeddings of all faces by all recipes as they are stored, a few thousand at a time."""
        with self._reader() as connection:
            for some in connection.execute(select(EmbeddingRow.embedding)).scalars().partitions(4096):
                yield list(some)

    def all_paths(self) -> list[str]:
        """Where all known files lie, whether they could be used or not, and folders that hold none, sorted."""
        query = select(RootRow.folder, PathRow.relative).join(PathRow, PathRow.root_id == RootRow.id, isouter=True)
        with self._reader() as connection:
            return sorted(str(Path(folder, relative or "")) for folder, relative in connection.execute(query))
