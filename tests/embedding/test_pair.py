"""Two embedders as one: a unit vector whose distances are weighted sums of theirs."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facesearch.embedding.pair import PairEmbedder
from facesearch.images.align import DEFAULT_CROPS, DLIB_CROPS
from facesearch.pipeline import FrontEnd
from facesearch.pipeline.paired import PairedFrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder, check_embedder, random_units

WEIGHTS = st.floats(0, 1)


def pair_of(weight, first=None, second=None):
    """Two fakes as one: crops of 160 and of 320 pixels."""
    first = first or FakeEmbedder(dim=8)
    second = second or FakeEmbedder(dim=6, input_size=320)
    return PairEmbedder("pair", first, second, weight=weight, first_count=len(DEFAULT_CROPS))


@given(weight=WEIGHTS, seed=st.integers(0, 2**32 - 1))
def test_a_distance_is_the_weighted_sum_of_both(weight, seed):
    """Joined vectors are of length 1, and their squared distances are the weighted sums of those of the parts."""
    a, b = random_units(5, 8, seed=seed), random_units(5, 6, seed=seed + 1)
    rows = pair_of(weight).joined(a, b)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    far = [np.square(one[:, None] - one[None]).sum(axis=2) for one in (a, b, rows)]
    assert np.allclose(far[2], (1 - weight) * far[0] + weight * far[1], atol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_pair_is_an_embedder(weight):
    """A pair keeps the contract of an embedder for crops that both can use."""
    check_embedder(pair_of(weight))


@pytest.mark.parametrize("sizes", [(160, 240), (112, 160)])
def test_sides_that_do_not_fit(sizes):
    """Crops of a side that is no multiple of the other's cannot go together."""
    with pytest.raises(ValueError, match="no pair"):
        pair_of(0.5, *(FakeEmbedder(input_size=size) for size in sizes))


def test_a_weight_beyond_one():
    """A weight is a share."""
    with pytest.raises(ValueError, match="no pair"):
        pair_of(1.1)


@pytest.fixture
def photo(tmp_path):
    """Two painted faces on a photo of 640 × 480 pixels."""
    pixels = np.full((480, 640, 3), 255, np.uint8)
    for left, colour in ((60, (200, 40, 40)), (400, (40, 60, 190))):
        pixels[150:290, left : left + 110] = colour
        pixels[150:220, left : left + 40] = colour[::-1]
    Image.fromarray(pixels).save(tmp_path / "two.png")
    return tmp_path / "two.png"


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_each_part_is_what_its_embedder_makes_of_its_own_crops(photo, weight):
    """Every part of a pair's vector is, number for number, that of a front end with that embedder alone."""
    pair = pair_of(weight)
    both = PairedFrontEnd(FakeDetector(), pair, crops=(*DEFAULT_CROPS, *DLIB_CROPS))
    found = both.analyse(photo)
    first = FrontEnd(FakeDetector(), pair.first, crops=DEFAULT_CROPS).analyse(photo)
    second = FrontEnd(FakeDetector(), pair.second, crops=DLIB_CROPS).analyse(photo)
    assert len(found.faces) == 2
    assert np.array_equal(found.vectors, pair.joined(first.vectors, second.vectors))
    if weight == 0:
        assert np.array_equal(found.vectors[:, :8], first.vectors)
    if weight == 1:
        assert np.array_equal(found.vectors[:, 8:], second.vectors)


def test_a_recipe_holds_both_and_the_weight():
    """The recipe of a pair tells both embedders, all crops and the weight; another weight is another recipe."""
    made = [
        PairedFrontEnd(FakeDetector(), pair_of(weight), crops=(*DEFAULT_CROPS, *DLIB_CROPS)).recipe
        for weight in (0.4, 0.5)
    ]
    said = dict(made[0].settings)
    assert (made[0].dim, said["embedder_weight"], said["embedder_first_colours"]) == (14, 0.4, True)
    assert said["crop4_scale"] == replace(DLIB_CROPS[1]).scale
    assert made[0].key != made[1].key


def test_a_pair_reaches_other_processes(photo):
    """A front end with a pair can be pickled, and gives the same there."""
    both = PairedFrontEnd(FakeDetector(), pair_of(0.4), crops=(*DEFAULT_CROPS, *DLIB_CROPS))
    again = pickle.loads(pickle.dumps(both))
    assert np.array_equal(again.analyse(photo).vectors, both.analyse(photo).vectors)
    assert again.recipe == both.recipe


def test_a_photo_without_a_face(tmp_path):
    """No faces give no vectors."""
    Image.new("RGB", (64, 64), "white").save(tmp_path / "none.png")
    both = PairedFrontEnd(FakeDetector(), pair_of(0.4), crops=(*DEFAULT_CROPS, *DLIB_CROPS))
    assert both.analyse(tmp_path / "none.png").vectors.shape == (0, 14)
