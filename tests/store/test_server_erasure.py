"""Forgetting on a server: who may still see what goes is waited for and named; the tables' files hold none of it."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, make_url

from facesearch.errors import GalleryBusyError
from facesearch.store import Store
from facesearch.store.schema import Base

# A server must be started.
pytestmark = pytest.mark.slow

ADA = "Ada Lovelace"
NODES = "SELECT relname, relfilenode FROM pg_class WHERE relnamespace = current_schema()::regnamespace"


@pytest.fixture
def url(server):
    """Of a place where nothing was ever deleted."""
    return server.new_place()


@pytest.fixture
def reader(server, url):
    """Begins a transaction of a program called "report" that stays open: ``reader(query, isolation)``."""
    opened = []

    def begin(query, isolation="REPEATABLE READ", place=url):
        arguments = {"application_name": "report"}
        connection = create_engine(place, isolation_level=isolation, connect_args=arguments).connect()
        opened.append(connection)
        connection.exec_driver_sql(query).all()
        return connection

    yield begin
    for connection in opened:
        connection.close()
        connection.engine.dispose()


def fill(store, make):
    """Ten photos of two faces, one of which is Ada's; her id."""
    store.use_recipe(make.recipe)
    faces = [make.add(store, number, (10, 100)) for number in range(10)]
    ada = store.create_person(ADA).id
    store.enrol([one for one, _ in faces], ada)
    return ada


def found(server, url, needles):
    """In which of the server's files which of the needles are."""
    return {(name, needle) for name, data in server.files_of(url).items() for needle in needles if needle in data}


@pytest.mark.parametrize(
    ("query", "isolation"),
    [("SELECT count(*) FROM recipe", "REPEATABLE READ"), ("SELECT count(*) FROM face", "READ COMMITTED")],
    ids=["a snapshot", "a lock"],
)
def test_a_reader_is_named_and_waited_for(server, url, make, reader, query, isolation):
    """As long as a transaction may see what was deleted, or holds on to a table, the note stays and the error says who
    it is and what to do; afterwards nothing is left in any file.
    """  # noqa: D205
    with Store.open(url, timeout=0.3) as store:
        ada = fill(store, make)
        other = reader(query, isolation)
        erased = store.erase_people([ada])
        needles = [*erased.vectors, ADA.encode(), ada.encode()]
        with pytest.raises(GalleryBusyError, match=r"report \(server process \d+\) may still see") as caught:
            store.settle()
        assert "pg_terminate_backend" in caught.value.hint
        assert store.pending_erasure().ids == {ada}
        assert found(server, url, needles)
        other.rollback()
        store.settle()
        assert store.pending_erasure() is None
        assert found(server, url, needles) == set()
        assert store.counts().faces == 10


def test_one_who_reads_what_came_later_is_in_nobodys_way(server, url, make, reader):
    """A transaction that began after the deletion sees nothing of it, and is not waited for."""
    with Store.open(url, timeout=5) as store:
        ada = fill(store, make)
        erased = store.erase_people([ada])
        reader("SELECT 1 FROM (VALUES (1)) AS nothing")
        store.settle()
        assert found(server, url, [*erased.vectors, ADA.encode(), ada.encode()]) == set()


def test_a_reader_whom_the_user_may_not_look_at(server, make, reader):
    """What a superuser reads is hidden from others; that rows had to be kept for it is noticed all the same."""
    server.run("CREATE ROLE modest LOGIN")
    place = server.new_place()
    url = make_url(place).set(username="modest")
    schema = url.query["options"].split("=")[1].split(",")[0]
    server.run(f"ALTER SCHEMA {schema} OWNER TO modest")
    with Store.open(url, timeout=0.3) as store:
        ada = fill(store, make)
        other = reader("SELECT count(*) FROM pg_class", place=place)
        erased = store.erase_people([ada])
        with pytest.raises(GalleryBusyError, match="may not look at"):
            store.settle()
        assert store.pending_erasure() is not None
        other.rollback()
        store.settle()
        assert found(server, place, [*erased.vectors, ADA.encode(), ada.encode()]) == set()
        files = store.own_files()
        assert "pg_read_binary_file" in files.missing
        assert list(files) == []


def test_only_what_held_it_is_written_anew(server, url, make):
    """Tables that lost nothing keep their files, so a large album need not be written anew for one person."""
    with Store.open(url) as store:
        ada = fill(store, make)
        with store._engine.connect() as connection:
            before = dict(connection.exec_driver_sql(NODES).all())
        store.erase_people([ada])
        store.settle()
        with store._engine.connect() as connection:
            after = dict(connection.exec_driver_sql(NODES).all())
        changed = {name for name in Base.metadata.tables if before[name] != after[name]}
        assert {"embedding", "face", "enrolment", "event", "person", "erasure"} <= changed
        assert not {"photo", "path", "root", "recipe", "tombstone", "meta"} & changed


def test_every_value_and_every_file_can_be_read(url, make):
    """All texts, names of files and vectors come through SQL, and the vectors and names from the server's own files."""
    with Store.open(url) as store:
        fill(store, make)
        vector = store.vectors_of([1], make.recipe)[1][0].tobytes()
        columns = {name: b"".join(pieces) for name, pieces in store.all_values()}
        own = store.own_files()
        files = {name: b"".join(pieces) for name, pieces in own}
    assert vector in columns["embedding.embedding"]
    assert ADA.encode() in columns["person.name"]
    assert b"3.jpg" in columns["path.relative"]
    assert {own.tables[name] for name, data in files.items() if vector in data} == {"embedding"}
    assert {"person", "event"} <= {own.tables[name] for name, data in files.items() if ADA.encode() in data}
    assert len(files) > len(columns)
