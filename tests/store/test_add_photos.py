"""Many photos in one call are what they are one by one, for a fraction of the statements."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from facesearch.errors import StoreError
from facesearch.store import NewAnalysis, Store

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

TABLES = ("photo", "face", "embedding", "enrolment", "rejection", "change", "root", "recipe")


@pytest.fixture
def analysis(make):
    """``analysis(7, (10, 200))``: photo 7 with a face at 10 and one at 200."""

    def begin(number, lefts=(10,), seed=0, **photo):
        faces = [make.face(left) for left in lefts]
        vectors = make.vectors(len(faces), seed=1000 * seed + number)
        return NewAnalysis(make.photo(number, **photo), faces, vectors, make.stamp(number))

    return begin


def rows(store):
    """Everything that a gallery holds, as SQLite tells it, except random tokens and times."""
    with closing(sqlite3.connect(store.folder / "gallery.sqlite")) as database:
        held = {name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in TABLES}
        path = "SELECT id, root_id, relative, size, mtime_ns, byte_hash, photo_id, error, decoder FROM path ORDER BY id"
        return held | {"path": database.execute(path).fetchall()}


# A photo: its number, the left edges of its faces, whether it lies on its side, and what is decided about its faces.
PHOTO = st.tuples(
    st.integers(0, 5),
    st.lists(st.sampled_from([10, 14, 100, 104, 200, 300]), unique=True, max_size=3),
    st.booleans(),
    st.sampled_from(["", "enrol", "reject", "no face"]),
)
STEP = st.lists(PHOTO, unique_by=lambda photo: photo[0], min_size=1, max_size=5)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(STEP, st.sets(st.integers(0, 5)), st.booleans()), min_size=1, max_size=4))
def test_as_one_by_one(tmp_path_factory, make, analysis, steps):
    """New photos, known ones with moved, lost and named faces, turned ones, and ones that had been forgotten: ids,
    rows and change log are those of ``add_photo`` for each in turn.
    """  # noqa: D205
    folder = tmp_path_factory.mktemp("both")
    with Store.open(folder / "one") as one, Store.open(folder / "many") as many:
        people = {store: [store.create_person(name).id for name in ("Ada", "Bob")] for store in (one, many)}
        for seed, (photos, forgotten, other) in enumerate(steps):
            recipe = make.other if other else make.recipe
            given_photos = [
                analysis(number, lefts, seed, **({"orientation": 6, "width": 200, "height": 400} if turned else {}))
                for number, lefts, turned, _ in photos
            ]
            many_ids = many.add_photos(given_photos, recipe)
            one_ids = [
                one.add_photo(photo.photo, photo.faces, photo.vectors, recipe, stamp=photo.stamp)
                for photo in given_photos
            ]
            for store, ids in ((one, one_ids), (many, many_ids)):
                for (*_, decision), faces in zip(photos, ids, strict=True):
                    decide(store, decision, faces, people[store])
                store.delete_photos([photo.id for photo in store.held([f"p{i}" for i in forgotten]).values()])
            assert many_ids == one_ids
        assert comparable(rows(many), people[many]) == comparable(rows(one), people[one])


def decide(store, decision, faces, people):
    """What somebody says of the faces of a photo."""
    if decision == "enrol":
        store.enrol(faces[:1], people[0])
    elif decision:
        store.reject(faces, people[1] if decision == "reject" else None)


def comparable(held, people):
    """Rows with people as numbers; faces go and come in another order in a batch, so the change log is a set."""
    numbers = {person: number for number, person in enumerate(people)}
    return {
        name: sorted(
            [tuple(numbers.get(value, value) for value in row[name == "change" :]) for row in of_table], key=repr
        )
        for name, of_table in held.items()
    }


def test_a_picture_twice_is_refused(store, make, analysis):
    """A picture that comes twice in one call is an error, and nothing is written."""
    before = store.state()
    with pytest.raises(StoreError, match="twice"):
        store.add_photos([analysis(1), analysis(2), analysis(1)], make.recipe)
    assert store.state() == before


def test_one_that_does_not_fit_stops_all(store, make, analysis):
    """Vectors that do not fit one photo's faces are an error before anything is written."""
    before = store.state()
    wrong = replace(analysis(2), vectors=make.vectors(2))
    with pytest.raises(StoreError, match="dimension 4"):
        store.add_photos([analysis(1), wrong], make.recipe)
    assert store.state() == before
    assert store.add_photos([], make.recipe) == []


def test_statements_do_not_grow_with_photos(store, make, analysis):
    """Writing a hundred photos, new or known, takes few statements, whatever their number."""
    asked = []
    event.listen(store._engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    for seed in range(2):
        asked.clear()
        store.add_photos([analysis(number, (10, 100, 200), seed) for number in range(100)], make.recipe)
        assert len(asked) < 30
