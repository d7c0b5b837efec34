"""Hide parts of a face one by one, to see what its embedding rests on (Zeiler and Fergus 2014, section 4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facesearch.images.align import CropSettings, region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.types import Box, Grid

PLACES = 9
"""Squares a row and a column. Each is two of PLACES + 1 steps wide, 32 of 160 pixels: it hides an eye or the mouth."""


_PARTS = (
    (0.25, "the top of the head"),
    (0.35, "the forehead"),
    (0.45, "the eyes"),
    (0.65, "the nose"),
    (0.75, "the mouth"),
)
"""How far down the frame a square's middle may lie to be over a part. Of 118 sample photos the medians are 0.40 for the
eyes, 0.58 for the nose and 0.70 for the corners of the mouth; nine in ten are within 0.04, 0.08 and 0.06 of these."""

_SIDES = (0.25, 0.75)
"""Left and right of this lie the sides of the face: the eyes are at 0.36 and 0.65."""


def whole(crops: Sequence[CropSettings]) -> CropSettings:
    """The square crop, not mirrored, that shows what any of ``crops`` shows: the frame in which parts are hidden."""
    widest = max(one.scale * 160.0 / max(160.0 - 2.0 * one.margin, 1.0) for one in crops)
    return replace(crops[0], scale=widest, square=True, margin=0.0, mirror=False)


def hide(crops: NDArray[np.uint8], settings: Sequence[CropSettings], box: Box, quarter_turns: int) -> NDArray[np.uint8]:
    """The crops of one face with one square of it hidden, for each square.

    The same part of the face is hidden in all of its crops, by the crop's mean colour: it shows nothing, and leaves the
    mean that the crop is standardized by where it was.

    Args:
        crops: of the upright face, (k, size, size, 3), uint8.
        settings: how each was cut.
        box: of the face.
        quarter_turns: that brought the face upright.

    Returns:
        Shape (PLACES², k, size, size, 3), uint8: the squares of the frame ``whole(settings)`` row by row.
    """
    size = crops.shape[1]
    hidden = np.repeat(crops[None], PLACES * PLACES, axis=0)
    frame = _extent(box, whole(settings), quarter_turns)
    for k, (crop, one) in enumerate(zip(crops, settings, strict=True)):
        wide, high = _extent(box, one, quarter_turns)
        columns = _spans(frame[0] / wide, size)
        rows = _spans(frame[1] / high, size)
        if one.mirror:
            columns = [(size - end, size - start) for start, end in columns]
        colour = crop.mean(axis=(0, 1)).round()
        for place in range(PLACES * PLACES):
            (top, bottom), (left, right) = rows[place // PLACES], columns[place % PLACES]
            hidden[place, k, top:bottom, left:right] = colour
    return hidden


def strongest(grid: Grid, *, alike: bool) -> tuple[str, float] | None:
    """The part that makes a face like the other one more than any does, or tells them apart.

    Args:
        grid: see ``Explanation.map_a``.
        alike: which of the two.

    Returns:
        The part in words, and by how much the distance changes without it; None where no part does so.
    """
    rises = np.array(grid) if alike else -np.array(grid)
    row, column = divmod(int(np.argmax(rises)), PLACES)
    if rises[row, column] <= 0:
        return None
    across, down = (column + 1) / (PLACES + 1), (row + 1) / (PLACES + 1)
    part = next((words for end, words in _PARTS if down < end), "the chin")
    side = ", on the left" if across < _SIDES[0] else ", on the right" if across > _SIDES[1] else ""
    return part + side, grid[row][column]


def _extent(box: Box, settings: CropSettings, quarter_turns: int) -> tuple[float, float]:
    """Width and height of what a crop shows of the upright face, in pixels of the photo."""
    left, top, right, bottom = region(box, settings)
    return (bottom - top, right - left) if quarter_turns % 2 else (right - left, bottom - top)


def _spans(ratio: float, size: int) -> list[tuple[int, int]]:
    """Where the squares begin and end along one side of a crop; the frame is ``ratio`` times as long, about its middle.

    Squares that lie outside of the crop are empty.
    """
    edges = [round(size * (0.5 + (step / (PLACES + 1) - 0.5) * ratio)) for step in range(PLACES + 2)]
    inside = [min(max(edge, 0), size) for edge in edges]
    return list(zip(inside[:-2], inside[2:], strict=True))
