"""Read a photo: upright RGB pixels, what it is known by, and one clear error for everything that can be wrong."""

from __future__ import annotations

import math
import os
import re
import stat
import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import DecompressionBombError

from facesearch.errors import PhotoError, TooLargeError, UnreadableError, UnsupportedError
from facesearch.images import formats
from facesearch.images.decode import INVERSE, upright_rgb
from facesearch.images.hashing import Codestream, bare, byte_hash, codestream, declared_size, decoded_hash
from facesearch.images.metadata import Metadata, read_metadata

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    from facesearch.types import Box

MAX_MEGAPIXELS = 120.0
"""The default limit: above the largest sensors sold today, and the hungriest decoder stays below 1.2 GB, measured."""

DETAIL = 2560
"""The longer side that is kept at least where a large photo is decoded at a reduced size, in pixels."""

MAX_BYTES = 400_000_000
"""Larger files are refused unread; a picture within the pixel limit has no use for them."""

_SHARE = {"JPEG": 4.0, "WebP": 0.6, "AVIF": 0.6, "JPEG 2000": 0.4}
"""Which multiple of the limit a format may have: 1 where a decoder needs up to 9 bytes a pixel. A JPEG in one scan is
decoded at a reduced size, line by line; the other three hold several copies (13, 16 and 19 bytes a pixel)."""

_ALONE = 30_000_000
"""Pixels above which photos are decoded one at a time, so that threads do not multiply the peak of memory."""

_alone = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPhoto:
    """A decoded photo.

    Attributes:
        pixels: upright RGB, shape (H, W, 3), uint8, C-contiguous, read-only.
        width: of the upright photo at full resolution, in pixels.
        height: likewise.
        scale: size of ``pixels`` divided by full size, 1 or 1/2, 1/3 and so on: multiply a position in ``pixels`` by
            ``1 / scale`` (see ``to_full``) to get pixels of the photo.
        orientation: EXIF orientation, 1 to 8, that was applied to the stored picture.
        taken_at: ISO 8601 local time, with the offset where the camera wrote one; None where unknown.
        format: JPEG, PNG, HEIC, AVIF, WebP, TIFF, GIF, BMP, PNM, JPEG 2000 or ICO.
        byte_hash: SHA-256 of the file, 64 hexadecimal digits.
        pixel_hash: SHA-256 of the stored picture without its metadata, 64 hexadecimal digits.
        bytes: size of the file.
        warnings: what was odd but did not stop us, one sentence each.
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

    def to_full(self, box: Box) -> Box:
        """A box in ``pixels`` as a box in the upright photo at full resolution."""
        return box.scaled(1 / self.scale)


def load(path: str | os.PathLike[str], *, max_megapixels: float = MAX_MEGAPIXELS, detail: int = DETAIL) -> LoadedPhoto:
    """Read one photo. Safe to call from several threads.

    Args:
        path: any file; its name does not matter.
        max_megapixels: refuse larger pictures. A JPEG in one scan may have four times as many, because it is decoded
            at a reduced size; formats whose decoders need much memory (WebP, AVIF, JPEG 2000) about half.
        detail: photos whose longer side is at least twice this are reduced by a whole factor, JPEGs while they are
            decoded, so that ``detail`` pixels are kept at least.

    Raises:
        UnreadableError: no such file, no permission, not a regular file, empty, cut short or damaged.
        UnsupportedError: not a picture, or of a kind that no decoder here reads.
        TooLargeError: more pixels than the limit.
    """
    name = Path(path)
    data = _read(name)
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
            raise UnreadableError(name, _damage(kind, data, exc)) from exc
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


def _at_once(path: str, flags: int) -> int:
    """Open without waiting: a FIFO waits for its writer, and a file may become one after any earlier check."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read(path: Path) -> bytes:
    """The whole file at once, so that hashes and pixels are of the same bytes even while somebody writes to it."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISDIR(status.st_mode):
                raise UnreadableError(path, "is a folder")
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError(path, "not a regular file")
            head = file.read(formats.HEAD)
            if not head:
                raise UnreadableError(path, "empty file")
            if formats.sniff(head) is None:
                return head
            if status.st_size > MAX_BYTES:
                raise TooLargeError(path, f"a file of {_size(status.st_size)}, limit {_size(MAX_BYTES)}")
            return head + file.read(MAX_BYTES)
    except FileNotFoundError as exc:
        raise UnreadableError(path, "no such file") from exc
    except PermissionError as exc:
        raise UnreadableError(path, "permission denied") from exc
    except IsADirectoryError as exc:
        raise UnreadableError(path, "is a folder") from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else None
        raise UnreadableError(path, (reason or str(exc)).lower()) from exc


def _decode(path: Path, kind: str, data: bytes, max_megapixels: float, detail: int) -> LoadedPhoto:
    """Decode ``data``; raises PhotoError or anything that a decoder raises."""
    stream = codestream(kind, data)
    image = formats.open_image(kind, data)
    size = image.size
    _check_size(path, kind, size, max_megapixels, streams=stream is not None and stream.streams)
    with _alone if size[0] * size[1] > _ALONE else nullcontext():
        wanted = max(1, max(size) // max(detail, 1))
        # without a hash from the codestream all pixels are needed, for theirs
        drafted = _draft(image, wanted) if kind == "JPEG" and stream else 1
        stored, metadata = _load(kind, image)
        pixel_hash = stream.digest if stream else decoded_hash(stored)
        if drafted == 1:
            size = stored.size
        factor = wanted if drafted == 1 else drafted
        pixels = upright_rgb(stored, factor=factor // drafted, orientation=metadata.orientation)
    width, height = size[::-1] if metadata.orientation > 4 else size
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
        warnings=_warnings(kind, data, stream, metadata),
    )


def _load(kind: str, image: ImageFile) -> tuple[Image, Metadata]:
    """Decode into the picture as stored, and read the metadata."""
    if kind != "TIFF":
        image.load()
        return image, read_metadata(image)
    # Pillow turns a TIFF upright while it decodes it, and forgets the orientation
    metadata = read_metadata(image)
    image.load()
    return (image.transpose(INVERSE[metadata.orientation]) if metadata.orientation > 1 else image), metadata


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


def _damage(kind: str, data: bytes, exc: Exception) -> str:
    """Why a picture could not be decoded: cut short, where the file says so or the decoder does, else damaged."""
    declared = declared_size(kind, data)
    if declared and declared > len(data):
        return f"ends after {_of(len(data), declared)}"
    words = " ".join(str(exc).split()).strip(". ") or type(exc).__name__
    if re.search(r"truncated|premature|end of (file|data)|not enough data", words, re.IGNORECASE):
        return f"cut short: ends after {_size(len(data))}"
    return f"damaged {kind} file ({words[:1].lower()}{words[1:100]})"


def _warnings(kind: str, data: bytes, stream: Codestream | None, metadata: Metadata) -> tuple[str, ...]:
    """What was odd about a picture that did decode."""
    odd = []
    declared = declared_size(kind, data)
    if declared and declared > len(data):
        odd.append(f"ends after {_of(len(data), declared)}, but the picture is complete")
    elif stream and not stream.whole:
        odd.append("the end of the file is missing, but the picture is complete")
    if metadata.damaged:
        odd.append("its metadata could not be read")
    return tuple(odd)


def _size(count: int) -> str:
    """A number of bytes for people, such as 1.2 MB."""
    unit, name = _unit(count)
    return f"{count / unit:.1f} {name}" if unit > 1 else f"{count} {name}"


def _of(count: int, total: int) -> str:
    """Part of a number of bytes, such as 1.2 of 2.9 MB."""
    unit, name = _unit(total)
    part, whole = (f"{value / unit:.1f}" if unit > 1 else str(value) for value in (count, total))
    if part == whole:
        return f"{count:,} of {total:,} bytes"
    return f"{part} of {whole} {name}" if part != "0.0" else f"{_size(count)} of {whole} {name}"


def _unit(count: int) -> tuple[int, str]:
    return next(
        ((unit, name) for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")) if count >= unit), (1, "bytes")
    )
