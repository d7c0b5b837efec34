"""Opening a gallery: new, old, damaged, somebody else's."""

import sqlite3
import stat
import subprocess
import sys

import pytest

from facesearch.errors import NotFoundError, SchemaTooNewError, StoreError
from facesearch.store import Store

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def modes(folder):
    """Permission bits of the folder and of each file in it."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


def read_everything(store, make):
    """Touch every page that matters."""
    store.counts()
    list(store.embeddings(make.recipe))
    list(store.files(make.stamp(0).root))


def test_everything_is_private(store, make, folder):
    """The folder is 0700 and every file in it 0600, the write-ahead log included: it holds biometrics."""
    make.add(store, 1)
    with store.lock():
        found = modes(folder)
    assert found.pop("gallery") == 0o700
    assert {"gallery.sqlite", "gallery.sqlite-wal", "gallery.sqlite-shm", "gallery.lock", "gallery.writer.json"} == set(
        found
    )
    assert set(found.values()) == {0o600}


def test_a_loose_database_is_tightened(folder):
    """A database that others may read, for instance a restored copy, is made private when it is opened."""
    Store.open(folder).close()
    (folder / "gallery.sqlite").chmod(0o644)
    Store.open(folder).close()
    assert modes(folder)["gallery.sqlite"] == 0o600


def test_a_folder_with_other_things_keeps_its_mode(folder):
    """A gallery in a folder that is in use already does not lock others out of that folder."""
    folder.mkdir(mode=0o755)
    (folder / "holiday.jpg").touch()
    Store.open(folder).close()
    assert modes(folder)["gallery"] == 0o755


def test_reopening_keeps_everything(folder, make):
    """What was committed is there after the store was closed and opened again."""
    with Store.open(folder) as store:
        ids = make.add(store, 1, (10, 100))
        state, faces = store.state(), store.faces(ids)
    with Store.open(folder, create=False) as store:
        assert (store.state(), store.faces(ids)) == (state, faces)


def test_a_new_and_a_current_database_cost_no_alembic(folder):
    """Alembic, whose import costs 0.1 s and more, is not imported to make a gallery or to open one."""
    code = (
        "import sys; from pathlib import Path; from facesearch.store import Store\n"
        "for _ in range(2): Store.open(Path(sys.argv[1])).close()\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def test_write_ahead_log_and_foreign_keys_are_on(store):
    """Readers go on beside the writer, references are checked, and a commit is on the disk."""
    with store._engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        ]
    assert found == ["wal", 1, 2]


def test_no_gallery(folder):
    """Without ``create`` a missing gallery is an error that names it, and nothing is made."""
    with pytest.raises(NotFoundError) as caught:
        Store.open(folder, create=False)
    assert str(folder) in caught.value.message
    assert not folder.exists()


@pytest.mark.parametrize(
    "content", [b"this is not a database, it is a shopping list\n" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_not_a_database(folder, content):
    """A file that is no database is an error with a way out, and stays as it is."""
    folder.mkdir()
    (folder / "gallery.sqlite").write_bytes(content)
    with pytest.raises(StoreError) as caught:
        Store.open(folder)
    assert "gallery.sqlite.backup" in caught.value.hint
    assert (folder / "gallery.sqlite").read_bytes() == content


def test_damaged_pages(folder, make):
    """Damage in the middle of the database is one of our errors when it is met."""
    with Store.open(folder) as store:
        for number in range(200):
            make.add(store, number)
    with (folder / "gallery.sqlite").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * 60_000)
    with pytest.raises(StoreError) as caught, Store.open(folder) as store:
        read_everything(store, make)
    assert "gallery.sqlite.backup" in caught.value.hint


def test_cut_short(folder, make):
    """A database that lost its end is one of our errors."""
    with Store.open(folder) as store:
        for number in range(50):
            make.add(store, number)
    whole = (folder / "gallery.sqlite").read_bytes()
    (folder / "gallery.sqlite").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(StoreError), Store.open(folder) as store:
        read_everything(store, make)


def test_somebody_elses_database(folder):
    """A SQLite database that is not a gallery is refused and not written to."""
    folder.mkdir()
    with sqlite3.connect(folder / "gallery.sqlite") as other:
        other.execute("CREATE TABLE recipe (id, cake)")
    other.close()
    before = (folder / "gallery.sqlite").read_bytes()
    with pytest.raises(StoreError, match="not a facesearch gallery"):
        Store.open(folder)
    assert (folder / "gallery.sqlite").read_bytes() == before


def test_an_empty_file_becomes_a_gallery(folder):
    """What a crash between making the file and making its tables leaves is a new gallery."""
    folder.mkdir()
    (folder / "gallery.sqlite").touch()
    with Store.open(folder) as store:
        assert store.counts().faces == 0


def test_newer_than_the_program(folder):
    """A database of a newer facesearch is refused, says so, and stays as it is."""
    Store.open(folder).close()
    with sqlite3.connect(folder / "gallery.sqlite") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(SchemaTooNewError, match="9999") as caught:
        Store.open(folder)
    assert caught.value.hint == "update facesearch"
    assert not (folder / "gallery.sqlite.backup").exists()


def test_a_file_in_the_way(folder):
    """A gallery folder that is a file is one of our errors."""
    folder.write_text("in the way")
    with pytest.raises(StoreError):
        Store.open(folder)


def test_a_relative_folder_outlives_a_change_of_directory(tmp_path, monkeypatch, make):
    """A gallery that was opened by a relative path is still the same one after the program changed its directory."""
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    with Store.open(Path("here")) as store:
        store._engine.dispose()
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        make.add(store, 1)
    with Store.open(tmp_path / "here") as store:
        assert store.counts().faces == 1
