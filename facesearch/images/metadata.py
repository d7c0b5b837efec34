"""The two facts that are read from a photo's metadata: which way is up, and when it was taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from PIL import ExifTags

if TYPE_CHECKING:
    from PIL.Image import Image

_STAMP = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"[+-]\d\d:[0-5]\d")


@dataclass(frozen=True, slots=True)
class Metadata:
    """EXIF orientation 1 to 8 (1 where missing or senseless) and the time of taking, ISO 8601 or None."""

    orientation: int = 1
    taken_at: str | None = None
    damaged: bool = False


def read_metadata(image: Image) -> Metadata:
    """Read a picture's metadata; damage there is reported, never raised: the picture is still good.

    Pillow looks for the orientation in EXIF first and in XMP where EXIF has none.
    """
    orientation, taken_at, damaged = 1, None, False
    try:
        exif = image.getexif()
        found = exif.get(ExifTags.Base.Orientation, 1)
        orientation = found if isinstance(found, int) and 1 <= found <= 8 else 1
        details = exif.get_ifd(ExifTags.IFD.Exif)
        taken_at = _iso(details.get(ExifTags.Base.DateTimeOriginal), details.get(ExifTags.Base.OffsetTimeOriginal))
    except Exception:  # noqa: BLE001 - whatever a parser of hostile bytes raises, the picture itself decoded
        damaged = True
    return Metadata(orientation, taken_at, damaged)


def _iso(stamp: object, offset: object) -> str | None:
    """``2019:07:14 12:33:01`` and ``+02:00`` as ``2019-07-14T12:33:01+02:00``; None for what is no time."""
    parts = _STAMP.match(_text(stamp))
    if parts is None:
        return None
    year, month, day, hour, minute, second = map(int, parts.groups())
    try:
        taken = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    zone = _text(offset)
    return taken.isoformat() + (zone if _OFFSET.fullmatch(zone) else "")


def _text(value: object) -> str:
    """An EXIF string, which cameras also write as bytes, padded with zeros or blanks."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return text.strip("\0 ") if isinstance(text, str) else ""
