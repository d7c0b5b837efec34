"""The image pyramid of the first network, by exact area resampling.

Area resampling is what the weights were tuned with. It matters: among the resamplers tried on the 118 sample photos,
Pillow's BOX (which takes or leaves whole pixels) and BILINEAR lost a face that exact area finds.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SPAN = 32
"""Input pixels that one matrix product takes in. Of 16 to 96 tried on pictures of 300 and of 1280 pixels, the fastest:
longer ones multiply more zeros, shorter ones make more calls."""

_LEAST = 8
"""Output pixels of one matrix product: thinner ones are slow."""

_ALONE = 2**18
"""Multiplications of one matrix product, of which OpenBLAS does so many on one thread (SMP_THRESHOLD_MIN times
GEMM_MULTITHREAD_THRESHOLD in its interface/gemm.c). With more it wakes threads of its own, which spin between calls and
which several workers would fight for."""


class _Band(NamedTuple):
    """Output pixels ``start`` to ``stop`` as a product of input pixels ``low`` to ``high`` and ``weights``.

    ``weights`` has the shape (high − low, stop − start).
    """

    start: int
    stop: int
    low: int
    high: int
    weights: NDArray[np.float32]


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


SPARE, LARGE = 4, 512
"""Levels that are SPARE times smaller than a picture or more are made from its half, where its shorter side has LARGE
pixels: what two steps of area resampling do beyond one is lost among so many. In small pictures it moves boxes by a
pixel or two, and saves nothing."""


@lru_cache(maxsize=256)
def _bands(size: int, wanted: int) -> tuple[_Band, ...]:
    """How ``wanted`` pixels come from ``size``: each is the mean of the stretch that it covers."""
    edges = np.arange(wanted + 1) * (size / wanted)
    low, high = edges[:-1], edges[1:]
    # Input pixels that each output pixel covers, and by how much: both (taps, wanted).
    pixels = low.astype(int) + np.arange(math.ceil(size / wanted) + 1)[:, None]
    cover = np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, 1) * (wanted / size)
    step = max(_SPAN * wanted // size, _LEAST)
    starts = np.arange(0, wanted, step)
    stops = np.minimum(starts + step, wanted)
    lows, highs = pixels[0, starts], np.minimum(np.ceil(edges[stops]).astype(int), size)
    band, place = np.divmod(np.arange(wanted), step)
    inside = pixels - lows[band]
    stacked = np.zeros((len(starts), inside.max() + 1, step), np.float32)
    stacked[band, inside, place] = cover
    return tuple(
        _Band(start, stop, low, high, weights[: high - low, : stop - start])
        for start, stop, low, high, weights in zip(
            starts.tolist(), stops.tolist(), lows.tolist(), highs.tolist(), stacked, strict=True
        )
    )


def shrink(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resample to a smaller size; each output pixel is the mean of the area that it covers.

    Args:
        image: shape (C, H, W), float32.
        height: wanted rows, 1 to H.
        width: wanted columns, 1 to W.

    Returns:
        Shape (C, height, width), float32, C-contiguous.
    """
    channels, rows, columns = image.shape
    low = np.empty((channels, height, columns), np.float32)
    for band in _bands(rows, height):
        for part in _parts(columns, band):
            np.matmul(band.weights.T, image[:, band.low : band.high, part], out=low[:, band.start : band.stop, part])
    small = np.empty((channels, height, width), np.float32)
    for band in _bands(columns, width):
        for part in _parts(height, band):
            np.matmul(low[:, part, band.low : band.high], band.weights, out=small[:, part, band.start : band.stop])
    return small


def halve(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture (C, H, W) at half its size, (C, H // 2, W // 2): means of 2 by 2 pixels, of some more for odd sides."""
    _, height, width = image.shape
    if height % 2 or width % 2:
        return shrink(image, height // 2, width // 2)
    rows = image[:, 0::2] + image[:, 1::2]
    half: NDArray[np.float32] = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return half


def _parts(length: int, band: _Band) -> Iterator[slice]:
    """Stretches that are short enough for one product with a band."""
    step = max(_ALONE // band.weights.size, 1)
    return (slice(start, start + step) for start in range(0, length, step))
