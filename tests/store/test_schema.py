"""The tables themselves, and ids that never come back."""

import re

import pytest
from sqlalchemy import Table, create_mock_engine

from facesearch.store.schema import Base


def test_no_id_comes_back(store, make):
    """After the newest faces, photos and changes are gone, new ones get new ids: a stale index file must not find
    another face under an id that it knows.
    """  # noqa: D205
    make.add(store, 1)
    old = make.add(store, 2, (10, 100, 200))
    photo = store.photo_by_pixel_hash("p2").id
    store.delete_photos([photo])
    new = make.add(store, 3, (10, 100))
    assert min(new) > max(old)
    assert store.photo_by_pixel_hash("p3").id > photo
    # Again after the program was started anew, when SQLite remembers only what is on the disk.
    store.delete_photos([store.photo_by_pixel_hash("p3").id])
    store._engine.dispose()
    assert min(make.add(store, 4)) > max(new)


@pytest.mark.parametrize("table", ["photo", "face", "event", "change"])
@pytest.mark.sqlite
def test_tables_whose_ids_leave_are_autoincrement(store, table):
    """SQLite keeps the highest id of every table whose ids leave the database."""
    with store._engine.connect() as connection:
        sql = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).scalar()
    assert "AUTOINCREMENT" in sql


def test_every_constraint_has_a_name():
    """A batch migration can drop any constraint, because it can name it."""
    tables = Base.metadata.tables.values()
    assert all(isinstance(table, Table) for table in tables)
    unnamed = [(table.name, one) for table in tables for one in table.constraints if not one.name]
    assert unnamed == []


def test_the_models_make_a_postgresql_schema():
    """Every table and index compiles for PostgreSQL, with 64-bit ids that the server gives out."""
    statements = []
    engine = create_mock_engine(
        "postgresql://", lambda sql, *_, **__: statements.append(str(sql.compile(dialect=engine.dialect)))
    )
    Base.metadata.create_all(engine, checkfirst=False)
    made = re.findall(r"CREATE TABLE (\w+)", "\n".join(statements))
    assert sorted(made) == sorted(Base.metadata.tables)
    face = next(sql for sql in statements if "CREATE TABLE face" in sql)
    assert "id BIGSERIAL" in face
