"""Forgetting in the database: rows, the journal, the pages of the file, and photos that stay out."""

import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError, GalleryBusyError
from facesearch.store import Store
from facesearch.store.decided import Decided

from .test_history import PLACES, act, actions, photo_id, state, steps

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

ADA = "Ada Lovelace"


@pytest.fixture
def filled(store, make):
    """Three photos of three faces; Ada has three faces, Bob two; the ids of the two."""
    store.use_recipe(make.recipe)
    for number in (1, 2, 3):
        make.add(store, number, PLACES)
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    store.enrol([1, 4, 7], ada)
    store.enrol([2], ada)
    store.enrol([2, 5], bob)
    store.reject([5], ada)
    store.keep_apart([3, 6], 1)
    store.rename(ada, ADA)
    store.save_calibration(make.recipe.key, "{}")
    store.save_clusters(make.recipe.key, {"one": [9, 3, 7]})
    return ada, bob


def raw_events(store):
    """The journal as SQLite itself tells it."""
    with closing(sqlite3.connect(store.folder / "gallery.sqlite")) as raw:
        return raw.execute("SELECT op, pixel_hash, region, person_id, payload FROM event ORDER BY seq").fetchall()


def traces(folder, needles):
    """How often each of the needles stands in the files of a folder, in any case."""
    data = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    return [data.count(needle) + data.lower().count(needle.lower()) for needle in needles]


def test_a_person_goes_with_all_their_faces(store, filled, make):
    """Person, faces, vectors of all recipes, rejections, pairs, clusters and calibration go; everybody else stays."""
    ada, bob = filled
    store.add_vectors(list(store.faces([1]).values()), make.vectors(1), make.other)
    erased = store.erase_people([ada])
    assert (erased.people, erased.faces, len(erased.vectors)) == (1, 3, 4)
    assert erased.names == {"Ada", ADA}
    assert [person.id for person in store.people()] == [bob]
    assert sorted(store.faces(range(1, 10))) == [2, 3, 5, 6, 8, 9]
    assert store.decided(range(1, 10)) == {face: Decided(bob, "user", confirmed=True) for face in (2, 5)}
    assert store.clusters(make.recipe.key) == {"one": [9, 3]}
    assert store.calibrated() == {}
    assert store.counts().photos == {"done": 3}


@pytest.mark.sqlite
def test_the_journal_says_nothing_of_them(store, filled):
    """No event names the person, their id, or a place of their faces; as many events as before are there, with their
    ids, and one more that says how much was erased.
    """  # noqa: D205
    ada, _ = filled
    before = store.events()
    places = [str(place) for place in store.places_of([1, 4, 7]).values()]
    regions = [event.region for event in before if event.op == "enrol" and event.person_id == ada][:3]
    store.erase_people([ada])
    after = store.events()
    assert [(event.seq, event.id, event.action, event.at) for event in after[:-1]] == [
        (event.seq, event.id, event.action, event.at) for event in before
    ]
    text = json.dumps(raw_events(store), default=str)
    assert all(word not in text for word in (ada, "Ada", *places))
    assert all(event.region != regions[0] for event in after)
    assert (after[-1].op, after[-1].person_id, after[-1].pixel_hash) == ("forget", None, None)
    assert after[-1].payload["faces"] == 3
    blank = [row for row in raw_events(store) if row[0] == "erased" and row[1] is None]
    assert len(blank) == 5
    assert set(blank) == {("erased", None, None, None, "{}")}


def test_undo_does_not_cross_it(store, filled):
    """What came before is not taken back any more, about whomever it was."""
    ada, _ = filled
    old = actions(store)
    store.erase_people([ada])
    for action in [*old, actions(store)[-1]]:
        with pytest.raises(ConfigError, match="cannot be taken back"):
            store.undo(action)


@pytest.mark.sqlite
def test_who_became_part_of_somebody_goes_with_them(store, filled, make):
    """A merged person is erased with the one that they became part of, also in photos that are gone."""
    ada, bob = filled
    (ten,) = make.add(store, 4)
    twin = store.create_person("Countess").id
    store.enrol([ten], twin)
    store.delete_photos([photo_id(store, 4)])
    store.merge(ada, [twin])
    erased = store.erase_people([ada])
    assert (erased.ids, erased.names) == ({ada, twin}, {"Ada", ADA, "Countess"})
    assert "Countess" not in json.dumps(raw_events(store), default=str)
    assert store.decided(make.add(store, 4)) == {}
    assert [person.id for person in store.people()] == [bob]


@pytest.mark.sqlite
def test_somebody_whom_only_the_journal_knows(store, filled):
    """A name that was taken back is still in the journal; it can be found there, and erased."""
    carol = store.create_person("Carol").id
    store.undo(actions(store)[-1])
    assert store.gone_people("carol") == {carol: {"Carol"}}
    assert store.gone_people(carol) == {carol: {"Carol"}}
    assert store.gone_people("bob") == {}
    store.erase_people([carol])
    assert "Carol" not in json.dumps(raw_events(store), default=str)
    assert len(store.people()) == 2


@pytest.mark.sqlite
def test_a_photo_goes_with_everything(store, filled, make):
    """A photo's row, files, faces and decisions go, and its root where it was the only file; people stay."""
    store.mark(photo_id(store, 1), "collage")
    store.seen([(make.stamp(77, root=make.stamp(1).root / "other"), photo_id(store, 1), "b1")])
    erased = store.erase_photos([photo_id(store, 1)])
    assert (erased.photos, erased.faces, erased.hashes, erased.paths) == (1, 3, {"p1", "b1"}, {"1.jpg", "77.jpg"})
    assert store.photo_by_pixel_hash("p1") is None
    assert len(store.people()) == 2
    text = json.dumps(raw_events(store), default=str)
    assert "p1" not in text
    assert store.apart() == []
    assert [path for path in store.all_paths() if "other" in path or path.endswith("/1.jpg")] == []
    assert store.replay() == []
    assert len(make.add(store, 1, PLACES)) == 3


def test_everything_goes(store, filled, make):
    """Nothing is left but an empty gallery with another identity, in whose journal one event says that it is so."""
    before = store.state()
    erased = store.erase_everything()
    assert (erased.people, erased.faces, erased.photos) == (2, 9, 3)
    assert {ADA, "Bob"} <= erased.names
    now = store.state()
    assert (now.gallery != before.gallery, now.token != before.token, now.recipe) == (True, True, None)
    assert [event.op for event in store.events()] == ["forget"]
    assert (store.people(), store.all_paths(), store.counts().faces) == ([], [], 0)
    store.use_recipe(make.recipe)
    assert min(make.add(store, 1)) > 9


@pytest.mark.sqlite
def test_tombstones_keep_new_faces_out(store, filled, make):
    """In a photo with a tombstone only the faces that are known stay; a photo that was deleted gives none at all; the
    tombstone does not tell the photo.
    """  # noqa: D205
    ada, _ = filled
    assert store.erase_people([ada], tombstone=True).tombstones == 3
    assert make.add(store, 1, (*PLACES, 300)) == [2, 3]
    store.erase_photos([photo_id(store, 2)], tombstone=True)
    assert make.add(store, 2, PLACES) == []
    assert store.counts().photos == {"done": 2, "no_face": 1}
    with closing(sqlite3.connect(store.folder / "gallery.sqlite")) as raw:
        rows = raw.execute("SELECT hash, salt FROM tombstone").fetchall()
    assert len(rows) == 3
    assert len({salt for _, salt in rows}) == 1
    store.erase_everything()
    assert len(make.add(store, 1, PLACES)) == 3


def test_everything_with_tombstones(store, filled, make):
    """All photos stay out, those that were out before too."""
    store.erase_photos([photo_id(store, 1)], tombstone=True)
    assert store.erase_everything(tombstone=True).tombstones == 2
    assert [make.add(store, number, PLACES) for number in (1, 2, 3)] == [[], [], []]
    assert len(make.add(store, 4)) == 1


@pytest.mark.parametrize("mode", ["wal", "delete", "persist"])
def test_nothing_is_left_in_the_files(folder, make, mode):
    """Whatever the journal mode: after ``settle`` no byte of a vector, a name or an id is in any file."""
    with Store.open(folder) as store:
        store.use_recipe(make.recipe)
        for number in range(60):
            make.add(store, number, PLACES)
        ada = store.create_person(ADA).id
        store.enrol(list(range(1, 180, 3)), ada)
    if mode != "wal":
        with closing(sqlite3.connect(folder / "gallery.sqlite")) as raw:
            assert raw.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
    with Store.open(folder) as store:
        if mode == "persist":
            with store._engine.raw_connection() as raw:
                raw.cursor().execute("PRAGMA journal_mode = persist")
        erased = store.erase_people([ada])
        needles = [*erased.vectors, ADA.encode(), ada.encode()]
        assert len(needles) == 62
        pending = store.pending_erasure()
        assert (pending.ids, pending.names, pending.vectors) == ({ada}, frozenset(), ())
        store.settle()
        assert store.pending_erasure() is None
        assert traces(folder, needles) == [0] * len(needles)
        assert traces(folder, [make.vectors(3, seed=7)[1].tobytes()]) != [0]


def test_a_reader_of_an_old_state_is_waited_for(folder, filled, store):
    """As long as another process reads an old state its pages stay, so the note stays too, and an error says why."""
    ada, _ = filled
    store.close()
    with Store.open(folder, timeout=0.1) as store, closing(sqlite3.connect(folder / "gallery.sqlite")) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM person").fetchone()
        store.erase_people([ada])
        with pytest.raises(GalleryBusyError, match="reading"):
            store.settle()
        assert store.pending_erasure() is not None
        other.rollback()
        store.settle()
        assert store.pending_erasure() is None
        assert traces(folder, [ADA.encode(), ada.encode()]) == [0, 0]


def test_an_index_of_before_is_made_anew(store, filled):
    """No earlier state leads to the one after, so a vector index that holds what went is remade, not caught up."""
    ada, _ = filled
    before = store.state()
    store.erase_people([ada])
    assert not store.is_ancestor(before.token, before.seq)
    assert store.state().enrolments != before.enrolments
    assert not set(store.changes(0, before.recipe).removed.tolist()) & {1, 4, 7}


def test_values_are_found_wherever_they_are(store, filled):
    """Text and BLOBs of every table are looked through, paths as bytes too."""
    found = {column for column, _ in store.values_with(b"Bob")}
    assert found == {"person.name", "event.payload"}
    assert {column for column, _ in store.values_with(b"/photos")} == {"root.folder"}
    assert {column for column, _ in store.values_with(b"3.jpg")} == {"path.relative"}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.integers(0, 3), steps)
def test_after_any_history(tmp_path_factory, make, history, whom, later):
    """After any decisions somebody is forgotten, and any decisions more: replay gives the same state, nobody else's
    faces, names or decisions change, and undoing all that came later leads back to the moment after, never beyond.
    """  # noqa: D205
    with Store.open(tmp_path_factory.mktemp("erasure") / "gallery") as store:
        faces = [face for number in (1, 2, 3) for face in make.add(store, number, PLACES)]
        for step in history:
            act(store, faces, *step)
        people = store.people()
        if not people:
            return
        person = people[whom % len(people)].id
        before = store.decided(faces)
        erased = store.erase_people([person])
        faces = [face for face in faces if before.get(face, Decided()).person_id != person]
        assert erased.faces == 9 - len(faces)
        now = store.decided(faces)
        for face in faces:
            was, then = before.get(face, Decided()), now.get(face, Decided())
            assert then.enrolment == was.enrolment
            assert then.rejected == was.rejected - {person}
            assert then.apart <= was.apart
            assert (then.no_face, then.ignored) == (was.no_face, was.ignored)
        text = json.dumps(raw_events(store), default=str)
        assert all(one not in text for one in erased.ids)
        if not faces:
            return
        reached = state(store)
        assert store.replay() == []
        assert state(store) == reached
        kept = set(actions(store))
        for step in later:
            act(store, faces, *step)
        for action in reversed([one for one in actions(store) if one not in kept]):
            store.undo(action)
        assert state(store) == reached
        for action in kept:
            with pytest.raises(ConfigError):
                store.undo(action)
