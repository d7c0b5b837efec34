"""The triplet loss is the paper's formula, and its gradient what small steps give."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.training.losses import normalized, triplet_loss

tf = pytest.importorskip("tensorflow")


def _by_hand(vectors, triplets, margin):
    total = 0.0
    for a, p, n in triplets:
        near = sum((x - y) ** 2 for x, y in zip(vectors[a], vectors[p], strict=True))
        far = sum((x - y) ** 2 for x, y in zip(vectors[a], vectors[n], strict=True))
        total += max(0.0, near - far + margin)
    return total / len(triplets)


def _random(seed, n=9, d=5):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _triplets(seed, n=9, count=40):
    return np.random.default_rng(seed).integers(0, n, (count, 3))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("margin", [0.0, 0.2, 1.5])
def test_value(seed, margin):
    """It is the mean of equation 3 over the triplets."""
    vectors, triplets = _random(seed), _triplets(seed)
    assert float(triplet_loss(tf.constant(vectors), triplets, margin)) == pytest.approx(
        _by_hand(vectors, triplets, margin), abs=1e-9
    )


@pytest.mark.parametrize("seed", range(3))
def test_gradient(seed):
    """The gradient is that of small steps to both sides, through the normalization too."""
    outputs, triplets = np.random.default_rng(seed).normal(size=(9, 5)), _triplets(seed)

    def loss(values):
        unit = values / np.linalg.norm(values, axis=1, keepdims=True)
        return _by_hand(unit, triplets, 0.2)

    held = tf.constant(outputs)
    with tf.GradientTape() as tape:
        tape.watch(held)
        value = triplet_loss(tf.math.l2_normalize(held, axis=1), triplets, 0.2)
    found = tape.gradient(value, held).numpy()
    wanted = np.zeros_like(outputs)
    for place in np.ndindex(*outputs.shape):
        step = np.zeros_like(outputs)
        step[place] = 1e-6
        wanted[place] = (loss(outputs + step) - loss(outputs - step)) / 2e-6
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_equal_vectors():
    """Where anchor, positive and negative are the same vector, the loss is the margin and no gradient is NaN."""
    held = tf.ones((3, 4))
    with tf.GradientTape() as tape:
        tape.watch(held)
        value = triplet_loss(normalized(held), np.array([[0, 1, 2]]), 0.2)
    assert float(value) == pytest.approx(0.2)
    assert np.isfinite(tape.gradient(value, held).numpy()).all()


def test_zero_rows():
    """A network that puts out zeros gives neither NaN nor infinity."""
    held = tf.zeros((3, 4))
    with tf.GradientTape() as tape:
        tape.watch(held)
        unit = normalized(held)
        value = triplet_loss(unit, np.array([[0, 1, 2]]), 0.2)
    assert not unit.numpy().any()
    assert np.isfinite(float(value))
    assert np.isfinite(tape.gradient(value, held).numpy()).all()
