"""Photos and faces go in, and keep their ids when they are analysed again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.errors import NotFoundError, StoreError
from facesearch.store import Store
from facesearch.types import Box, Face, Landmarks

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

numbers = st.floats(-1e6, 1e6)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One gallery for many examples."""
    with Store.open(tmp_path_factory.mktemp("shared") / "gallery") as store:
        yield store


def again(store, make, faces, recipe=None, **photo):
    """Analyse photo 1 again; vectors differ from those of the first time."""
    vectors = make.vectors(len(faces), seed=1000)
    return store.add_photo(make.photo(1, **photo), faces, vectors, recipe or make.recipe), vectors


def vector(store, face_id, recipe):
    """The embedding of one face."""
    return store.vectors_of([face_id], recipe)[1]


def test_what_goes_in_comes_out(store, make):
    """Photo, faces, file and vectors come back as they were given, ids in the order of the faces."""
    faces = [make.face(200), make.face(10)]
    vectors = make.vectors(2)
    photo = make.photo(1, orientation=6, taken_at="2020-01-02T03:04:05")
    ids = store.add_photo(photo, faces, vectors, make.recipe, stamp=make.stamp(1))
    found = store.photo_by_pixel_hash("p1")
    assert (found.byte_hash, found.width, found.height, found.orientation) == ("b1", 400, 200, 6)
    assert (found.taken_at, found.status, found.paths) == ("2020-01-02T03:04:05", "done", ("/photos/1.jpg",))
    expected = [replace(face, id=face_id, photo_id=found.id) for face, face_id in zip(faces, ids, strict=True)]
    assert store.faces(ids) == dict(zip(ids, expected, strict=True))
    assert store.faces_of_photo(found.id) == expected[::-1]
    for face_id, row in zip(ids, vectors, strict=True):
        assert np.array_equal(vector(store, face_id, make.recipe), [row])


@given(st.lists(numbers, min_size=14, max_size=14), st.floats(0, 1), st.none() | st.floats(0, 1))
def test_every_number_is_exact(shared, make, values, confidence, quality):
    """Boxes, landmarks, confidence and quality come back bit by bit."""
    points = zip(values[4::2], values[5::2], strict=True)
    face = Face(Box(*values[:4]), Landmarks(*points), confidence, quality)
    with shared.writing():
        shared.delete_photos([photo.id for photo in shared.held(["p1"]).values()])
        (face_id,) = shared.add_photo(make.photo(1), [face], make.vectors(1), make.recipe)
        assert shared.faces([face_id])[face_id] == replace(face, id=face_id, photo_id=shared.held(["p1"])["p1"].id)


def test_vectors_that_do_not_fit(store, make):
    """Vectors of another number or dimension are refused before anything is written."""
    with pytest.raises(StoreError, match="dimension 4"):
        store.add_photo(make.photo(1), [make.face(1)], make.vectors(2), make.recipe)
    with pytest.raises(StoreError):
        store.add_photo(make.photo(1), [make.face(1)], make.vectors(1)[:, :3], make.recipe)
    assert store.held(["p1"]) == {}


def test_an_unknown_photo(store):
    """A photo that is not there is an error by id, None by hash, and left out in bulk."""
    with pytest.raises(NotFoundError):
        store.photo(1)
    assert store.photo_by_pixel_hash("p1") is None
    assert store.photos([1, 2]) == store.faces([1]) == {}
    assert store.faces_of_photo(1) == []


def test_faces_found_again_keep_id_and_person(store, make):
    """A face that overlaps an old one keeps its id and its person, gets the new box and vector, and the index is
    told; the order of the new detections does not matter.
    """  # noqa: D205
    left, right = make.add(store, 1, (10, 200))
    person = store.create_person("Ada")
    store.enrol([right], person.id)
    before = store.state()
    ids, vectors = again(store, make, [make.face(205), make.face(12), make.face(320)])
    assert ids[:2] == [right, left]
    assert ids[2] > right
    faces = store.faces(ids)
    assert faces[right].box == make.face(205).box
    assert faces[right].landmarks == make.face(205).landmarks
    assert (faces[right].person, faces[left].person) == ("Ada", None)
    assert np.array_equal(vector(store, right, make.recipe), vectors[:1])
    assert store.changes(before.seq, make.recipe.key).added.tolist() == sorted(ids)
    assert store.state().enrolments != before.enrolments
    assert store.counts().photos == {"done": 1}


def test_another_recipe_has_vectors_of_its_own(store, make):
    """Analysed under another recipe, a face has both vectors, and each index is told of its own."""
    (face,) = make.add(store, 1)
    old = vector(store, face, make.recipe)
    seq = store.state().seq
    ids, vectors = again(store, make, [make.face(11)], make.other)
    assert ids == [face]
    assert np.array_equal(vector(store, face, make.recipe), old)
    assert np.array_equal(vector(store, face, make.other), vectors)
    assert store.changes(seq, make.recipe.key).added.size == 0
    assert store.changes(seq, make.other.key).added.tolist() == [face]
    assert store.held(["p1"])["p1"].recipe == make.other.key
    assert sorted(store.recipes(), key=lambda recipe: recipe.model) == [make.recipe, make.other]


def test_old_faces_not_found_again(store, make):
    """A face that is not found again goes, in every index that knew it, unless somebody named or rejected it."""
    plain, named, refused, nothing = make.add(store, 1, (10, 100, 200, 300))
    again(store, make, [make.face(left) for left in (10, 100, 200, 300)], make.other)
    person = store.create_person("Ada")
    store.enrol([named], person.id)
    store.reject([refused], person.id)
    store.reject([nothing], None)
    seq = store.state().seq
    assert again(store, make, [], make.other)[0] == []
    assert set(store.faces([plain, named, refused, nothing])) == {named, refused, nothing}
    for recipe in (make.recipe, make.other):
        assert store.changes(seq, recipe.key).removed.tolist() == [plain]
    assert store.photo_by_pixel_hash("p1").status == "no_face"
    assert store.enrolled(make.other).face_ids.tolist() == [named]


def test_an_edited_orientation_keeps_the_faces(store, make):
    """When only the EXIF orientation was changed, the same stored pixels hold the same faces: those found again keep
    their ids, and a named one that was not is moved to where it is now.
    """  # noqa: D205
    found, named = make.add(store, 1, (10, 200))
    person = store.create_person("Ada")
    store.enrol([named], person.id)
    # Orientation 6 turns the stored picture clockwise: (x, y) goes to (200 - y, x).
    turned = replace(make.face(0), box=Box(150, 10, 190, 50))
    ids, _ = again(store, make, [turned], orientation=6, width=200, height=400)
    assert ids == [found]
    kept = store.faces([named])[named]
    assert kept.box == Box(150, pytest.approx(200), 190, pytest.approx(240))
    assert kept.landmarks.nose == pytest.approx((200 - (10 + 0.6 * 40), 200 + 0.5 * 40))
    assert store.photo_by_pixel_hash("p1").orientation == 6


def test_many_faces_in_bulk(store, make):
    """Thousands of faces are read back by a few queries, not one a face."""
    from sqlalchemy import event

    with store.writing():
        ids = [face_id for number in range(60) for face_id in make.add(store, number, tuple(range(0, 4000, 50)))]
    asked = []
    event.listen(store._engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert len(store.faces(ids)) == 4800
    assert len(store.vectors_of(ids, make.recipe)[0]) == 4800
    photos = store.photos(list(range(1, 61)))
    assert len(photos) == 60
    assert sum(len(faces) for faces in store.faces_of_photos(list(photos)).values()) == 4800
    assert len(asked) < 30
