"""Which face is meant where one is asked for."""

import pytest

from facesearch.detection.prominence import most_prominent
from facesearch.types import Box, Face, Landmarks

POINTS = Landmarks(*[(0.0, 0.0)] * 5)


def face(x, y, side):
    """A square face about a point."""
    return Face(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), POINTS, 0.9)


def test_the_larger_of_two_equally_central_faces_is_meant():
    """Size decides where the distance from the middle is the same."""
    assert most_prominent([face(300, 300, 100), face(700, 300, 150)], 1000, 600) == 1


def test_a_central_face_wins_over_a_slightly_larger_one_at_the_edge():
    """A face in the middle is meant though one at the edge is a little larger."""
    assert most_prominent([face(60, 60, 120), face(500, 300, 100)], 1000, 600) == 1


def test_a_much_larger_face_wins_wherever_it_is():
    """A face that dominates the photo is meant, even off centre."""
    assert most_prominent([face(300, 300, 400), face(500, 300, 60)], 1000, 600) == 0


def test_of_equal_faces_the_first_is_meant():
    """A tie goes to the first, so that the answer does not change from run to run."""
    assert most_prominent([face(400, 300, 80), face(600, 300, 80)], 1000, 600) == 0


def test_without_faces_there_is_nothing_to_choose():
    """Asking for the face of an empty photo is an error of the caller."""
    with pytest.raises(ValueError):
        most_prominent([], 100, 100)
