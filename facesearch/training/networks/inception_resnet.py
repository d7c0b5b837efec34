"""Inception-ResNet-v1 (Szegedy et al. 2016, figures 10 to 14) with the bottleneck of FaceNet's weights."""

from __future__ import annotations

from typing import Any

DROPOUT = 0.2
"""Before the bottleneck, as the weights of ``facenet-128`` were trained."""

BATCH_NORM_EPSILON = 0.001


def inception_resnet_v1(dim: int) -> Any:  # noqa: ANN401 - a keras.Model
    """22.8 million weights, 1.4 billion multiplications a face: the network of ``facenet-128``, layer for layer."""
    import keras
    from keras import layers

    image = keras.Input((160, 160, 3), name="image")
    # Stem, figure 14: 160×160×3 to 17×17×256.
    x = _unit(image, 32, 3, stride=2, padding="valid")
    x = _unit(x, 32, 3, padding="valid")
    x = _unit(x, 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _unit(x, 80, 1, padding="valid")
    x = _unit(x, 192, 3, padding="valid")
    x = _unit(x, 256, 3, stride=2, padding="valid")
    for _ in range(5):
        x = _block_a(x)
    x = _reduction_a(x)
    for _ in range(10):
        x = _block_b(x)
    x = _reduction_b(x)
    for _ in range(5):
        x = _block_c(x, scale=0.2)
    x = _block_c(x, scale=1.0, last=True)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(DROPOUT)(x)
    x = layers.Dense(dim, use_bias=False, name="Bottleneck")(x)
    x = layers.BatchNormalization(momentum=0.995, epsilon=BATCH_NORM_EPSILON, scale=False)(x)
    return keras.Model(image, x, name="inception-resnet-v1")


def _block_a(x: Any) -> Any:  # noqa: ANN401
    """Inception-ResNet-A, figure 10."""
    return _residual(
        x,
        [
            _unit(x, 32, 1),
            _unit(_unit(x, 32, 1), 32, 3),
            _unit(_unit(_unit(x, 32, 1), 32, 3), 32, 3),
        ],
        scale=0.17,
    )


def _block_b(x: Any) -> Any:  # noqa: ANN401
    """Inception-ResNet-B, figure 11."""
    return _residual(x, [_unit(x, 128, 1), _unit(_unit(_unit(x, 128, 1), 128, (1, 7)), 128, (7, 1))], scale=0.1)


def _block_c(x: Any, *, scale: float, last: bool = False) -> Any:  # noqa: ANN401
    """Inception-ResNet-C, figure 13; the last one is not followed by a ReLU."""
    branches = [_unit(x, 192, 1), _unit(_unit(_unit(x, 192, 1), 192, (1, 3)), 192, (3, 1))]
    return _residual(x, branches, scale=scale, relu=not last)


def _reduction_a(x: Any) -> Any:  # noqa: ANN401
    """Figure 7 with k, l, m, n of table 1: 17×17×256 to 8×8×896."""
    from keras import layers

    deep = _unit(_unit(_unit(x, 192, 1), 192, 3), 256, 3, stride=2, padding="valid")
    wide = _unit(x, 384, 3, stride=2, padding="valid")
    return layers.Concatenate()([wide, deep, layers.MaxPooling2D(3, strides=2)(x)])


def _reduction_b(x: Any) -> Any:  # noqa: ANN401
    """Figure 12: 8×8×896 to 3×3×1792."""
    from keras import layers

    first = _unit(_unit(x, 256, 1), 384, 3, stride=2, padding="valid")
    second = _unit(_unit(x, 256, 1), 256, 3, stride=2, padding="valid")
    third = _unit(_unit(_unit(x, 256, 1), 256, 3), 256, 3, stride=2, padding="valid")
    return layers.Concatenate()([first, second, third, layers.MaxPooling2D(3, strides=2)(x)])


def _residual(x: Any, branches: list[Any], *, scale: float, relu: bool = True) -> Any:  # noqa: ANN401
    """The trunk plus the scaled branches, brought to the trunk's width (section 3.3)."""
    from keras import layers

    joined = layers.Concatenate()(branches)
    widened = layers.Conv2D(x.shape[-1], 1, padding="same")(joined)
    x = layers.Add()([x, layers.Rescaling(scale)(widened)])
    return layers.ReLU()(x) if relu else x


def _unit(
    x: Any,  # noqa: ANN401
    filters: int,
    size: int | tuple[int, int],
    *,
    stride: int = 1,
    padding: str = "same",
) -> Any:  # noqa: ANN401
    """A convolution with batch normalization and ReLU."""
    from keras import layers

    x = layers.Conv2D(filters, size, strides=stride, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.995, epsilon=BATCH_NORM_EPSILON, scale=False)(x)
    return layers.ReLU()(x)
