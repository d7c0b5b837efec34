"""Faces that cannot be trusted do not speak for others."""

from __future__ import annotations

import pytest
from PIL import Image

from facesearch.testing import paint
from facesearch.types import Box

from .pictures import BLUE, RED

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

ORANGE = (230, 60, 30)

GOOD, LOW = 80, 12
"""Sides of painted faces, one trusted and one too small."""


def photo(path, *faces):
    """A photo with a square for each (colour, side), from left to right."""
    boxes = [(Box(20 + 100 * i, 60, 20 + 100 * i + side, 60 + side), colour) for i, (colour, side) in enumerate(faces)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(paint(boxes, 20 + 100 * 4)).save(path)
    return path


def groups(gallery):
    """The sides of the faces of each cluster, as listed, and how many stay alone."""
    clustering = gallery.cluster()
    found = [[round(match.face.box.width) for match in cluster.matches] for cluster in clustering.clusters]
    return found, clustering.unclustered


def test_a_low_face_joins_a_cluster_and_comes_last(gallery, tmp_path):
    """A small face joins the larger ones that look like it, though indexed first, and never represents them."""
    for number, side in enumerate([LOW, GOOD, GOOD + 1]):
        photo(tmp_path / "photos" / f"{number}.png", (RED, side))
    gallery.index(tmp_path / "photos")
    found, alone = groups(gallery)
    assert alone == 0
    (sides,) = found
    assert sorted(sides[:2]) == [GOOD, GOOD + 1]
    assert sides[2] == LOW


def test_low_faces_alone_are_no_cluster(gallery, tmp_path):
    """However many small faces look alike, they are no group, nor are they with a single large one."""
    for number in range(3):
        photo(tmp_path / "photos" / f"{number}.png", (RED, LOW + number))
    gallery.index(tmp_path / "photos")
    assert groups(gallery) == ([], 3)
    photo(tmp_path / "photos" / "one.png", (RED, GOOD))
    gallery.index(tmp_path / "photos")
    assert groups(gallery) == ([], 4)


def test_a_low_face_never_joins_a_face_of_its_photo(gallery, tmp_path):
    """In a photo that shows a person large and small, the small one stays alone."""
    photo(tmp_path / "photos" / "both.png", (RED, GOOD), (RED, LOW), (BLUE, GOOD + 2))
    photo(tmp_path / "photos" / "one.png", (RED, GOOD + 1))
    gallery.index(tmp_path / "photos")
    found, alone = groups(gallery)
    assert [sorted(sides) for sides in found] == [[GOOD, GOOD + 1]]
    assert alone == 2


def test_a_low_face_is_evidence_only_where_there_is_no_better(gallery, tmp_path):
    """Somebody enrolled with a small face is known by it until a larger one comes; then it speaks no more."""
    low = photo(tmp_path / "low.png", (RED, LOW))
    good = photo(tmp_path / "good.png", (ORANGE, GOOD))
    probe = photo(tmp_path / "probe.png", (RED, GOOD + 5))
    assert any("counts only as long as" in warning for warning in gallery.enrol("Ann", low).warnings)
    ((by_low,),) = [gallery.who(probe)]
    assert (by_low.person, by_low.doubt) == ("Ann", None)
    assert gallery.enrol("Ann", good).warnings == ()
    ((by_good,),) = [gallery.who(probe)]
    assert by_low.distance < 0.01 < by_good.distance
    assert len(gallery.faces_of(gallery.people()[0].id)) == 2


@pytest.mark.parametrize("method", ["knn", "svm"])
def test_an_answer_about_a_low_face_says_so(gallery, tmp_path, method):
    """A small face is named where it is near enough, and carries the reason for doubt."""
    gallery.enrol("Ann", photo(tmp_path / "good.png", (RED, GOOD)))
    (answer,) = gallery.who(photo(tmp_path / "probe.png", (RED, LOW)), method=method)
    assert (answer.person, answer.doubt) == ("Ann", f"{LOW} px")


def test_a_low_face_in_a_group_is_nobodys_folder(gallery, tmp_path):
    """In a folder named after a person, a small face beside a larger one is not taken for the person."""
    for number in range(3):
        photo(tmp_path / "album" / "Ann" / f"{number}.png", (BLUE, GOOD + number), (RED, LOW))
    gallery.index(tmp_path / "album", people_from_folders=True)
    (person,) = gallery.people()
    assert {round(match.face.box.width) for match in gallery.faces_of(person.id)} == {GOOD, GOOD + 1, GOOD + 2}
