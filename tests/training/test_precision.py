"""Mixed precision: 16 bits inside, 32 outside; on a processor it runs as it does on a card, only not faster."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.models.export import keras_weights, to_onnx
from facesearch.training import precision as room
from facesearch.training.adapting import facenet
from facesearch.training.checkpoint import Checkpoints
from facesearch.training.losses import normalized
from facesearch.training.mining import mine
from facesearch.training.precision import (
    check_precision,
    loss_scale,
    on_this_machine,
    scaled_where_needed,
    set_precision,
)
from facesearch.training.settings import TrainSettings
from facesearch.training.steps import chunked_step, forward_of, plain_step
from facesearch.training.watch import Watch

keras = pytest.importorskip("keras")

MIXED = ["mixed_bfloat16", "mixed_float16"]
PEOPLE = np.repeat(np.arange(6), 4)


def _network():
    keras.utils.set_random_seed(7)
    layers = keras.layers
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization(trainable=False)(x))
    x = layers.Add()([x, layers.Rescaling(0.2)(layers.Conv2D(8, 1)(x))])
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def _crops():
    return np.random.default_rng(3).normal(size=(24, 16, 16, 3)).astype(np.float32)


def _mine(vectors):
    assert vectors.dtype == np.float32
    return mine(vectors, PEOPLE, np.arange(24), "batch-hard", random=np.random.default_rng(0))


@pytest.mark.parametrize("policy", MIXED)
def test_sixteen_bits_inside(policy):
    """Convolutions compute in 16 bits; weights, embeddings, loss and gradients have 32, and the loss comes down."""
    model = _network()
    inner = keras.Model(model.inputs[0], model.layers[4].output)
    set_precision(model, policy)
    assert inner(_crops()).dtype.name == policy.removeprefix("mixed_")
    assert {weight.dtype for weight in model.weights} == {"float32"}
    forward, weights = forward_of(model), model.trainable_weights
    assert forward(_crops()).dtype.name == "float32"
    optimizer = scaled_where_needed(keras.optimizers.Adam(0.01), model)
    optimizer.build(weights)
    losses = []
    for _ in range(12):
        step = plain_step(forward, weights, _crops(), _mine, scale=optimizer.scale_loss)
        assert {gradient.dtype.name for gradient in step.gradients} == {"float32"}
        optimizer.apply(step.gradients, weights)
        losses.append(step.loss)
    assert losses[-1] < 0.7 * losses[0]
    assert loss_scale(optimizer) == (2.0**15 if policy == "mixed_float16" else 1.0)


@pytest.mark.parametrize("policy", MIXED)
def test_gradients(policy):
    """Unscaled, gradients are those of float32 to a few hundredths, or a tenth by slower kernels; in chunks too."""
    model, crops = _network(), _crops()
    wanted = plain_step(forward_of(model), model.trainable_weights, crops, _mine)
    set_precision(model, policy)
    asked = forward_of(model), model.trainable_weights, crops, lambda _: wanted.mined
    factor = 1024.0
    whole = plain_step(*asked, scale=lambda loss: factor * loss)
    parts = chunked_step(*asked, chunk=7, scale=lambda loss: factor * loss)
    assert whole.loss == pytest.approx(wanted.loss, abs=0.01)
    for found, chunked, exact in zip(whole.gradients, parts.gradients, wanted.gradients, strict=True):
        size = float(np.linalg.norm(exact))
        assert np.linalg.norm(found / factor - exact) < 0.2 * size
        assert np.linalg.norm(chunked / factor - exact) < 0.2 * size


def test_an_overflow_is_left_out():
    """A step whose gradients are no numbers changes no weight and halves the scale; without end it stops training."""
    model = _network()
    set_precision(model, "mixed_float16")
    optimizer = scaled_where_needed(keras.optimizers.SGD(1.0), model)
    weights = model.trainable_weights
    optimizer.build(weights)
    before = [weight.numpy() for weight in weights]
    bad = [np.full(weight.shape, np.inf, np.float32) for weight in weights]
    watch = Watch()
    for count in range(1, 17):
        optimizer.apply(bad, weights)
        assert loss_scale(optimizer) == 2.0 ** (15 - count)
        why = watch.see(spread=1.0, share=1.0, loss=0.2, scale=loss_scale(optimizer))
        assert (why is None) == (count < 16)
    assert "no numbers" in why
    for weight, held in zip(weights, before, strict=True):
        np.testing.assert_array_equal(weight, held)


def test_the_scale_is_kept(tmp_path):
    """A checkpoint of float16 brings the loss scale and its count back, and one of float32 does not fit it."""
    state = []
    for policy in ("mixed_float16", "mixed_float16", "float32"):
        model = _network()
        set_precision(model, policy)
        optimizer = scaled_where_needed(keras.optimizers.Adam(0.01), model)
        optimizer.build(model.trainable_weights)
        state.append((model, optimizer))
    (model, optimizer), other, plain = state
    for value in (np.nan, 0.1, 0.2):
        optimizer.apply([np.full(one.shape, value, np.float32) for one in model.trainable_weights])
    checkpoints = Checkpoints(tmp_path, "one")
    checkpoints.save(model, optimizer, [], steps=3, watch=Watch(), best=True)
    checkpoints.load(*other)
    for found, wanted in zip(other[1].variables, optimizer.variables, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert loss_scale(other[1]) == 2.0**14
    with pytest.raises(ConfigError, match="damaged"):
        checkpoints.load(*plain)


def test_a_trained_model_is_float32(tmp_path):
    """Back in float32 a model has the weights that it had, and its files know nothing of 16 bits."""
    import onnx

    model, crops = _network(), _crops()
    wanted = np.asarray(model(crops, training=False))
    set_precision(model, "mixed_bfloat16")
    assert (np.asarray(model(crops, training=False)) != wanted).any()
    set_precision(model, "float32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(crops, training=False), wanted)
    to_onnx(model, 16, str(tmp_path / "model.onnx"))
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert {held.data_type for held in graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    assert "Cast" not in {node.op_type for node in graph.node}


def test_facenet(models):
    """FaceNet's own layers take the precision, in its tail too, and its embeddings move by next to nothing."""
    adapted = facenet(keras_weights(print), blocks=1)
    crops = np.random.default_rng(0).normal(size=(1, 160, 160, 3)).astype(np.float32)
    wanted = normalized(adapted.whole(crops)).numpy()
    set_precision(adapted.whole, "mixed_bfloat16")
    assert 0 < np.square(normalized(adapted.whole(crops)).numpy() - wanted).sum() < 0.01
    computed = {layer.name: layer.compute_dtype for layer in adapted.tail.layers}
    assert computed["Block8_6_Conv2d_1x1"] == computed["Block8_6_ScaleSum"] == "bfloat16"
    assert computed["Bottleneck"] == computed["Bottleneck_BatchNorm"] == "float32"


def test_float32_has_the_key_of_before():
    """Checkpoints from before there was a choice are still those of the same training; other precisions differ."""
    assert "precision" not in TrainSettings().identity()
    assert TrainSettings(precision="mixed_bfloat16").identity()["precision"] == "mixed_bfloat16"
    with pytest.raises(ConfigError, match="no precision 'int8'"):
        TrainSettings(precision="int8")


@pytest.mark.parametrize(
    ("flags", "capability", "wanted"),
    [
        ("fpu avx512_bf16", None, "mixed_bfloat16"),
        ("fpu avx512f", None, "no bfloat16"),
        ("fpu", (7, 5), "mixed_float16"),
        ("fpu avx512_bf16", (6, 1), r"compute capability 6\.1"),
    ],
)
def test_what_mixed_is_here(monkeypatch, flags, capability, wanted):
    """Each device gets the 16 bits that it computes fast, or the reason why not; float32 asks no device."""
    import tensorflow as tf

    monkeypatch.setattr(room.Path, "read_text", lambda *_, **__: f"model name : x\nflags : {flags}\n")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [] if capability is None else ["card"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: {"compute_capability": capability})
    assert on_this_machine("float32") == "float32"
    if wanted.startswith("mixed"):
        assert on_this_machine("mixed") == wanted
    else:
        with pytest.raises(ConfigError, match=wanted):
            on_this_machine("mixed")


def test_refused_without_tensorflow(monkeypatch, tmp_path):
    """Where there are neither bfloat16 nor a card, mixed is refused before anything is read; else that comes later."""
    monkeypatch.setattr(room, "has_bfloat16", lambda: False)
    monkeypatch.setattr(room, "_CARDS", (tmp_path / "card",))
    check_precision("float32")
    with pytest.raises(ConfigError, match="no bfloat16"):
        check_precision("mixed")
    (tmp_path / "card").touch()
    check_precision("mixed")
