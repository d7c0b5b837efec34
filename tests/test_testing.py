"""The shipped test doubles have obvious answers and keep the contracts."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.testing import FakeDetector, FakeEmbedder, check_detector, check_embedder, paint
from facesearch.types import Box

BOXES = [Box(10, 10, 60, 60), Box(100, 20, 150, 90), Box(90, 120, 200, 220)]
RED, BLUE = (220, 20, 20), (20, 20, 220)


def test_fake_detector_finds_painted_faces():
    """Every painted square is found to the pixel, the largest first."""
    picture = paint(zip(BOXES, [RED, RED, BLUE], strict=True))
    check_detector(FakeDetector(), picture, BOXES, min_iou=1.0)
    assert [face.box for face in FakeDetector().detect(picture)] == BOXES[::-1]


def test_fake_detector_leaves_small_squares():
    """Squares below the smallest side are not found."""
    assert FakeDetector(min_side=40).detect(paint([(Box(5, 5, 35, 80), RED)])) == []


@pytest.mark.parametrize(("dim", "size"), [(2, 8), (8, 20), (128, 160)])
def test_fake_embedder_keeps_the_contract(dim, size):
    """The fake is a valid embedder of any even dimension."""
    check_embedder(FakeEmbedder(dim, size))
    with pytest.raises(ValueError, match="even"):
        FakeEmbedder(dim + 1)


def test_fake_embedder_knows_colours():
    """Nearly equal colours are one person, clearly different ones are not."""
    crops = [np.full((160, 160, 3), colour, dtype=np.uint8) for colour in (RED, (214, 26, 18), BLUE)]
    rows = FakeEmbedder().embed(np.stack(crops))
    apart = 2 - 2 * rows @ rows.T
    assert apart[0, 1] < 0.1
    assert apart[0, 2] > 1


def test_contracts_catch_liars():
    """A detector that misses a face and an embedder whose rows are not of length 1 fail with the rule."""
    with pytest.raises(AssertionError, match="is found"):
        check_detector(FakeDetector(), paint([]), BOXES)

    class Long(FakeEmbedder):
        def embed(self, crops):
            return super().embed(crops) * 2

    with pytest.raises(AssertionError, match="length 1"):
        check_embedder(Long())
