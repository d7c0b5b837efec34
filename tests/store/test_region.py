"""Boxes as fractions of the stored, unrotated picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from facesearch.store.region import overlap, pair_up, to_stored, to_upright, turn_face
from facesearch.store.values import Region
from facesearch.types import Box, Face, Landmarks

sides = st.integers(1, 20_000)
places = st.floats(-2000, 25_000)
orientations = st.integers(1, 8)


@st.composite
def boxes(draw):
    """A box that may reach beyond the photo's edge."""
    left, top = draw(places), draw(places)
    return Box(left, top, left + draw(st.floats(0.1, 9000)), top + draw(st.floats(0.1, 9000)))


@given(boxes(), orientations, sides, sides)
def test_there_and_back(box, orientation, width, height):
    """A box comes back from its region within a millionth of a pixel per pixel of size, whatever the orientation."""
    back = to_upright(to_stored(box, orientation, width, height), orientation, width, height)
    for a, b in zip(
        (box.left, box.top, box.right, box.bottom), (back.left, back.top, back.right, back.bottom), strict=True
    ):
        assert a == pytest.approx(b, abs=1e-6)


@given(boxes(), orientations, sides, sides)
def test_regions_stay_boxes(box, orientation, width, height):
    """A region's left is left of its right and its top above its bottom, and its share of the picture is the box's."""
    region = to_stored(box, orientation, width, height)
    assert region.left <= region.right
    assert region.top <= region.bottom
    share = (region.right - region.left) * (region.bottom - region.top)
    assert share == pytest.approx(box.area / (width * height), rel=1e-3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_agrees_with_pillow(orientation):
    """The region of a box in the upright photo holds, in the stored picture, the very pixels of the box."""
    stored = np.arange(30 * 20, dtype=np.uint16).reshape(20, 30).astype(np.int32)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    height, width = upright.shape
    box = Box(3, 5, 9, 12)
    region = to_stored(box, orientation, width, height)
    left, right = round(region.left * 30), round(region.right * 30)
    top, bottom = round(region.top * 20), round(region.bottom * 20)
    assert sorted(stored[top:bottom, left:right].ravel()) == sorted(upright[5:12, 3:9].ravel())


@given(st.integers(1, 8), st.integers(1, 8))
def test_a_turned_face_lies_on_the_same_pixels(old, new):
    """A face of a photo whose orientation was changed is moved to where the same pixels are now, eyes in order."""

    def shape(orientation):
        return (orientation, *((400, 200) if orientation < 5 else (200, 400)))

    face = Face(Box(10, 20, 50, 60), Landmarks((20, 30), (40, 30), (30, 40), (22, 50), (38, 50)), 0.9, 0.5, id=3)
    turned = turn_face(face, shape(old), shape(new))
    assert overlap(to_stored(face.box, *shape(old)), to_stored(turned.box, *shape(new))) == pytest.approx(1)
    back = turn_face(turned, shape(new), shape(old))
    assert back.landmarks.left_eye == pytest.approx(face.landmarks.left_eye)
    assert back.landmarks.mouth_right == pytest.approx(face.landmarks.mouth_right)


def test_a_mirrored_face_swaps_its_eyes():
    """The left eye is the viewer's left one, so in a mirrored picture it is the other eye."""
    face = Face(Box(10, 20, 50, 60), Landmarks((20, 30), (40, 30), (30, 40), (22, 50), (38, 50)), 0.9)
    turned = turn_face(face, (1, 400, 200), (2, 400, 200))
    assert turned.landmarks.left_eye == pytest.approx((360, 30))
    assert turned.landmarks.right_eye == pytest.approx((380, 30))


def region(left, size=0.2):
    """A square region in the middle of the picture's height."""
    return Region(left, 0.4, left + size, 0.4 + size)


def test_pairs_are_taken_best_first():
    """Where two new regions overlap one old one, the nearer gets it, and the other one is new."""
    assert pair_up([region(0.10), region(0.5)], [region(0.13), region(0.11), region(0.5)]) == {1: 0, 2: 1}


def test_regions_that_share_less_than_half_are_not_the_same():
    """Overlap below one half is no pair, and nothing is no pair of anything."""
    assert pair_up([region(0.1)], [region(0.2)]) == {}
    assert pair_up([], [region(0.2)]) == {}
    assert pair_up([region(0.2)], []) == {}


@given(st.lists(st.floats(0, 1), max_size=6), st.lists(st.floats(0, 1), max_size=6))
def test_nothing_is_paired_twice(old, new):
    """Each region has one partner at most, and every pair overlaps by half."""
    pairs = pair_up([region(left) for left in old], [region(left) for left in new])
    assert len(set(pairs.values())) == len(pairs)
    assert all(overlap(region(old[i]), region(new[j])) >= 0.5 for j, i in pairs.items())
