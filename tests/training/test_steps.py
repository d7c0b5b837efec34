"""A batch in chunks gives the gradient of the whole batch."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.training.mining import RULES, mine
from facesearch.training.steps import check_chunkable, chunked_step, forward_of, plain_step

keras = pytest.importorskip("keras")

PEOPLE = np.repeat(np.arange(6), 4)


def _network(*, frozen=True, dropout=0.0):
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(12, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(dropout),
            layers.Dense(10),
        ]
    )
    model.layers[1].trainable = not frozen
    return model


def _crops():
    return np.random.default_rng(3).normal(size=(24, 16, 16, 3)).astype(np.float32)


def _mine(rule):
    return lambda vectors: mine(vectors, PEOPLE, np.arange(24), rule, random=np.random.default_rng(11))


def _mine_strangers(vectors):
    return mine(vectors, np.arange(24), np.arange(24), "semi-hard", random=np.random.default_rng(0))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("chunk", [1, 5, 24, 100])
def test_equal(rule, chunk):
    """The same loss, the same triplets, and gradients equal to 1e-5 of their size, whatever a chunk holds."""
    model, crops = _network(), _crops()
    check_chunkable(model)
    asked = forward_of(model), model.trainable_weights, crops, _mine(rule)
    whole = plain_step(*asked)
    parts = chunked_step(*asked, chunk=chunk)
    assert whole.mined.active > 0
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert parts.spread == pytest.approx(whole.spread, abs=1e-5)
    np.testing.assert_array_equal(parts.mined.triplets, whole.mined.triplets)
    assert len(parts.gradients) == len(model.trainable_weights)
    for found, wanted in zip(parts.gradients, whole.gradients, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1e-3, float(np.abs(wanted).max())))


@pytest.mark.parametrize(
    ("options", "reason"), [({"frozen": False}, "batch normalization"), ({"dropout": 0.3}, "dropout")]
)
def test_refused(options, reason):
    """Batch normalization that learns, and dropout, are refused with the reason; the plain step takes both."""
    model = _network(**options)
    with pytest.raises(ConfigError) as caught:
        check_chunkable(model)
    assert reason in f"{caught.value.message} {caught.value.hint}"
    assert plain_step(forward_of(model), model.trainable_weights, _crops(), _mine("random")).gradients is not None


@pytest.mark.parametrize("step", [plain_step, partial(chunked_step, chunk=8)])
def test_nothing_active(step):
    """Where no triplet is active there is no gradient, and nothing fails."""
    model = _network()
    found = step(forward_of(model), model.trainable_weights, _crops(), _mine_strangers)
    assert (found.loss, found.gradients, found.mined.candidates) == (0.0, None, 0)
