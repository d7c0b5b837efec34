"""A gallery on a server: opening it, its errors, its writers and readers, its migrations."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from sqlalchemy import inspect, make_url

from facesearch.errors import ConfigError, GalleryBusyError, NotFoundError, SchemaTooNewError, StoreError
from facesearch.store import Store, migrate
from facesearch.store.schema import Base

# Processes, and a server that must be started.
pytestmark = pytest.mark.slow


@pytest.fixture
def url(server):
    """Of an empty place for a gallery."""
    return server.new_place()


@pytest.fixture
def start():
    """Starts a Python process that prints ``ready`` when it comes to ``wait()``, with ``url`` defined."""
    running = []
    head = """
        import sys
        from facesearch.store import Store
        url = sys.argv[1]
        def wait():
            print("ready", flush=True)
            sys.stdin.readline()
    """

    def begin(url, code):
        whole = textwrap.dedent(head) + textwrap.dedent(code)
        process = subprocess.Popen(
            [sys.executable, "-c", whole, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def test_reopening_keeps_everything(url, make):
    """What was committed is there after the store was closed and opened again; no folder was needed for it."""
    with Store.open(url) as store:
        ids = make.add(store, 1, (10, 100))
        state, faces = store.state(), store.faces(ids)
    with Store.open(url, create=False) as store:
        assert (store.state(), store.faces(ids)) == (state, faces)
        assert store.folder.name == state.gallery
        assert store.folder.stat().st_mode & 0o077 == 0


def test_what_a_gallery_left_behind_goes(url, server):
    """Once all was forgotten, the next use deletes what this machine kept; other galleries keep theirs."""
    with Store.open(url) as store, Store.open(server.new_place()) as other:
        old = store.folder
        for folder in (old, other.folder):
            (folder / "review").mkdir()
            (folder / "review" / "1.png").write_bytes(b"a face")
            (folder / "faces.index").write_bytes(b"vectors")
        for number, note in enumerate((b"", b"\xff\xfe", None)):
            damaged = old.parent / f"damaged-{number}" / "place"
            damaged.parent.mkdir()
            damaged.mkdir() if note is None else damaged.write_bytes(note)
            (damaged.parent / "faces.index").touch()
        store.erase_everything()
        store.settle()
        with Store.open(url) as again, store.files_lock():
            assert again.folder != old  # somebody uses the old one
        assert (old / "faces.index").exists()
        with Store.open(url) as again:
            assert again.folder != old
        assert not [path for path in old.rglob("*") if path.is_file() and b"a face" in path.read_bytes()]
        assert not (old / "faces.index").exists()
        assert (other.folder / "faces.index").read_bytes() == b"vectors"
        assert (other.folder / "review" / "1.png").exists()
        assert len(list(old.parent.glob("damaged-*/faces.index"))) == 3


def test_a_gallery_whose_place_was_renamed_keeps_its_files(url, server):
    """A new gallery under the name that another had before is not at the other's place, be it a name in capitals."""
    with Store.open(url) as store:
        (store.folder / "faces.index").write_bytes(b"vectors")
        folder = store.folder
    (_, name) = make_url(url).query["options"].removesuffix(",public").split("=")
    server.run(f'ALTER SCHEMA {name} RENAME TO "{name} Before"', f"CREATE SCHEMA {name}")
    with Store.open(url) as new:
        assert new.folder != folder
        assert (folder / "faces.index").exists()
        (new.folder / "faces.index").touch()
    options = f'-csearch_path="{name}\\ Before",public'
    with Store.open(make_url(url).update_query_dict({"options": options}).render_as_string(False)) as renamed:
        assert renamed.folder == folder
        assert (folder / "place").read_bytes() != (new.folder / "place").read_bytes()
        assert (new.folder / "faces.index").exists()


def test_an_empty_database_of_its_own(server, make):
    """A database that was just made gets pgvector and a gallery; so the first vectors go in at once."""
    with Store.open(server.new_database()) as store:
        make.add(store, 1)
        assert store.counts().faces == 1


def test_no_gallery(url):
    """Without ``create`` an empty database is an error, and stays empty."""
    for _ in range(2):
        with pytest.raises(NotFoundError, match="gallery"):
            Store.open(url, create=False)


def test_somebody_elses_database(server):
    """A database with other tables is refused."""
    url = server.new_database()
    server.run("CREATE TABLE recipe (cake TEXT)", url=url)
    with pytest.raises(StoreError, match="not a facesearch gallery"):
        Store.open(url)


def test_newer_than_the_program(server, url):
    """A database of a newer facesearch is refused and says so."""
    Store.open(url).close()
    server.run("UPDATE alembic_version SET version_num = '9999'", url=make_url(url))
    with pytest.raises(SchemaTooNewError, match="9999"):
        Store.open(url)


@pytest.mark.filterwarnings("ignore:Did not recognize type .vector.")
def test_the_migrations_make_the_schema_of_the_models(url):
    """What the migrations make from nothing is what the models say, and so is a new gallery."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    engine = create_engine(url)
    with engine.begin() as connection:
        migrate._run_alembic(connection, migrate.migrations_folder())
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        columns = "SELECT table_name, column_name, data_type, udt_name, collation_name, is_nullable, column_default"
        query = f"{columns} FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2"
        migrated = [
            str(row).replace(str(connection.exec_driver_sql("SELECT current_schema()").scalar()), "")
            for row in connection.exec_driver_sql(query)
        ]
        connection.exec_driver_sql("CREATE SCHEMA made_by_models")
        connection.exec_driver_sql("SET LOCAL search_path = made_by_models, public")
        Base.metadata.create_all(connection)
        made = [str(row).replace("made_by_models", "") for row in connection.exec_driver_sql(query)]
        connection.rollback()
    engine.dispose()
    assert [row for row in migrated if "alembic_version" not in row] == made


def test_an_older_schema_is_migrated(server, url, make):
    """A gallery of an older schema is brought up to date when it is opened, rows and all."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_folder()).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql("INSERT INTO meta VALUES (1, 'g', 't', 'e', NULL)")
        connection.exec_driver_sql("INSERT INTO commit_log VALUES ('t', 0)")
        connection.exec_driver_sql("INSERT INTO root (folder) VALUES ('/old')")
    engine.dispose()
    with Store.open(url) as store:
        assert store.state().gallery == "g"
        make.add(store, 1)


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"query": {"host": "/nowhere"}}, "No such file", "check that the server runs"),
        ({"host": "127.0.0.1", "port": 9, "query": {}}, "refused", "check that the server runs"),
        ({"host": "no-such-host.invalid", "query": {}}, "no-such-host", "check the host"),
        ({"username": "locked", "password": "wrong"}, "password authentication failed", "check user and password"),
        ({"username": "locked"}, "no password supplied", "pgpass"),
        ({"username": "nobody-known"}, "does not exist", "check the user"),
        ({"database": "nowhere"}, "does not exist", "createdb"),
    ],
)
def test_a_server_that_cannot_be_used(server, change, message, hint, monkeypatch):
    """Each way not to get in is one line with what to do, and tells no password."""
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    with pytest.raises(StoreError) as caught:
        Store.open(server.url.set(**change))
    assert message.lower() in caught.value.message.lower()
    assert hint in (caught.value.hint or "")
    assert "\n" not in caught.value.message
    assert "wrong" not in caught.value.message


def test_pgvector_must_be_there(server):
    """A server without pgvector, and one where this user may not switch it on, are told apart."""
    database = server.new_database()
    server.run("CREATE SCHEMA bare", "CREATE VIEW bare.pg_available_extensions AS SELECT 'x' AS name", url=database)
    shadowed = database.update_query_dict({"options": "-csearch_path=bare,pg_catalog"})
    server.run("DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN")
    with pytest.raises(StoreError, match="may not") as caught:
        Store.open(database.set(username="plain"))
    assert "CREATE EXTENSION vector" in caught.value.hint
    with pytest.raises(StoreError, match="has no pgvector"):
        Store.open(shadowed)


@pytest.mark.parametrize(
    ("place", "message", "hint"),
    [
        ("mysql://host/faces", "cannot be kept in mysql", "postgresql"),
        ("postgresql+psycopg2://host/faces", "psycopg2", "postgresql+psycopg://"),
        ("postgresql://user:secret@host", "names no database", "/DATABASE"),
        ("postgresql+psycopg://user@host:port/faces", "cannot be read", "write"),
    ],
)
def test_a_url_that_is_none(place, message, hint):
    """A URL that cannot be used is refused before anything is tried, with the form that it should have."""
    with pytest.raises(ConfigError) as caught:
        Store.open(place)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "secret" not in caught.value.message


def test_what_it_needs_is_an_extra(monkeypatch):
    """Without the packages of the extra the error says what to install."""
    monkeypatch.setitem(sys.modules, "pgvector", None)
    with pytest.raises(ConfigError, match="pgvector") as caught:
        Store.open("postgresql+psycopg://host/faces")
    assert "facesearch[postgres]" in caught.value.hint


def test_a_busy_gallery_names_its_writer(url, start, make):
    """A writer that waited in vain is told the process that writes; readers never wait."""
    Store.open(url).close()
    process = start(url, "store = Store.open(url)\nwith store.writing(): store.create_person('later'); wait()")
    with Store.open(url, timeout=0.2) as store:
        assert store.people() == []
        with pytest.raises(GalleryBusyError, match=f"process {process.pid}"):
            make.add(store, 1)
        with pytest.raises(GalleryBusyError, match=f"process {process.pid}"), store.lock(timeout=0):
            pass
        process.communicate("go\n", timeout=20)
        assert [person.name for person in store.people()] == ["later"]
        make.add(store, 1)


def test_a_killed_writer_blocks_nobody(url, start, make):
    """After kill -9 of a process in a transaction the next one writes at once, and half a transaction is not seen."""
    with Store.open(url) as store:
        code = "store = Store.open(url)\nwith store.lock(), store.writing(): store.create_person('half'); wait()"
        process = start(url, code)
        process.send_signal(signal.SIGKILL)
        process.wait()
        make.add(store, 1)
        assert store.people() == []


def test_two_stores_in_one_thread(url):
    """A second Store of the same thread is another writer, too."""
    with Store.open(url) as store, store.lock(), Store.open(url, timeout=0.1) as second:
        with pytest.raises(GalleryBusyError, match=str(os.getpid())):
            second.create_person("nobody")
        store.create_person("somebody")


def test_threads_share_a_store(url, make):
    """Threads that write and read through one Store wait for each other and lose nothing; changes are in order."""
    problems = []
    with Store.open(url) as store:

        def work(first):
            try:
                for number in range(first, first + 10):
                    make.add(store, number)
                    store.counts()
            except Exception as exc:  # noqa: BLE001
                problems.append(exc)

        threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert store.counts().faces == 30
        assert len(store.changes(0, make.recipe.key).added) == 30


def test_a_lost_connection_loses_the_transaction_only(server, url, make):
    """When the server ends a writer's connection, the lock goes with it: the transaction fails whole, with a hint, and
    the next one succeeds.
    """  # noqa: D205
    with Store.open(url) as store:
        end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        with pytest.raises(StoreError) as caught, store.writing():  # noqa: PT012
            make.add(store, 1)
            server.run(end)
            make.add(store, 2)
        assert "nothing is half written" in caught.value.hint
        assert store.counts().faces == 0
        make.add(store, 1)
        assert store.counts().faces == 1


def test_reading_is_of_one_state(url, make):
    """Inside ``reading`` nothing moves, though another connection commits."""
    with Store.open(url) as store, Store.open(url) as writer:
        with store.reading():
            state, counts = store.state(), store.counts()
            make.add(writer, 2)
            assert (store.state(), store.counts()) == (state, counts)
        assert store.counts().faces == 1


def test_what_is_erased_is_gone_from_the_tables(url, make):
    """After ``settle`` no row holds a name that was erased, and the gallery goes on; others' tables are rewritten."""
    with Store.open(url) as store:
        faces = make.add(store, 1, (10, 100))
        ada = store.create_person("Ada Lovelace").id
        store.enrol(faces[:1], ada)
        assert list(store.values_with(b"Lovelace"))
        erased = store.erase_people([ada], tombstone=True)
        assert store.pending_erasure() is not None
        assert store.settle() > 0
        assert store.pending_erasure() is None
        assert list(store.values_with(b"Lovelace")) == list(store.values_with(erased.vectors[0])) == []
        assert store.counts().faces == 1
        make.add(store, 2)
