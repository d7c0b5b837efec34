"""The picture of an explanation: two faces, the parts that speak for and against a match, and where their distance
lies among those of other pairs.
"""  # noqa: D205

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from facesearch.images.fonts import fit, font_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.types import Grid

_INK, _FAINT, _RULE, _PAPER = "#212529", "#868e96", "#dee2e6", "#ffffff"
_SAME, _DIFFERENT = "#2b8a3e", "#e67700"
_FOR, _AGAINST = (0xE8, 0x59, 0x0C), (0x1C, 0x7E, 0xD6)
_PEOPLE, _STRANGERS = (0x8C, 0xE9, 0x9A), (0xCE, 0xD4, 0xDA)

_WIDTH, _EDGE, _GAP, _SIDE = 960, 32, 24, 436
_SHOWN = 0.9999
"""The share of strangers before whom the axis does not end; by FaceNet they are at 2 on average, and these within 3."""

_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Distances between ticks; the axis has at most so many as there is room for."""

_MOST_TICKS = 8
_FARTHEST = 4.0

_STRONG = 0.78
"""How opaque the strongest colour is: the face must be seen through it."""

_LEAST = 0.05
"""Changes of the distance, as a share of a threshold below 1, that are never shown in the strongest colour: a face that
rests on no part of its own would look as if it did."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One face: the upright crop, RGB, (size, size, 3), uint8; what hiding each square of it does; a name and notes."""

    pixels: NDArray[np.uint8]
    grid: Grid
    name: str
    notes: str


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Densities of pairs by distance: ``edges`` (n + 1,) ascend, ``strangers`` and ``same`` (n,) lie between them."""

    edges: NDArray[np.float64]
    strangers: NDArray[np.float64]
    same: NDArray[np.float64]


def comparison(
    sides: tuple[Side, Side], *, same: bool, distance: float, threshold: float, curves: Curves
) -> Image.Image:
    """Draw two compared faces.

    Args:
        sides: the faces, left and right.
        same: the verdict.
        distance: squared distance of the two, 0 to 4.
        threshold: squared distance below which they are one person's.
        curves: where other pairs lie.

    Returns:
        An RGB picture.
    """
    maps = [_cells(side.grid) for side in sides]
    scale = max(_LEAST * min(max(threshold, 0.1), 1), *(float(np.abs(one).max()) for one in maps))
    picture = Image.new("RGB", (_WIDTH, 900), _PAPER)
    draw = ImageDraw.Draw(picture)
    verdict = "Same person" if same else "Different people"
    draw.text((_EDGE, 26), verdict, _SAME if same else _DIFFERENT, font_for(verdict, 30))
    digits = _digits(threshold)
    beside = f"distance {distance:.{digits}f}, threshold {threshold:.{digits}f}"
    draw.text((_WIDTH - _EDGE, 36), beside, _INK, font_for(beside, 20), anchor="ra")
    for place, side in enumerate(sides):
        left = _EDGE + place * (_WIDTH - 2 * _EDGE - _SIDE)
        picture.paste(_heat(side.pixels, maps[place] / scale), (left, 80))
        for words, down, letter, colour in ((side.name, 8, 18, _INK), (side.notes, 34, 15, _FAINT)):
            font = font_for(words, letter)
            draw.text((left, 80 + _SIDE + down), fit(words, font, _SIDE), colour, font)
    _legend(picture, draw, 80 + _SIDE + 72, scale)
    _axis(draw, (636, 826), curves, distance, threshold)
    return picture


def _cells(grid: Grid) -> NDArray[np.float64]:
    """What hiding a spot does, (n + 1, n + 1): the mean of the squares that cover it, each two spots wide and high."""
    squares = np.array(grid)  # (n, n)
    total = np.zeros((len(squares) + 1, len(squares) + 1))
    count = np.zeros_like(total)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = np.s_[down : down + len(squares), right : right + len(squares)]
        total[part] += squares
        count[part] += 1
    return total / count


def _heat(pixels: NDArray[np.uint8], cells: NDArray[np.float64]) -> Image.Image:
    """A face in grey under the colours of its map, whose ``cells`` are -1 to 1."""
    smooth = Image.fromarray(cells.astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    face = Image.fromarray(pixels).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return Image.fromarray(_coloured(np.asarray(face), np.asarray(smooth)))


def _coloured(grey: NDArray[np.uint8], strength: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey (H, W) under orange where ``strength`` (H, W) is above 0 and blue where it is below, (H, W, 3)."""
    under = np.repeat(grey[..., None].astype(np.float64), 3, axis=2)
    over = np.where(strength[..., None] > 0, np.array(_FOR), np.array(_AGAINST))
    opaque = _STRONG * np.clip(np.abs(strength), 0, 1)[..., None]
    return np.asarray((under + opaque * (over - under)).round().astype(np.uint8))


def _legend(picture: Image.Image, draw: ImageDraw.ImageDraw, top: int, scale: float) -> None:
    """The colours and what they mean, in one line in the middle."""
    wide, high = 260, 14
    left = (_WIDTH - wide) // 2
    strength = np.tile(np.linspace(-1, 1, wide, dtype=np.float32), (high, 1))
    picture.paste(Image.fromarray(_coloured(np.full((high, wide), 235, np.uint8), strength)), (left, top))
    font = font_for("x", 14)
    for words, at, anchor in (("tells them apart", left - 12, "rm"), ("makes them alike", left + wide + 12, "lm")):
        draw.text((at, top + high / 2), words, _INK, font, anchor=anchor)
    digits = 2 if scale >= _LEAST else 3
    ends = (f"−{scale:.{digits}f}", left), ("0", left + wide // 2), (f"+{scale:.{digits}f}", left + wide)
    for words, at in ends:
        draw.text((at, top + high + 4), words, _FAINT, font_for(words, 12), anchor="ma")


def _axis(draw: ImageDraw.ImageDraw, span: tuple[int, int], curves: Curves, distance: float, threshold: float) -> None:
    """Distances from left to right, the other pairs as hills, the threshold and this pair as marks."""
    top, ground = span
    end, step = _end(curves, distance, threshold)
    x = partial(_x, end)
    for density, fill in ((curves.strangers, _STRANGERS), (curves.same, _PEOPLE)):
        heights = np.repeat(density / max(float(density.max()), 1e-9), 2) * (ground - top - 56)
        steps = zip(np.repeat(curves.edges, 2)[1:-1], heights, strict=True)
        inside = [(x(edge), ground - high) for edge, high in steps if edge <= end]
        draw.polygon([(_EDGE, ground), *inside, (inside[-1][0], ground)], fill)
    draw.line((_EDGE, ground, _WIDTH - _EDGE, ground), _FAINT)
    for tick in np.arange(0, end + step / 2, step):
        draw.line((x(tick), ground, x(tick), ground + 5), _FAINT)
        draw.text((x(tick), ground + 8), f"{tick:.2g}", _FAINT, font_for("0", 13), anchor="ma")
    for y in range(top + 34, ground, 8):
        draw.line((x(threshold), y, x(threshold), y + 4), _INK)
    digits = _digits(threshold)
    words, font = f"threshold {threshold:.{digits}f}", font_for("x", 14)
    # on the side of the line that this pair's line is not
    left = x(threshold) + (6 if distance < threshold else -6 - font.getlength(words))
    draw.text((_inside(left, font.getlength(words)), top + 42), words, _INK, font, anchor="lm")
    draw.line((x(distance), top + 18, x(distance), ground), _INK, 3)
    words, font = f"this pair {distance:.{digits}f}", font_for("x", 16)
    left = x(distance) - font.getlength(words) / 2
    draw.text((_inside(left, font.getlength(words)), top + 8), words, _INK, font, anchor="lm")
    for words, at, fill in (("pairs of one person", 300, _PEOPLE), ("pairs of strangers", 510, _STRANGERS)):
        draw.rectangle((at, ground + 36, at + 14, ground + 50), fill)
        draw.text((at + 22, ground + 43), words, _INK, font_for(words, 14), anchor="lm")


def _end(curves: Curves, distance: float, threshold: float) -> tuple[float, float]:
    """Where the axis ends, and the distance between its ticks."""
    before = np.cumsum(curves.strangers * np.diff(curves.edges))
    farthest = float(curves.edges[1:][np.searchsorted(before, _SHOWN * before[-1])])
    wanted = min(max(farthest, distance, threshold), _FARTHEST)
    step = next((step for step in _TICKS if wanted <= _MOST_TICKS * step), _TICKS[-1])
    return step * math.ceil(wanted / step - 1e-9), step


def _digits(threshold: float) -> int:
    """Decimals of distances: some networks' are all small."""
    return 2 if threshold >= 0.5 else 3


def _x(end: float, distance: float) -> float:
    """Where a distance is on an axis that ends at ``end``, in pixels from the left."""
    return _EDGE + (_WIDTH - 2 * _EDGE) * min(distance, end) / end


def _inside(left: float, wide: float) -> float:
    """Where words of this width begin that would reach beyond the margins at ``left``."""
    return min(max(left, _EDGE), _WIDTH - _EDGE - wide)
