"""Which files are photos, which kind a file is by its first bytes, and the one place that opens Pillow's decoders.

The kind is read from the bytes, never from the name, and exactly one decoder is tried: Pillow's own search would try
all of its plugins, among them ones without a signature (TGA takes almost anything) and one that starts Ghostscript.
"""

from __future__ import annotations

import ctypes
import io
import logging
import threading
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pi_heif
import PIL
from PIL import _imaging, features

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# Inserted first, so that `python -W error` does not turn Pillow's remarks on damaged metadata into failures. Set once:
# warnings.catch_warnings is not thread-safe before Python 3.14.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Without any handler Python prints a library's log records to stderr itself; Pillow logs what is wrong with a TIFF.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_NAMES = (
    "jpg jpeg jpe jfif mpo png tif tiff webp gif bmp dib jp2 j2k heic heics heif heifs hif avif avifs pbm pgm ppm pnm"
)
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""Lower-case file suffixes that are looked at in a folder; a file that is named explicitly is always tried."""

_REVISION = 2
"""Raise it when files that could not be loaded may load now; 2: JPEG and PNG files that are cut short."""

HEAD = 64
"""How many bytes of a file ``sniff`` and ``describe`` want to see."""

_DECODERS = {
    "AVIF": "PIL.AvifImagePlugin:AvifImageFile",
    "BMP": "PIL.BmpImagePlugin:BmpImageFile",
    "GIF": "PIL.GifImagePlugin:GifImageFile",
    "HEIC": "pi_heif:HeifImageFile",
    "ICO": "PIL.IcoImagePlugin:IcoImageFile",
    "JPEG": "PIL.JpegImagePlugin:JpegImageFile",
    "JPEG 2000": "PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",
    "PNG": "PIL.PngImagePlugin:PngImageFile",
    "PNM": "PIL.PpmImagePlugin:PpmImageFile",
    "TIFF": "PIL.TiffImagePlugin:TiffImageFile",
    "WebP": "PIL.WebPImagePlugin:WebPImageFile",
}

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\1\0", "ICO"),
)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_OTHERS = (
    (b"<svg", "an SVG drawing, not a photo"),
    (b"8BPS", "a Photoshop document, which is not supported"),
    (b"\xff\x0a", "JPEG XL, which is not supported"),
    (b"\0\0\0\x0cJXL ", "JPEG XL, which is not supported"),
    (b"FUJIFILMCCD-RAW", "a camera raw file, which is not supported"),
    (b"IIRO", "a camera raw file, which is not supported"),
    (b"IIU\0", "a camera raw file, which is not supported"),
    (b"\x1aE\xdf\xa3", "a video, not a photo"),
)
_RAW_SUFFIXES = {".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".nrw", ".iiq", ".3fr"}


def is_photo(path: str | Path) -> bool:
    """Whether a file with this name is looked at when a folder is indexed."""
    name = Path(path).name
    # "._IMG.JPG" is where macOS keeps attributes on foreign file systems: a photo's name, no picture inside
    return not name.startswith("._") and Path(name).suffix.lower() in SUFFIXES


def decoder_version() -> str:
    """The decoders, their versions and ours; photos that failed are worth another try when this changes."""
    libraries = ("jpg", "libtiff", "webp", "avif", "jpg_2000", "zlib")
    versions = ((name, features.version(name)) for name in libraries)
    parts = [f"pillow {PIL.__version__}", f"pi_heif {pi_heif.__version__}", f"libheif {pi_heif.libheif_version()}"]
    parts += [f"{name} {version}" for name, version in versions if version]
    return ", ".join([*parts, f"facesearch {_REVISION}"])


def sniff(head: bytes) -> str | None:
    """The kind of picture that a file starting with ``head`` (``HEAD`` bytes) is, None where it is none we read."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(b"BM") and head[14:18] in {bytes((n, 0, 0, 0)) for n in (12, 16, 40, 52, 56, 64, 108, 124)}:
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PNM"
    if head[4:8] == b"ftyp":
        brands = {head[8:12]} | {head[at : at + 4] for at in range(16, min(int.from_bytes(head[:4]), len(head)), 4)}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    return None


def describe(head: bytes) -> str:
    """Say what a file is that ``sniff`` does not know, as in ``not an image (starts with "%PDF")``."""
    if head[4:8] == b"ftyp":
        return "a camera raw file, which is not supported" if head[8:11] == b"crx" else "a video, not a photo"
    for magic, words in _OTHERS:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(magic):
            return words
    if head.startswith(b"<?xml") and b"<svg" in head:
        return "an SVG drawing, not a photo"
    start = head[:16].split(b"\n")[0].rstrip()
    printable = bytes(byte for byte in start if 0x20 <= byte < 0x7F)
    if len(start) >= 2 and printable == start:
        return f'not an image (starts with "{start.decode()}")'
    if head[:4] == b"%PDF":
        return 'not an image (starts with "%PDF")'
    return f"not an image (starts with the bytes {head[:4].hex(' ')})"


def is_raw(path: str | Path, head: bytes) -> bool:
    """Whether this is a camera's raw file: many are TIFFs whose first picture is a thumbnail, so they would "work"."""
    return Path(path).suffix.lower() in _RAW_SUFFIXES or (head[:2] == b"II" and head[8:10] == b"CR")


def open_image(kind: str, data: bytes) -> ImageFile:
    """Parse a picture's header without decoding it; only the first picture of a file is ever looked at.

    The decoder is called itself, not through ``Image.open``, which warns or refuses by its own process-wide limit;
    ours is checked by ``load`` before anything is decoded.

    Args:
        kind: an answer of ``sniff``.
        data: the whole file.

    Raises:
        Exception: whatever the decoder raises; ``load`` turns all of it into ours.
    """
    if kind == "TIFF":
        _silence_libtiff()
    module, _, name = _DECODERS[kind].partition(":")
    return cast("ImageFile", getattr(import_module(module), name)(io.BytesIO(data)))


_silenced = threading.Event()


def _silence_libtiff() -> None:
    """Stop libtiff from printing to stderr, which Pillow leaves on; its errors still come back as return codes."""
    if _silenced.is_set():
        return
    _silenced.set()
    try:
        library = ctypes.CDLL(_imaging.__file__)  # finds libtiff among what Pillow's own module is linked with
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            setter = getattr(library, name)
            setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            setter(None)
    except (OSError, AttributeError):
        return  # a Pillow with a hidden libtiff: it may chatter, nothing worse
