"""Looking for the traces of what was erased, in everything that a gallery holds, byte by byte."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PIECE = 16
"""Bytes. A vector may cross the border of two pages, so it is looked for in pieces of this size: four numbers."""

MOST_PIECES = 1 << 22
"""More pieces than this are thinned out, evenly, so that they fit into 64 MB and a table of 4 MB."""

SHORTEST = 3
"""Bytes of the shortest text that is looked for in raw bytes; a shorter one occurs everywhere by chance."""

_CHANCE = 5
"""Bytes. A shorter text than this occurs in numbers by chance, so it counts only among other text."""

_HEX = frozenset(b"0123456789abcdef-")

_AROUND = 64
_BUFFER = 8 << 20
_WORD = np.dtype("<u8")
_MIX = np.uint64(0x9E3779B97F4A7C15)
_BITS = 22


@dataclass(frozen=True, slots=True)
class Hit:
    """Where something was found: what kind it is of, the very bytes, where, and the offset there.

    ``before`` and ``after`` are up to 64 bytes on either side.
    """

    kind: str
    needle: bytes
    where: str
    offset: int
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)


@dataclass(slots=True)
class Traces:
    """What is looked for: vectors in pieces, and texts of several kinds.

    ``pieces`` has shape (n, 2), uint64, sorted by its first column. ``texts`` are bytes by kind.
    """

    pieces: NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, 2), _WORD))
    texts: dict[str, set[bytes]] = field(default_factory=dict)

    def add(self, kind: str, texts: Iterable[bytes]) -> None:
        """Look for these texts too, where they are long enough."""
        self.texts.setdefault(kind, set()).update(text for text in texts if len(text) >= SHORTEST)

    def scan(self, places: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[list[Hit], int]:
        """Read places from end to end: each is a name and its bytes in pieces. What was found, and how much was read.

        Raises:
            OSError: a file cannot be read.
        """
        searcher = _Searcher(self)
        hits: list[Hit] = []
        read = 0
        # What a piece ends with may go on in the next one, and so may what stands around it.
        overlap = searcher.longest + 2 * _AROUND
        for where, pieces in places:
            held, start, told = b"", 0, 0
            for piece in _with_end(pieces):
                whole = held + (piece or b"")
                read += len(piece or b"")
                # All that ends before this is seen with its surroundings.
                upto = start + len(whole) - (0 if piece is None else _AROUND)
                for kind, needle, at in searcher.find(whole):
                    end = at + len(needle)
                    if told < start + end <= upto:
                        around = whole[max(0, at - _AROUND) : at], whole[end : end + _AROUND]
                        hits.append(Hit(kind, needle, where, start + at, *around))
                told = max(told, upto)
                held = whole[-overlap:]
                start += len(whole) - len(held)
        return hits, read


def _with_end(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """None comes after the last one."""
    yield from pieces
    yield None


def blocks_of(path: Path) -> Iterator[bytes]:
    """A file from end to end."""
    with path.open("rb") as file:
        while data := file.read(_BUFFER):
            yield data


class _Searcher:
    """Finds many needles at once: by their first 8 bytes where they have as many, one after the other where not."""

    def __init__(self, traces: Traces) -> None:
        texts = [(kind, text) for kind, held in traces.texts.items() for text in held]
        self.longest = max([PIECE, *(len(text) for _, text in texts)])
        self._short = [(kind, text) for kind, text in texts if len(text) < _WORD.itemsize]
        self._pieces = traces.pieces
        self._texts: dict[int, dict[int, dict[bytes, str]]] = {}
        for kind, text in texts:
            if len(text) >= _WORD.itemsize:
                first = int.from_bytes(text[: _WORD.itemsize], "little")
                self._texts.setdefault(first, {}).setdefault(len(text), {})[text] = kind
        texts_begin = np.fromiter(self._texts, _WORD, len(self._texts))
        self._table = np.zeros(1 << _BITS, dtype=np.uint8)
        self._table[_slots(self._pieces[:, 0])] = 1
        self._table[_slots(texts_begin)] |= 2
        self._any = bool(self._table.any())

    def find(self, data: bytes) -> Iterator[tuple[str, bytes, int]]:
        """Kind, bytes and offset of each occurrence."""
        for kind, text in self._short:
            at = data.find(text)
            while at >= 0:
                yield kind, text, at
                at = data.find(text, at + 1)
        for shift in range(_WORD.itemsize if self._any else 0):
            count = (len(data) - shift) // _WORD.itemsize
            if count > 0:
                yield from self._find_aligned(data, np.frombuffer(data, _WORD, count, shift), shift)

    def _find_aligned(self, data: bytes, words: NDArray[np.uint64], shift: int) -> Iterator[tuple[str, bytes, int]]:
        places = np.flatnonzero(self._table[_slots(words)])
        of = self._table[_slots(words[places])]
        vectors, begun = places[of & 1 > 0], places[of & 2 > 0]
        for place in vectors[_paired(self._pieces, words, vectors)].tolist():
            at = shift + place * _WORD.itemsize
            yield "vector", data[at : at + PIECE], at
        for place in begun.tolist():
            for length, texts in self._texts.get(int(words[place]), {}).items():
                at = shift + place * _WORD.itemsize
                text = data[at : at + length]
                if text in texts:
                    yield texts[text], text, at


def _slots(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Where words are in the table: the top bits of a product (Fibonacci hashing: Knuth, TAOCP 3, 6.4)."""
    return (words * _MIX) >> np.uint64(64 - _BITS)


def _paired(pieces: NDArray[np.uint64], words: NDArray[np.uint64], places: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which places hold a piece: two words in a row, (n,) bool."""
    found = np.zeros(len(places), dtype=bool)
    inside = np.flatnonzero(places + 1 < len(words))
    if not len(pieces):
        return found
    first, second = words[places[inside]], words[places[inside] + 1]
    low = np.searchsorted(pieces[:, 0], first, side="left")
    # Two pieces that begin alike stand next to each other; there are hardly ever more.
    while len(inside):
        here = low < len(pieces)
        inside, first, second, low = inside[here], first[here], second[here], low[here]
        here = pieces[low, 0] == first
        inside, first, second, low = inside[here], first[here], second[here], low[here]
        found[inside] |= pieces[low, 1] == second
        low = low + 1
    return found


def pieces_of(vectors: Iterable[bytes]) -> NDArray[np.uint64]:
    """Vectors, as they are stored, in pieces (n, 2); those with a zero, or of one number, say nothing and are left out.

    What is shorter than a piece at the end of a vector is left out too.
    """
    whole = b"".join(vector[: len(vector) // PIECE * PIECE] for vector in vectors)
    pieces = np.frombuffer(whole, _WORD).reshape(-1, 2)
    numbers = pieces.view("<u4").reshape(-1, 4)
    telling = (numbers & 0x7FFFFFFF).all(axis=1) & (numbers != numbers[:, :1]).any(axis=1)
    found = pieces[telling]
    found = found[:: max(1, -(-len(found) // MOST_PIECES))]
    return found[np.argsort(found[:, 0], kind="stable")]


def without(pieces: NDArray[np.uint64], kept: Iterable[list[bytes]]) -> NDArray[np.uint64]:
    """The pieces that no vector has that is kept: a copy of a photo gives the same numbers once more."""
    for some in kept:
        others = pieces_of(some)
        places = np.arange(len(pieces))
        both = pieces.reshape(-1)
        pieces = pieces[~_paired(others, both, places * 2)] if len(others) else pieces
    return pieces


def spellings(name: str) -> set[bytes]:
    """A name as it may have been written: composed and decomposed, in small letters, and in the usual encodings."""
    forms = {name, name.casefold(), name.lower(), name.upper()}
    forms |= {unicodedata.normalize(form, one) for form in ("NFC", "NFD", "NFKC", "NFKD") for one in forms}
    found = {form.encode(encoding) for form in forms for encoding in ("utf-8", "utf-16-le", "utf-16-be")}
    return found | {json.dumps(form)[1:-1].encode() for form in forms}


def by_chance(hit: Hit) -> bool:
    """Whether a short text is not among text: fewer than six of the eight bytes around it are letters and the like.

    Nor where it stands amid hexadecimal digits: "ada" may be the end of one hash and the beginning of the next.
    """
    if len(hit.needle) >= _CHANCE:
        return False
    before, after = hit.before[-8:], hit.after[:8]
    if len(before + after) == 16 and _HEX.issuperset(before + after):
        return True
    beside = before[-4:] + after[:4]
    return sum(1 for byte in beside if byte == 0 or 0x20 <= byte < 0x7F) < 6 * len(beside) / 8


class Explained:
    """What else a found text is part of: values that contain it rightly, recognised by up to 64 bytes on either side.

    Args:
        needle: the text.
        values: of the database, with labels, that contain it.
    """

    def __init__(self, needle: bytes, values: Iterable[tuple[str, bytes]]) -> None:
        self._known: dict[tuple[int, int], dict[tuple[bytes, bytes], str]] = {}
        for label, value in values:
            at = value.find(needle)
            while at >= 0:
                end = at + len(needle)
                before, after = value[max(0, at - _AROUND) : at], value[end : end + _AROUND]
                self._known.setdefault((len(before), len(after)), {}).setdefault((before, after), label)
                at = value.find(needle, at + 1)

    def label(self, hit: Hit) -> str | None:
        """The label of a value that stands where the text was found; None where none does."""
        before, after = hit.before, hit.after
        for (left, right), known in self._known.items():
            found = known.get((before[len(before) - left :], after[:right]))
            if found is not None and len(before) >= left:
                return found
        return None
