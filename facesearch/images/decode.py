"""From whatever mode a decoder delivers to RGB bytes, strip by strip, so that a large picture is held only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_STRIP = 1 << 18
"""Pixels that are converted at a time: no second copy of a large picture, and a strip stays in the processor's cache
(13 ms for 12 megapixels to NumPy, 50 in one piece)."""

_FULL_SCALES = (255.0, 4095.0, 65535.0)
"""The brightest value of 8-bit, 12-bit (cameras and scanners, stored in 16) and 16-bit pictures."""

TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a stored picture upright, by EXIF orientation; 1 needs nothing."""

_FROM_BELOW = {3, 4, 6, 7}
"""The orientations whose first stored row becomes the last row or column."""

INVERSE = {**TRANSPOSE, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""What makes an upright picture the stored one again."""


def upright_rgb(stored: Image.Image, *, factor: int, orientation: int) -> NDArray[np.uint8]:
    """Convert a decoded picture to upright RGB, averaging blocks of ``factor`` by ``factor`` pixels.

    Deep pictures are scaled to 8 bits, transparent ones laid over white.

    Args:
        stored: the decoded picture as stored, of any mode.
        factor: 1 or more; the last column and row may average fewer pixels.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        Shape (H, W, 3), uint8, C-contiguous, read-only.
    """
    high, wide = -(-stored.height // factor), -(-stored.width // factor)
    out = np.empty((wide, high, 3) if orientation > 4 else (high, wide, 3), np.uint8)
    levels = _levels(stored) if _is_deep(stored) else None
    for top, strip in strips(stored, factor):
        rgb = _rgb(strip, levels)
        rgb = rgb.reduce(factor) if factor > 1 else rgb
        start, end = top // factor, top // factor + rgb.height
        if orientation in _FROM_BELOW:
            start, end = high - end, high - start
        if orientation in TRANSPOSE:
            rgb = rgb.transpose(TRANSPOSE[orientation])
        if rgb.size == (out.shape[1], out.shape[0]):
            return np.asarray(rgb)  # all in one strip, and read-only like all arrays from Pillow
        if orientation > 4:
            out[:, start:end] = np.asarray(rgb)
        else:
            out[start:end] = np.asarray(rgb)
    out.flags.writeable = False
    return out


def strips(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """The picture in horizontal strips whose heights are multiples of ``factor``, each with the row it starts at."""
    rows = max(1, _STRIP // max(1, image.width) // factor) * factor
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _is_deep(image: Image.Image) -> bool:
    """Whether a channel holds more than 8 bits; Pillow clips these to white when it converts them."""
    return image.mode in {"I", "F"} or image.mode.startswith("I;16")


def _levels(image: Image.Image) -> tuple[float, float]:
    """Which values become 0 and 255: a fixed full scale where the values fit one, their own range otherwise."""
    low, high = np.inf, -np.inf
    for _, strip in strips(image, 1):
        values = np.asarray(strip)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low > high:
        return 0.0, 1.0
    scales = ((1.0,) if image.mode == "F" else ()) + _FULL_SCALES
    if low >= 0 and high <= scales[-1]:
        return 0.0, next(scale for scale in scales if high <= scale)
    return low, high if high > low else low + 1.0


def _rgb(image: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    """One strip as RGB."""
    transparent = image.info.get("transparency")
    if levels is not None:
        low, high = levels
        values = np.nan_to_num(np.asarray(image).astype(np.float32), nan=low, posinf=high, neginf=low)
        grey = np.clip((values - low) * (255.0 / (high - low)) + 0.5, 0, 255).astype(np.uint8)
        if isinstance(transparent, int):
            grey[values == transparent] = 255
        return Image.fromarray(grey).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or transparent is not None:
        # Pillow has no way from La to RGBA but through LA
        colours = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
