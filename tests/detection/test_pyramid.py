"""The pyramid's area resampling against the definition: each pixel is the mean of what it covers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.detection.pyramid import halve, scales, shrink

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def covers(size, wanted):
    """How much of each of ``size`` pixels each of ``wanted`` pixels takes, (wanted, size), in exact fractions."""
    step = Fraction(size, wanted)
    return np.array(
        [
            [float(max(Fraction(0), min((k + 1) * step, i + 1) - max(k * step, i)) / step) for i in range(size)]
            for k in range(wanted)
        ]
    )


@st.composite
def pictures(draw):
    """A picture of whole numbers, (2, H, W), float32, and a size it can be shrunk to."""
    height, width = draw(st.integers(1, 100)), draw(st.integers(1, 100))
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    image = random.integers(0, 256, (2, height, width)).astype(np.float32)
    return image, draw(st.integers(1, height)), draw(st.integers(1, width))


@given(pictures())
def test_shrinking_is_the_exact_mean_of_the_covered_area(case):
    """Every output pixel is the mean of the area it covers, fractions of pixels included."""
    image, height, width = case
    rows, columns = covers(image.shape[1], height), covers(image.shape[2], width)
    expected = np.einsum("hi,cij,wj->chw", rows, image.astype(np.float64), columns)
    assert np.abs(shrink(image, height, width) - expected).max() < 1e-3


@given(pictures())
def test_shrinking_keeps_range_and_mean(case):
    """The mean of the picture stays, and nothing gets lighter or darker than its lightest and darkest pixel."""
    image, height, width = case
    small = shrink(image, height, width)
    assert small.shape == (2, height, width)
    assert small.dtype == np.float32
    assert np.allclose(small.mean(axis=(1, 2)), image.mean(axis=(1, 2)), atol=1e-2)
    assert small.min() >= image.min() - 1e-3
    assert small.max() <= image.max() + 1e-3


@given(pictures(), st.integers(0, 255))
def test_a_plain_picture_stays_plain(case, level):
    """One colour stays that colour at every size."""
    image, height, width = case
    assert np.allclose(shrink(np.full_like(image, level), height, width), level, atol=1e-3)


@given(pictures())
def test_the_same_size_is_the_same_picture(case):
    """Shrinking to the same size changes nothing at all."""
    image, *_ = case
    assert np.array_equal(shrink(image, *image.shape[1:]), image)


@given(pictures(), st.integers(1, 4))
def test_a_whole_factor_is_the_mean_of_blocks(case, factor):
    """Undoing an enlargement by a whole factor gives the picture back."""
    image, *_ = case
    large = image.repeat(factor, axis=1).repeat(factor, axis=2)
    assert np.allclose(shrink(large, *image.shape[1:]), image, atol=1e-3)


def test_scales_go_down_from_the_smallest_face():
    """The first level shows the smallest face as one window, each further one is ``factor`` of the last."""
    levels = scales(480, 640, 24.0, factor=0.5)
    assert levels[0] == 12 / 24
    assert np.allclose(np.array(levels[1:]) / levels[:-1], 0.5)


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(20, 400))
def test_every_level_holds_a_window(height, width, smallest):
    """No level is smaller than one window, however small or narrow the picture."""
    for scale in scales(height, width, smallest, factor=0.709):
        assert min(int(height * scale), int(width * scale)) >= 12
        assert 0 < scale < 1


@pytest.mark.parametrize("size", [(11, 500), (500, 11), (1, 1)])
def test_a_picture_smaller_than_a_window_has_no_levels(size):
    """A picture in which no window fits has no levels."""
    assert scales(*size, 20.0, factor=0.709) == []


@given(st.integers(1, 30), st.integers(1, 30))
def test_halves_are_means_of_blocks(rows, columns):
    """Each pixel of the half is the mean of its four, in every channel; an odd side loses nothing."""
    height, width = 2 * rows, 2 * columns
    image = np.random.default_rng(height * 61 + width).random((3, height, width), np.float32)
    half = halve(image)
    assert half.shape == (3, height // 2, width // 2)
    expected = [image[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(axis=(1, 2)) for y, x in np.ndindex(half.shape[1:])]
    np.testing.assert_allclose(half.reshape(3, -1).T, expected, atol=1e-6)
    odd = np.random.default_rng(0).random((3, height + 1, width + 1), np.float32)
    assert halve(odd).shape == (3, rows, columns)
    np.testing.assert_allclose(halve(odd).mean(axis=(1, 2)), odd.mean(axis=(1, 2)), atol=1e-5)
