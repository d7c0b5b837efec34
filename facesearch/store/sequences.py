"""The highest id that a table ever gave out: it must never be given out again, in no copy either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from facesearch.store import sqlite
from facesearch.store.schema import Base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Connection


def _numbered(*, all_of_them: bool) -> dict[str, Column[int]]:
    """The ids that the database makes, by table; else of those tables only whose ids leave the database."""
    return {
        table.name: table.autoincrement_column
        for table in Base.metadata.sorted_tables
        if table.autoincrement_column is not None and (all_of_them or table.dialect_options["sqlite"]["autoincrement"])
    }


def highest_ids(connection: Connection) -> dict[str, int]:
    """The highest id ever given out, by table, 0 for none; of tables whose ids leave the database."""
    wanted = _numbered(all_of_them=False)
    if connection.dialect.name == "postgresql":
        return {name: _last_value(connection, key) for name, key in wanted.items()}
    held = sqlite.read_sequences(connection)
    return {name: held.get(name, 0) for name in wanted}


def raise_ids(connection: Connection, highest: Mapping[str, int]) -> None:
    """Let every table count on above these ids and above its own rows; none counts back.

    PostgreSQL does not take this back with the transaction; numbers that nobody got are left out then.
    """
    if connection.dialect.name != "postgresql":
        # SQLite itself counts on above rows that were written with their ids.
        sqlite.restore_sequences(connection, {name: value for name, value in highest.items() if value})
        return
    for name, key in _numbered(all_of_them=True).items():
        written = connection.execute(select(func.max(key))).scalar_one() or 0
        value = max(highest.get(name, 0), written, _last_value(connection, key))
        if value:
            connection.execute(
                text("SELECT setval(:sequence, :value)"), {"sequence": _of(connection, key), "value": value}
            )


def _of(connection: Connection, key: Column[int]) -> str:
    """The sequence of a column, quoted as SQL needs it."""
    names = {"table": f'"{key.table.name}"', "key": key.name}
    return str(connection.execute(text("SELECT pg_get_serial_sequence(:table, :key)"), names).scalar_one())


def _last_value(connection: Connection, key: Column[int]) -> int:
    last = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {_of(connection, key)}"  # noqa: S608
    return int(connection.exec_driver_sql(last).scalar_one())
