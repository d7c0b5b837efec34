"""The shipped test doubles have obvious answers and keep the contracts."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from facesearch.testing import (
    FakeDetector,
    FakeEmbedder,
    check_detector,
    check_embedder,
    paint,
    synthetic_blocks,
    synthetic_faces,
)
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
    """An embedder whose rows are not of length 1 fails with the rule."""

    class Long(FakeEmbedder):
        def embed(self, crops):
            return super().embed(crops) * 2

    with pytest.raises(AssertionError, match="length 1"):
        check_embedder(Long())


@pytest.mark.slow
def test_synthetic_faces_are_as_far_apart_as_real_ones():
    """Quantiles of the distances of one person's faces and of strangers' are those measured on real embeddings."""
    measured = json.loads(files("facesearch.testing").joinpath("spectra.json").read_text())["quantiles"]
    vectors, people = synthetic_faces(1500, 4, seed=3)
    ones, others = np.triu_indices(len(vectors), 1)
    apart, same = (2 - 2 * vectors @ vectors.T)[ones, others], people[ones] == people[others]
    for quantile, distance in measured["same"].items():
        assert float(np.quantile(apart[same], float(quantile))) == pytest.approx(distance, rel=0.08, abs=0.02)
    for quantile, distance in measured["strangers"].items():
        assert float(np.quantile(apart[~same], float(quantile))) == pytest.approx(distance, rel=0.06)


def test_synthetic_faces_are_unit_rows_of_the_people_asked_for():
    """Rows are float32 of length 1, person by person; a person may have none."""
    vectors, people = synthetic_faces(5, [3, 0, 1, 2, 4])
    assert vectors.dtype == np.float32
    assert vectors.shape == (10, 128)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(10), abs=1e-6)
    assert people.tolist() == [0, 0, 0, 2, 3, 3, 4, 4, 4, 4]
    assert synthetic_faces(0, 3)[0].shape == (0, 128)


def test_synthetic_faces_follow_the_seed():
    """Equal seeds give equal faces, other seeds others, and in pieces they are the same."""
    counts = (np.arange(2500) % 3).tolist()
    vectors, people = synthetic_faces(2500, counts, seed=9)
    assert np.array_equal(vectors, synthetic_faces(2500, counts, seed=9)[0])
    assert not np.array_equal(vectors, synthetic_faces(2500, counts, seed=8)[0])
    blocks = list(synthetic_blocks(2500, counts, seed=9))
    assert len(blocks) == 3
    assert np.array_equal(np.concatenate([block for block, _ in blocks]), vectors)
    assert np.array_equal(np.concatenate([some for _, some in blocks]), people)


@pytest.mark.parametrize(("people", "counts"), [(-1, 2), (2, [1]), (2, [1, -1])])
def test_synthetic_faces_of_whom(people, counts):
    """Each person needs a number of faces."""
    with pytest.raises(ValueError, match="numbers of faces"):
        synthetic_faces(people, counts)
