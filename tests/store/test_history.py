"""Undo, redo and replay: every decision can be taken back, and the journal alone brings everything back."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from facesearch.errors import ConfigError, NotFoundError
from facesearch.store import Store
from facesearch.store.decided import Decided

pytestmark = pytest.mark.slow

PLACES = (10, 100, 200)
MAX_PEOPLE = 4


def state(store):
    """Everything that people decided: names, what is said of each face, marks."""
    with store.reading():
        faces = [face.id for number in (1, 2, 3) for face in store.faces_of_photo(photo_id(store, number))]
        people = sorted((person.id, person.name) for person in store.people())
        return people, store.decided(faces), store.marked(), sorted(store.apart())


def photo_id(store, number):
    """The photo with this number."""
    return store.photo_by_pixel_hash(f"p{number}").id


def actions(store):
    """The ids of all actions, oldest first."""
    return list(dict.fromkeys(event.action for event in store.events()))


def test_one_action_comes_back_whole(store, make):
    """Undo takes a whole transaction back, with the person that it made; redo repeats it, with the same person."""
    ids = make.add(store, 1, PLACES)
    before = store.people(), store.decided(ids)
    with store.writing():
        ada = store.create_person("Ada")
        store.enrol(ids, ada.id)
    named = store.people(), store.decided(ids)
    (action,) = actions(store)
    store.undo(action)
    assert (store.people(), store.decided(ids)) == before
    store.redo(action)
    assert (store.people(), store.decided(ids)) == named
    assert [event.op for event in store.events()].count("undo") == 1
    assert actions(store)[0] == action


def test_an_older_action_alone(store, make):
    """An action in the middle can be taken back as long as nothing later is about the same thing."""
    one, two = make.add(store, 1, (10, 100))
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    store.enrol([one], ada)
    store.enrol([two], bob)
    store.reject([one], bob)
    first = actions(store)[2]
    store.undo(first)
    assert store.decided([one, two]) == {
        one: Decided(rejected=frozenset({bob})),
        two: Decided(bob, "user", confirmed=True),
    }
    store.enrol([one], store.create_person("Carol").id)
    with pytest.raises(ConfigError, match="since"):
        store.redo(first)


def test_what_was_decided_anew_is_not_taken_back(store, make):
    """Undo refuses an action about a face that somebody else has now, or a person who was renamed; nothing changes."""
    (one,) = make.add(store, 1)
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    store.enrol([one], ada)
    store.enrol([one], bob)
    store.rename(ada, "Ada Lovelace")
    before, events = store.decided([one]), store.events()
    for action in (actions(store)[0], actions(store)[2]):
        with pytest.raises(ConfigError, match="since"):
            store.undo(action)
    with pytest.raises(ConfigError, match="since"):
        store.undo(actions(store)[1])  # Bob has a face now
    with pytest.raises(NotFoundError):
        store.undo("nothing of the sort")
    assert (store.decided([one]), store.events()) == (before, events)


def test_merge_and_back(store, make):
    """A merged person's faces and rejections go over; undo brings the person back with the same id, name and faces."""
    one, two, three = make.add(store, 1, PLACES)
    ada, twin, bob = (store.create_person(name).id for name in ("Ada", "ada l.", "Bob"))
    store.enrol([one], ada)
    store.enrol([two], twin, "folder")
    store.reject([three], twin)
    store.reject([one], twin)
    before = store.people(), store.decided([one, two, three])
    assert store.merge(ada, [twin]) == 1
    assert {person.name: person.faces for person in store.people()} == {"Ada": 2, "Bob": 0}
    assert store.decided([one, two, three]) == {
        one: Decided(ada, "user", confirmed=True),
        two: Decided(ada, "folder", confirmed=True),
        three: Decided(rejected=frozenset({ada})),
    }
    store.undo(actions(store)[-1])
    assert (store.people(), store.decided([one, two, three])) == before
    assert bob in {person.id for person in store.people()}


def test_split(store, make):
    """Faces that are split off get a person of their own and are never again the old one's."""
    one, two = make.add(store, 1, (10, 100))
    ada = store.create_person("Ada").id
    store.enrol([one, two], ada)
    new = store.split(ada, [two], "Bob")
    assert (new.name, new.faces) == ("Bob", 1)
    assert store.decided([two]) == {two: Decided(new.id, "user", confirmed=True, rejected=frozenset({ada}))}
    with pytest.raises(ConfigError, match="not Ada's"):
        store.split(ada, [two], "Carol")


def test_decisions_about_a_photo_that_is_gone(store, make):
    """An action about a photo that was pruned can be taken back, and the photo comes back without the name."""
    (one,) = make.add(store, 1)
    ada = store.create_person("Ada").id
    store.enrol([one], ada)
    store.delete_photos([photo_id(store, 1)])
    store.undo(actions(store)[-1])
    assert store.decided(make.add(store, 1)) == {}
    store.redo(actions(store)[1])
    (again,) = make.add(store, 1)
    assert store.decided([again]) == {again: Decided(ada, "user", confirmed=True)}


def test_replay_lists_what_has_no_place(store, make):
    """Replay restores what it finds, and names what waits for a photo that is not there."""
    one, two = make.add(store, 1, (10, 100))
    (three,) = make.add(store, 2)
    ada = store.create_person("Ada").id
    store.enrol([one, three], ada)
    store.ignore([two])
    store.delete_photos([photo_id(store, 2)])
    (waiting,) = store.replay()
    assert (waiting.place.pixel_hash, waiting.person, waiting.person_id) == ("p2", "Ada", ada)
    assert store.decided([one, two]) == {one: Decided(ada, "user", confirmed=True), two: Decided(ignored=True)}


def test_events_of_the_first_version(store, make):
    """A journal whose events do not say what was before them is read, replayed and taken back all the same."""
    (one,) = make.add(store, 1)
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    store.reject([one], ada)
    store.enrol([one], bob, "folder")
    store.enrol([one], ada)
    expected = store.decided([one])
    old = {"source": "user", "confirmed": True}
    with store.writing():
        raw = store._work.connection
        for seq, op, payload in raw.exec_driver_sql("SELECT seq, op, payload FROM event").all():
            if "after" in json.loads(payload):
                after = json.loads(payload)["after"]
                said = {"source": after["source"], "confirmed": True, "previous": None} if op == "enrol" else old
                change = text("UPDATE event SET payload = :payload WHERE seq = :seq")
                raw.execute(change, {"payload": json.dumps(said), "seq": seq})
    assert store.replay() == []
    assert store.decided([one]) == expected == {one: Decided(ada, "user", confirmed=True)}
    store.undo(actions(store)[-1])
    assert store.decided([one]) == {one: Decided(bob, "folder", confirmed=True, rejected=frozenset({ada}))}


steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("create", "rename", "enrol", "folder", "auto", "unenrol", "reject", "no face", "ignore", "unignore"),
                *("merge", "split", "apart", "mark", "unmark", "undo", "redo"),
            ]
        ),
        st.integers(0, 8),
        st.integers(0, MAX_PEOPLE - 1),
        st.integers(0, 8),
    ),
    max_size=14,
)


def act(store, faces, what, which, who, other):
    """Take one decision; one that cannot be taken is refused with an error of ours and changes nothing."""
    people = sorted(store.people(), key=lambda person: person.name)
    face = faces[which % len(faces)]
    person = people[who % len(people)].id if people else None
    done = actions(store)
    try:
        if what == "create" and len(people) < MAX_PEOPLE:
            store.create_person(f"person {other}")
        elif what in ("enrol", "folder", "auto") and person:
            store.enrol([face, faces[other % len(faces)]], person, "user" if what == "enrol" else what)
        elif what == "rename" and person:
            store.rename(person, f"name {other}")
        elif what == "unenrol":
            store.unenrol([face])
        elif what == "reject" and person:
            store.reject([face], person)
        elif what == "no face":
            store.reject([face], None)
        elif what == "ignore":
            store.ignore([face])
        elif what == "unignore":
            store.unignore([face])
        elif what == "merge" and person:
            store.merge(person, [people[other % len(people)].id])
        elif what == "split" and person:
            store.split(person, [face], f"split {other}")
        elif what == "apart":
            store.keep_apart([face], faces[other % len(faces)])
        elif what in ("mark", "unmark"):
            store.mark(photo_id(store, 1 + which % 3), "collage" if what == "mark" else None)
        elif what in ("undo", "redo") and done:
            getattr(store, what)(done[other % len(done)])
    except ConfigError:
        pass


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_any_history_goes_back_and_comes_again(tmp_path_factory, make, history):
    """After any decisions: no event was ever rewritten; the journal on emptied tables gives the same state; a photo
    that is deleted and indexed again has it too; and undoing every action, the last first, gives the exact beginning.
    """  # noqa: D205
    with Store.open(tmp_path_factory.mktemp("history") / "gallery") as store:
        faces = [face for number in (1, 2, 3) for face in make.add(store, number, PLACES)]
        start = state(store)
        told = []
        for step in history:
            before = state(store)
            act(store, faces, *step)
            events = store.events()
            assert events[: len(told)] == told
            assert (events == told) == (state(store) == before)
            told = events
        reached = state(store)
        assert store.replay() == []
        assert state(store) == reached
        undone = 0
        for action in reversed(actions(store)):
            store.undo(action)
            undone += 1
        assert state(store) == start
        assert store.events()[: len(told)] == told
        assert len(actions(store)) >= undone
        assert store.replay() == []
        assert state(store) == start
