"""Input standardization and unit rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.models.standardize import standardize, unit_rows


def crops(seed, count=3, side=16, low=0, high=256):
    """Random crops, (count, side, side, 3)."""
    return np.random.default_rng(seed).integers(low, high, (count, side, side, 3)).astype(np.uint8)


@pytest.mark.slow
def test_it_is_tensorflows_per_image_standardization():
    """Each crop is standardized as TensorFlow does it, flat and nearly flat ones included."""
    import tensorflow as tf

    flat = np.full((1, 16, 16, 3), 77, np.uint8)
    nearly = flat.copy()
    nearly[0, 0, 0, 0] = 78
    batch = np.concatenate([crops(1), crops(2, low=100, high=103), flat, nearly])
    expected = tf.image.per_image_standardization(batch.astype(np.float32)).numpy()
    assert np.abs(standardize(batch) - expected).max() < 1e-5


@given(st.integers(0, 2**31))
def test_a_crop_has_mean_0_and_deviation_1(seed):
    """Over all pixels and channels together, not for each channel."""
    out = standardize(crops(seed)).astype(np.float64)
    assert np.allclose(out.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    assert np.allclose(out.std(axis=(1, 2, 3)), 1, atol=1e-5)


@given(st.integers(0, 2**31), st.integers(1, 3))
def test_brightness_and_contrast_do_not_matter(seed, factor):
    """A crop that is lighter, or has more contrast, is the same after standardization."""
    plain = crops(seed, low=0, high=60)
    assert np.allclose(standardize(plain), standardize(plain * factor + 20), atol=1e-4)


def test_a_crop_of_one_colour_becomes_zeros():
    """A flat crop has no deviation to divide by, and gives zeros, not NaN."""
    assert (standardize(np.full((2, 160, 160, 3), 200, np.uint8)) == 0).all()


def test_a_crop_does_not_depend_on_its_batch():
    """Standardization is per crop, bit for bit."""
    batch = crops(5, count=4)
    alone = np.concatenate([standardize(batch[i : i + 1]) for i in range(4)])
    assert np.array_equal(standardize(batch), alone)


def test_no_crops_give_no_crops():
    """An empty batch keeps its shape."""
    out = standardize(np.empty((0, 160, 160, 3), np.uint8))
    assert (out.shape, out.dtype) == ((0, 160, 160, 3), np.float32)


def test_unit_rows_have_length_1_and_zeros_stay_zeros():
    """Each row is divided by its norm; a row of zeros stays, without a warning."""
    rows = unit_rows(np.array([[3, 4], [0, 0], [0, -2]], np.float32))
    assert np.allclose(rows, [[0.6, 0.8], [0, 0], [0, -1]])
    assert rows.dtype == np.float32
    assert unit_rows(np.empty((0, 128), np.float32)).shape == (0, 128)
