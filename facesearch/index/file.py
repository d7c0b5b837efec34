r"""An index in a file: a cache that is either whole and of a known state, or refused.

Layout, little-endian::

    0   8  b"FACEIDX\n"
    8   4  version of the layout, uint32
    12  4  length of the header, uint32
    16  8  length of the payload, uint64
    24 32  SHA-256 of all other bytes
    56     header: JSON with the stamp, the engine's name, the dimension and the number of vectors
           payload: what the engine's ``dump`` gave

The checksum covers the header too: one flipped bit in ``seq`` would make a stale cache look fresh. It is checked before
an engine sees the payload.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.errors import ConfigError, IndexFileError
from facesearch.index.base import Stamp
from facesearch.index.registry import index_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facesearch.index.base import FileIndex

MAGIC = b"FACEIDX\n"
VERSION = 1
_FIXED = struct.Struct("<8sIIQ")
_HEAD = _FIXED.size + hashlib.sha256().digest_size
_REBUILD = "delete the file: it is rebuilt from the gallery's database"


def save(index: FileIndex, path: Path, stamp: Stamp, *, before_rename: Callable[[], None] = lambda: None) -> None:
    """Write an index so that ``path`` always holds a whole file, the old one or the new one (mode 0600).

    Args:
        index: what to write.
        path: where to; its folder must exist.
        stamp: the state of the gallery that the index holds.
        before_rename: called when the new file is on disk under its temporary name; for tests of crashes.

    Raises:
        IndexFileError: the file cannot be written.
    """
    payload = index.dump()
    facts = {**asdict(stamp), "engine": index.name, "dim": index.dim, "count": len(index)}
    header = json.dumps(facts, sort_keys=True).encode()
    fixed = _FIXED.pack(MAGIC, VERSION, len(header), len(payload))
    try:
        # mkstemp gives mode 0600 from the start.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                for part in (fixed, _checksum(fixed, header, payload), header, payload.data):
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            before_rename()
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        _sync_folder(path.parent)
    except OSError as exc:
        raise IndexFileError(path, f"cannot be written: {exc.strerror or exc}") from exc


def load(path: Path) -> tuple[FileIndex, Stamp]:
    """Read an index and the state it is of.

    Raises:
        IndexFileError: the file is missing, cut short, damaged, of another kind or of a newer facesearch.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            lengths = _checked_head(path, head, os.fstat(file.fileno()).st_size)
            header = file.read(lengths[0])
            payload = np.fromfile(file, dtype=np.uint8, count=lengths[1])
    except FileNotFoundError as exc:
        raise IndexFileError(path, "there is no such file") from exc
    except OSError as exc:
        raise IndexFileError(path, f"cannot be read: {exc.strerror or exc}") from exc
    if _checksum(head[: _FIXED.size], header, payload) != head[_FIXED.size :]:
        raise IndexFileError(path, "is damaged: its checksum does not match", hint=_REBUILD)
    try:
        facts: dict[str, Any] = json.loads(header)
        index = index_class(facts["engine"]).restore(payload, facts["dim"])
        stamp, count = Stamp(facts["gallery"], facts["recipe"], facts["token"], facts["seq"]), facts["count"]
    except (ConfigError, ValueError, KeyError, TypeError) as exc:
        raise IndexFileError(path, f"cannot be used: {exc}", hint=_REBUILD) from exc
    if len(index) != count:
        raise IndexFileError(path, f"holds {len(index)} vectors instead of {count}", hint=_REBUILD)
    return index, stamp


def remove_leftovers(path: Path) -> int:
    """Delete temporary files that killed processes left beside ``path``; only for the holder of the writer's lock."""
    leftovers = list(path.parent.glob(f".{path.name}.*.tmp"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


def _checked_head(path: Path, head: bytes, size: int) -> tuple[int, int]:
    """The lengths of header and payload, where the file has this layout and that size."""
    if not head.startswith(MAGIC):
        raise IndexFileError(path, "is not an index file", hint=_REBUILD)
    if len(head) < _HEAD:
        raise IndexFileError(path, "is cut short", hint=_REBUILD)
    _, version, header, payload = _FIXED.unpack(head[: _FIXED.size])
    if version > VERSION:
        reason = f"has layout version {version}; this facesearch reads up to {VERSION}"
        raise IndexFileError(path, reason, hint=f"update facesearch, or {_REBUILD}")
    if size != _HEAD + header + payload:
        raise IndexFileError(path, f"has {size} bytes instead of {_HEAD + header + payload}", hint=_REBUILD)
    return header, payload


def _checksum(fixed: bytes, header: bytes, payload: NDArray[np.uint8]) -> bytes:
    """SHA-256 over everything but itself."""
    digest = hashlib.sha256(fixed)
    digest.update(header)
    digest.update(payload.data)
    return digest.digest()


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
