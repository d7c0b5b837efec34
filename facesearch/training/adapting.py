"""Start from FaceNet's own weights: all of it, or only its last blocks, on what the frozen rest made of the crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError
from facesearch.models.facenet_keras import load_keras_model

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = 6
"""The blocks at the end that can be trained by themselves: Inception-ResNet-C, 9.8 of the 22.8 million weights with the
bottleneck."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """A network to go on with. ``tail`` shares its weights with ``whole``, so training one trains the other.

    ``trunk`` is a compiled function, standardized crops to what ``tail`` takes; None where ``tail`` is ``whole``.
    """

    whole: Any
    tail: Any
    trunk: Any


def facenet(weights: Path, *, blocks: int | None) -> Adapted:
    """FaceNet with its weights; batch normalization is frozen, for a batch of a few people is not the world.

    Args:
        weights: ``facenet_keras.h5``, whose hash the caller has checked.
        blocks: how many of the last blocks learn, 0 to ``BLOCKS``, and the bottleneck after them; None for everything.

    Raises:
        ConfigError: there are not so many blocks.
        ModelError: the weights cannot be read.
    """
    if blocks is not None and not 0 <= blocks <= BLOCKS:
        raise ConfigError(f"FaceNet has {BLOCKS} last blocks, not {blocks}", hint="--blocks -1 is all of it")
    whole = load_keras_model(weights)
    for layer in whole.layers:
        kind = type(layer).__name__
        if kind == "BatchNormalization":
            layer.trainable = False
        if kind == "Dropout":
            layer.rate = 0.0
    if blocks is None:
        return Adapted(whole, whole, None)
    return _cut(whole, blocks)


def _cut(whole: Any, blocks: int) -> Adapted:  # noqa: ANN401 - Keras
    """Cut before the first block that learns, or before the pooling where none does."""
    import keras
    import tensorflow as tf

    last_frozen = BLOCKS - blocks
    names = {0: "Mixed_7a", BLOCKS: f"Block8_{BLOCKS}_ScaleSum"}
    cut = whole.get_layer(names.get(last_frozen, f"Block8_{last_frozen}_Activation")).output
    trunk = keras.Model(whole.inputs, cut)
    tail = keras.Model(cut, whole.outputs)
    return Adapted(whole, tail, tf.function(lambda images: trunk(images, training=False), reduce_retracing=True))


def portable(network: Any) -> Any:  # noqa: ANN401 - Keras
    """The same network of Keras' own layers alone, so that Keras opens its file without facesearch."""
    import keras

    def call(layer: Any, *args: Any, **settings: Any) -> Any:  # noqa: ANN401
        if type(layer).__name__ != "ScaledSum":
            return layer(*args, **settings)
        trunk, branch = args[0]
        scaled = keras.layers.Rescaling(layer.scale, name=f"{layer.name}_Scale")(branch)
        return keras.layers.Add(name=layer.name)([trunk, scaled])

    same = keras.models.clone_model(network, call_function=call)
    same.set_weights(network.get_weights())
    return same
