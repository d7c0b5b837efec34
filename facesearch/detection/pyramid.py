"""The image pyramid of the first network, by exact area resampling.

Area resampling is what the weights were tuned with. It matters: among the resamplers tried on the 118 sample photos,
Pillow's BOX (which takes or leaves whole pixels) and BILINEAR lost a face that exact area finds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scales(height: int, width: int, min_face: float, *, factor: float, cell: int = 12) -> list[float]:
    """Scales at which a ``cell``-pixel window sees faces from ``min_face`` pixels up, each ``factor`` of the last.

    The count follows the ``mtcnn`` package. Levels smaller than one window are left out, so the list can be empty.
    """
    shorter = min(height, width)
    if shorter < cell:
        return []
    count = max(round(-(np.log(shorter / cell) / np.log(factor) + 1)), 1)
    levels = [cell / min_face * factor**step for step in range(count)]
    return [scale for scale in levels if int(shorter * scale) >= cell]


@lru_cache(maxsize=256)
def _taps(size: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Which input pixels each output pixel covers, and by how much: indices and weights, both (taps, wanted)."""
    edges = np.arange(wanted + 1) * (size / wanted)
    low, high = edges[:-1], edges[1:]
    count = int(np.ceil(size / wanted)) + 1
    pixels = np.floor(low).astype(np.intp)[None, :] + np.arange(count)[:, None]
    cover = np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, 1) * (wanted / size)
    return np.minimum(pixels, size - 1), cover.astype(np.float32)


def _shrink_rows(image: NDArray[np.float32], wanted: int) -> NDArray[np.float32]:
    indices, weights = _taps(image.shape[0], wanted)
    total = image[indices[0]] * weights[0][:, None, None]
    for index, weight in zip(indices[1:], weights[1:], strict=True):
        total += image[index] * weight[:, None, None]
    return total


def shrink(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resample to a smaller size; each output pixel is the mean of the area that it covers.

    Args:
        image: shape (H, W, C), float32.
        height: wanted rows, 1 to H.
        width: wanted columns, 1 to W.

    Returns:
        Shape (height, width, C), float32.
    """
    # Whole rows are gathered at a time, so the second pass wants its columns as rows in memory.
    columns = np.ascontiguousarray(_shrink_rows(image, height).swapaxes(0, 1))
    return _shrink_rows(columns, width).swapaxes(0, 1)
