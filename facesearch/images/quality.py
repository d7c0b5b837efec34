"""How far a face can be trusted: one number that is stored with it, and what is doubtful about it in words.

What predicts errors was measured on lfw-dev: one face each of 240 people, untouched and degraded, against all 3,708
photos. The shares of genuine pairs within distance 0.96 (untouched: 0.96; pairs of strangers within it were
0.7 in a thousand untouched and at most 1.3, among small and blurred faces):

========================================  ====  ====  ====  ====  ====  ====
box, shorter side in pixels                 12    16    18    20    24    32
genuine pairs accepted                    0.26  0.70  0.83  0.88  0.94  0.96
Gaussian blur, pixels of a crop of 132       0     1     2     3     5
genuine pairs accepted                    0.96  0.96  0.96  0.95  0.59
========================================  ====  ====  ====  ====  ====  ====

Left out (AUC: how well missed genuine pairs of untouched faces are told apart; 0.5 is chance):

- Tilt: it was the worst of all, 0.28 at 36 degrees, until crops were levelled (``align.LEVELLED``).
- Turned to a side, by the nose's distance from the middle of the eyes: AUC 0.43. The ten most turned faces are missed
  less often than the others.
- The detector's confidence: AUC 0.49. Masks, half faces and black glasses, painted on, lower it little (0.64, 0.75 and
  0.53 are accepted).
- The shape of the box: AUC 0.73, but that is MTCNN's box. The agreement of a face's crops: AUC 0.68, and strangers
  are the farther, the less the crops agree.
- The embedding's norm before it is made 1: the least 5 % of untouched faces have five times the false accepts. But
  these are good photos, mostly of East Asian people, whom the network knows less well. That is for thresholds to make
  up for, not a fault of the photo.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from facesearch.images.align import crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.types import Box, Detection, Face

_GOOD_SIZE = 80.0
"""Shorter side of a box in pixels from which size takes nothing off: half the crop's 160."""

_GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue (ITU-R BT.601)."""

_SHARP_SIDE = 64
"""Side of the crop in which sharpness is measured. At 160 the grain of a dark photo, or JPEG at quality 75, makes a
blurred face look sharp (its Laplacian variance doubles, and more); at 64 neither does, and AUC for missed pairs of
blurred faces is 0.82 instead of 0.80."""

_HALF_SHARP = 0.06
"""Laplacian variance, in variances of the crop, that counts half. The median of lfw-dev's central faces is 0.19 (5th
percentile 0.09); blurred by 2, 3 and 5 pixels as above it is 0.064, 0.032 and 0.010."""

_TOO_SMALL = 20.0
"""Pixels: of genuine pairs 0.89 are accepted from 20 to 21, 0.76 from 17 to 19."""

_TOO_BLURRED = 0.25
"""Sharpness: of genuine pairs 0.95 are accepted from 0.27 to 0.3, 0.79 from 0.2 to 0.27 and 0.57 below 0.16. The least
of lfw-dev's central faces is 0.37."""


def quality(pixels: NDArray[np.uint8], face: Detection | Face) -> float:
    """Size times sharpness, each 0 to 1, so that one bad thing is enough for a low number.

    Args:
        pixels: upright RGB, shape (H, W, 3), uint8.
        face: box and landmarks in pixels of ``pixels``.

    Returns:
        0 (worthless) to 1 (large and sharp).
    """
    size = _size(face.box)
    return size * _sharpness(pixels, face.box) if size else 0.0


def doubt(face: Face) -> str | None:
    """Why an answer about this face cannot be trusted: its size as "18 px", or "blurred".

    Args:
        face: box and landmarks in pixels of the photo at full resolution; ``quality`` as ``quality()`` gave it.

    Returns:
        The first of these that holds; None where none does or the quality was never measured.
    """
    if face.quality is None:
        return None
    shorter = min(face.box.width, face.box.height)
    if shorter < _TOO_SMALL:
        return f"{math.floor(shorter)} px"
    # Quality is a product whose other factor the stored box tells. It may have been measured in a smaller copy
    # of the photo, but one in which the size of a face of this size still took nothing off (see images.detail).
    if face.quality < _TOO_BLURRED * _size(face.box):
        return "blurred"
    return None


def is_low(face: Face) -> bool:
    """Whether there is a doubt: such a face should not speak for others."""
    return doubt(face) is not None


def low(shorter: NDArray[np.float64], quality: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``is_low`` of many faces, (n,), from the shorter sides of their boxes and their qualities, NaN where unknown."""
    size = np.clip(shorter / _GOOD_SIZE, 0.0, 1.0)
    return np.isfinite(quality) & ((shorter < _TOO_SMALL) | (quality < _TOO_BLURRED * size))


def _size(box: Box) -> float:
    return min(1.0, max(0.0, min(box.width, box.height)) / _GOOD_SIZE)


def _sharpness(pixels: NDArray[np.uint8], box: Box) -> float:
    """The variance v of the Laplacian of the face's grey crop, in variances of the crop, as v / (v + half)."""
    grey = crop(pixels, [box], size=_SHARP_SIDE)[0].astype(np.float32) @ _GREY  # (64, 64)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    variance, contrast = float(laplacian.var()), float(grey.var())
    return variance / (variance + _HALF_SHARP * contrast) if variance else 0.0
