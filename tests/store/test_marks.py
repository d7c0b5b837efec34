"""Marks on photos, which the journal remembers, and calibrations, one a recipe."""

import contextlib

import pytest

from facesearch.errors import NotFoundError, StoreError


def test_a_photo_is_marked_until_the_mark_is_taken_away(store, make):
    """A mark is there until it is taken away; saying it twice is no second decision."""
    make.add(store, 1)
    make.add(store, 2)
    photo = store.photo_by_pixel_hash("p2").id
    assert store.mark(photo, "collage")
    assert not store.mark(photo, "collage")
    assert store.marked() == {photo}
    assert store.mark(photo, None)
    assert not store.mark(photo, None)
    assert store.marked() == set()
    said = [(event.op, event.pixel_hash, event.region, event.payload) for event in store.events()]
    assert said == [
        ("mark", "p2", None, {"mark": "collage", "previous": None}),
        ("unmark", "p2", None, {"previous": "collage"}),
    ]


def test_an_unknown_photo_cannot_be_marked(store):
    """Marking a photo that is not in the gallery is an error and leaves no event."""
    with pytest.raises(NotFoundError):
        store.mark(7, "collage")
    assert store.events() == []


def test_a_mark_outlives_its_photo(store, make):
    """A photo that was deleted and is found again is marked again, unless the mark was taken away before."""
    for number in (1, 2, 3):
        make.add(store, number)
    ids = {number: store.photo_by_pixel_hash(f"p{number}").id for number in (1, 2, 3)}
    store.mark(ids[1], "collage")
    store.mark(ids[2], "collage")
    store.mark(ids[2], None)
    events = len(store.events())
    store.delete_photos(list(ids.values()))
    assert store.marked() == set()
    for number in (1, 2, 3):
        make.add(store, number)
    assert store.marked() == {store.photo_by_pixel_hash("p1").id}
    assert len(store.events()) == events


def test_a_mark_survives_another_analysis(store, make):
    """Analysing a photo anew, by another recipe too, leaves its mark and its names alone."""
    faces = make.add(store, 1)
    store.mark(store.photo_by_pixel_hash("p1").id, "collage")
    ada = store.create_person("Ada")
    store.enrol(faces, ada.id)
    make.add(store, 1, recipe=make.other)
    assert len(store.marked()) == 1
    assert store.faces(faces)[faces[0]].person == "Ada"


def test_a_failed_transaction_marks_nothing(store, make):
    """The mark and its event are of one transaction."""
    make.add(store, 1)
    with contextlib.suppress(NotFoundError), store.writing():
        store.mark(1, "collage")
        store.mark(2, "collage")
    assert store.marked() == set()
    assert store.events() == []


def test_one_calibration_a_recipe(store, make):
    """Each recipe has a calibration of its own, the last that was kept, until it is dropped."""
    make.add(store, 1)
    make.add(store, 2, recipe=make.other)
    assert store.calibration(make.recipe.key) is None
    store.save_calibration(make.recipe.key, "first")
    store.save_calibration(make.recipe.key, "second")
    store.save_calibration(make.other.key, "other")
    assert store.calibration(make.recipe.key) == "second"
    assert store.calibrated().keys() == {make.recipe.key, make.other.key}
    assert store.drop_calibration(make.recipe.key)
    assert not store.drop_calibration(make.recipe.key)
    assert store.calibration(make.recipe.key) is None
    assert store.calibration(make.other.key) == "other"


def test_a_calibration_needs_its_recipe(store):
    """A calibration of a recipe that the gallery has never seen is refused."""
    with pytest.raises(StoreError):
        store.save_calibration("unknown", "{}")
