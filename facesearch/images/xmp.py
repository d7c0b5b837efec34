"""Where a photo's XMP is: packets inside the file, and sidecars beside it. Whatever is wrong is a ``BadXmpError``.

Containers: Adobe, XMP Specification Part 3 (JPEG, PNG, TIFF, WebP); HEIC and AVIF through their decoders.
"""

from __future__ import annotations

import os
import stat
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from xml.dom.minidom import CDATASection, Element, Text
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape, quoteattr

from defusedxml import minidom
from defusedxml.common import DefusedXmlException

from facesearch.images import formats
from facesearch.images.files import MAX_BYTES
from facesearch.images.remarks import amount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from xml.dom.minidom import Document, Node

MAX_PACKET = 16_000_000
"""Bytes. The largest in real photos are depth maps of phones, a few MB of base64."""

MAX_TAGS = 200_000
"""A document takes about a kilobyte of memory a tag, so this is a few hundred MB at worst."""

_JPEG_MAIN = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_PNG_KEY = b"XML:com.adobe.xmp\0"
_MOST_SEGMENTS = 20_000
"""More metadata segments, chunks or boxes than this is no photo."""


class BadXmpError(Exception):
    """XMP that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One XMP document; ``source`` is the file that it was found in."""

    source: Path
    data: bytes


def packets(photo: Path) -> tuple[list[Packet], list[str]]:
    """All XMP of a photo: its sidecars first, because they are what other programs changed last, then the file's own.

    Returns:
        The packets, and what could not be read, a sentence each.
    """
    found: list[Packet] = []
    odd: list[str] = []
    for sidecar in sidecars(photo):
        try:
            found.append(Packet(sidecar, read_small(sidecar)))
        except BadXmpError as exc:
            odd.append(f"{sidecar.name}: {exc}")
    try:
        found += [Packet(photo, data) for data in embedded(photo)]
    except BadXmpError as exc:
        odd.append(f"its XMP: {exc}")
    return found, odd


def sidecars(photo: Path) -> list[Path]:
    """The sidecars of a photo that exist: ``photo.jpg.xmp`` (digiKam, darktable), then ``photo.xmp`` (Adobe)."""
    names = [photo.name + suffix for suffix in (".xmp", ".XMP")]
    if photo.suffix:
        names += [photo.stem + suffix for suffix in (".xmp", ".XMP")]
    found: dict[tuple[int, int], Path] = {}
    for name in names:
        place = photo.with_name(name)
        with suppress(OSError, ValueError):
            status = place.stat()
            found.setdefault((status.st_dev, status.st_ino), place)  # one file where case does not count
    return list(found.values())


def sidecar_of(photo: Path) -> Path:
    """Where the sidecar of a photo belongs: ``photo.jpg.xmp``, or ``photo.jpg.XMP`` where that is there."""
    lower = photo.with_name(photo.name + ".xmp")
    upper = photo.with_name(photo.name + ".XMP")
    return upper if os.path.lexists(upper) and not os.path.lexists(lower) else lower


def read_small(path: Path) -> bytes:
    """A whole text file within the limit, without waiting for anybody.

    Raises:
        BadXmpError: it cannot be read, is no regular file or is larger than ``MAX_PACKET``.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadXmpError("not a regular file")
            if status.st_size > MAX_PACKET:
                raise BadXmpError(f"{amount(status.st_size)}, limit {amount(MAX_PACKET)}")
            return file.read(MAX_PACKET)
    except (OSError, ValueError) as exc:
        raise BadXmpError(_reason(exc)) from exc


def embedded(photo: Path) -> list[bytes]:
    """The XMP packets inside a file, without decoding the picture; an empty list where there are none.

    Raises:
        BadXmpError: the file cannot be read, or holds more XMP than the limit.
    """
    try:
        with open(photo, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadXmpError("not a regular file")
            kind = formats.sniff(file.read(formats.HEAD))
            file.seek(0)
            if kind == "JPEG":
                return _of_jpeg(file)
            if kind == "PNG":
                return _of_png(file)
            if kind in {"TIFF", "WebP", "HEIC", "AVIF"} and status.st_size <= MAX_BYTES:
                return _by_decoder(kind, file.read(MAX_BYTES))
    except (OSError, ValueError) as exc:
        raise BadXmpError(_reason(exc)) from exc
    return []


def parse(data: bytes) -> Document:
    """An XMP packet as a document.

    Raises:
        BadXmpError: it is not well-formed, too large, or declares entities.
    """
    if len(data) > MAX_PACKET:
        raise BadXmpError(f"{amount(len(data))}, limit {amount(MAX_PACKET)}")
    if data.count(b"<") > MAX_TAGS:
        raise BadXmpError(f"more than {MAX_TAGS:,} tags")
    if data[:2] not in {b"\xfe\xff", b"\xff\xfe"}:  # UTF-16, where a zero byte is half a letter
        # Writers pad packets with zeros and blanks; XML has room for neither outside of a document.
        data = data.strip(b"\0 \t\r\n")
    try:
        return minidom.parseString(data, forbid_dtd=True)
    except DefusedXmlException as exc:
        raise BadXmpError("declares a document type, which XMP never does") from exc
    except (ExpatError, ValueError, LookupError) as exc:
        raise BadXmpError(f"not well-formed XML ({exc})") from exc
    except (RecursionError, MemoryError) as exc:
        raise BadXmpError("nested too deeply") from exc


def serialise(document: Document) -> bytes:
    """A document as bytes, UTF-8, however deep it is."""
    return "".join(_markup(document)).encode("utf-8")


def write_beside(target: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all; what was there before goes, a symbolic link too.

    Raises:
        OSError: it cannot be written.
    """
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _of_jpeg(file: BinaryIO) -> list[bytes]:
    """APP1 segments: one packet of 64 kB at most, and what did not fit in there, in pieces (Part 3, section 1.1.3)."""
    found: list[bytes] = []
    pieces: dict[bytes, dict[int, bytes]] = {}
    size = 0
    for marker, payload in _segments(file):
        if marker == 0xE1 and payload.startswith(_JPEG_MAIN):
            found.append(payload[len(_JPEG_MAIN) :])
            size += len(payload)
        elif marker == 0xE1 and payload.startswith(_JPEG_MORE):
            rest = payload[len(_JPEG_MORE) :]
            pieces.setdefault(rest[:32], {})[int.from_bytes(rest[36:40])] = rest[40:]
            size += len(rest)
        if size > MAX_PACKET:
            raise BadXmpError(f"more than {amount(MAX_PACKET)}")
    return found + [b"".join(parts[start] for start in sorted(parts)) for parts in pieces.values()]


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The segments of a JPEG before its picture; of all but APP1 only the marker is read."""
    file.seek(2)
    for _ in range(_MOST_SEGMENTS):
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in {0xD9, 0xDA}:
            return
        length = int.from_bytes(head[2:]) - 2
        if head[1] == 0xE1:
            yield head[1], file.read(max(length, 0))
        else:
            file.seek(max(length, 0), os.SEEK_CUR)


def _of_png(file: BinaryIO) -> list[bytes]:
    """The iTXt chunk; exiftool writes it behind the picture, where Pillow would have to decode all of it to see."""
    file.seek(8)
    for _ in range(_MOST_SEGMENTS):
        head = file.read(8)
        length = int.from_bytes(head[:4])
        if len(head) < 8 or head[4:] == b"IEND":
            return []
        if head[4:] == b"iTXt" and length <= MAX_PACKET:
            chunk = file.read(length)
            if chunk.startswith(_PNG_KEY):
                return [_international_text(chunk[len(_PNG_KEY) :])]
            file.seek(4, os.SEEK_CUR)
        else:
            file.seek(length + 4, os.SEEK_CUR)
    return []


def _international_text(chunk: bytes) -> bytes:
    """The text of an iTXt chunk behind its keyword: two bytes on compression, a language and a translated keyword."""
    text = chunk[2:].split(b"\0", 2)[-1]
    if chunk[:1] != b"\1":
        return text
    unpacked = zlib.decompressobj()
    try:
        plain = unpacked.decompress(text, MAX_PACKET)
    except zlib.error as exc:
        raise BadXmpError("damaged") from exc
    if unpacked.unconsumed_tail:
        raise BadXmpError(f"more than {amount(MAX_PACKET)}")
    return plain


def _by_decoder(kind: str, data: bytes) -> list[bytes]:
    """What the decoder of a picture found beside it."""
    try:
        found = formats.open_image(kind, data).info.get("xmp")
    except Exception as exc:
        raise BadXmpError("the file is damaged") from exc
    return [found] if isinstance(found, bytes) and found else []


def _markup(document: Document) -> Iterator[str]:
    """As minidom writes it, but line breaks in attributes stay (Python 3.11 loses them), and nothing recurses."""
    waiting: list[Node | str] = ["\n", *reversed([part for node in document.childNodes for part in (node, "\n")][:-1])]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Element):
            held = "".join(f" {one.name}={quoteattr(one.value)}" for one in node.attributes.values())
            yield f"<{node.tagName}{held}{'>' if node.childNodes else '/>'}"
            if node.childNodes:
                waiting += [f"</{node.tagName}>", *reversed(node.childNodes)]
        elif isinstance(node, Text) and not isinstance(node, CDATASection):
            yield escape(node.data, {"\r": "&#13;"})
        else:
            yield node.toxml()


def _reason(exc: Exception) -> str:
    return ((exc.strerror if isinstance(exc, OSError) else None) or str(exc)).lower()


def _at_once(path: str, flags: int) -> int:
    """Open without waiting: a FIFO waits for its writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
