"""Boxes of the upright photo as fractions of the stored, unrotated picture, and back.

The journal speaks in these fractions: they stay true when a photo is analysed at another size or when somebody
changes its EXIF orientation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from facesearch.store.values import Region
from facesearch.types import Box, Landmarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.types import Face

# (u, v) are fractions of the upright photo, the result of the stored one; EXIF 2.32, tag 0x0112. Orientation 6, for
# one, is turned clockwise to be upright, which makes the stored left edge the upright top.
_TO_STORED: dict[int, Callable[[float, float], tuple[float, float]]] = {
    1: lambda u, v: (u, v),
    2: lambda u, v: (1 - u, v),
    3: lambda u, v: (1 - u, 1 - v),
    4: lambda u, v: (u, 1 - v),
    5: lambda u, v: (v, u),
    6: lambda u, v: (v, 1 - u),
    7: lambda u, v: (1 - v, 1 - u),
    8: lambda u, v: (1 - v, u),
}
# Six of the eight undo themselves; the two quarter turns undo each other.
_INVERSE = {6: 8, 8: 6}
_MIRRORED = {2, 4, 5, 7}


def to_stored(box: Box, orientation: int, width: int, height: int) -> Region:
    """A box in pixels of the upright photo as fractions of the stored picture.

    Args:
        box: may reach beyond the photo's edge; then fractions are below 0 or above 1.
        orientation: EXIF value 1 to 8 that was applied to make the photo upright.
        width: of the upright photo in pixels, 1 or more.
        height: of the upright photo in pixels, 1 or more.
    """
    turn = _TO_STORED[orientation]
    left, top = turn(box.left / width, box.top / height)
    right, bottom = turn(box.right / width, box.bottom / height)
    return Region(min(left, right), min(top, bottom), max(left, right), max(top, bottom))


def to_upright(region: Region, orientation: int, width: int, height: int) -> Box:
    """The inverse of ``to_stored``: a region of the stored picture in pixels of the upright photo."""
    turn = _TO_STORED[_INVERSE.get(orientation, orientation)]
    left, top = turn(region.left, region.top)
    right, bottom = turn(region.right, region.bottom)
    return Box(min(left, right) * width, min(top, bottom) * height, max(left, right) * width, max(top, bottom) * height)


def turn_face(face: Face, old: tuple[int, int, int], new: tuple[int, int, int]) -> Face:
    """A face of a photo whose EXIF orientation was changed, where it is now.

    Args:
        face: in pixels of the photo as it was upright before.
        old: orientation, width and height before.
        new: orientation, width and height now.
    """

    def move(box: Box) -> Box:
        return to_upright(to_stored(box, *old), *new)

    points = [move(Box(x, y, x, y)) for x, y in face.landmarks.points]
    left_eye, right_eye, nose, mouth_left, mouth_right = ((point.left, point.top) for point in points)
    if (old[0] in _MIRRORED) != (new[0] in _MIRRORED):
        left_eye, right_eye, mouth_left, mouth_right = right_eye, left_eye, mouth_right, mouth_left
    landmarks = Landmarks(left_eye, right_eye, nose, mouth_left, mouth_right)
    return replace(face, box=move(face.box), landmarks=landmarks)


def overlap(a: Region, b: Region) -> float:
    """Intersection over union, 0 to 1; the same as that of the boxes in pixels."""
    return Box(a.left, a.top, a.right, a.bottom).iou(Box(b.left, b.top, b.right, b.bottom))


def pair_up(old: list[Region], new: list[Region], least: float = 0.5) -> dict[int, int]:
    """Which new region is which old one: pairs by overlap, the best first, each used once.

    Args:
        old: regions of the same stored picture.
        new: regions of the same stored picture.
        least: regions that overlap less are not the same.

    Returns:
        Positions in ``new`` to positions in ``old``; what has no partner is missing.
    """
    scored = [(overlap(a, b), i, j) for i, a in enumerate(old) for j, b in enumerate(new)]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for score, i, j in sorted(scored, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if score < least:
            break
        if i not in taken and j not in pairs:
            taken.add(i)
            pairs[j] = i
    return pairs
