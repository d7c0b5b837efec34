"""Near-duplicates: copies of one picture, and shots of one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 0.1
"""Squared distance below which two photos of one person count as near-duplicates. Looking at lfw-dev's nearest pairs:
copies of one picture and shots of one moment are at 0.03 to 0.09, above 0.1 it is other occasions. Some of those come
below it too (45 of 24,620 pairs are below). FaceNet's; see ``Calibration.near``."""


def shots(vectors: NDArray[np.float32], near: float = NEAR) -> NDArray[np.int64]:
    """A number for each of a person's faces, unit rows (n, d), equal for near-duplicates and theirs: the first's place.

    Args:
        vectors: the faces.
        near: what ``NEAR`` is for the embedder.

    Returns:
        Places, (n,).
    """
    rows = vectors.astype(np.float64)
    found = np.arange(len(rows))
    for one, two in zip(*np.nonzero(np.triu(2 - 2 * rows @ rows.T < near, 1)), strict=True):
        low, high = sorted((found[one], found[two]))
        found[found == high] = low
    return found
