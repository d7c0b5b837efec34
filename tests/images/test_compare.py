"""The picture of an explanation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.images import compare
from facesearch.images.compare import Curves, Side, comparison

EDGES = np.array([0.0, 0.6, 0.8, 1.5, 2.0, 2.5, 4.0])
CURVES = Curves(EDGES, np.array([0, 0, 0.1, 1.0, 0.9, 0.05]), np.array([1.3, 0.8, 0.1, 0, 0, 0]))
FACE = np.full((160, 160, 3), 150, np.uint8)


def side(value=0.0, row=4, column=4, *, name="a.jpg", notes="90 × 110 px"):
    """A grey face with a map of zeros but for one square."""
    grid = [[0.0] * 9 for _ in range(9)]
    grid[row][column] = value
    return Side(FACE, tuple(map(tuple, grid)), name, notes)


def draw(left, right, *, same=True, distance=0.5, threshold=1.0):
    """The picture as an array of signed numbers."""
    picture = comparison((left, right), same=same, distance=distance, threshold=threshold, curves=CURVES)
    return np.asarray(picture).astype(int)


def tile(picture, place):
    """One of the two faces in a picture."""
    left = 32 + place * (960 - 64 - 436)
    return picture[80 : 80 + 436, left : left + 436]


def test_parts_that_speak_for_a_match_are_orange_and_those_against_blue():
    """Where hiding raises the distance the face is reddish, where it lowers it bluish, elsewhere as grey as it was."""
    picture = draw(side(0.4, 1, 1), side(-0.4, 7, 7))
    warm, cold = tile(picture, 0), tile(picture, 1)
    assert (warm[80:95, 80:95, 0] - warm[80:95, 80:95, 2] > 60).all()
    assert (cold[-95:-80, -95:-80, 2] - cold[-95:-80, -95:-80, 0] > 60).all()
    assert np.ptp(warm[250:, 250:], axis=2).max() == 0
    assert abs(warm[300, 300, 0] - 150) <= 1


def test_both_faces_share_one_scale():
    """A face whose parts change little is paler than one whose parts change much."""
    picture = draw(side(0.4), side(0.1))
    strong, weak = (np.ptp(tile(picture, place)[210:225, 210:225], axis=2).mean() for place in (0, 1))
    assert strong > 3 * weak > 0


def test_changes_next_to_nothing_are_not_blown_up():
    """Where no part changes the distance by as much as 0.05 no colour is strong."""
    assert np.ptp(tile(draw(side(0.001), side()), 0), axis=2).max() < 10


def test_this_pair_stands_at_its_distance():
    """The thick line is at the pair's distance on the axis, and a farther pair stands farther right."""
    ink = 0x21
    for distance in (0.0, 0.3, 1.2, 2.0, 2.9):
        picture = draw(side(), side(), distance=distance)
        end, _ = compare._end(CURVES, distance, 1.0)
        column = round(compare._x(end, distance))
        assert (picture[670:820, column, 0] == ink).all()
    assert compare._x(3, 0.4) < compare._x(3, 0.41) < compare._x(3, 2) <= 960 - 32


@given(st.floats(0.02, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_axis_ends_behind_what_there_is(scale, distance, threshold):
    """Nobody lies beyond its end, be distances large or small, and it is not much longer than that takes."""
    edges = scale * EDGES
    end, step = compare._end(Curves(edges, CURVES.strangers, CURVES.same), distance, threshold)
    needed = max(distance, threshold, edges[-1])
    assert needed * (1 - 1e-12) <= end < needed + step * 1.001
    assert 1 <= round(end / step) <= 8 or scale < 0.04


def test_the_verdict_is_seen():
    """Same and different look different, also without reading numbers."""
    same, other = draw(side(), side(), same=True), draw(side(), side(), same=False)
    assert (same[:70] != other[:70]).any()
    assert (same[80:] == other[80:]).all()


@settings(max_examples=12, deadline=None)
@given(st.floats(0, 4), st.floats(0, 4), st.text(max_size=30), st.text(max_size=30))
def test_anything_can_be_drawn(distance, threshold, name, notes):
    """No distance, threshold or name stops the drawing, and nothing is written on the margins."""
    picture = draw(side(name=name, notes=notes), side(0.2), distance=distance, threshold=threshold)
    assert picture.shape == (900, 960, 3)
    assert (picture[:, :8] == 255).all()
    assert (picture[:, -8:] == 255).all()
