"""Which face of a photo is *the* face, where one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.types import Face

OFFSET_WEIGHT = 2.0
"""How much a square pixel of distance from the middle counts against a square pixel of face (the rule of the
``facenet`` project's alignment script; by size alone about 3 points of LFW accuracy are lost, peers.md fact 3)."""

CENTRAL = 4.0
"""The same for test sets that keep the person who is meant in the middle: with 2, one of the 3,708 photos of lfw-dev
gives a neighbour's face, with 4 to 16 none."""


def most_prominent(faces: Sequence[Face], width: int, height: int, *, offset_weight: float = OFFSET_WEIGHT) -> int:
    """The place in ``faces`` of the large face near the middle of a photo of ``width`` × ``height`` pixels.

    Raises:
        ValueError: there are no faces.
    """

    def prominence(place: int) -> float:
        x, y = faces[place].box.center
        offset = (x - width / 2) ** 2 + (y - height / 2) ** 2
        return faces[place].box.area - offset_weight * offset

    return max(range(len(faces)), key=prominence)
