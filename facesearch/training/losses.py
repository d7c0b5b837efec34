"""The triplet loss of FaceNet (Schroff et al. 2015, section 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MARGIN = 0.2
"""By how much a stranger has to be farther away than the same person, in squared distance: the paper's alpha."""


def triplet_loss(vectors: Any, triplets: NDArray[np.int64], margin: float = MARGIN) -> Any:  # noqa: ANN401 - tensors
    """The mean over triplets of ``[‖a − p‖² − ‖a − n‖² + margin]₊`` (equation 3, which sums instead).

    The distances are sums of squared differences, so none is negative, and the gradient where two vectors are equal is
    zero. The mean keeps the size of a step independent of how many triplets a batch gave.

    Args:
        vectors: tensor, (n, d), float32, unit rows (``normalized``).
        triplets: (m, 3): rows of anchor, positive and negative; m is 1 or more.
        margin: see ``MARGIN``.

    Returns:
        A scalar tensor, float32, 0 or more.
    """
    import tensorflow as tf

    anchors, positives, negatives = (tf.gather(vectors, triplets[:, part]) for part in range(3))
    near = tf.reduce_sum(tf.square(anchors - positives), axis=1)
    far = tf.reduce_sum(tf.square(anchors - negatives), axis=1)
    return tf.reduce_mean(tf.nn.relu(near - far + margin))


def normalized(outputs: Any) -> Any:  # noqa: ANN401 - tensors
    """Rows of length 1, tensor (n, d), float32; a row of zeros stays zero, and its gradient is finite."""
    import tensorflow as tf

    return tf.math.l2_normalize(tf.cast(outputs, tf.float32), axis=1)
