"""Box arithmetic against its plainest possible form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facesearch.detection import boxes as module
from facesearch.detection.boxes import calibrated, nms, overlaps, squared
from facesearch.types import Box

# Processes and histories that take seconds.
pytestmark = pytest.mark.slow

WHOLE = st.integers(0, 40)


@st.composite
def some_boxes(draw, most=40):
    """Boxes with sides of 0 to 40 pixels, as float32 (n, 4): small integers, so that overlaps are exact."""
    count = draw(st.integers(0, most))
    corner = draw(arrays(np.float32, (count, 2), elements=WHOLE.map(float)))
    size = draw(arrays(np.float32, (count, 2), elements=WHOLE.map(float)))
    return np.hstack([corner, corner + size])


def one_overlap(a, b, over):
    """The overlap of two boxes, written down as one would say it."""
    wide = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    high = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    whole = sum(areas) - wide * high if over == "union" else min(areas)
    return wide * high / whole if whole > 0 else 0


def slow_nms(boxes, scores, threshold, over):
    """Each box stays unless a better one covers it; equal scores: the earlier one is better."""
    order = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    return [
        i
        for rank, i in enumerate(order)
        if not any(one_overlap(boxes[j], boxes[i], over) > threshold for j in order[:rank])
    ]


@given(some_boxes(most=12), some_boxes(most=12), st.sampled_from(["union", "smaller"]))
def test_overlaps_are_those_of_each_pair(a, b, over):
    """The matrix of overlaps holds what each pair gives, and 0 for empty boxes."""
    expected = [[one_overlap(x, y, over) for y in b.tolist()] for x in a.tolist()]
    got = overlaps(a, b, over)
    assert got.shape == (len(a), len(b))
    assert np.allclose(got, np.array(expected, np.float32).reshape(got.shape), atol=1e-6)


@given(some_boxes(most=8))
def test_overlap_over_union_is_the_iou_of_the_types(a):
    """Arrays and ``Box.iou`` agree."""
    expected = [[Box(*x).iou(Box(*y)) for y in a.tolist()] for x in a.tolist()]
    assert np.allclose(overlaps(a, a), np.array(expected, np.float32).reshape(len(a), len(a)), atol=1e-6)


@given(some_boxes(), st.data(), st.sampled_from([0.0, 0.3, 0.5, 0.7]), st.sampled_from(["union", "smaller"]))
def test_nms_is_the_slow_one(boxes, data, threshold, over):
    """NMS keeps what the two nested loops keep, in the same order, ties included."""
    scores = data.draw(arrays(np.float32, len(boxes), elements=st.sampled_from([0.25, 0.5, 0.625, 0.75])))
    assert nms(boxes, scores, threshold, over).tolist() == slow_nms(boxes.tolist(), scores, threshold, over)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_nms_does_not_depend_on_its_blocks(monkeypatch, block):
    """How many rows are compared at once changes memory, not the result."""
    random = np.random.default_rng(1)
    corner = random.uniform(0, 300, (500, 2))
    boxes = np.hstack([corner, corner + random.uniform(5, 80, (500, 2))]).astype(np.float32)
    scores = random.uniform(size=500).astype(np.float32)
    expected = nms(boxes, scores, 0.4).tolist()
    monkeypatch.setattr(module, "_BLOCK", block)
    assert nms(boxes, scores, 0.4).tolist() == expected
    assert expected == slow_nms(boxes.tolist(), scores, 0.4, "union")


@pytest.mark.parametrize("block", [7, 256])
def test_boxes_of_different_groups_leave_each_other_alone(monkeypatch, block):
    """NMS of several groups at once keeps what NMS of each alone keeps, best first over all."""
    monkeypatch.setattr(module, "_BLOCK", block)
    random = np.random.default_rng(2)
    corner = random.uniform(0, 100, (300, 2))
    boxes = np.hstack([corner, corner + random.uniform(20, 80, (300, 2))]).astype(np.float32)
    scores, groups = random.integers(1, 60, 300).astype(np.float32) / 64, random.integers(0, 4, 300)
    kept = nms(boxes, scores, 0.5, groups=groups)
    alone = [np.flatnonzero(groups == one) for one in range(4)]
    expected = np.concatenate([rows[nms(boxes[rows], scores[rows], 0.5)] for rows in alone])
    assert sorted(kept.tolist()) == sorted(expected.tolist())
    assert kept.tolist() == sorted(kept.tolist(), key=lambda row: (-scores[row], row))
    assert len(kept) > len(nms(boxes, scores, 0.5))


def test_a_box_that_goes_still_suppresses():
    """As in the package, a suppressed box suppresses others: A covers B, B covers C, so C goes though A is far."""
    chain = np.array([[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]], np.float32)
    assert nms(chain, np.array([0.9, 0.8, 0.7], np.float32), 0.5).tolist() == [0]


def test_nothing_stays_nothing():
    """No boxes give no boxes."""
    none = np.empty((0, 4), np.float32)
    assert nms(none, np.empty(0, np.float32), 0.5).shape == (0,)
    assert squared(none).shape == (0, 4)


@given(some_boxes())
def test_squared_boxes_are_square_about_the_same_centre(boxes):
    """Squaring keeps the centre and takes the longer side for both."""
    grown = squared(boxes)
    sides = grown[:, 2:] - grown[:, :2]
    assert np.allclose(sides, np.max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True))
    assert np.allclose((grown[:, :2] + grown[:, 2:]), (boxes[:, :2] + boxes[:, 2:]))


def test_offsets_are_fractions_of_the_inclusive_side():
    """A box 9 wide is 10 pixels inclusive: an offset of 0.1 moves its edge by one pixel."""
    moved = calibrated(np.array([[10, 20, 19, 39]], np.float32), np.array([[0.1, -0.1, 0.2, 0]], np.float32))
    assert moved.tolist() == [[11, 18, 21, 39]]
