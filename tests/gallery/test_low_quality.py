"""Faces that cannot be trusted do not speak for others."""

from __future__ import annotations

import pytest
from PIL import Image

from facesearch.testing import paint
from facesearch.types import Box

from .pictures import BLUE, RED

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

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
