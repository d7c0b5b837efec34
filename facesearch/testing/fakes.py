"""Test doubles with obvious answers: a face is a coloured square on a grey picture.

``paint`` makes such pictures, ``FakeDetector`` finds the squares, ``FakeEmbedder`` knows a "person" by the colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.types import Box, Detection, Landmarks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

GREY = 128
"""The background of a painted picture."""

COLOURFUL = 48
"""A pixel whose channels differ by more than this belongs to a face; JPEG keeps a painted square above it."""


def paint(faces: Iterable[tuple[Box, tuple[int, int, int]]], width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """A grey picture with a square, or other rectangle, in an RGB colour for every face.

    Choose colours whose channels differ by 100 or more, 100 apart from each other, and leave grey between the boxes.

    Returns:
        RGB, shape (height, width, 3), uint8.
    """
    picture = np.full((height, width, 3), GREY, dtype=np.uint8)
    for box, colour in faces:
        left, top, right, bottom = (max(0, round(side)) for side in (box.left, box.top, box.right, box.bottom))
        picture[top:bottom, left:right] = colour
    return picture


class FakeDetector:
    """Finds the coloured rectangles of a grey picture, the largest first, to the pixel.

    Rectangles must be separable by straight grey lines across the picture or across the part in which they lie.
    """

    name = "fake"

    def __init__(self, min_side: int = 4) -> None:
        self.min_side = min_side
        self.settings: dict[str, str | int | float | bool] = {"min_side": min_side}

    def side(self, full_side: float) -> int:
        """Any size will do."""
        return min(round(full_side), self.min_side)

    def detect(self, image: NDArray[np.uint8], *, scale: float = 1.0) -> list[Detection]:
        """The faces of a picture (H, W, 3); confidence is 0.98 for a tiny one to 1.0 for one that fills the picture.

        ``min_side`` is in pixels of the photo at full resolution, of which the picture is ``scale``.
        """
        coloured = image.max(axis=2).astype(int) - image.min(axis=2) > COLOURFUL
        boxes = [box for box in _blocks(coloured, 0, 0) if min(box.width, box.height) >= self.min_side * scale]
        boxes.sort(key=lambda box: (-box.area, box.left, box.top))
        return [Detection(box, _landmarks(box), 0.98 + 0.02 * box.area / coloured.size) for box in boxes]


class FakeEmbedder:
    """Embeds a crop as its mean colour: equal colours are at distance 0, colours 100 levels apart beyond 1.

    The middle half of the crop is averaged, so margins do not matter. The mean colour c becomes
    (cos w·c, sin w·c) over fixed random directions w, whose squared distances depend on the difference of two colours
    alone and are about 2 - 2 · exp(-|difference|² / (2 · 60²)) (random Fourier features: Rahimi and Recht 2007).
    """

    name = "fake"

    def __init__(self, dim: int = 128, input_size: int = 160) -> None:
        if dim < 2 or dim % 2:
            raise ValueError(f"dim must be even and positive, got {dim}")
        self.dim = dim
        self.input_size = input_size
        self.settings: dict[str, str | int | float | bool] = {"colours": True}
        self._directions = np.random.default_rng(2015).normal(scale=1 / 60, size=(3, dim // 2))

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit rows (n, dim) for crops (n, input_size, input_size, 3)."""
        low, high = self.input_size // 4, self.input_size - self.input_size // 4
        angles = crops[:, low:high, low:high].mean(axis=(1, 2)) @ self._directions  # (n, dim / 2)
        return (np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(self.dim / 2)).astype(np.float32)


def _landmarks(box: Box) -> Landmarks:
    """Five points where a face has them."""
    places = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    return Landmarks(*((box.left + x * box.width, box.top + y * box.height) for x, y in places))


def _blocks(mask: NDArray[np.bool_], left: int, top: int) -> list[Box]:
    """The boxes of True pixels (H, W), cut apart along empty columns and rows in turn until nothing can be cut."""
    boxes = []
    for start, end in _runs(mask, 0):
        for first, last in _runs(mask[:, start:end], 1):
            part = mask[first:last, start:end]
            if part.shape == mask.shape:
                return [Box(float(left), float(top), float(left + mask.shape[1]), float(top + mask.shape[0]))]
            boxes += _blocks(part, left + start, top + first)
    return boxes


def _runs(mask: NDArray[np.bool_], axis: int) -> list[tuple[int, int]]:
    """Start and end of each run of columns (axis 0) or rows (axis 1) with a True in them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.max(axis=axis).astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
