"""A JPEG or PNG file that ends early: get at the part of the picture that is there, and tell how much is not.

Pillow's own switch for such files, ``ImageFile.LOAD_TRUNCATED_IMAGES``, is one for the whole process, would hide damage
in all other files too, and gets nothing out of a progressive JPEG.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.images.decode import strips

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

LEAST = 0.1
"""The share of a picture that must be there. A sliver of a photo is no photo, and would only be looked at in vain."""

_ZEROS = 512
"""Zero bytes at a file's end from which they are no picture: a sector that was reserved and never written."""

_EOI = b"\xff\xd9"

_BLANK = {"JPEG": (127, 128), "PNG": (0, 0)}
"""The values of what is missing. libjpeg leaves the coefficients of missing blocks at 0, which is the middle of the
range, one less where inks are inverted; Pillow's pictures begin as zeros."""


def data_end(data: bytes) -> int:
    """Where a file's data end that has no end of its own: a copy that was broken off may be filled up with zeros."""
    end = len(data.rstrip(b"\0"))
    return end if len(data) - end >= _ZEROS else len(data)


def ended(data: bytes) -> bytes:
    """A JPEG without an end with one: libjpeg then takes what is missing as given up, not as still to come."""
    return data[: data_end(data)] + _EOI


def load_part(image: ImageFile) -> None:
    """Decode a PNG as far as its data go; what is missing stays 0.

    Raises:
        OSError: it is interlaced, so that what is there is spread over the picture; or the data are damaged.
    """
    try:
        image.load()
    except OSError as exc:
        if image.info.get("interlace") or "truncated" not in str(exc):
            raise
        image.tile = []  # nothing is left to decode, so Pillow takes the picture as loaded


def missing(kind: str, image: Image) -> float:
    """Which share of a decoded picture is missing, 0 to 1: the rows at its end, at least one where its end is blank."""
    low, high = _BLANK[kind]
    seen, last = 0, False
    for top, strip in strips(image):
        values = np.asarray(strip).reshape(strip.height, strip.width, -1)
        there = np.any((values < low) | (values > high), axis=2)
        rows = np.flatnonzero(there.any(axis=1))
        seen = top + int(rows[-1]) + 1 if rows.size else seen
        last = bool(there[-1, -1])
    return 0.0 if last else max(image.height - seen, 1) / image.height
