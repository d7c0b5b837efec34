"""The journal: written with its effect, never rewritten, enough to bring everything back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facesearch.store import Region, Store

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

PLACES = (10, 100, 200)


def test_an_event_says_who_what_and_where(store, make):
    """A decision is an event with the photo's pixel hash, the box in fractions, the person, and what was before."""
    (face,) = make.add(store, 1)
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    store.enrol([face], ada, "folder")
    store.enrol([face], bob)
    store.rename(bob, "Robert")
    store.unenrol([face])
    store.reject([face], ada)
    events = store.events()
    assert [event.op for event in events] == [
        "create_person",
        "create_person",
        "enrol",
        "enrol",
        "rename",
        "unenrol",
        "reject",
    ]
    assert len({event.id for event in events}) == len({event.action for event in events}) == 7
    assert events[0].payload == {"name": "Ada"}
    moved = events[3]
    assert (moved.pixel_hash, moved.person_id) == ("p1", bob)
    assert moved.region == Region(10 / 400, 10 / 200, 50 / 400, 50 / 200)
    assert moved.payload == {
        "before": {"person": ada, "source": "folder", "confirmed": True},
        "after": {"person": bob, "source": "user", "confirmed": True},
    }
    assert events[4].payload == {"name": "Robert", "previous": "Bob"}
    assert events[5].person_id == bob
    assert store.events(after_seq=events[4].seq) == events[5:]
    assert store.events_of(["p1", "p2"]) == {"p1": [event for event in events if event.pixel_hash]}


def test_what_was_done_at_once_is_one_action(store, make):
    """The events of one transaction share an action, so that one command can be undone as one."""
    ids = make.add(store, 1, PLACES)
    with store.writing():
        store.enrol(ids, store.create_person("Ada").id)
    assert len({event.action for event in store.events()}) == 1
    assert len(store.events()) == 4


def test_no_effect_no_event(store, make):
    """A decision that changes nothing, or is undone with its transaction, leaves no event."""
    ids = make.add(store, 1)
    ada = store.create_person("Ada").id
    store.enrol(ids, ada)
    before = store.events()
    store.enrol(ids, ada)
    store.rename(ada, "Ada")
    with pytest.raises(ZeroDivisionError), store.writing():  # noqa: PT012  the transaction is what is tested
        store.unenrol(ids)
        _ = 1 / 0
    assert store.events() == before


def test_names_come_back_with_the_photo(store, make):
    """A photo that was pruned and is indexed again gets its names back, though its faces have new ids and boxes that
    are a little off; that is no new decision. The journal outlives the photo.
    """  # noqa: D205
    ids = make.add(store, 1, PLACES)
    ada = store.create_person("Ada").id
    store.enrol(ids[:1], ada, "folder")
    store.reject(ids[1:2], ada)
    store.reject(ids[2:], None)
    events = store.events()
    store.delete_photos([store.held(["p1"])["p1"].id])
    assert store.events() == events
    new = make.add(store, 1, (204, 14, 104, 320))
    faces = store.faces(new)
    assert not set(new) & set(ids)
    assert [faces[face_id].person for face_id in new] == [None, "Ada", None, None]
    assert store.rejections() == {new[0]: {None}, new[2]: {ada}}
    assert store.events() == events
    assert store.enrolled(make.recipe).face_ids.tolist() == [new[1]]
    assert store.enrol(new[1:2], ada, "folder") == 0


def test_names_come_back_turned(store, make):
    """Names come back also when the photo's EXIF orientation was changed in between."""
    from dataclasses import replace

    from facesearch.types import Box

    (face,) = make.add(store, 1)
    store.enrol([face], store.create_person("Ada").id)
    store.delete_photos([store.held(["p1"])["p1"].id])
    turned = replace(make.face(0), box=Box(150, 10, 190, 50))
    photo = make.photo(1, orientation=6, width=200, height=400)
    (new,) = store.add_photo(photo, [turned], make.vectors(1), make.recipe)
    assert store.faces([new])[new].person == "Ada"


def test_a_second_detection_does_not_inherit(store, make):
    """A new face that overlaps a named one, which was found again too, does not get its name."""
    (face,) = make.add(store, 1)
    store.enrol([face], store.create_person("Ada").id)
    ids = make.add(store, 1, (10, 16))
    assert ids[0] == face
    assert store.faces(ids)[ids[1]].person is None


steps = st.lists(
    st.tuples(
        st.sampled_from(["enrol", "folder", "auto", "unenrol", "reject", "no face"]),
        st.integers(0, 2),
        st.integers(0, 1),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One gallery for many examples."""
    with Store.open(tmp_path_factory.mktemp("shared") / "gallery") as store:
        yield store


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_any_history_comes_back(shared, make, history):
    """After any sequence of decisions, earlier events are as they were, and a photo that was deleted and is indexed
    again has the same people, sources and rejections.
    """  # noqa: D205
    number = shared.state().seq + 1
    ids = make.add(shared, number, PLACES)
    people = [shared.create_person("Ada").id, shared.create_person("Bob").id]
    last = shared.events()
    for step, which, who in history:
        face, person = [ids[which]], people[who]
        if step == "unenrol":
            shared.unenrol(face)
        elif step in ("reject", "no face"):
            shared.reject(face, person if step == "reject" else None)
        else:
            shared.enrol(face, person, "user" if step == "enrol" else step)
        events = shared.events()
        assert events[: len(last)] == last
        last = events
    before = standing(shared, make, ids)
    shared.delete_photos([shared.photo_by_pixel_hash(f"p{number}").id])
    assert standing(shared, make, make.add(shared, number, PLACES)) == before
    assert shared.events() == last
    shared.delete_photos([shared.photo_by_pixel_hash(f"p{number}").id])


def standing(store, make, ids):
    """What is decided about each of some faces."""
    faces, rejected = store.faces(ids), store.rejections()
    sure = set(store.enrolled(make.recipe).face_ids.tolist())
    return [(faces[face].person_id, face in sure, rejected.get(face)) for face in ids]
