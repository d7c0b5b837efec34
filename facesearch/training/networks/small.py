"""A small network for little data and no graphics card."""

from __future__ import annotations

from typing import Any

#        filters  stride
LAYERS = (
    (32, 2),
    (32, 1),
    (64, 2),
    (64, 1),
    (128, 2),
    (128, 1),
    (192, 2),
)
"""3×3 convolutions, each with batch normalization and ReLU. 64×64 becomes 4×4."""


def small(dim: int) -> Any:  # noqa: ANN401 - a keras.Model
    """0.9 million weights, 43 million multiplications a face: a thirtieth of FaceNet's."""
    import keras
    from keras import layers

    image = keras.Input((64, 64, 3), name="image")
    x = image
    for filters, stride in LAYERS:
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    # Where something is in a face matters, so the last 4×4 places are not averaged away.
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(dim, name="embedding")(x), name="small")
