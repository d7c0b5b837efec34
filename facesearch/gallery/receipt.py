"""The receipt of what was forgotten: where traces were looked for, what was found, and what nobody here can reach."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import StoreError
from facesearch.gallery.traces import (
    SHORTEST,
    Explained,
    Traces,
    blocks_of,
    by_chance,
    pieces_of,
    spellings,
    without,
)
from facesearch.store.lock import LOCK_NAME, NOTE_NAME
from facesearch.store.people import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facesearch.gallery.traces import Hit
    from facesearch.store.erasure import Erased
    from facesearch.store.store import Store

OUT_OF_REACH = (
    "the photos themselves, and the same photos elsewhere",
    "what was exported: journals, sidecars, folders laid out by find and cluster",
    "pictures and pages that were written: --draw, report, review",
    "faces that nobody has named, which may show the same person",
    "copies and snapshots of the gallery by you, a backup program or the file system",
    "blocks that a disk has set aside (an SSD evens out its wear), and the memory of other running processes",
)
"""What no deletion in a gallery can undo."""

_OTHER = "other name"
_LABELS = {
    **dict.fromkeys(("path.relative", "path.error", "root.folder"), "path"),
    **dict.fromkeys(("person.name", "person.folded", "event.payload"), _OTHER),
}
"""What a text in a column is, where it contains what was looked for and rightly stays."""


@dataclass(frozen=True, slots=True)
class Remnant:
    """Something that was to be gone and is there: what kind it is of, in which file, and how often."""

    kind: str
    path: str
    count: int


@dataclass(frozen=True, slots=True)
class Search:
    """Where traces were looked for, and what was found.

    ``files`` are those on this machine. Of a database on a server all ``columns`` are read through SQL, and its own
    ``server_files`` where this user may; else ``unsearched`` says why not. ``bytes`` are those of the files here,
    ``server_bytes`` those of columns and files of a server.

    ``sought`` says how many were looked for, by kind, never which. ``kept_paths`` are paths of photos that stay and
    contain a name that is gone. ``other_names`` says that somebody else's name contains it. ``chance`` counts where
    its bytes stand in something that has nothing to do with it. ``shared`` counts vectors that a face which stays has
    too, bit by bit. ``too_short`` counts spellings that are too short to be told from chance in raw bytes.
    """

    files: int
    bytes: int
    sought: dict[str, int]
    remnants: tuple[Remnant, ...] = ()
    kept_paths: tuple[str, ...] = ()
    other_names: bool = False
    chance: int = 0
    shared: int = 0
    too_short: int = 0
    columns: int = 0
    server_files: int = 0
    server_bytes: int = 0
    unsearched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was forgotten, and the proof.

    ``derived`` says of each thing that is made from the faces what became of it. ``earlier`` says that something which
    had been cut short was completed first; its vectors and names are not known any more, so only its ids were looked
    for. ``database_searched`` says that no part of the database was left out of the search.
    """

    people: int
    faces: int
    photos: int
    vectors: int
    events: int
    tombstones: int
    derived: dict[str, str]
    search: Search
    earlier: bool = False
    out_of_reach: tuple[str, ...] = OUT_OF_REACH
    database_searched: bool = True

    @property
    def clean(self) -> bool:
        """Whether nothing was found but the paths of photos that stay, in what could be searched."""
        return not self.search.remnants


@dataclass(slots=True)
class _Finding:
    """What the hits come to."""

    remnants: Counter[tuple[str, str]] = field(default_factory=Counter)
    other_names: bool = False
    chance: int = 0


def search(store: Store, erased: Sequence[Erased]) -> Search:
    """Look for the traces of what was erased in every file below the gallery's folder, and in a server's database.

    The writer's lock is held.

    Raises:
        StoreError: a file cannot be read.
    """
    names = {name for one in erased for name in one.names}
    known = set(store.all_paths())
    written = {spelling for name in names for spelling in spellings(name)}
    vectors = {vector for one in erased for vector in one.vectors}
    shared = sum(vector in vectors for some in store.all_vectors() for vector in some)
    traces = Traces(without(pieces_of(vectors), store.all_vectors()))
    traces.add("name", written)
    traces.add("id", (person.encode() for one in erased for person in one.ids))
    traces.add("hash", (photo.encode() for one in erased for photo in one.hashes))
    traces.add("path", (os.fsencode(path) for one in erased for path in one.paths))
    # The note that says who is writing goes with the lock.
    files = [path for path in _files(store.folder) if path.name not in (LOCK_NAME, NOTE_NAME)]
    found, read, server = _look(store, traces, files)
    for path in files:
        if str(path) not in known and _contains(path.relative_to(store.folder), names):
            found.remnants["name of a file", str(path)] += 1
    sought = {"vectors": len(vectors), "pieces": len(traces.pieces), "spellings": len(written)}
    sought |= {"ids": len(traces.texts["id"]), "hashes": len(traces.texts["hash"]), "paths": len(traces.texts["path"])}
    return Search(
        files=len(files),
        bytes=read,
        sought=sought,
        remnants=tuple(Remnant(kind, path, count) for (kind, path), count in sorted(found.remnants.items())),
        kept_paths=tuple(path for path in sorted(known) if _contains(Path(path), names)),
        other_names=found.other_names,
        chance=found.chance,
        shared=shared,
        too_short=sum(len(text) < SHORTEST for text in written),
        columns=server.columns,
        server_files=server.files,
        server_bytes=server.bytes,
        unsearched=server.unsearched,
    )


def _look(store: Store, traces: Traces, files: Sequence[Path]) -> tuple[_Finding, int, _Server]:
    """What is found in files and on a server, the bytes of the files, and what of the server was read.

    Raises:
        StoreError: a file cannot be read.
    """
    try:
        hits, read = traces.scan((str(path), blocks_of(path)) for path in files)
    except OSError as exc:
        raise StoreError(f"{exc.filename}: {exc.strerror or exc}", hint="forget again, to have it searched") from exc
    server = _Server(store)
    found = _judge(store, [*hits, *server.scan(traces)])
    # A table that lost nothing now may hold what was deleted, or changed, long ago.
    if (stale := server.tables_with(found)) and store.rewrite(stale):
        server = _Server(store)
        found = _judge(store, [*hits, *server.scan(traces)])
    return found, read, server


class _Server:
    """What a search can read of a database on a server; nothing where the database is a file of the gallery."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._own = store.own_files()
        self.columns = self.files = self.bytes = 0

    @property
    def unsearched(self) -> tuple[str, ...]:
        """What of it nobody here can read, and why."""
        missing = "" if self._own is None else self._own.missing
        return (f"the server's own files: {missing}",) if missing else ()

    def tables_with(self, found: _Finding) -> set[str]:
        """The tables in whose files a remnant is."""
        whose = {} if self._own is None else self._own.tables
        return {whose[where] for _, where in found.remnants if where in whose}

    def scan(self, traces: Traces) -> list[Hit]:
        """Read all values through SQL, and then the files that hold them."""
        hits, self.bytes = traces.scan(self._places())
        return hits

    def _places(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        for column, pieces in self._store.all_values():
            self.columns += 1
            yield f"{column} of the database", pieces
        for name, pieces in self._own or ():
            self.files += 1
            yield name, pieces


def _judge(store: Store, hits: Sequence[Hit]) -> _Finding:
    """What each hit is: a remnant, or a part of something that stays."""
    finding = _Finding()
    by_needle: dict[bytes, list[Hit]] = {}
    for hit in hits:
        if hit.kind in ("name", "path"):
            by_needle.setdefault(hit.needle, []).append(hit)
        else:
            finding.remnants[hit.kind, hit.where] += 1
    for needle, some in by_needle.items():
        held = ((_LABELS.get(column, "chance"), value) for column, value in store.values_with(needle))
        explained = Explained(needle, held)
        for hit in some:
            label = "chance" if by_chance(hit) else explained.label(hit)
            finding.other_names |= label == _OTHER
            finding.chance += label == "chance"
            if label is None:
                finding.remnants[hit.kind, hit.where] += 1
    return finding


def _files(folder: Path) -> list[Path]:
    """Every regular file below a folder, links not followed."""
    found = [Path(where, name) for where, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _contains(path: Path, names: set[str]) -> bool:
    text = fold(str(path))
    return any(fold(name) in text for name in names)
