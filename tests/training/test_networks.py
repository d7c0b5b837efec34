"""The networks are those of the papers."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.models.export import keras_weights
from facesearch.models.facenet_keras import load_keras_model
from facesearch.training.adapting import BLOCKS, facenet, portable
from facesearch.training.networks import NETWORKS, build


@pytest.fixture(scope="module")
def images():
    """Two standardized crops."""
    return np.random.default_rng(0).normal(size=(2, 160, 160, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def original(models):
    """FaceNet with its weights."""
    return load_keras_model(keras_weights(print))


@pytest.mark.parametrize(("name", "weights"), [("nn2", 7.5e6), ("inception-resnet-v1", 22_808_144)])
def test_size(name, weights):
    """The number of weights is the published one, and so are the sizes of input and output."""
    model = build(name)
    assert model.input_shape[1:] == (NETWORKS[name].size, NETWORKS[name].size, 3)
    assert model.output_shape == (None, 128)
    assert model.count_params() == pytest.approx(weights, rel=0.005)


def test_the_small_one_is_small():
    """It has less than a twentieth of FaceNet's weights."""
    assert build("small", 32).output_shape == (None, 32)
    assert build("small").count_params() < 22_808_144 / 20


def test_inception_resnet_is_facenet(original, images):
    """With FaceNet's weights the network built from the paper gives FaceNet's embeddings."""
    model = build("inception-resnet-v1")
    mine, theirs = ([layer for layer in one.layers if layer.weights] for one in (model, original))
    assert len(mine) == len(theirs)
    for layer, source in zip(mine, theirs, strict=True):
        layer.set_weights(source.get_weights())
    np.testing.assert_allclose(model(images, training=False), original(images, training=False), atol=1e-4)


@pytest.mark.parametrize("blocks", [0, BLOCKS])
def test_the_last_blocks_alone(original, images, blocks):
    """Trunk and tail together are the whole network; only the tail's weights learn, and they are shared."""
    adapted = facenet(keras_weights(print), blocks=blocks)
    wanted = np.asarray(original(images, training=False))
    np.testing.assert_allclose(adapted.tail(adapted.trunk(images), training=False), wanted, atol=1e-5)
    adapted.tail.trainable_weights[-1].assign_add(np.full_like(adapted.tail.trainable_weights[-1], 0.01))
    assert np.abs(np.asarray(adapted.whole(images, training=False)) - wanted).max() > 1e-4


def test_keras_opens_the_file(original, images, tmp_path):
    """FaceNet, saved, is opened by Keras alone, without facesearch's own layers, and is the same network."""
    import keras

    portable(original).save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(again(images, training=False), original(images, training=False))


def test_unknown():
    """A network or a block that does not exist is refused."""
    with pytest.raises(ConfigError, match="no network"):
        build("resnet-999")


def test_too_many_blocks(models):
    """FaceNet has six last blocks."""
    with pytest.raises(ConfigError, match="6 last blocks"):
        facenet(keras_weights(print), blocks=7)
