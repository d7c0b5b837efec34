"""Input standardization of FaceNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def standardize(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(x − mean) / max(std, 1/√N) of each crop over all its N values, as TensorFlow's ``per_image_standardization``.

    The weights were trained this way; one fixed mean and deviation for all pictures silently costs accuracy.

    Args:
        crops: shape (n, H, W, 3), uint8.

    Returns:
        Same shape, float32.
    """
    pixels = crops.astype(np.float32)
    axes = (1, 2, 3)
    mean = pixels.mean(axis=axes, keepdims=True, dtype=np.float64)
    centred = pixels - mean.astype(np.float32)
    std = np.sqrt(np.mean(np.square(centred), axis=axes, keepdims=True, dtype=np.float64))
    floor = 1 / np.sqrt(max(crops[0].size, 1)) if len(crops) else 1.0
    return centred / np.maximum(std, floor).astype(np.float32)


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its L2 norm; shape (n, d), float32. A row of zeros stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
