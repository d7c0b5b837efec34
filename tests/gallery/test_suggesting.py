"""Faces that look like somebody who was named: offered, and given only where that was asked for."""

from __future__ import annotations

import pytest

from facesearch.errors import ConfigError, NotFoundError

from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

NEAR, LESS_NEAR = (180, 40, 40), (160, 40, 40)
"""Reds at a squared distance of about 0.4 and 0.8 from RED: within the automatic limit for some rates, not for all."""


@pytest.fixture
def album(gallery, tmp_path):
    """Ada (red) is known from photo 0; photos 1 and 2 show her too, 3 less clearly, 4 and 5 others."""
    for number, colours in enumerate([(RED,), (RED,), (NEAR,), (LESS_NEAR,), (GREEN,), (BLUE,)]):
        painted(tmp_path / f"{number}.png", *colours, shade=number)
    gallery.index(tmp_path)
    gallery.enrol("Ada", tmp_path / "0.png")
    return gallery


def ada(gallery) -> str:
    """The id of the one person."""
    return gallery.people()[0].id


def enrolments(gallery) -> dict[int, tuple]:
    """Who each face has, from where, and whether that counts."""
    decided = gallery._store.decided(range(1, 20))
    return {face_id: (one.source, one.confirmed) for face_id, one in decided.items() if one.person_id}


def test_nearby_faces_are_offered(album):
    """The faces that `who` would call Ada are offered, nearest first, and stay as they are."""
    found = album.suggestions(ada(album))
    assert [match.face.id for match in found.matches] == [2, 3, 4]
    distances = [match.distance for match in found.matches]
    assert distances == sorted(distances)
    assert distances[0] == pytest.approx(0, abs=1e-4)
    assert (found.given, found.far, found.threshold) == (0, None, None)
    assert enrolments(album) == {1: ("user", True)}


def test_what_was_decided_is_respected(album):
    """Faces that are not Ada, no faces, or strangers, are not offered again."""
    album.reject([2], "Ada")
    album.not_a_face([3])
    album.ignore(faces=[4])
    assert album.suggestions(ada(album)).matches == ()


def test_the_nearest_are_given(album):
    """--auto gives those within the distance of its rate, as automatic and unconfirmed, in one action."""
    before = len(album.log())
    found = album.suggestions(ada(album), auto=True)
    assert (found.given, found.far) == (3, 1e-4)
    assert found.threshold == pytest.approx(album.calibration.threshold(1e-4))
    assert enrolments(album) == {1: ("user", True), **dict.fromkeys([2, 3, 4], ("auto", False))}
    assert len(album.log()) == before + 1
    assert len(album._store.enrolled(album.front_end.recipe, low=True).face_ids) == 1
    album.undo()
    assert enrolments(album) == {1: ("user", True)}


def test_a_stricter_rate_gives_fewer(album):
    """With a smaller rate, faces at the edge are offered still, not given."""
    found = album.suggestions(ada(album), auto=True, far=2e-5)
    assert found.threshold < album.calibration.threshold(1e-4)
    assert [match.face.id for match in found.matches] == [4]
    assert found.given == 2
    with pytest.raises(ConfigError):
        album.suggestions(ada(album), auto=True, far=1e-9)


def test_nobody_is_twice_in_a_photo(gallery, tmp_path):
    """Of two faces of a photo one at most is offered, and none where the photo shows Ada already."""
    for number, colours in enumerate([(RED,), (RED, NEAR), (RED, RED)]):
        painted(tmp_path / f"{number}.png", *colours, shade=number)
    gallery.index(tmp_path)
    gallery.enrol("Ada", face=1)
    gallery.enrol("Ada", face=4)
    assert [match.face.id for match in gallery.suggestions(ada(gallery)).matches] == [2]
    gallery.mark(tmp_path / "1.png")
    assert [match.face.id for match in gallery.suggestions(ada(gallery)).matches] == [2, 3]


def test_somebody_nearer(album):
    """Faces that look more like another person are not offered as Ada's."""
    album.enrol("Bea", face=3)
    assert 4 not in [match.face.id for match in album.suggestions(ada(album)).matches]


def test_poor_faces_are_never_given(gallery, tmp_path):
    """A face that cannot be trusted is offered at most."""
    from PIL import Image

    from facesearch.testing import paint
    from facesearch.types import Box

    painted(tmp_path / "0.png", RED)
    Image.fromarray(paint([(Box(30, 30, 44, 44), RED)])).save(tmp_path / "1.png")
    gallery.index(tmp_path)
    gallery.enrol("Ada", face=1)
    found = gallery.suggestions(ada(gallery), auto=True)
    assert (found.count, found.given) == (1, 0)


def test_somebody_who_is_not_there(album):
    """Nobody has no suggestions: that is an error."""
    with pytest.raises(NotFoundError):
        album.suggestions("nobody")
