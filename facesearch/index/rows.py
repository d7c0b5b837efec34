"""Vectors that stay on disk: the rows of an index file, and those added since."""

from __future__ import annotations

import mmap
import tempfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from facesearch.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK_BYTES = 1 << 12
"""Rows are checked in blocks of this size, a page, when one of them is first used: a question reads few of them."""

SPAN = 1 << 15
"""Rows that are read at once by whoever goes through all of them: 16 MiB of 128 float32."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """Rows in an index file.

    ``vectors`` is mapped, shape (n, dim), float32; ``checks`` holds the CRC-32 of each ``block_rows(dim)`` of them,
    shape (blocks,), uint32; ``path`` is named where one does not fit.
    """

    path: Path
    vectors: NDArray[np.float32]
    checks: NDArray[np.uint32]


def block_rows(dim: int) -> int:
    """How many rows of ``dim`` float32 share a check."""
    return max(1, BLOCK_BYTES // (4 * dim))


def block_checks(spans: Iterator[NDArray[np.float32]], dim: int) -> Iterator[tuple[NDArray[np.float32], list[int]]]:
    """Rows as they come, cut into whole blocks (the last may be shorter), with the CRC-32 of each block."""
    size = block_rows(dim)
    rest = np.empty((0, dim), dtype=np.float32)
    for span in spans:
        held = np.concatenate([rest, span]) if len(rest) else span
        whole = len(held) // size * size
        if whole:
            yield held[:whole], _checks(held[:whole], size)
        rest = held[whole:]
    if len(rest):
        yield rest, _checks(rest, size)


def _checks(rows: NDArray[np.float32], size: int) -> list[int]:
    little = np.ascontiguousarray(rows, dtype="<f4")
    return [zlib.crc32(little[start : start + size].data) for start in range(0, len(little), size)]


class Rows:
    """Vectors by number, in the order of their coming; none is ever changed or taken out.

    What is appended goes to a temporary file without a name (it vanishes with the process). Any number of threads may
    read at once.
    """

    def __init__(self, dim: int, stored: StoredRows | None = None) -> None:
        self._dim = dim
        self._stored = stored
        self._first = len(stored.vectors) if stored else 0
        self._checked = np.zeros(len(stored.checks) if stored else 0, dtype=bool)
        self._file: IO[bytes] | None = None
        self._added = np.empty((0, dim), dtype=np.float32)

    def __len__(self) -> int:
        """How many rows there are."""
        return self._first + len(self._added)

    def append(self, vectors: NDArray[np.float32]) -> None:
        """Put rows (n, dim), float32, behind the others.

        Raises:
            IndexFileError: the temporary file cannot be written.
        """
        if not len(vectors):
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="facesearch-")  # noqa: SIM115 - lives as long as this
            self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(vectors).data)
            self._file.flush()
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as exc:
            reason = f"has no room for {len(vectors)} more vectors: {exc.strerror or exc}"
            raise IndexFileError(tempfile.gettempdir(), reason, hint="make room there, or set TMPDIR") from exc
        self._added = np.frombuffer(mapped, dtype=np.float32).reshape(-1, self._dim)

    def take(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows with these numbers, shape (n,), as (n, dim).

        Raises:
            IndexFileError: one of them is damaged in the file.
        """
        if self._stored is None:
            return self._added[numbers]
        old = numbers < self._first
        self._check(np.unique(numbers[old] // block_rows(self._dim)))
        if old.all():
            return self._stored.vectors[numbers]
        found = np.empty((len(numbers), self._dim), dtype=np.float32)
        found[old] = self._stored.vectors[numbers[old]]
        found[~old] = self._added[numbers[~old] - self._first]
        return found

    def spans(self, numbers: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The rows with these numbers, a span at a time: where it starts in ``numbers``, and rows (b, dim).

        Raises:
            IndexFileError: one of them is damaged in the file.
        """
        for start in range(0, len(numbers), SPAN):
            some = numbers[start : start + SPAN]
            low, high = int(some[0]), int(some[-1]) + 1
            # Neighbours on disk are used in place.
            follow = high - low == len(some) and bool(np.all(np.diff(some) == 1))
            if follow and self._stored is not None and high <= self._first:
                size = block_rows(self._dim)
                self._check(np.arange(low // size, (high - 1) // size + 1))
                yield start, self._stored.vectors[low:high]
            elif follow and low >= self._first:
                yield start, self._added[low - self._first : high - self._first]
            else:
                yield start, self.take(some)

    def _check(self, blocks: NDArray[np.int64]) -> None:
        """Compare blocks of the file with their checks, each once."""
        if self._stored is None:
            return
        size = block_rows(self._dim)
        for block in blocks[~self._checked[blocks]].tolist():
            rows = self._stored.vectors[block * size : (block + 1) * size]
            if zlib.crc32(rows.data) != int(self._stored.checks[block]):
                reason = f"is damaged: vectors {block * size} and following differ from what was written"
                hint = "delete the file: it is rebuilt from the gallery's database"
                raise IndexFileError(self._stored.path, reason, hint=hint)
            self._checked[block] = True
