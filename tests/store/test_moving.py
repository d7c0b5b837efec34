"""A gallery that is copied into another database: every row, every id, compared, all or nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url

from facesearch.errors import ConfigError, StoreError
from facesearch.store import FileStamp, NewAnalysis, Store, moving
from facesearch.store.canonical import Checksum
from facesearch.store.schema import Base, EventRow, FaceRow, RootRow

pytestmark = pytest.mark.slow


def quiet(*_: object) -> None:
    """Tells nobody."""


def fill(store, make):
    """At least one row in every table that is carried, and ids that were given out and are gone."""
    store.use_recipe(make.recipe)
    for number in range(6):
        make.add(store, number, (10, 100, 200))
    ada, bob = store.create_person("Ada"), store.create_person("Bob")
    store.enrol([1, 2, 4], ada.id)
    store.enrol([7, 8], bob.id, source="auto")
    store.reject([3], ada.id)
    store.reject([6], None)
    store.ignore([9])
    store.keep_apart([12], 15)
    store.save_clusters(make.recipe.key, {"one": [9, 12], "two": [15]})
    store.add_failure(make.stamp(500), "not a picture", "v1")
    make.add(store, 98)
    store.erase_photos([store.photo_by_pixel_hash("p98").id], tombstone=True)
    store.settle()
    store.save_calibration(make.recipe.key, '{"a": 1}')
    make.add(store, 99, (10, 100, 200))
    store.delete_photos([store.photo_by_pixel_hash("p99").id])


@pytest.fixture
def filled(folder, make):
    """The folder of such a gallery."""
    with Store.open(folder) as store:
        fill(store, make)
    counts = {name: len(rows) for name, rows in dump(folder).items()}
    left = {*moving.LEFT_BEHIND} - {"commit_log"}
    assert all(count for name, count in counts.items() if name not in left), counts
    return folder


def dump(folder):
    """Every table of a folder gallery as SQLite itself holds it, sorted."""
    with closing(sqlite3.connect(f"file:{folder}/gallery.sqlite?mode=ro", uri=True)) as raw:
        tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: raw.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    return {name: sorted(rows, key=repr) for name, rows in found.items() if name not in ("alembic_version",)}


def carried(folder):
    """What must be equal in two copies."""
    found = {name: rows for name, rows in dump(folder).items() if name not in moving.LEFT_BEHIND}
    meta = found.pop("meta")
    # Gallery, token and the state of the enrolments are a copy's own.
    return found | {"meta": [(row[0], *row[4:]) for row in meta]}


def copy(source, target, progress=quiet):
    """Copy a gallery from place to place."""
    with Store.open(source, create=False) as one, Store.open(target) as other:
        return one.copy_to(other, progress)


def holds_nothing(place):
    """Whether a gallery is as empty as a new one."""
    with Store.open(place, create=False) as store, store._reader() as connection:
        return not any(
            connection.exec_driver_sql(f'SELECT count(*) FROM "{table.name}"').scalar_one()
            for table in Base.metadata.sorted_tables
            if table.name not in ("meta", "commit_log")
        )


def test_there_and_back(filled, server, tmp_path):
    """From a folder to a server and into another folder: every row and every id is what it was, bit by bit."""
    url = server.new_place()
    there = copy(filled, url)
    back = copy(url, tmp_path / "back")
    assert carried(tmp_path / "back") == carried(filled)
    # A folder's host has a name on the server only.
    assert [one for one in there if one.name != "root"] == [one for one in back if one.name != "root"]
    assert {one.name: one.rows for one in there if one.name != "meta"} == {
        name: len(rows) for name, rows in carried(filled).items() if name not in ("meta", "sqlite_sequence")
    }


def test_a_server_to_a_server(filled, server, tmp_path):
    """From one database on a server to another one, and from there into a folder, nothing is lost either."""
    first, second = server.new_place(), server.new_place()
    copy(filled, first)
    copy(first, second)
    copy(second, tmp_path / "back")
    assert carried(tmp_path / "back") == carried(filled)


VALUES = st.floats(-1, 1, width=32) | st.sampled_from([0.0, -0.0, float(np.float32(1e-45)), float(np.float32(1 / 3))])
NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(name) & set(b"\0/") and name not in (b".", b"..")
)
TEXTS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)


# Copies take too long to look for the simplest one that fails.
@settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    vectors=st.lists(st.lists(VALUES, min_size=4, max_size=4), min_size=1, max_size=4),
    files=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    folders=st.lists(NAMES, min_size=1, max_size=2, unique=True),
    people=st.lists(TEXTS, max_size=3),
    dice=st.randoms(use_true_random=False),
)
def test_random_galleries_come_back(server, make, tmp_path_factory, vectors, files, folders, people, dice):
    """Whatever bits are in vectors, names and file names: there and back they are the same."""
    base = tmp_path_factory.mktemp("random")
    with Store.open(base / "one") as store:
        store.use_recipe(make.recipe)
        array = np.array(vectors, dtype=np.float32)
        faces = [make.face(dice.uniform(0, 300), size=dice.uniform(1, 90)) for _ in vectors]
        for number, name in enumerate(files):
            root = Path("/") / os.fsdecode(dice.choice(folders))
            stamp = FileStamp(root, os.fsdecode(name), dice.getrandbits(40), dice.getrandbits(62))
            photo = make.photo(number, taken_at=dice.choice([None, "2020-01-01T00:00:00"]))
            store.add_photos([NewAnalysis(photo, faces, array, stamp)], make.recipe)
        for name in people:
            person = store.create_person(name)
            store.enrol([dice.randint(1, len(vectors) * len(files))], person.id)
        if dice.random() < 0.5:
            store.delete_photos([len(files)])
    url = server.new_place()
    copy(base / "one", url)
    copy(url, base / "two")
    assert carried(base / "two") == carried(base / "one")


@pytest.mark.parametrize("way", ["up", "down"])
def test_ids_never_come_back(filled, server, make, tmp_path, way):
    """Ids of faces, photos and decisions that were deleted before the copy are not given out again in it."""
    url = server.new_place()
    copy(filled, url)
    target = url if way == "up" else tmp_path / "down"
    if way == "down":
        copy(url, target)
    with Store.open(filled) as store, Store.open(target) as other:
        gone = max(store.changes(0, make.recipe.key).removed)
        assert gone > max(row[0] for row in dump(filled)["face"])
        for held in (store, other):
            assert make.add(held, 200) == [gone + 1]
            held.create_person("Cleo")
        assert other.state().seq == store.state().seq
        assert [event.seq for event in other.events()] == [event.seq for event in store.events()]
        # Tables whose ids do not leave SQLite count on as well.
        make.add(other, 201)
        other.add_failure(make.stamp(600), "no", "v1")
        other.add_failure(make.stamp(601, root=Path("/elsewhere")), "no", "v1")
        other.reject([1], other.people()[0].id)


def test_ids_of_an_emptied_source(folder, server, make, tmp_path):
    """A gallery whose photos are all gone counts on from where it was, in a copy and in the copy of a copy."""
    with Store.open(folder) as store:
        make.add(store, 1, (10, 100))
        store.delete_photos([1])
    url = server.new_place()
    copy(folder, url)
    copy(url, tmp_path / "back")
    for place in (url, tmp_path / "back"):
        with Store.open(place) as store:
            assert make.add(store, 2) == [3]
            assert store.photo_by_pixel_hash("p2").id == 2


def test_a_copy_is_a_gallery_of_its_own(filled, server, tmp_path):
    """A copy has another UUID, token and state of enrolments, and neither gallery was ever in a state of the other."""
    places = [filled, server.new_place(), tmp_path / "third"]
    copy(places[0], places[1])
    copy(places[1], places[2])
    states, marks = [], []
    for place in places:
        with Store.open(place, create=False) as store:
            states.append(store.state())
            with store._reader() as connection:
                marks.append(set(connection.exec_driver_sql("SELECT token FROM commit_log").scalars()))
    for part in ("gallery", "token", "enrolments"):
        assert len({getattr(state, part) for state in states}) == 3, part
    assert len({state.seq for state in states}) == 1
    assert not marks[0] & marks[1]
    assert not marks[1] & marks[2]
    for place, state, mark in zip(places, states, marks, strict=True):
        with Store.open(place, create=False) as store:
            assert store.is_ancestor(state.token, state.seq)
            assert state.token in mark
            assert not any(store.is_ancestor(other.token, other.seq) for other in states if other is not state)


def test_an_emptied_target_gets_another_identity(filled, tmp_path, make):
    """A gallery that had photos once and is empty now becomes another one, so what was made from it is not trusted."""
    with Store.open(tmp_path / "target") as store:
        make.add(store, 1, (10, 20, 30, 40, 50))
        make.add(store, 2, tuple(range(0, 350, 2)))
        store.delete_photos([1, 2])
        store.delete_files([file.id for file in store.files(Path("/photos"))])
        before = store.state()
    copy(filled, tmp_path / "target")
    assert {name: rows for name, rows in carried(tmp_path / "target").items() if name != "sqlite_sequence"} == {
        name: rows for name, rows in carried(filled).items() if name != "sqlite_sequence"
    }
    with Store.open(tmp_path / "target") as store:
        assert store.state().gallery != before.gallery
        assert not store.is_ancestor(before.token, before.seq)
        # Neither gallery's ids come back.
        assert make.add(store, 300) == [181]


def test_paths_of_this_machine_stay_paths_of_this_machine(folder, server, make, tmp_path, monkeypatch):
    """A folder has no name on a server but a host's, and the other way round; those of other machines keep theirs."""
    monkeypatch.setenv("FACESEARCH_HOST", "here")
    with Store.open(folder) as store:
        make.add(store, 1)
    url = server.new_place()
    copy(folder, url)
    with Store.open(url) as store:
        assert store.known(make.stamp(1)).photo_id == 1
        assert store.paths_of([1]) == {1: ("/photos/1.jpg",)}
        monkeypatch.setenv("FACESEARCH_HOST", "elsewhere")
        with Store.open(url) as other:
            assert other.paths_of([1]) == {1: ("here:/photos/1.jpg",)}
            make.add(other, 2)
    monkeypatch.setenv("FACESEARCH_HOST", "here")
    copy(url, tmp_path / "back")
    with Store.open(tmp_path / "back") as store:
        assert store.known(make.stamp(1)).photo_id == 1
        assert store.paths_of([1, 2]) == {1: ("/photos/1.jpg",), 2: ("elsewhere:/photos/2.jpg",)}


def test_one_folder_under_two_hosts(server, folder, make, monkeypatch):
    """A folder that is known without a host and under this machine's is refused; another name is the way out."""
    url = server.new_place()
    with Store.open(folder) as store:
        make.add(store, 1)
        with store.writing():
            store._work.connection.execute(RootRow.__table__.insert().values(host="here", folder="/photos/2020"))
    monkeypatch.setenv("FACESEARCH_HOST", "here")
    with pytest.raises(ConfigError, match="/photos is in the gallery twice: on this machine, and on here") as caught:
        copy(folder, url)
    assert "FACESEARCH_HOST" in caught.value.hint
    assert holds_nothing(url)
    monkeypatch.setenv("FACESEARCH_HOST", "there")
    copy(folder, url)


def test_only_empty_places_are_filled(filled, tmp_path, make):
    """A gallery with a photo, a name or a forgotten photo is not written to, nor is the gallery itself."""
    for number, act in enumerate(
        (
            lambda store: make.add(store, 1),
            lambda store: store.create_person("Ada"),
            lambda store: store.erase_everything(tombstone=True),
        )
    ):
        target = tmp_path / str(number)
        with Store.open(target) as store:
            act(store)
        before = dump(target)
        with pytest.raises(ConfigError, match="holds something already") as caught:
            copy(filled, target)
        assert "new folder" in caught.value.hint
        assert dump(target) == before
    with pytest.raises(ConfigError, match="is the gallery that is to be copied"):
        copy(filled, filled)


def test_nothing_is_copied_while_something_is_being_forgotten(filled, tmp_path):
    """What is to be gone must not get into a copy on its way out."""
    with Store.open(filled) as store, Store.open(tmp_path / "target") as target:
        store.erase_people([store.people()[0].id])
        with pytest.raises(StoreError, match="is being forgotten") as caught:
            store.copy_to(target, quiet)
        assert "facesearch forget" in caught.value.hint
        store.settle()
        store.copy_to(target, quiet)


def test_a_source_in_use(filled, tmp_path, make):
    """The copy is of one state of the source, though somebody adds photos meanwhile, who need not wait."""
    before = carried(filled)
    with Store.open(filled) as writer:

        def progress(done, total, table):
            if done == 0:
                make.add(writer, 300 + len(dump(filled)["photo"]))

        copy(filled, tmp_path / "target", progress)
    assert carried(tmp_path / "target") == before
    assert len(dump(filled)["photo"]) == len(before["photo"]) + 2


def test_progress(filled, tmp_path):
    """Rows are counted twice: when they are written and when they are compared; no count goes back."""
    told = []
    tables = copy(filled, tmp_path / "target", lambda *row: told.append(row))
    rows = sum(table.rows for table in tables)
    done = [row[0] for row in told]
    assert [row[1] for row in told] == [rows] * len(told)
    second = done.index(0, 1)
    for part in (done[:second], done[second:]):
        assert part == sorted(part)
        assert (part[0], part[-1]) == (0, rows)


SPOILERS = {
    "a bit of a vector": "AFTER INSERT ON embedding WHEN NEW.face_id = 5 BEGIN "
    "UPDATE embedding SET embedding = zeroblob(16) WHERE face_id = 5; END",
    "a number": "AFTER INSERT ON face "
    "WHEN NEW.id = 2 BEGIN UPDATE face SET quality = 0.5000000000000001 WHERE id = 2; END",
    "a null": "AFTER INSERT ON photo WHEN NEW.id = 2 BEGIN UPDATE photo SET taken_at = '' WHERE id = 2; END",
    "a letter": "AFTER INSERT ON event WHEN NEW.seq = 2 BEGIN UPDATE event SET payload = payload || ' '; END",
    "a row": "BEFORE INSERT ON ignored BEGIN SELECT RAISE(IGNORE); END",
    "a row too many": "AFTER INSERT ON enrolment WHEN NEW.face_id = 1 BEGIN "
    "INSERT INTO enrolment SELECT 10, person_id, source, confirmed FROM enrolment WHERE face_id = 1; END",
}


@pytest.mark.parametrize("what", SPOILERS)
def test_a_difference_is_found(filled, tmp_path, what):
    """Where the target does not hold what was written, be it a bit, nothing is kept and the error says which table."""
    target = tmp_path / "target"
    Store.open(target).close()
    with closing(sqlite3.connect(target / "gallery.sqlite")) as raw:
        raw.execute(f"CREATE TRIGGER spoiler {SPOILERS[what]}")
        raw.commit()
    table = SPOILERS[what].partition(" ON ")[2].split()[0]
    with pytest.raises(StoreError, match=f"rows of {table} are not what was copied") as caught:
        copy(filled, target)
    assert "copy again" in caught.value.hint
    assert holds_nothing(target)
    with closing(sqlite3.connect(target / "gallery.sqlite")) as raw:
        raw.execute("DROP TRIGGER spoiler")
        raw.commit()
    copy(filled, target)
    assert carried(target) == carried(filled)


def test_a_difference_on_a_server_is_found(filled, server):
    """The same on a server, where COPY has written the rows."""
    url = server.new_place()
    Store.open(url).close()
    server.run(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.quality = NEW.quality + 1.2e-16; RETURN NEW; END $$",
        "CREATE TRIGGER spoiler BEFORE INSERT ON face FOR EACH ROW EXECUTE FUNCTION spoil()",
        url=make_url(url),
    )
    with pytest.raises(StoreError, match="rows of face are not what was copied"):
        copy(filled, url)
    assert holds_nothing(url)


def test_a_full_disk(filled, tmp_path):
    """A full disk is one of our errors, with a way out, and leaves an empty gallery that can be filled later."""
    target = tmp_path / "target"
    with Store.open(filled) as source, Store.open(target) as store:
        source.add_failure(FileStamp(Path("/photos"), "long.jpg", 1, 1), "long " * 5000, "v1")
        with store._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StoreError, match="full") as caught:
            source.copy_to(store, quiet)
        assert "free some disk space" in caught.value.hint
    assert holds_nothing(target)
    copy(filled, target)
    assert carried(target) == carried(filled)


def test_values_that_a_server_cannot_hold(folder, server, make):
    """A vector with a NaN, which pgvector refuses, is an error of ours that names the place, and nothing is kept."""
    url = server.new_place()
    with Store.open(folder) as store:
        make.add(store, 1)
        with store.writing():
            store._work.connection.exec_driver_sql(
                "UPDATE embedding SET embedding = x'0000c07f0000c07f0000c07f0000c07f'"
            )
    with pytest.raises(StoreError, match="NaN"):
        copy(folder, url)
    assert holds_nothing(url)


@pytest.mark.parametrize("where", ["folder", "server"])
def test_killed_at_any_moment(filled, server, tmp_path, monkeypatch, where):
    """After kill −9 at many moments of writing and comparing the target is empty, and the next try fills it."""
    monkeypatch.setattr(moving, "BATCH", 5)
    target = tmp_path / "target" if where == "folder" else server.new_place()
    calls = []
    copy(filled, tmp_path / "other", lambda *row: calls.append(row))
    for moment in (1, *range(4, len(calls), len(calls) // 7), len(calls)):
        assert killed(lambda moment=moment: copy(filled, target, dies_at(moment)))
        assert holds_nothing(target)
    copy(filled, target)
    if where == "server":
        copy(target, tmp_path / "back")
        target = tmp_path / "back"
    assert carried(target) == carried(filled)


def dies_at(moment):
    """Kills this process when it is called so many times."""
    calls = []

    def progress(*_):
        calls.append(1)
        if len(calls) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


def killed(work):
    """Let a process of its own do something. Returns whether it was killed at it."""
    process = os.fork()
    if not process:
        try:
            work()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL


def test_what_stays_behind(filled, server):
    """Every table is carried, or is one that says why not; claims of photos are not."""
    names = set(Base.metadata.tables)
    assert names >= set(moving.LEFT_BEHIND)
    assert {table.name for table in moving.carried()} == names - set(moving.LEFT_BEHIND)
    first, second = server.new_place(), server.new_place()
    copy(filled, first)
    server.run("INSERT INTO claim (pixel_hash, owner, at) VALUES ('p7', 1, now())", url=make_url(first))
    copy(first, second)
    engine = create_engine(second)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM claim").scalar_one() == 0
    engine.dispose()


def test_every_column_has_a_canonical_form():
    """No column can be added that a checksum does not know."""
    for table in moving.carried():
        Checksum(moving.carried_columns(table)).add([[None] * len(moving.carried_columns(table))])


def test_checksums_tell_apart():
    """Nothing and empty, zero and minus zero, a bit of a number, and where one text ends and the next one begins."""

    def of(columns, *rows):
        checksum = Checksum(columns)
        checksum.add(rows)
        return checksum.hexdigest()

    table = EventRow.__table__.c
    texts = [table.pixel_hash, table.person_id]
    assert (
        len({of(texts, row) for row in ((None, None), ("", None), (None, ""), ("", ""), ("ab", ""), ("a", "b"))}) == 6
    )
    numbers = [FaceRow.__table__.c.quality]
    assert len({of(numbers, (value,)) for value in (None, 0.0, -0.0, 1.0, np.nextafter(1.0, 2).item())}) == 5
    assert of(texts, ("a", "b"), ("c", "d")) != of(texts, ("c", "d"), ("a", "b"))


def test_text_keys_come_in_one_order(folder, server, make):
    """Keys of letters, digits, dashes and capitals come in the same order from a server, whatever its language."""
    with Store.open(folder) as store, store.writing():
        store.use_recipe(make.recipe)
        [face] = make.add(store, 1)
        for other in ("b-1", "B1", "b1", "b-", "é", "z", "_", "a b", "ab"):
            row = {"face_id": face, "other": f"{other}:0.1,0.1,0.2,0.2"}
            store._work.connection.execute(Base.metadata.tables["apart"].insert().values(**row))
    url = server.new_place()
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # The database of the tests may be of the C language itself; a column of another one is as good.
        collations = connection.exec_driver_sql(
            "SELECT collname FROM pg_collation WHERE collname LIKE 'en%%'"
        ).scalars()
        language = next(iter(collations), None)
    engine.dispose()
    Store.open(url).close()
    if language is not None:
        statement = f'ALTER TABLE apart ALTER COLUMN other TYPE varchar(160) COLLATE "{language}"'
        server.run(statement, url=make_url(url))
    copy(folder, url)
