r"""An index in a file: a cache that is either whole and of a known state, or refused.

Layout, little-endian::

    0   8  b"FACEIDX\n"
    8   4  version of the layout, uint32
    12  4  length of the header, uint32
    16  8  length of the payload, uint64
    24 32  SHA-256 of all other bytes but those of the rows
    56     header: JSON with the stamp, the kind of index, the dimension, the number of vectors and that of rows
           payload: what the index's ``dump`` gave
           where there are rows: a CRC-32 of each block of them (``rows.block_rows``), zeros up to a multiple of 4096,
           and the vectors, float32

The checksum covers the header too: one flipped bit in ``seq`` would make a stale cache look fresh. It is checked before
an index sees the payload. Rows are mapped, not read, and their blocks checked when they are first used. All is one
file, so a crash leaves all of the old state or all of the new one, and any number of processes share what is mapped.
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
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from facesearch.errors import ConfigError, IndexFileError
from facesearch.index.base import Stamp
from facesearch.index.registry import index_class
from facesearch.index.rows import StoredRows, block_checks, block_rows
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from facesearch.index.base import FileIndex

MAGIC = b"FACEIDX\n"
VERSION = 2
PAGE = 4096
"""Rows begin at a multiple of this."""

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
    payload, rows = index.dump(), index.rows()
    stored = 0 if rows is None else len(index)
    facts = {**asdict(stamp), "engine": index.name, "dim": index.dim, "count": len(index), "rows": stored}
    facts["about"] = asdict(index.about())
    header = json.dumps(facts, sort_keys=True).encode()
    fixed = _FIXED.pack(MAGIC, VERSION, len(header), len(payload))
    try:
        # mkstemp gives mode 0600 from the start.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                checks = _write_rows(file, _HEAD + len(header) + len(payload), rows, stored, index.dim)
                file.seek(0)
                for part in (fixed, _checksum(fixed, header, payload, checks), header, payload.data, checks):
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
    """Read an index and the state it is of. Its rows stay on disk and are mapped.

    Raises:
        IndexFileError: the file is missing, cut short, damaged, of another kind or of a newer facesearch.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            lengths = _checked_head(path, head, os.fstat(file.fileno()).st_size)
            header = file.read(lengths[0])
            payload = np.fromfile(file, dtype=np.uint8, count=lengths[1])
            rest = _Rest(path, file, _HEAD + sum(lengths), header)
    except FileNotFoundError as exc:
        raise IndexFileError(path, "there is no such file") from exc
    except OSError as exc:
        raise IndexFileError(path, f"cannot be read: {exc.strerror or exc}") from exc
    if _checksum(head[: _FIXED.size], header, payload, rest.checks) != head[_FIXED.size :] or not rest.whole:
        raise IndexFileError(path, "is damaged: its checksum does not match", hint=_REBUILD)
    try:
        facts: dict[str, Any] = json.loads(header)
        index = index_class(facts["engine"]).restore(payload, facts["dim"], rest.rows)
        stamp, count = Stamp(facts["gallery"], facts["recipe"], facts["token"], facts["seq"]), facts["count"]
    except (ConfigError, ValueError, KeyError, TypeError) as exc:
        raise IndexFileError(path, f"cannot be used: {exc}", hint=_REBUILD) from exc
    if len(index) != count:
        raise IndexFileError(path, f"holds {len(index)} vectors instead of {count}", hint=_REBUILD)
    return index, stamp


def facts_of(path: Path) -> IndexFacts | None:
    """What the index in a file says of itself, read without the index; None where there is no file that can be used.

    Only its beginning is read, so this is cheap and proves nothing of the rest.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            lengths = _checked_head(path, head, os.fstat(file.fileno()).st_size)
            return IndexFacts(**json.loads(file.read(lengths[0]))["about"])
    except (OSError, IndexFileError, ValueError, KeyError, TypeError):
        return None


def _write_rows(file: IO[bytes], start: int, rows: Iterator[NDArray[np.float32]] | None, count: int, dim: int) -> bytes:
    """Write the rows to their place in the file, of which ``start`` bytes are others; returns their checks."""
    if rows is None or not count:
        return b""
    blocks = -(-count // block_rows(dim))
    file.seek(_rows_at(start, blocks))
    checks: list[int] = []
    for some, more in block_checks(rows, dim):
        file.write(np.ascontiguousarray(some, dtype="<f4").data)
        checks += more
    return np.array(checks, dtype="<u4").tobytes()


def _rows_at(start: int, blocks: int) -> int:
    """Where rows in so many blocks begin, behind ``start`` other bytes and the blocks' checks."""
    return -(-(start + 4 * blocks) // PAGE) * PAGE


class _Rest:
    """What is behind the payload: ``rows``, where there are any, and their ``checks`` as bytes; ``whole`` or not.

    The header is not checked yet when this is read; what it says must not lead beyond the file.
    """

    def __init__(self, path: Path, file: IO[bytes], start: int, header: bytes) -> None:
        self.rows: StoredRows | None = None
        self.checks = b""
        size = os.fstat(file.fileno()).st_size
        try:
            facts = json.loads(header)
            count, dim = int(facts.get("rows", 0)), int(facts["dim"])
            self.whole = count >= 0 and dim > 0
        except (ValueError, KeyError, TypeError, AttributeError):
            self.whole = False
            return
        if not count or not self.whole:
            self.whole = self.whole and size == start
            return
        blocks = -(-count // block_rows(dim))
        first = _rows_at(start, blocks)
        self.whole = size == first + 4 * count * dim
        if self.whole:
            self.checks = file.read(4 * blocks)
            self.whole = not any(file.read(first - start - 4 * blocks))
            vectors = np.memmap(file, dtype="<f4", mode="r", offset=first, shape=(count, dim))
            self.rows = StoredRows(path, vectors.view(np.ndarray), np.frombuffer(self.checks, dtype="<u4"))


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
    if size < _HEAD + header + payload:
        raise IndexFileError(path, f"has {size} bytes instead of {_HEAD + header + payload}", hint=_REBUILD)
    return header, payload


def _checksum(fixed: bytes, header: bytes, payload: NDArray[np.uint8], checks: bytes) -> bytes:
    """SHA-256 over everything but itself and the rows, which ``checks`` are of."""
    digest = hashlib.sha256(fixed)
    digest.update(header)
    digest.update(payload.data)
    digest.update(checks)
    return digest.digest()


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
