"""Tables of vectors without faces on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, MetaData, String, Table

from facesearch.store.columns import Embedding
from facesearch.store.nearest import VectorTable

if TYPE_CHECKING:
    from facesearch.store import Store

RECIPE = "fake"


def new_table(store: Store, name: str, dim: int, *, half: bool = False) -> VectorTable:
    """An empty table of vectors."""
    table = _table(name)
    table.create(store._engine)
    return VectorTable(store._database, RECIPE, dim, half=half, table=table)


def same_table(store: Store, name: str, dim: int, *, half: bool = False) -> VectorTable:
    """One that is there, as another process would open it."""
    return VectorTable(store._database, RECIPE, dim, half=half, table=_table(name))


def _table(name: str) -> Table:
    keys = Column("face_id", BigInteger, primary_key=True), Column("recipe", String(16), primary_key=True)
    return Table(name, MetaData(), *keys, Column("embedding", Embedding))
