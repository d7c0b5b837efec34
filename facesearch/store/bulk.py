"""Many rows into one table, under the ids that they have: by COPY where there is PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection


def write_rows(connection: Connection, columns: Sequence[Column[Any]], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows.

    PostgreSQL takes them in its binary form, several times as fast as one INSERT a row.

    Args:
        connection: in a transaction.
        columns: of one table.
        rows: a value for each column, as the models have it.
    """
    if connection.dialect.name == "postgresql":
        _copy(connection, columns, rows)
    elif rows:
        names = [column.name for column in columns]
        connection.execute(insert(columns[0].table), [dict(zip(names, row, strict=True)) for row in rows])


def _copy(connection: Connection, columns: Sequence[Column[Any]], rows: Sequence[Sequence[Any]]) -> None:
    from psycopg import Error

    quote = connection.dialect.identifier_preparer.quote
    table, names = quote(columns[0].table.name), ", ".join(quote(column.name) for column in columns)
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
    # A binary COPY converts nothing: it takes the very types of the columns.
    with connection.exec_driver_sql(f"SELECT {names} FROM {table} LIMIT 0") as nothing:  # noqa: S608
        types = [column[1] for column in nothing.cursor.description]
    dialect = connection.dialect
    forms = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row([form(one) if form else one for form, one in zip(forms, row, strict=True)])
    except Error as exc:
        raise DBAPIError(statement, None, exc) from exc
