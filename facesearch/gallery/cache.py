"""The gallery's vector index: a file that is checked against the database, caught up or rebuilt, never trusted."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from facesearch.errors import ConfigError, IndexFileError, StoreError
from facesearch.index.base import Stamp
from facesearch.index.file import load, remove_leftovers, save
from facesearch.index.policy import AUTO, kind_for
from facesearch.index.registry import create_index

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.index.base import FileIndex, Hits
    from facesearch.store.store import Store
    from facesearch.types import Recipe

FILE_NAME = "faces.index"
SAVE_EVERY = 60.0
"""Seconds between saves during a long run; a killed run costs at most this much catching up."""


class Cache(Protocol):
    """**Protocol:** what the rest of a gallery needs of its vector index."""

    def search(self, vectors: NDArray[np.float32], k: int, *, exact: bool = False) -> Hits:
        """See ``IndexCache.search``."""
        ...

    def save(self, *, force: bool = True) -> None:
        """See ``IndexCache.save``."""
        ...

    def tidy(self) -> None:
        """See ``IndexCache.tidy``."""
        ...

    def expect(self, photos: int) -> None:
        """See ``IndexCache.expect``."""
        ...


class IndexCache:
    """All embeddings of one recipe, searchable, as fresh as the database whenever it is asked for.

    Args:
        store: the truth.
        recipe: whose vectors.
        engine: the name in ``index.registry``, or "auto" for what suits the number of faces.
        budget: bytes of memory that the process may use; None for no limit.
        before_rename: called before a saved file takes its place; for tests of crashes.
    """

    def __init__(
        self,
        store: Store,
        recipe: Recipe,
        *,
        engine: str,
        budget: int | None = None,
        before_rename: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._recipe = recipe
        self._engine = engine
        self._budget = budget
        self._damaged = False
        self._before_rename = before_rename
        self._index: FileIndex | None = None
        self._stamp: Stamp | None = None
        self._saved: Stamp | None = None
        self._saved_at = time.monotonic()
        self.path = store.folder / FILE_NAME

    def fresh(self) -> FileIndex:
        """The index in the state of the database now."""
        with self._store.reading():
            state = self._store.state()
            now = Stamp(state.gallery, self._recipe.key, state.token, state.seq)
            if self._index is None:
                self._load()
            if self._stamp != now:
                self._follow(now)
        if self._index is None:
            raise IndexFileError(self.path, "no index could be made")
        return self._index

    def search(self, vectors: NDArray[np.float32], k: int, *, exact: bool = False) -> Hits:
        """The k nearest of each vector (q, dim) in the state of the database now; see ``VectorIndex.search``."""
        index = self.fresh()
        try:
            return index.search(vectors, k, exact=exact)
        except IndexFileError as error:
            # Vectors on disk are checked when they are first used.
            if error.path != self.path:
                raise
            return self._again().search(vectors, k, exact=exact)

    def save(self, *, force: bool = True, timeout: float | None = None, switch: bool = True) -> None:
        """Write the file if it is behind; without ``force`` only once in ``SAVE_EVERY`` seconds.

        Waits ``timeout`` seconds for another process that writes; None for the gallery's own limit. With ``switch`` the
        file gets the kind of index that suits the number of faces, which may take a minute for millions.

        Raises:
            IndexFileError: it cannot be written; the database is not affected.
            GalleryBusyError: another process was writing for too long.
        """
        if not force and time.monotonic() - self._saved_at < SAVE_EVERY:
            return
        index = self.fresh()
        unsuited = switch and self._kind(len(index), index.name) != index.name
        if self._stamp is not None and (self._stamp != self._saved or unsuited):
            # Under the writer's lock, so that nobody's ``tidy`` takes the file for a leftover before it has its name.
            # Looked at once more, for what was forgotten while this waited must not come back into a file.
            with self._store.files_lock(timeout):
                index = self._sound(self.fresh())
                index = self._suited(index) if switch else index
                save(index, self.path, self._stamp, before_rename=self._before_rename)
            self._saved = self._stamp
        self._saved_at = time.monotonic()

    def save_if_possible(self) -> None:
        """Save, where that can be done at once; whoever only reads must neither fail nor wait for want of a cache."""
        with suppress(IndexFileError, StoreError):
            self.save(timeout=0, switch=False)

    def tidy(self) -> None:
        """Delete what killed runs left behind."""
        with suppress(OSError), self._store.files_lock():
            remove_leftovers(self.path)

    def expect(self, photos: int) -> None:
        """Refuse a run of so many further photos, before it costs anything, where its faces would not fit.

        As many faces a photo are expected as the gallery has, one where it has no photo yet.

        Raises:
            ConfigError: no index of so many faces fits into the budget.
        """
        if self._budget is None:
            return
        counts = self._store.counts()
        held, analysed = counts.embeddings.get(self._recipe.key, 0), sum(counts.photos.values())
        more = round(photos * held / analysed) if analysed else photos
        try:
            self._kind(held + more, None)
        except ConfigError as error:
            there = (
                f"{held:,} are here, about {more:,} in {photos:,} new photos, if none is a copy; no photo was looked at"
            )
            raise ConfigError(f"{error.message} ({there})", hint=error.hint) from error

    def _load(self) -> None:
        if self._damaged:
            return
        with suppress(IndexFileError):
            index, stamp = load(self.path)
            if self._engine in (AUTO, index.name):
                self._index, self._stamp, self._saved = index, stamp, stamp

    def _again(self) -> FileIndex:
        """A new index in place of a damaged one."""
        self._index, self._stamp, self._saved, self._damaged = None, None, None, True
        return self.fresh()

    def _sound(self, index: FileIndex) -> FileIndex:
        """The index, once all of its vectors have been looked at; a new one where some are damaged."""
        try:
            for _ in index.rows() or ():
                pass
        except IndexFileError:
            return self._again()
        return index

    def _suited(self, index: FileIndex) -> FileIndex:
        """The index as a kind that suits the number of faces."""
        if self._kind(len(index), index.name) != index.name:
            with self._store.reading():
                return self._build(self._kind(len(index), index.name))
        return index

    def _kind(self, count: int, held: str | None) -> str:
        return kind_for(count, self._recipe.dim, choice=self._engine, held=held, budget=self._budget)

    def _build(self, kind: str) -> FileIndex:
        index = create_index(kind, self._recipe.dim)
        for ids, vectors in self._store.embeddings(self._recipe):
            index.add(ids, vectors)
        index.settle()
        self._index = index
        return index

    def _follow(self, now: Stamp) -> None:
        old = self._stamp
        if (
            self._index is None
            or old is None
            or (old.gallery, old.recipe) != (now.gallery, now.recipe)
            or not self._store.is_ancestor(old.token, old.seq)
        ):
            self._build(self._kind(self._store.counts().embeddings.get(self._recipe.key, 0), None))
        else:
            changes = self._store.changes(old.seq, self._recipe.key)
            self._index.remove(changes.removed)
            self._index.add(*self._store.vectors_of(changes.added.tolist(), self._recipe))
        self._stamp = now
