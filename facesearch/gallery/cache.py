"""The gallery's vector index: a file that is checked against the database, caught up or rebuilt, never trusted."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from facesearch.errors import IndexFileError, StoreError
from facesearch.index.base import Stamp
from facesearch.index.file import load, remove_leftovers, save
from facesearch.index.registry import create_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.index.base import FileIndex
    from facesearch.store.store import Store
    from facesearch.types import Recipe

FILE_NAME = "faces.index"
SAVE_EVERY = 60.0
"""Seconds between saves during a long run; a killed run costs at most this much catching up."""


class IndexCache:
    """All embeddings of one recipe, searchable, as fresh as the database whenever it is asked for.

    Args:
        store: the truth.
        recipe: whose vectors.
        engine: the name in ``index.registry``.
        before_rename: called before a saved file takes its place; for tests of crashes.
    """

    def __init__(
        self, store: Store, recipe: Recipe, *, engine: str, before_rename: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._recipe = recipe
        self._engine = engine
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

    def save(self, *, force: bool = True, timeout: float | None = None) -> None:
        """Write the file if it is behind; without ``force`` only once in ``SAVE_EVERY`` seconds.

        Waits ``timeout`` seconds for another process that writes; None for the gallery's own limit.

        Raises:
            IndexFileError: it cannot be written; the database is not affected.
            GalleryBusyError: another process was writing for too long.
        """
        if not force and time.monotonic() - self._saved_at < SAVE_EVERY:
            return
        self.fresh()
        if self._stamp is not None and self._stamp != self._saved:
            # Under the writer's lock, so that nobody's ``tidy`` takes the file for a leftover before it has its name.
            # Looked at once more, for what was forgotten while this waited must not come back into a file.
            with self._store.lock(timeout):
                index = self.fresh()
                save(index, self.path, self._stamp, before_rename=self._before_rename)
            self._saved = self._stamp
        self._saved_at = time.monotonic()

    def save_if_possible(self) -> None:
        """Save, where that can be done at once; whoever only reads must neither fail nor wait for want of a cache."""
        with suppress(IndexFileError, StoreError):
            self.save(timeout=0)

    def tidy(self) -> None:
        """Delete what killed runs left behind."""
        with suppress(OSError), self._store.lock():
            remove_leftovers(self.path)

    def _load(self) -> None:
        with suppress(IndexFileError):
            self._index, self._stamp = load(self.path)
            self._saved = self._stamp

    def _follow(self, now: Stamp) -> None:
        old = self._stamp
        if (
            self._index is None
            or old is None
            or (old.gallery, old.recipe) != (now.gallery, now.recipe)
            or not self._store.is_ancestor(old.token, old.seq)
        ):
            self._index = create_index(self._engine, self._recipe.dim)
            for ids, vectors in self._store.embeddings(self._recipe):
                self._index.add(ids, vectors)
        else:
            changes = self._store.changes(old.seq, self._recipe.key)
            self._index.remove(changes.removed)
            self._index.add(*self._store.vectors_of(changes.added.tolist(), self._recipe))
        self._stamp = now
