"""What is said about files with something wrong: why one cannot be used, and what was odd about one that can."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from facesearch.images.cut import data_end
from facesearch.images.hashing import declared_size

if TYPE_CHECKING:
    from facesearch.images.hashing import Codestream


def damage(kind: str, data: bytes, exc: Exception) -> str:
    """Why a picture could not be decoded: cut short, where the file says so or the decoder does, else damaged."""
    declared = declared_size(kind, data)
    if declared and declared > len(data):
        return f"ends after {_of(len(data), declared)}"
    words = " ".join(str(exc).split()).strip(". ") or type(exc).__name__
    if re.search(r"truncated|premature|end of (file|data)|not enough data", words, re.IGNORECASE):
        return cut_short(data)
    return f"damaged {kind} file ({words[:1].lower()}{words[1:100]})"


def cut_short(data: bytes) -> str:
    """That a file ends early, and where."""
    end = data_end(data)
    return f"cut short: ends after {amount(end) if end == len(data) else f'{_of(end, len(data))}, zeros follow'}"


def ends_early(kind: str, data: bytes, stream: Codestream | None, missing: float) -> str | None:
    """What a file that ends early lacks, where it decoded all the same; None for a file that does not.

    Args:
        kind: see ``formats.sniff``.
        data: the whole file.
        stream: its compressed picture.
        missing: the share of the picture that is missing, 0 to 1.
    """
    if missing:
        return f"{cut_short(data)}; {max(round(100 * missing), 1)} % of the picture is missing"
    declared = declared_size(kind, data)
    if declared and declared > len(data):
        return f"ends after {_of(len(data), declared)}, but the picture is complete"
    if stream is None or stream.whole:
        return None
    if not stream.streams:  # the scans of a progressive JPEG that are missing would have made it sharper
        return f"{cut_short(data)}; the picture may be less sharp than it was"
    return "the end of the file is missing, but the picture is complete"


def amount(count: int) -> str:
    """A number of bytes for people, such as 1.2 MB."""
    unit, name = _unit(count)
    return f"{count / unit:.1f} {name}" if unit > 1 else f"{count} {name}"


def _of(count: int, total: int) -> str:
    """Part of a number of bytes, such as 1.2 of 2.9 MB."""
    unit, name = _unit(total)
    part, whole = (f"{value / unit:.1f}" if unit > 1 else str(value) for value in (count, total))
    if part == whole:
        return f"{count:,} of {total:,} bytes"
    return f"{part} of {whole} {name}" if part != "0.0" else f"{amount(count)} of {whole} {name}"


def _unit(count: int) -> tuple[int, str]:
    return next(
        ((unit, name) for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")) if count >= unit), (1, "bytes")
    )
