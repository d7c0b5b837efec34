"""What is known of a person: dates, sources, whom they look like, and which faces may be wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import NotFoundError
from facesearch.gallery.evidence import EvidenceCache
from facesearch.gallery.portrait import APART, _spread, draw, from_others, portray
from facesearch.identify.calibration import built_in
from facesearch.store import Store

from .albums import Album

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

DIRECTIONS = np.eye(8)


def like(person: int, turn: float = 0.0) -> np.ndarray:
    """A face of person number n, turned towards nobody by some radians."""
    return math.cos(turn) * DIRECTIONS[person] + math.sin(turn) * DIRECTIONS[7]


@pytest.fixture
def album(place):
    """An empty album."""
    with Store.open(place) as store:
        yield Album(store)


@pytest.fixture
def family(album):
    """Ada in six photos, one of which shows Bob; Bob in two, Cy in one."""
    for number, year in enumerate((2016, 2016, 2019)):
        album.photo(f"ada{number}.jpg", "Ada", taken=f"{year}-0{number + 1}-01T12:00:00", vectors=like(0, number / 10))
    album.photo("undated.jpg", "Ada", vectors=like(0, 0.1))
    album.photo("guess.jpg", "Ada?", taken="2020-05-05T00:00:00", vectors=like(0, 0.2), quality=0.01)
    album.photo("wrong.jpg", "Ada", taken="2015-01-01T00:00:00", vectors=like(1, 0.1))
    album.photo("bob.jpg", "Bob", vectors=like(1))
    album.photo("both.jpg", "Bob", "Cy", vectors=[like(1, 0.2), like(2)])
    return album


def portrait(album, name):
    """What is known of somebody, with the built-in calibration."""
    return portray(album.store, EvidenceCache(album.store), built_in(), name)


def test_the_facts(family):
    """Faces and photos are counted, by year and by source, with those that are poor and those not confirmed."""
    found = portrait(family, "ada")
    assert (found.person.name, found.person.faces, found.person.photos) == ("Ada", 6, 6)
    assert (found.dates[0], found.dates[-1]) == ("2015-01-01T00:00:00", "2020-05-05T00:00:00")
    assert found.years == {"2015": 1, "2016": 2, "2019": 1, "2020": 1}
    assert (found.sources, found.unconfirmed, found.poor) == ({"user": 5, "auto": 1}, 1, 1)
    names = [face.match.path.removeprefix("/photos/") for face in found.faces]
    assert names == ["wrong.jpg", "ada0.jpg", "ada1.jpg", "ada2.jpg", "guess.jpg", "undated.jpg"]


def test_a_wrong_name_is_found(family):
    """The one face of somebody else is the one to look at, with whom it is like."""
    (odd,) = portrait(family, "Ada").outliers
    assert odd.face.match.path == "/photos/wrong.jpg"
    assert odd.face.match.distance > APART
    assert (odd.nearest.person, odd.nearest.person_id) == ("Bob", family.people["Bob"])
    assert odd.nearest.distance == pytest.approx(2 - 2 * math.cos(0.1))


def test_whom_somebody_may_be_taken_for(family):
    """The nearest other people come with the nearest pair, its rate and how many pairs there are."""
    bob, cy = portrait(family, "Ada").confusables
    assert (bob.other.person, cy.other.person) == ("Bob", "Cy")
    # Five faces of Ada's are evidence: the one that nobody confirmed is not.
    assert (bob.pairs, cy.pairs) == (10, 5)
    assert {bob.a.path, bob.b.path} <= {"/photos/wrong.jpg", "/photos/bob.jpg", "/photos/both.jpg"}
    assert bob.a.path == "/photos/wrong.jpg"
    assert bob.far == built_in().far(bob.other.distance) == built_in().least_far
    assert cy.far > bob.far


def test_little_is_known(album):
    """One face, no faces, and an album without any: no comparison, and no error; nobody is an error."""
    album.store.create_person("Nobody")
    assert portrait(album, "Nobody").faces == ()
    album.photo("1.jpg", "Ada")
    (face,) = portrait(album, "Ada").faces
    assert math.isnan(face.match.distance)
    assert portrait(album, "Ada").confusables == ()
    album.photo("2.jpg", "Ada", vectors=-like(0))
    assert portrait(album, "Ada").outliers == ()
    with pytest.raises(NotFoundError, match="no person 'Bob'"):
        portrait(album, "Bob")


def test_a_person_in_an_album_without_faces(place):
    """Before the first photo somebody may have a name already."""
    with Store.open(place) as store:
        store.create_person("Ada")
        found = portray(store, EvidenceCache(store), built_in(), "Ada")
    assert (found.faces, found.confusables, found.outliers, found.dates) == ((), (), (), ())


def test_the_mean_of_the_others():
    """The distance is to the mean of the other faces, made unit: 0 for equal ones, 4 for opposite ones."""
    rows = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert from_others(rows).tolist() == pytest.approx([2 - math.sqrt(2), 2 - math.sqrt(2), 2])
    assert from_others(rows[:1] * [[1, 0], [-1, 0]]).tolist() == [4, 4]
    assert np.isnan(from_others(rows[:1])).all()
    # The others cancel each other out: they have no mean direction.
    assert np.isnan(from_others(np.array([[0, 1], [1, 0], [-1, 0]], dtype=np.float32))[0])


def test_what_fits_on_a_sheet():
    """All faces are in the list; where they do not fit, outliers and both ends of time are among the first."""
    assert _spread([False] * 60, 60) == list(range(60))
    wanted = [place in {7, 99} for place in range(200)]
    places = _spread(wanted, 60)
    assert sorted(places) == list(range(200))
    first = places[:59]
    assert first == sorted(first)
    assert {0, 7, 99, 199} <= set(first)


def test_a_sheet_is_drawn(family, tmp_path):
    """All faces are drawn, also those whose files are gone."""
    draw(family.store, portrait(family, "Ada"), tmp_path / "sheets" / "ada.png")
    with Image.open(tmp_path / "sheets" / "ada.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 6 * 160
