"""Crops by landmarks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.images.align import DEFAULT_CROPS, CropSettings, crop, crops_for
from facesearch.images.arcface import TEMPLATE, aligned, similarity
from facesearch.types import Box, Landmarks


def moved(points, scale, degrees, shift):
    """Points after a turn, a scale and a shift."""
    lean = math.radians(degrees)
    turn = np.array([[math.cos(lean), -math.sin(lean)], [math.sin(lean), math.cos(lean)]])
    return scale * points @ turn.T + shift


@given(st.floats(0.2, 20), st.floats(-180, 180), st.floats(-500, 500), st.floats(-500, 500))
def test_the_least_squares_fit_is_exact_where_it_can_be(scale, degrees, x, y):
    """Points that were turned, scaled and shifted are brought back to where they were."""
    source = moved(TEMPLATE, scale, degrees, np.array([x, y]))
    matrix = similarity(source, TEMPLATE)
    np.testing.assert_allclose(source @ matrix[:, :2].T + matrix[:, 2], TEMPLATE, atol=1e-6)


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200)), min_size=5, max_size=5))
def test_it_never_mirrors_and_no_other_is_better(points):
    """Whatever the points, the fit is a turn and a scale, and small changes of it fit no better."""
    source = np.array(points)
    matrix = similarity(source, TEMPLATE)
    if matrix is None:
        return
    (a, b), (c, d) = matrix[:, :2]
    assert (a, b) == pytest.approx((d, -c), abs=1e-9)
    assert a * d - b * c > 0

    def misfit(turn, shift):
        return np.square(source @ turn.T + shift - TEMPLATE).sum()

    best = misfit(matrix[:, :2], matrix[:, 2])
    for change in (np.eye(2), -np.eye(2), np.array([[0, 1], [-1, 0]]), np.array([[0, -1], [1, 0]])):
        turn = matrix[:, :2] + 1e-4 * change
        assert misfit(turn, (TEMPLATE - source @ turn.T).mean(axis=0)) >= best - 1e-6


def dotted(landmarks, side=400):
    """A grey picture with a white dot of 13 pixels at each landmark."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    picture = np.full((side, side, 3), 60, np.uint8)
    for x, y in landmarks.points:
        picture[np.hypot(columns - x, rows - y) < 6.5] = 250
    return picture


@pytest.mark.parametrize("size", [112, 160])
@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 0), (2.0, 30), (1.3, 180), (1.6, -95)])
def test_eyes_nose_and_mouth_come_to_their_places(size, scale, degrees):
    """However a face lies, its landmarks are where the template says, scaled to the size of the crop."""
    points = moved(TEMPLATE - 56, scale, degrees, np.array([200.0, 200.0]))
    landmarks = Landmarks(*(tuple(point) for point in points.tolist()))
    found = aligned(dotted(landmarks), landmarks, size)
    assert (found.shape, found.dtype) == ((size, size, 3), np.uint8)
    bright = found[..., 0] > 150
    rows, columns = np.mgrid[:size, :size]
    for x, y in TEMPLATE * size / 112:
        near = bright & (np.hypot(columns - x, rows - y) < 9 * size / 112)
        assert (columns[near].mean(), rows[near].mean()) == pytest.approx((x, y), abs=0.6)


def test_large_faces_are_averaged_not_picked():
    """A pattern finer than the crop's pixels becomes its mean, not stripes."""
    picture = np.zeros((1200, 1200, 3), np.uint8)
    picture[:, ::2] = 255
    points = moved(TEMPLATE, 10, 0, np.array([20.0, 20.0]))
    found = aligned(picture, Landmarks(*map(tuple, points.tolist())), 112)[8:-8, 8:-8]
    assert abs(found.astype(int) - 127).max() < 20


def test_what_lies_beyond_the_photo_is_black():
    """As in InsightFace, which the networks learnt from."""
    picture = np.full((112, 112, 3), 200, np.uint8)
    shifted = Landmarks(*map(tuple, (TEMPLATE - [60, 0]).tolist()))
    found = aligned(picture, shifted, 112)
    assert (found[:, :58] == 0).all()
    assert (found[5:-5, 64:] == 200).all()
    away = Landmarks(*map(tuple, (TEMPLATE + 5000).tolist()))
    assert not aligned(picture, away, 112).any()


def test_one_point_is_no_face():
    """Landmarks that lie on each other say nothing: the box decides. Landmarks that are no numbers are an error."""
    picture = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    point = Landmarks(*[(40.0, 40.0)] * 5)
    assert aligned(picture, point, 112) is None
    (settings,) = crops_for("arcface")
    box = Box(20, 20, 70, 70)
    by_box = crop(picture, [box], size=112, settings=CropSettings(margin=0.0))
    assert np.array_equal(crop(picture, [box], landmarks=[point], size=112, settings=settings), by_box)
    with pytest.raises(ValueError, match="no landmarks"):
        aligned(picture, Landmarks(*[(math.nan, 1.0)] * 5), 112)
    with pytest.raises(ValueError, match="need landmarks"):
        crop(picture, [box], size=112, settings=settings)


def test_the_mirror_image_is_one():
    """The second crop of a thorough front end is the first, mirrored."""
    picture = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    landmarks = Landmarks(*map(tuple, moved(TEMPLATE, 1.2, 12, np.array([30.0, 10.0])).tolist()))
    one, two = crops_for("arcface", thorough=True)
    first = crop(picture, [Box(0, 0, 9, 9)], landmarks=[landmarks], size=112, settings=one)
    second = crop(picture, [Box(0, 0, 9, 9)], landmarks=[landmarks], size=112, settings=two)
    assert np.array_equal(first[0, :, ::-1], second[0])


def test_ways_of_cutting():
    """The way called box is the default's way, eyes is the same with every face levelled."""
    assert crops_for("box") is DEFAULT_CROPS
    assert [one.level for one in crops_for("eyes", thorough=True)] == [0.0] * 4
    assert [one.margin for one in crops_for("eyes")] == [one.margin for one in DEFAULT_CROPS]


def test_keys_of_recipes_did_not_change():
    """A crop by box says nothing of landmarks in a recipe; the key of the fakes' recipe is what it was before."""
    from facesearch.pipeline import FrontEnd
    from facesearch.testing import FakeDetector, FakeEmbedder

    assert "align" not in dict(DEFAULT_CROPS[0].as_settings())
    assert dict(crops_for("arcface")[0].as_settings())["align"] == "arcface"
    assert FrontEnd(FakeDetector(), FakeEmbedder()).recipe.key == "d4902257e23352f0"
