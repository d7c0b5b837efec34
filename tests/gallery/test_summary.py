"""The summary of an album, on simulated people whose resemblance is known."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.gallery.thin import advice
from facesearch.store import NewAnalysis, NewPhoto
from facesearch.types import Box, Face, Landmarks

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

_POINTS = Landmarks((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))


def face(side: float = 100.0, quality: float = 0.9) -> Face:
    """A face of so many pixels."""
    return Face(Box(0, 0, side, side), _POINTS, confidence=0.99, quality=quality)


def direction(person: int) -> np.ndarray:
    """The middle of a simulated person; any two are strangers."""
    return np.random.default_rng(1000 + person).normal(size=128)


@pytest.fixture
def shoot(gallery, fake):
    """Takes photos: ``shoot(3, count=5, name="ada", day="2019-05-06")`` returns the ids of the new faces."""
    store, taken = gallery._store, []

    def take(person, *, count=1, name=None, day=None, near=1.2, quality=0.9, with_person=None):
        random = np.random.default_rng(len(taken) + 50)
        shown = [person] if with_person is None else [person, with_person]
        analyses = []
        for _ in range(count):
            middles = np.stack([direction(one) for one in shown])
            rows = middles + random.normal(scale=np.sqrt(1 / near - 0.5), size=middles.shape)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            taken.append(1)
            stamp = None if day is None else f"{day}T10:00:{len(taken) % 60:02d}"
            photo = NewPhoto(f"bytes {len(taken)}", f"pixels {len(taken)}", 300, 100, taken_at=stamp)
            analyses.append(NewAnalysis(photo, [face(quality=quality)] * len(shown), rows.astype(np.float32)))
        with store.writing():
            store.use_recipe(fake.recipe)
            ids = [one for found in store.add_photos(analyses, fake.recipe) for one in found[:1]]
            if name is not None:
                known = store.find_people(name)
                store.enrol(ids, (known[0] if known else store.create_person(name)).id, "user")
        return ids

    return take


def by_name(album):
    """The summaries of people by name."""
    return {one.person.name: one for one in album.people}


def test_an_empty_gallery_has_no_summary(gallery):
    """Where nothing was indexed there is nothing to say, and the error says what to do."""
    with pytest.raises(ConfigError, match="no faces") as caught:
        gallery.summary()
    assert "facesearch index" in (caught.value.hint or "")


def test_nobody_has_a_name(gallery, shoot):
    """Unnamed faces alone are counted; there are no people and no pairs."""
    shoot(1, count=3)
    album = gallery.summary()
    assert (album.unnamed, album.people, album.pairs, album.within) == (3, (), (), 0)
    assert (album.asked, album.resembling, album.first) == (3, 0, None)


def test_counts_and_dates(gallery, shoot):
    """Photos, faces, unnamed faces, dates and shared photos are what was put in."""
    shoot(1, count=4, name="ada", day="2018-03-04")
    shoot(2, count=2, name="bob", day="2021-01-01", with_person=3)
    shoot(3, count=2)
    album = gallery.summary()
    assert (album.stats.photos, album.stats.faces, album.stats.enrolled, album.unnamed) == (8, 10, 6, 4)
    assert (album.first, album.last, album.dated, album.with_faces, album.shared) == (
        "2018-03-04",
        "2021-01-01",
        6,
        8,
        2,
    )
    ada = by_name(album)["ada"]
    assert (ada.first, ada.last, ada.shots, ada.quality) == ("2018-03-04", "2018-03-04", 4, 0.9)
    assert album.calibrated is None
    assert album.recipe.key == album.stats.recipe


def test_everybody_is_found(gallery, shoot):
    """Photos that resemble each other find each other, and nobody takes anybody else's name."""
    for person, name in enumerate(["ada", "bob", "cleo"]):
        shoot(person, count=6, name=name)
    for one in gallery.summary().people:
        assert (one.asked, one.found, one.mistaken, one.odd) == (6, 6, (), ())
        assert (one.false.named, one.false.asked, one.false.others, one.false.share) == (0, 12, 2, 0.0)
        assert len(one.typical) == 6


def test_a_face_under_the_wrong_name(gallery, shoot):
    """A photo of Bob among Ada's is odd, nearer to Bob, missed, mistaken for him, and makes the two look alike."""
    shoot(1, count=6, name="ada")
    shoot(2, count=6, name="bob")
    (wrong,) = shoot(2, name="ada")
    album = gallery.summary()
    ada = by_name(album)["ada"]
    assert [odd.match.face.id for odd in ada.odd] == [wrong]
    assert ada.odd[0].rival.person == "bob"
    assert ada.odd[0].rival.distance < ada.odd[0].match.distance
    assert (ada.asked - ada.found, ada.mistaken) == (1, (("bob", 1),))
    assert by_name(album)["ada"].false.named > 0
    (pair,) = album.pairs
    assert wrong in {pair.face_a.face.id, pair.face_b.face.id}
    assert pair.a_for_b + pair.b_for_a == 1
    assert (pair.compared, album.within) == (42, 1)
    assert pair.far == album.calibration.far(pair.distance)


def test_unnamed_faces_that_resemble_somebody(gallery, shoot):
    """They are counted for whom they resemble, unless they are ignored, rejected, or too poor to tell."""
    shoot(1, count=5, name="ada")
    shoot(2, count=5, name="bob")
    alike = shoot(1, count=4)
    shoot(1, quality=0.01)
    shoot(9, count=2)
    album = gallery.summary()
    assert by_name(album)["ada"].resembling == album.resembling == 4
    assert (album.unnamed, album.asked) == (7, 6)
    store = gallery._store
    store.reject(alike[:1], by_name(album)["ada"].person.id)
    store.ignore(alike[1:2])
    album = gallery.summary()
    assert by_name(album)["ada"].resembling == 2
    assert album.unnamed == 6


def test_groups_lose_faces_that_were_named(gallery, shoot):
    """Groups are counted by the faces that still have no name, the largest first."""
    small, large = shoot(1, count=3), shoot(2, count=5)
    gallery.cluster()
    assert [size for _, size in gallery.summary().clusters] == [5, 3]
    store = gallery._store
    store.enrol(large, store.create_person("bob").id, "user")
    album = gallery.summary()
    assert [size for _, size in album.clusters] == [3]
    assert (album.unnamed, album.alone) == (len(small), 0)


def test_poor_faces_count_as_photos_only(gallery, shoot):
    """A blurred face is no evidence where there are better ones, but it is a photo, and it lowers the quality."""
    shoot(1, count=2, name="ada")
    shoot(1, count=3, name="ada", quality=0.05)
    (ada,) = gallery.summary().people
    assert (ada.person.photos, ada.shots, ada.quality) == (5, 2, 0.05)
    assert ada.thin == "only 5 photos, 3 of them blurry: add 1 more, of other days"


@pytest.mark.parametrize(
    ("faces", "days", "numbers", "said"),
    [
        ([face(quality=0.1)] * 3, [], (3, 3, 3), "3 blurry photos: add one frontal, sharp photo"),
        ([face(15)], [], (1, 0, 0), "1 photo, too small: add one frontal, sharp photo"),
        ([face()], [], (1, 0, 0), "only 1 photo: add 2 more, of other days"),
        ([face()] * 4, [], (2, 2, 2), "only 4 photos, 2 different shots: add 1 more, of other days"),
        (
            [face(), face(), face(15), face(quality=0.1)],
            [],
            (3, 3, 3),
            "4 photos, 2 of them blurry or too small: add one frontal, sharp one",
        ),
        (
            [face()] * 6,
            [],
            (6, 6, 3),
            "3 of 6 shots are not recognised by the others: add frontal, sharp photos",
        ),
        ([face()] * 4, ["2019-01-01"] * 4, (4, 4, 4), "all 4 photos are of one day: add some of other times"),
        ([face()] * 4, ["2019-01-01"] * 3, (4, 4, 4), None),
        ([face()] * 4, ["2019-01-01", "2019-01-02"] * 2, (4, 4, 4), None),
    ],
)
def test_what_is_missing_is_said_in_words(faces, days, numbers, said):
    """What a person's photos lack is one plain sentence; nothing where they lack nothing."""
    shots, asked, found = numbers
    assert advice(faces, days, shots=shots, asked=asked, found=found) == said


def test_people_of_the_sample(sample_copy):
    """The five celebrities are told from each other: nothing is missed, nothing is false, nobody is thin or odd."""
    album = sample_copy.summary()
    assert len(album.people) == 5
    for one in album.people:
        assert one.found == one.asked >= 14
        assert (one.false.named, one.thin, one.odd) == (0, None, ())
    assert album.within == 0
