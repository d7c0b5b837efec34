"""Read a file that may be a photo: whole, within a limit, and never waiting for anybody."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from facesearch.errors import TooLargeError, UnreadableError
from facesearch.images import formats
from facesearch.images.remarks import amount

if TYPE_CHECKING:
    from pathlib import Path

NO_FILE = "no such file"
"""The reason of an error, where nothing lies at a path."""

MAX_BYTES = 400_000_000
"""Larger files are refused unread; a picture within the pixel limit has no use for them."""


def read_whole(path: Path) -> bytes:
    """The whole file at once, so that hashes and pixels are of the same bytes even while somebody writes to it.

    Returns:
        The bytes; of a file that is no picture only the first ``formats.HEAD``.

    Raises:
        UnreadableError: no such file, no permission, not a regular file or empty.
        TooLargeError: more than ``MAX_BYTES``.
    """
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
                raise TooLargeError(path, f"a file of {amount(status.st_size)}, limit {amount(MAX_BYTES)}")
            return head + file.read(MAX_BYTES)
    except FileNotFoundError as exc:
        raise UnreadableError(path, NO_FILE) from exc
    except PermissionError as exc:
        raise UnreadableError(path, "permission denied") from exc
    except IsADirectoryError as exc:
        raise UnreadableError(path, "is a folder") from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else None
        raise UnreadableError(path, (reason or str(exc)).lower()) from exc


def _at_once(path: str, flags: int) -> int:
    """Open without waiting: a FIFO waits for its writer, and a file may become one after any earlier check."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
