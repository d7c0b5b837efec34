"""Read a photo: upright RGB pixels, what it is known by, and one clear error for everything that can be wrong."""

from __future__ import annotations

import math
import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import DecompressionBombError

from facesearch.errors import PhotoError, TooLargeError, UnreadableError, UnsupportedError
from facesearch.images import cut, formats
from facesearch.images.decode import INVERSE, upright_rgb
from facesearch.images.files import read_whole
from facesearch.images.hashing import bare, byte_hash, codestream, decoded_hash
from facesearch.images.metadata import Metadata, read_metadata
from facesearch.images.remarks import cut_short, damage, ends_early

if TYPE_CHECKING:
    import builtins
    import os
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile


MAX_MEGAPIXELS = 120.0
"""The default limit: above the largest sensors sold today, and the hungriest decoder stays below 1.2 GB, measured."""

DETAIL = 1280
"""The longer side that is kept at least where a large photo is decoded at a reduced size, in pixels."""

_MOST_DETAIL = 60_000_000
"""Pixels that ``in_detail`` decodes at most, for the same bound on memory although they are not reduced."""

_SHARE = {"JPEG": 4.0, "WebP": 0.6, "AVIF": 0.6, "JPEG 2000": 0.4}
"""Which multiple of the limit a format may have: 1 where a decoder needs up to 9 bytes a pixel. A JPEG in one scan is
decoded at a reduced size, line by line; the other three hold several copies (13, 16 and 19 bytes a pixel)."""

_ALONE = 30_000_000
"""Pixels above which photos are decoded one at a time, so that threads do not multiply the peak of memory."""

_alone = threading.Lock()

_NO_PIXELS = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPhoto:
    """A decoded photo.

    Attributes:
        pixels: upright RGB, shape (H, W, 3), uint8, C-contiguous, read-only.
        width: of the upright photo at full resolution, in pixels.
        height: likewise.
        scale: size of ``pixels`` divided by full size, 1 or 1/2, 1/3 and so on: multiply a position in ``pixels`` by
            ``1 / scale`` to get pixels of the photo.
        orientation: EXIF orientation, 1 to 8, that was applied to the stored picture.
        taken_at: ISO 8601 local time, with the offset where the camera wrote one; None where unknown.
        format: JPEG, PNG, HEIC, AVIF, WebP, TIFF, GIF, BMP, PNM, JPEG 2000 or ICO.
        byte_hash: SHA-256 of the file, 64 hexadecimal digits.
        pixel_hash: SHA-256 of the stored picture without its metadata, 64 hexadecimal digits.
        bytes: size of the file.
        warnings: what was odd but did not stop us, one sentence each.
        source: the file's bytes, for ``in_detail``; where they had to be mended for the decoder, the mended ones.
        path: the file.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    scale: float
    orientation: int
    taken_at: str | None
    format: str
    byte_hash: str
    pixel_hash: str
    bytes: int
    warnings: tuple[str, ...] = ()
    source: builtins.bytes = field(default=b"", repr=False)
    path: Path = field(default=Path(), compare=False)


def load(path: str | os.PathLike[str], *, max_megapixels: float = MAX_MEGAPIXELS, detail: int = DETAIL) -> LoadedPhoto:
    """Read one photo. Safe to call from several threads.

    A JPEG or PNG file that is cut short gives what it has of its picture, from a tenth on, with a warning.

    Args:
        path: any file; its name does not matter.
        max_megapixels: refuse larger pictures. A JPEG in one scan may have four times as many, because it is decoded
            at a reduced size; formats whose decoders need much memory (WebP, AVIF, JPEG 2000) about half.
        detail: photos whose longer side is at least twice this are reduced by a whole factor, JPEGs while they are
            decoded, so that ``detail`` pixels are kept at least.

    Raises:
        UnreadableError: no such file, no permission, not a regular file, empty, damaged or cut short.
        UnsupportedError: not a picture, or of a kind that no decoder here reads.
        TooLargeError: more pixels than the limit.
    """
    name = Path(path)
    data = read_whole(name)
    kind = formats.sniff(data[: formats.HEAD])
    if kind is None or formats.is_raw(name, data[: formats.HEAD]):
        raw = "a camera raw file, which is not supported"
        raise UnsupportedError(name, raw if kind else formats.describe(data[: formats.HEAD]))
    try:
        return _decode(name, kind, data, max_megapixels, detail)
    except PhotoError:
        raise
    except DecompressionBombError as exc:
        raise TooLargeError(name, _bomb(exc, max_megapixels)) from exc
    except MemoryError as exc:
        raise TooLargeError(name, "needs more memory than there is") from exc
    except Exception as exc:
        rescued = _without_metadata(name, kind, data, max_megapixels, detail)
        if rescued is None:
            raise UnreadableError(name, damage(kind, data, exc)) from exc
        return rescued


def _without_metadata(path: Path, kind: str, data: bytes, max_megapixels: float, detail: int) -> LoadedPhoto | None:
    """Try a file whose decoder gave up once more without its metadata: the picture itself may be good."""
    without = bare(kind, data)
    if without is None:
        return None
    try:
        photo = _decode(path, kind, without, max_megapixels, detail)
    except Exception:  # noqa: BLE001 - the first attempt's error is the one to tell
        return None
    odd = "damaged metadata were left out"
    return replace(photo, byte_hash=byte_hash(data), bytes=len(data), warnings=(*photo.warnings, odd))


def _decode(path: Path, kind: str, data: bytes, max_megapixels: float, detail: int) -> LoadedPhoto:
    """Decode ``data``; raises PhotoError or anything that a decoder raises."""
    stream = codestream(kind, data)
    is_cut = stream is not None and not stream.whole
    source = cut.ended(data) if is_cut and kind == "JPEG" else data
    image = formats.open_image(kind, source)
    size = image.size
    _check_size(path, kind, size, max_megapixels, streams=stream is not None and stream.streams)
    with _room_for(size):
        wanted = max(1, max(size) // max(detail, 1))
        # without a hash from the codestream all pixels are needed, for theirs
        drafted = _draft(image, wanted) if kind == "JPEG" and stream else 1
        stored, metadata = _load(kind, image, is_cut=is_cut)
        missing = cut.missing(kind, stored) if is_cut else 0.0
        if missing > 1 - cut.LEAST:
            raise UnreadableError(path, cut_short(data))
        pixel_hash = stream.digest if stream else decoded_hash(stored)
        if drafted == 1:
            size = stored.size
        factor = wanted if drafted == 1 else drafted
        pixels = upright_rgb(stored, factor=factor // drafted, orientation=metadata.orientation)
    width, height = size[::-1] if metadata.orientation > 4 else size
    odd = (ends_early(kind, data, stream, missing), "its metadata could not be read" if metadata.damaged else None)
    return LoadedPhoto(
        pixels=pixels,
        width=width,
        height=height,
        scale=1 / factor,
        orientation=metadata.orientation,
        taken_at=metadata.taken_at,
        format=kind,
        byte_hash=byte_hash(data),
        pixel_hash=pixel_hash,
        bytes=len(data),
        warnings=tuple(filter(None, odd)),
        source=source,
        path=path,
    )


def in_detail(photo: LoadedPhoto, factor: int) -> LoadedPhoto:
    """The same photo decoded again at a larger size, from its ``source``; everything but pixels and scale is kept.

    Args:
        photo: from ``load``.
        factor: 1 or more: reduce by this whole factor, a JPEG by 1, 2, 4 or 8, whichever is next below. Photos of more
            than 60 megapixels are reduced by 2 at least, of more than 240 by 4.

    Returns:
        The photo, or ``photo`` itself where it is as detailed already.

    Raises:
        MemoryError: there is not enough.
    """
    least = 1
    while photo.width * photo.height > least**2 * _MOST_DETAIL:
        least *= 2
    factor = max(factor, least)
    if factor >= round(1 / photo.scale):
        return photo
    image = formats.open_image(photo.format, photo.source)
    with _room_for(image.size):
        drafted = _draft(image, factor) if photo.format == "JPEG" else 1
        # it did decode once, so a PNG that does not in full is one that was cut short
        stored, _ = _load(photo.format, image, is_cut=True)
        factor = factor if drafted == 1 else drafted
        pixels = upright_rgb(stored, factor=factor // drafted, orientation=photo.orientation)
    return replace(photo, pixels=pixels, scale=1 / factor)


def without_pixels(photo: LoadedPhoto) -> LoadedPhoto:
    """The facts alone: no pixels, shape (0, 0, 3), and no source, so that it can be kept and sent for many photos."""
    return replace(photo, pixels=_NO_PIXELS, source=b"")


def _room_for(size: tuple[int, int]) -> AbstractContextManager[object]:
    """Large pictures wait for each other."""
    return _alone if size[0] * size[1] > _ALONE else nullcontext()


def _load(kind: str, image: ImageFile, *, is_cut: bool) -> tuple[Image, Metadata]:
    """Decode into the picture as stored, and read the metadata."""
    if kind == "TIFF":
        # Pillow turns a TIFF upright while it decodes it, and forgets the orientation
        metadata = read_metadata(image)
        image.load()
        return (image.transpose(INVERSE[metadata.orientation]) if metadata.orientation > 1 else image), metadata
    if kind == "PNG" and is_cut:
        cut.load_part(image)
    else:
        image.load()
    return image, read_metadata(image)


def _draft(image: ImageFile, factor: int) -> int:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, at most 1/``factor``, which costs a fraction; returns which."""
    step = next(step for step in (8, 4, 2, 1) if step <= max(1, min(factor, *image.size)))
    if step > 1:
        image.draft(None, (image.width // step, image.height // step))
    return step


def _check_size(path: Path, kind: str, size: tuple[int, int], max_megapixels: float, *, streams: bool) -> None:
    """Raise TooLargeError for more pixels than the limit for this kind of file."""
    share = 1.0 if kind == "JPEG" and not streams else _SHARE.get(kind, 1.0)
    limit = max_megapixels * share
    megapixels = size[0] * size[1] / 1e6
    if megapixels > limit:
        which = "" if share == 1 else f" for {kind}"
        reason = f"{math.ceil(megapixels):,}-megapixel image, limit {limit:,.0f}{which} (--max-megapixels)"
        raise TooLargeError(path, reason)


def _bomb(exc: Exception, max_megapixels: float) -> str:
    """What to say where Pillow found more pixels than it takes, in a frame or a tile that the header does not show."""
    found = re.search(r"\((\d+) pixels\)", str(exc))
    megapixels = int(found[1]) / 1e6 if found else math.inf
    if megapixels > max_megapixels:
        return f"{megapixels:,.0f}-megapixel image, limit {max_megapixels:,.0f} (--max-megapixels)"
    return f"{megapixels:,.0f}-megapixel image, more than its decoder takes"
