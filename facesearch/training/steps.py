"""One step of training: embed a batch, mine it, and bring back the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facesearch.errors import ConfigError
from facesearch.training.losses import MARGIN, normalized, triplet_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facesearch.training.mining import Mined

    Mine = Callable[[NDArray[np.float32]], Mined]
    """Takes the embeddings of a batch, (n, d), unit rows."""

    Forward = Callable[[Any], Any]
    """Takes standardized crops, (n, size, size, 3), float32, and gives a tensor of unit rows, (n, d)."""

    Scale = Callable[[Any], Any]
    """Takes a scalar tensor and gives one."""


def _unscaled(loss: Any) -> Any:  # noqa: ANN401 - tensors
    return loss


class Step(NamedTuple):
    """What a step found. ``gradients`` has one for each weight; it is None where no triplet was active.

    They are gradients of the scaled loss; ``loss`` itself is never scaled.

    ``spread`` is the mean squared distance of two embeddings of the batch: near 0 where all are alike.
    """

    loss: float
    mined: Mined
    spread: float
    gradients: list[Any] | None


def forward_of(model: Any) -> Forward:  # noqa: ANN401 - Keras
    """A Keras model, (n, size, size, 3) to (n, d), as a compiled function to unit rows, in training mode."""
    import tensorflow as tf

    return tf.function(lambda crops: normalized(model(crops, training=True)), reduce_retracing=True)


def plain_step(
    forward: Forward,
    weights: list[Any],
    crops: Any,  # noqa: ANN401
    mine: Mine,
    *,
    margin: float = MARGIN,
    scale: Scale = _unscaled,
) -> Step:
    """The whole batch through the network at once.

    Args:
        forward: crops to unit rows, such as ``forward_of`` gives it.
        weights: the weights to learn.
        crops: the batch, standardized, float32, (n, size, size, 3).
        mine: chooses triplets.
        margin: see ``losses.MARGIN``.
        scale: the loss to the one whose gradients are taken: an optimizer's ``scale_loss``.
    """
    import tensorflow as tf

    with tf.GradientTape() as tape:
        vectors = forward(crops)
        mined = mine(vectors.numpy())
        if not mined.active:
            return Step(0.0, mined, _spread(vectors.numpy()), None)
        loss = triplet_loss(vectors, mined.triplets, margin)
        scaled = scale(loss)
    return Step(float(loss), mined, _spread(vectors.numpy()), tape.gradient(scaled, weights))


def chunked_step(
    forward: Forward,
    weights: list[Any],
    crops: Any,  # noqa: ANN401
    mine: Mine,
    *,
    chunk: int,
    margin: float = MARGIN,
    scale: Scale = _unscaled,
) -> Step:
    """The same step in the memory of ``chunk`` crops, for one more pass forward (Gao et al. 2021, "GradCache").

    The batch is embedded chunk by chunk without a tape; the loss of the whole batch gives a gradient for each
    embedding; then each chunk goes through the network again and takes its embeddings' gradients back to the weights.
    That equals ``plain_step`` where a crop's embedding depends on nothing but the crop and the weights: see
    ``check_chunkable``.

    Args:
        forward: as for ``plain_step``.
        weights: as for ``plain_step``.
        crops: as for ``plain_step``.
        mine: chooses triplets among all embeddings of the batch.
        chunk: how many crops go through the network at once.
        margin: see ``losses.MARGIN``.
        scale: as for ``plain_step``.
    """
    import tensorflow as tf

    parts = [crops[start : start + chunk] for start in range(0, len(crops), chunk)]
    vectors = tf.concat([forward(part) for part in parts], axis=0)
    mined = mine(vectors.numpy())
    if not mined.active:
        return Step(0.0, mined, _spread(vectors.numpy()), None)
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        loss = triplet_loss(vectors, mined.triplets, margin)
        scaled = scale(loss)
    wanted = tf.convert_to_tensor(tape.gradient(scaled, vectors))
    total: list[Any] = [None] * len(weights)
    for start, part in zip(range(0, len(crops), chunk), parts, strict=True):
        with tf.GradientTape() as tape:
            again = forward(part)
        gradients = tape.gradient(again, weights, output_gradients=wanted[start : start + chunk])
        total = [_sum(held, more) for held, more in zip(total, gradients, strict=True)]
    return Step(float(loss), mined, _spread(vectors.numpy()), total)


def check_chunkable(model: Any) -> None:  # noqa: ANN401 - Keras
    """Whether a batch may go through the network in chunks.

    Raises:
        ConfigError: batch normalization learns from the batch, so a chunk's embeddings would depend on the chunk; or
            dropout, which would drop other numbers the second time.
    """
    for layer in model._flatten_layers():  # noqa: SLF001 - Keras has no public way to nested layers
        kind = type(layer).__name__
        if kind == "BatchNormalization" and layer.trainable:
            raise ConfigError(
                f"batches in chunks need frozen batch normalization, and {layer.name!r} learns",
                hint="leave --chunk out, or go on from FaceNet, where it is frozen (--network facenet-128)",
            )
        if "Dropout" in kind and layer.rate > 0:
            raise ConfigError(
                f"batches in chunks need the same output each time, and {layer.name!r} drops at random",
                hint="leave --chunk out, or go on from FaceNet, where it is off (--network facenet-128)",
            )


def _sum(held: Any, more: Any) -> Any:  # noqa: ANN401 - tensors
    if held is None or more is None:
        return more if held is None else held
    return held + more


def _spread(vectors: NDArray[np.float32]) -> float:
    """The mean squared distance of two of n unit rows: 2 − 2‖mean‖² over all ordered pairs, a row and itself too."""
    return float(2 - 2 * np.square(vectors.mean(axis=0, dtype=np.float64)).sum())
