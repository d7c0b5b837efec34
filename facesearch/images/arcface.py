"""Crops by landmarks, as networks of InsightFace's kind (ArcFace, Deng et al. 2019) learnt from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.types import Landmarks

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where the landmarks belong in a crop of 112 pixels, (5, 2): left eye, right eye, nose, corners of the mouth. From
InsightFace, ``python-package/insightface/utils/face_align.py``, ``arcface_src``; there (0, 0) is the middle of the
first pixel."""

_SIDE = 112
_ENOUGH = 1.25
"""How many pixels of the photo one of the crop's takes at least; the rest is averaged before."""

_LEAST = 1.0
"""Landmarks that lie nearer together, in pixels from their middle on average, say nothing of how a face lies."""


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The turn, scale and shift that bring points nearest to others, by least squares.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", eq. 40 to 43.

    Args:
        source: points, (n, 2).
        target: where each belongs, (n, 2).

    Returns:
        Shape (2, 3): ``target ≈ matrix[:, :2] @ source + matrix[:, 2]``. None where the source is as good as one point.
    """
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    apart, wanted = source - middle, target - goal
    spread = float(np.square(apart).sum() / len(source))
    if spread < _LEAST**2:
        return None
    left, stretch, right = np.linalg.svd(wanted.T @ apart / len(source))
    sign = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])  # never a mirror image
    turn = (left * sign) @ right
    scale = float(stretch @ sign) / spread
    if scale <= 0:
        return None
    return np.column_stack([scale * turn, goal - scale * turn @ middle])


def aligned(pixels: NDArray[np.uint8], landmarks: Landmarks, size: int) -> NDArray[np.uint8] | None:
    """The face whose landmarks are brought to ``TEMPLATE``, which is scaled to the size asked for.

    What lies beyond the photo is black, as in InsightFace. Where a pixel of the crop stands for several of the photo,
    these are averaged.

    Args:
        pixels: upright RGB, shape (H, W, 3), uint8.
        landmarks: in pixels of ``pixels``.
        size: side of the crop in pixels.

    Returns:
        Shape (size, size, 3), uint8; None where the landmarks are as good as one point.

    Raises:
        ValueError: the landmarks are not finite.
    """
    points = np.array(landmarks.points, np.float64)
    if not np.isfinite(points).all():
        raise ValueError(f"no landmarks of a face: {landmarks}")
    matrix = similarity(points, (TEMPLATE + 0.5) * (size / _SIDE))
    if matrix is None:
        return None
    back = np.linalg.inv(matrix[:, :2])
    shift = -back @ matrix[:, 2]
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ back.T + shift
    limits = np.array([pixels.shape[1], pixels.shape[0]])
    first = np.clip(np.floor(corners.min(axis=0)) - 2, 0, limits).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)) + 2, 0, limits).astype(int)
    if np.any(first >= last):
        return np.zeros((size, size, 3), np.uint8)
    image = Image.fromarray(np.ascontiguousarray(pixels[first[1] : last[1], first[0] : last[0]]))
    factor = max(int(np.sqrt(abs(np.linalg.det(back))) / _ENOUGH), 1)
    if factor > 1:
        image = image.reduce(factor)
    back, shift = back / factor, (shift - first) / factor
    data = (*back[0].tolist(), float(shift[0]), *back[1].tolist(), float(shift[1]))
    return np.asarray(image.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR))
