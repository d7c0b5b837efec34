"""Faces that have a name are cut out of their photos again, where they were found."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from facesearch.gallery.rereading import NO_FILE, read_enrolled
from facesearch.types import Failure

from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def named(gallery, tmp_path):
    """Ann in two photos, with Bob in one of them, and a face in each that nobody named, or that was only suggested."""
    album = tmp_path / "album"
    painted(album / "both.png", RED, GREEN, BLUE)
    painted(album / "ann.png", RED, shade=1)
    painted(album / "maybe.png", RED, shade=2)
    gallery.index(album, jobs=1)
    red, green, _ = gallery.faces(album / "both.png")
    gallery.enrol("Ann", face=red.id)
    gallery.enrol("Bob", face=green.id)
    gallery.enrol("Ann", album / "ann.png")
    (maybe,) = gallery.faces(album / "maybe.png")
    ann = next(person for person in gallery.people() if person.name == "Ann")
    gallery._store.enrol([maybe.id], ann.id, "auto")
    return album


def test_only_what_is_sure(gallery, named):
    """Photos come with the faces that somebody named, each with its person; a suggestion is no name."""
    found = gallery.enrolled_photos()
    assert {tuple(face.person for face in one.faces) for one in found} == {("Ann", "Bob"), ("Ann",)}
    assert [one.photo.id for one in found] == sorted(one.photo.id for one in found)
    (maybe,) = gallery.faces(named / "maybe.png")
    gallery._store.enrol([maybe.id], maybe.person_id, "auto", confirmed=True)
    assert len(gallery.enrolled_photos()) == 3


@pytest.mark.sqlite("reads photos, not the database")
def test_the_same_crops(gallery, named, fake):
    """What is cut out is what the front end cut out when it found the faces."""
    told = []
    results = read_enrolled(gallery.enrolled_photos(), fake.cut, jobs=2, progress=lambda *step: told.append(step[:2]))
    for one, crops in results:
        seen = fake.look(one.photo.paths[0])
        places = [seen.faces.index(next(f for f in seen.faces if f.box == face.box)) for face in one.faces]
        np.testing.assert_array_equal(crops, seen.crops[places])
    assert told == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.sqlite("reads photos, not the database")
def test_photos_that_are_gone(gallery, named, fake):
    """A photo that is gone, or whose file holds another picture, is named with the reason, and hinders nothing."""
    (named / "ann.png").unlink()
    ((one, failed),) = [
        (one, result)
        for one, result in read_enrolled(gallery.enrolled_photos(), fake.cut)
        if isinstance(result, Failure)
    ]
    assert (failed.path, [face.person for face in one.faces]) == (str(named / "ann.png"), ["Ann"])
    assert "no such file" in failed.error
    shutil.copy(named / "maybe.png", named / "ann.png")
    errors = [
        result.error
        for _, result in read_enrolled(gallery.enrolled_photos(), fake.cut, jobs=1)
        if isinstance(result, Failure)
    ]
    assert errors == ["the file holds another picture now"]
    gallery.index(named, jobs=1)
    errors = [
        result.error
        for _, result in read_enrolled(gallery.enrolled_photos(), fake.cut, jobs=1)
        if isinstance(result, Failure)
    ]
    assert errors == [NO_FILE]
