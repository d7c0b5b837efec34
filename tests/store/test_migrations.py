"""Old databases become new ones without losing a row, or stay as they are."""

import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect

import facesearch
from facesearch.errors import GalleryBusyError, StoreError
from facesearch.store import Store, migrate, sqlite
from facesearch.store.schema import Base, ClaimRow

# Processes and histories that take seconds.
pytestmark = pytest.mark.slow

REBUILD_FACE = '''"""Rebuilds the table that most others refer to, as a batch migration of SQLite does."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    with op.batch_alter_table("face", recreate="always", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("blur", sa.Double(), nullable=True))
    with op.batch_alter_table("photo", recreate="always", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.alter_column("taken_at", type_=sa.Text())
'''
FORGET_AUTOINCREMENT = REBUILD_FACE.replace(', table_kwargs={"sqlite_autoincrement": True}', "")
LOSE_PHOTOS = REBUILD_FACE + '    op.execute("DELETE FROM photo WHERE id = 1")\n'
FAIL_LATE = REBUILD_FACE + '    op.execute("SELECT * FROM no_such_table")\n'
WAIT_LATE = REBUILD_FACE + '    print("ready", flush=True)\n    import sys; sys.stdin.readline()\n'


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """Makes this program one revision newer; returns its migrations folder."""

    def update(source):
        folder = tmp_path / "a folder with 100%s" / "migrations"
        shutil.copytree(migrate.migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "0005_rebuild.py").write_text(source)
        monkeypatch.setattr(migrate, "migrations_folder", lambda: folder)
        return folder

    return update


@pytest.fixture
def filled(folder, make):
    """A closed gallery with at least one row in every table, and the row counts."""
    with Store.open(folder) as store:
        store.use_recipe(make.recipe)
        for number in range(30):
            make.add(store, number, (10, 100, 200))
        ids = make.add(store, 99, (10, 100, 200))
        person = store.create_person("Ada")
        store.enrol([face for face in range(1, 60) if face % 3], person.id)
        store.reject([3], person.id)
        store.reject([6], None)
        store.ignore([9])
        store.keep_apart([12], 15)
        store.save_clusters(make.recipe.key, {"one": [9, 12], "two": [15]})
        store.save_calibration(make.recipe.key, "{}")
        store.add_failure(make.stamp(500), "not a picture", "v1")
        store.delete_photos([store.photo_by_pixel_hash("p99").id])
        make.add(store, 98)
        store.erase_photos([store.photo_by_pixel_hash("p98").id], tombstone=True)
        store.save_calibration(make.recipe.key, "{}")
        with store.writing():
            store._write(insert(ClaimRow).values(pixel_hash="p", owner=1, at=datetime.now(UTC)))
    counts = row_counts(folder)
    assert all(counts.values()), counts
    return counts, max(ids)


def row_counts(folder):
    """Rows by table."""
    raw = sqlite3.connect(folder / "gallery.sqlite")
    names = [
        row[0]
        for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if row[0] != "sqlite_sequence"
    ]
    found = {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
    raw.close()
    return found


def revision(folder):
    """The revision that the database says it has, and whether ``face`` has the new column."""
    raw = sqlite3.connect(folder / "gallery.sqlite")
    found = raw.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    blur = any(row[1] == "blur" for row in raw.execute("PRAGMA table_info(face)"))
    raw.close()
    return found, blur


def test_a_new_gallery_has_the_migrated_schema(folder, tmp_path):
    """A gallery made from the models is, statement by statement, what the migrations make from nothing."""

    def schema(path):
        raw = sqlite3.connect(path)
        rows = raw.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        raw.close()
        # The order of a table's constraints is a matter of taste, so the parts of a statement are compared.
        return {row[:3]: sorted(re.findall(r"[^,\s()]+", (row[3] or "").replace('"', ""))) for row in rows}

    Store.open(folder).close()
    path = tmp_path / "migrated.sqlite"
    path.touch()
    engine = sqlite.open_engine(path, timeout=1)
    with engine.connect() as connection, connection.begin():
        migrate._run_alembic(connection, migrate.migrations_folder())
    engine.dispose()
    assert schema(folder / "gallery.sqlite") == schema(path)


def test_alembic_sees_no_difference_to_the_models(store):
    """There is no change to the models without a migration."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


@pytest.fixture
def first_schema(folder, filled):
    """The gallery of ``filled`` as the first version of the program would have made it; returns the row counts."""
    from alembic import command
    from alembic.config import Config

    old = folder / "old.sqlite"
    old.touch(mode=0o600)
    engine = sqlite.open_engine(old, timeout=1)
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_folder()).replace("%", "%%"))
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    raw = sqlite3.connect(old)
    raw.execute("ATTACH ? AS new", (str(folder / "gallery.sqlite"),))
    for (table,) in raw.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        names = ", ".join(f'"{row[1]}"' for row in raw.execute(f'PRAGMA main.table_info("{table}")'))
        if table != "alembic_version":
            raw.execute(f'DELETE FROM main."{table}"')
            raw.execute(f'INSERT INTO main."{table}" ({names}) SELECT {names} FROM new."{table}"')
    raw.commit()
    raw.close()
    for path in folder.glob("gallery.sqlite*"):
        path.unlink()
    old.rename(folder / "gallery.sqlite")
    return {**filled[0], "calibration": 0, "ignored": 0, "apart": 0, "tombstone": 0, "erasure": 0, "claim": 0}


def test_a_gallery_of_the_first_version_opens(folder, first_schema, make):
    """A gallery of schema 0001 keeps every row and name, and can hold marks and calibrations."""
    assert revision(folder)[0] == "0001"
    with Store.open(folder) as store:
        assert len(store.enrolled(make.recipe).face_ids) == 40
        assert store.faces([1])[1].person == "Ada"
        assert store.marked() == set()
        assert store.mark(1, "collage")
        store.save_calibration(make.recipe.key, "{}")
    assert revision(folder)[0] == migrate.known_revisions(migrate.migrations_folder())[-1]
    counts = row_counts(folder)
    journal = {"event", "commit_log", "calibration"}
    assert {name: count for name, count in counts.items() if name not in journal} == {
        name: count for name, count in first_schema.items() if name not in journal
    }
    assert counts["event"] == first_schema["event"] + 1


def test_a_migration_keeps_every_row(folder, filled, next_version, make):
    """A batch migration that rebuilds ``face`` and ``photo`` keeps each table's row count and what is in it."""
    next_version(REBUILD_FACE)
    with Store.open(folder) as store:
        assert len(store.enrolled(make.recipe).face_ids) == 40
        assert store.faces([1])[1].person == "Ada"
    assert row_counts(folder) == filled[0]
    assert revision(folder) == ("0005", True)


def test_foreign_keys_would_empty_the_children(folder, filled, next_version, monkeypatch):
    """The trap: with foreign keys on, the same migration deletes every enrolment without a word."""
    next_version(REBUILD_FACE)
    real = sqlite.open_engine
    monkeypatch.setattr(sqlite, "open_engine", lambda path, *, foreign_keys=True, **options: real(path, **options))
    Store.open(folder).close()
    assert row_counts(folder)["enrolment"] == 0 < filled[0]["enrolment"]


def test_a_migration_brings_no_id_back(folder, filled, next_version, make):
    """The highest face was deleted before the table was rebuilt; its id still is not given out again."""
    next_version(REBUILD_FACE)
    with Store.open(folder) as store:
        assert min(make.add(store, 1000)) > filled[1]


@pytest.mark.parametrize("source", [LOSE_PHOTOS, FORGET_AUTOINCREMENT, FAIL_LATE])
def test_a_bad_migration_changes_nothing(folder, filled, next_version, source):
    """A migration that fails, leaves dangling references or loses AUTOINCREMENT is undone, DDL and all."""
    next_version(source)
    with pytest.raises(StoreError):
        Store.open(folder)
    assert row_counts(folder) == filled[0]
    assert revision(folder) == ("0004", False)


@pytest.mark.parametrize("moment", ["in the middle", "after"])
def test_kill_during_a_migration(folder, filled, next_version, start_ready, moment):
    """SIGKILL in the middle of a migration leaves the old database, which the next program migrates; a kill after
    it leaves the new one.
    """  # noqa: D205
    migrations = next_version(WAIT_LATE if moment == "in the middle" else REBUILD_FACE)
    process = start_ready(
        "from facesearch.store import migrate\n"
        "migrate.migrations_folder = lambda: Path(sys.argv[2])\n"
        "store = Store.open(folder); wait()",
        str(migrations),
    )
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert revision(folder) == (("0004", False) if moment == "in the middle" else ("0005", True))
    assert row_counts(folder) == filled[0]
    (migrations / "versions" / "0005_rebuild.py").write_text(REBUILD_FACE)
    Store.open(folder).close()
    assert row_counts(folder) == filled[0]
    assert revision(folder) == ("0005", True)


def test_one_private_backup_before(folder, filled, next_version):
    """Before a migration the old database is copied, log included, for the owner alone; one copy is kept."""
    backup = folder / "gallery.sqlite.backup"
    backup.write_text("an older backup")
    (folder / "gallery.sqlite.backup.tmp").write_text("left by a crash")
    next_version(REBUILD_FACE)
    Store.open(folder).close()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["gallery.lock", "gallery.sqlite", "gallery.sqlite.backup"]
    shutil.copy(backup, folder / "gallery.sqlite")
    assert revision(folder) == ("0004", False)
    assert row_counts(folder) == filled[0]


def test_no_migration_beside_a_writer(folder, filled, next_version, start_ready):
    """While another process writes, nothing is migrated; the error names it."""
    process = start_ready("store = Store.open(folder)\nwith store.lock(): wait()")
    next_version(REBUILD_FACE)
    with pytest.raises(GalleryBusyError, match=str(process.pid)):
        Store.open(folder, timeout=0.2)
    assert revision(folder) == ("0004", False)


def test_migrations_are_found_in_a_package_first(tmp_path):
    """Installed, the migrations lie inside the package, and work from an empty folder without the checkout."""
    package = tmp_path / "site" / "facesearch"
    source = Path(facesearch.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    shutil.copytree(migrate.migrations_folder(), package / "migrations")
    code = (
        "import sys; from pathlib import Path; from facesearch.store import Store, migrate\n"
        "print(migrate.migrations_folder()); Store.open(Path('gallery')).close()"
    )
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "empty",
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(package / "migrations")


def test_a_stale_copy_of_an_editable_install_is_never_used(tmp_path):
    """An editable install leaves a copy of the migrations in site-packages; those of the checkout are used."""
    checkout = tmp_path / "checkout"
    source = Path(facesearch.__file__).parent
    shutil.copytree(source, checkout / "facesearch", ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    shutil.copytree(migrate.migrations_folder(), checkout / "migrations")
    shutil.copytree(migrate.migrations_folder(), tmp_path / "site" / "facesearch" / "migrations")
    (checkout / "migrations" / "versions" / "0005_new.py").write_text("")
    code = "from facesearch.store import migrate as m; print(m.known_revisions(m.migrations_folder()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(checkout), str(tmp_path / "site")])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['0001', '0002', '0003', '0004', '0005']"


def test_missing_migrations(monkeypatch, tmp_path):
    """An installation without migrations says so."""
    monkeypatch.setattr(migrate, "__file__", str(tmp_path / "facesearch" / "store" / "migrate.py"))
    with pytest.raises(StoreError, match="missing from this installation"):
        migrate.migrations_folder()
