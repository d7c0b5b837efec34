"""As much of a large photo as is needed: most are decoded at a reduced size, and only small faces ask for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.images.align import DEFAULT_CROP, region
from facesearch.images.load import in_detail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facesearch.images.align import CropSettings
    from facesearch.images.load import LoadedPhoto
    from facesearch.types import Box


def large_enough(photo: LoadedPhoto, longer_side: float) -> LoadedPhoto:
    """The photo, decoded again where a smaller whole factor brings its longer side nearer to this many pixels.

    Where that fails, for want of memory say, the photo as it is.
    """
    return _reduced_less(photo, round(max(photo.width, photo.height) / longer_side))


def sharp_enough(
    photo: LoadedPhoto, boxes: Iterable[Box], *, size: int = 160, settings: CropSettings = DEFAULT_CROP
) -> LoadedPhoto:
    """The photo, decoded again where it was reduced so far that a crop would have to be enlarged.

    Where that fails, for want of memory say, the photo as it is.

    Args:
        photo: from ``load``.
        boxes: in pixels of the upright photo at full resolution.
        size: side of a crop in pixels.
        settings: what is cut.
    """
    if photo.scale == 1:
        return photo
    shown = [region(box, settings) for box in boxes]
    smallest = min((min(right - left, bottom - top) for left, top, right, bottom in shown), default=0.0)
    return _reduced_less(photo, smallest / size) if shown else photo


def _reduced_less(photo: LoadedPhoto, factor: float) -> LoadedPhoto:
    try:
        return in_detail(photo, max(int(factor), 1))
    except Exception:  # noqa: BLE001 - it did decode once; what a decoder raises now is no reason to lose the photo
        return photo
