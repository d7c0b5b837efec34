"""How much a face in a photo is worth as evidence, as one number to show. A first version, not yet calibrated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from facesearch.images.align import crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.types import Box, Detection, Face, Landmarks

_GOOD_SIZE = 80.0
"""Shorter side of a box, in pixels of the decoded photo, from which size takes nothing off: half the crop's 160."""

_HALF_SHARP = 13.0
"""Laplacian variance that counts half. The median of lfw-dev's central faces is 41 (5th percentile 15); blurred with a
Gaussian of 1, 2 and 4 pixels it is 13, 3.3 and 1.2."""

_PROFILE = 0.6
"""How far the nose may lie from the middle of the eyes, in eye distances along the eyes, before a face counts zero."""


def quality(pixels: NDArray[np.uint8], face: Detection | Face) -> float:
    """Size times sharpness times frontalness, each 0 to 1, so that one bad thing is enough for a low number.

    Args:
        pixels: upright RGB, shape (H, W, 3), uint8.
        face: box and landmarks in pixels of ``pixels``.

    Returns:
        0 (worthless) to 1 (large, sharp, frontal).
    """
    shorter = min(face.box.width, face.box.height)
    size = min(1.0, max(0.0, shorter) / _GOOD_SIZE)
    if size == 0:
        return 0.0
    return size * _sharpness(pixels, face.box) * _frontalness(face.landmarks)


def _sharpness(pixels: NDArray[np.uint8], box: Box) -> float:
    """The variance v of the Laplacian of the face's grey crop of 160 pixels, as v / (v + half)."""
    grey = crop(pixels, [box])[0].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)  # (160, 160)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    variance = float(laplacian.var())
    return variance / (variance + _HALF_SHARP)


def _frontalness(marks: Landmarks) -> float:
    """1 where the nose lies over the middle of the eyes, 0 in profile; a head that leans to a side loses nothing."""
    (left_x, left_y), (right_x, right_y), (nose_x, nose_y) = marks.left_eye, marks.right_eye, marks.nose
    along = (right_x - left_x, right_y - left_y)
    apart = math.hypot(*along)
    if apart == 0:
        return 0.0
    from_middle = (nose_x - (left_x + right_x) / 2, nose_y - (left_y + right_y) / 2)
    offset = abs(from_middle[0] * along[0] + from_middle[1] * along[1]) / apart**2
    return max(0.0, 1.0 - (offset / _PROFILE) ** 2)
