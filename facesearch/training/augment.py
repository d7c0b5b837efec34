"""Crops changed at random, so that a network does not learn them by heart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far crops are changed.

    ``flip`` is the share that is mirrored. ``jitter`` is by how much of its side a crop's edges move. ``colour`` is by
    how much brightness, contrast and saturation change. ``blur`` and ``low_resolution`` are the shares of crops that
    are blurred, and that are shrunk to between half and a quarter of their side and enlarged again.
    """

    flip: float = 0.5
    jitter: float = 0.06
    colour: float = 0.2
    blur: float = 0.1
    low_resolution: float = 0.1


NONE = Augmentation(0, 0, 0, 0, 0)


def augmented(crops: Any, seed: tuple[int, int], how: Augmentation) -> Any:  # noqa: ANN401 - tensors
    """Crops, changed; the same for the same seed.

    Args:
        crops: RGB, (n, size, size, 3), 0 to 255.
        seed: two numbers.
        how: how far.

    Returns:
        A tensor of the same shape, float32, 0 to 255.
    """
    import tensorflow as tf

    count = len(crops)
    draw = _Draw(seed, count)
    x = tf.cast(crops, tf.float32)
    if how.flip:
        x = tf.where(draw.some(how.flip), tf.reverse(x, [2]), x)
    if how.jitter:
        size = x.shape[1]
        moved = tf.constant([[0.0, 0.0, 1.0, 1.0]]) + draw.between(-how.jitter, how.jitter, (count, 4))
        x = tf.image.crop_and_resize(x, moved, tf.range(count), (size, size))
    if how.colour:
        x = _coloured(x, draw, how.colour)
    if how.low_resolution:
        x = tf.where(draw.some(how.low_resolution), _coarse(x, draw), x)
    if how.blur:
        x = tf.where(draw.some(how.blur), _blurred(x), x)
    return tf.clip_by_value(x, 0.0, 255.0)


class _Draw:
    """Random numbers by seed; each call gives others."""

    def __init__(self, seed: tuple[int, int], count: int) -> None:
        self._seed = seed
        self._count = count
        self._calls = 0

    def between(self, low: float, high: float, shape: tuple[int, ...]) -> Any:  # noqa: ANN401
        import tensorflow as tf

        self._calls += 1
        seed = (self._seed[0], self._seed[1] * 1_009 + self._calls)
        return tf.random.stateless_uniform(shape, seed, low, high)

    def factors(self, strength: float) -> Any:  # noqa: ANN401
        return self.between(1 - strength, 1 + strength, (self._count, 1, 1, 1))

    def some(self, share: float) -> Any:  # noqa: ANN401
        return self.between(0, 1, (self._count, 1, 1, 1)) < share


def _coloured(x: Any, draw: _Draw, strength: float) -> Any:  # noqa: ANN401
    import tensorflow as tf

    x = x * draw.factors(strength)
    mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
    x = mean + (x - mean) * draw.factors(strength)
    grey = tf.reduce_mean(x, axis=3, keepdims=True)
    return grey + (x - grey) * draw.factors(strength)


def _coarse(x: Any, draw: _Draw) -> Any:  # noqa: ANN401
    """All by one factor: the sizes of a tensor are the same for all of its pictures."""
    import tensorflow as tf

    size = x.shape[1]
    small = max(1, int(size * float(draw.between(0.25, 0.5, ()))))
    return tf.image.resize(tf.image.resize(x, (small, small), method="area"), (size, size), method="bilinear")


def _blurred(x: Any) -> Any:  # noqa: ANN401
    """By a binomial of five places, about a deviation of one pixel, down and across."""
    import tensorflow as tf

    weights = tf.constant([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    padded = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="SYMMETRIC")
    kernel = tf.tile(tf.reshape(weights, (5, 1, 1, 1)), (1, 1, 3, 1))
    down = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
    return tf.nn.depthwise_conv2d(down, tf.transpose(kernel, (1, 0, 2, 3)), [1, 1, 1, 1], "VALID")
