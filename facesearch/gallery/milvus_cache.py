"""A gallery's vector index in Milvus: a copy that is checked against the database, caught up or made anew.

An alias, ``PREFIX_GALLERY_RECIPE``, stands for the collection that answers. The collection's stamp says which state of
the database it holds, and is written after the vectors, so whatever is cut short is done again: adding and removing
the same twice changes nothing. Whoever brings it up to date holds a lock of the gallery for that and looks at the
database under it, so a later state is never overwritten by an earlier one; others write all the while. A collection
that no change log leads from is not repaired; a new one is filled, the alias moves, and the old one is dropped.

Whoever only asks does not wait for the lock: what the collection lacks is read from the database and compared beside
it. What Milvus finds is looked up in the database, which knows whether the face is there and which vector it has.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import GalleryBusyError, StoreError
from facesearch.gallery.cache import SAVE_EVERY
from facesearch.gallery.milvus_place import beginning_of
from facesearch.index import ranking
from facesearch.index.base import Hits, Stamp
from facesearch.index.exact import ExactIndex
from facesearch.index.milvus_index import MilvusIndex
from facesearch.index.milvus_server import CollectionGoneError
from facesearch.index.pages import scan
from facesearch.index.policy import BACK, FLAT_MOST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.index.milvus_server import MilvusServer
    from facesearch.store.store import Store
    from facesearch.types import IndexFacts, Recipe

LACKING_MOST = 20_000
"""Up to so many changed faces are compared beside the collection; more are worth waiting for the lock."""

APPROXIMATE_FROM = FLAT_MOST
"""Faces from which the collection has a graph: Milvus compares by the same FAISS as a gallery in a folder."""

_STAMP = "facesearch.stamp"


class MilvusCache:
    """Stands where a gallery of one machine has an ``IndexCache``.

    Args:
        store: the truth.
        recipe: whose vectors.
        server: Milvus.
        prefix: what names of collections begin with.
        approximate_from: faces from which the collection has a graph.
    """

    def __init__(
        self,
        store: Store,
        recipe: Recipe,
        server: MilvusServer,
        *,
        prefix: str,
        approximate_from: int = APPROXIMATE_FROM,
    ) -> None:
        self._store = store
        self._recipe = recipe
        self._server = server
        self._prefix = prefix
        self._approximate_from = approximate_from
        self._saved_at = time.monotonic()

    def fresh(self, timeout: float | None = None) -> MilvusIndex:
        """The index in the state of the database now, or a later one.

        Args:
            timeout: seconds to wait for others who do that, where it is to be done; None for the gallery's limit.

        Raises:
            GalleryBusyError: they took longer.
            StoreError: Milvus cannot be reached or used.
        """
        alias = self._alias()
        if self._stamp(alias) != self._now():
            with self._store.index_lock(timeout), self._store.reading():
                # Looked at once more: others may have done it, and it must not be undone.
                self._follow(self._alias(), self._now())
        return self._index(self._alias())

    def search(self, vectors: NDArray[np.float32], k: int, *, exact: bool = False) -> Hits:
        """The k nearest of each vector (q, dim) in the state of the database now; see ``VectorIndex.search``.

        ``exact`` compares with all vectors of the database itself.
        """
        probes = ranking.checked_vectors(vectors, self._recipe.dim)
        if exact:
            with self._store.reading():
                return scan(self._store.embeddings(self._recipe), probes, k)
        try:
            return self._search(probes, k)
        except CollectionGoneError:
            # Another process has put a new one in its place in this very moment.
            return self._search(probes, k)

    def save(self, *, force: bool = True, timeout: float | None = None, switch: bool = True) -> None:
        """Bring Milvus up to date; without ``force`` only once in ``SAVE_EVERY`` seconds.

        With ``switch`` the collection gets the kind of index that suits the number of faces, which may take minutes.
        Waits for nobody: where others bring Milvus up to date, they or whoever asks next do this as well.

        Raises:
            StoreError: Milvus cannot be reached or used; the database is not affected.
        """
        if not force and time.monotonic() - self._saved_at < SAVE_EVERY:
            return
        with suppress(GalleryBusyError), self._store.index_lock(0 if timeout is None else timeout):
            index = self.fresh()
            if force and switch:
                with self._store.reading():
                    if self._wants_graph(index.has_graph) == index.has_graph:
                        index.settle()
                    else:
                        self._build(self._alias(), self._now())
        self._saved_at = time.monotonic()

    def save_if_possible(self) -> None:
        """Nothing is left to do: asking brings Milvus up to date where nobody else writes."""

    def tidy(self) -> None:
        """Drop what killed runs left behind; and fail now, not after the work, where Milvus cannot be used."""
        self._server.target(self._alias())
        with suppress(GalleryBusyError), self._store.index_lock(0):
            self._sweep(self._alias())

    def expect(self, photos: int) -> None:
        """Milvus holds as many as come."""

    def about(self) -> IndexFacts | None:
        """What it is; None where nothing was put into Milvus yet."""
        if self._server.target(self._alias()) is None:
            return None
        return self._index(self._alias()).about()

    def close(self) -> None:
        """Let go of the connection."""
        self._server.close()

    def _index(self, collection: str) -> MilvusIndex:
        return MilvusIndex(self._server, collection, self._recipe.dim)

    def _alias(self) -> str:
        """By the identity of the gallery now, which changes when everything is forgotten."""
        return f"{beginning_of(self._prefix, self._store)}{self._recipe.key}"

    def _now(self) -> Stamp:
        state = self._store.state()
        return Stamp(state.gallery, self._recipe.key, state.token, state.seq)

    def _stamp(self, alias: str) -> Stamp | None:
        try:
            told = self._server.properties(alias).get(_STAMP)
        except CollectionGoneError:
            return None
        return None if told is None else Stamp(**json.loads(told))

    def _follow(self, alias: str, now: Stamp) -> None:
        """Bring the collection to the state that is being read; the lock is held."""
        old = self._stamp(alias)
        if old == now:
            return
        if old is None or not self._leads_here(old, now):
            self._build(alias, now)
            return
        index = self._index(alias)
        changes = self._store.changes(old.seq, self._recipe.key)
        index.remove(changes.removed)
        for start in range(0, len(changes.added), LACKING_MOST):
            some = changes.added[start : start + LACKING_MOST].tolist()
            index.add(*self._store.vectors_of(some, self._recipe))
        self._server.put_property(alias, _STAMP, json.dumps(asdict(now)))

    def _leads_here(self, old: Stamp, now: Stamp) -> bool:
        """Whether the change log leads from one state to the other."""
        return (old.gallery, old.recipe) == (now.gallery, now.recipe) and self._store.is_ancestor(old.token, old.seq)

    def _build(self, alias: str, now: Stamp) -> None:
        """Fill a new collection, and let the alias stand for it; the lock is held."""
        name = f"{alias}_{secrets.token_hex(4)}"
        index = MilvusIndex.make(self._server, name, self._recipe.dim, graph=self._wants_graph(had=False))
        for ids, vectors in self._store.embeddings(self._recipe):
            index.add(ids, vectors)
        index.settle()
        self._server.put_property(name, _STAMP, json.dumps(asdict(now)))
        self._server.point(alias, name)
        self._sweep(alias)

    def _wants_graph(self, had: bool) -> bool:
        count = self._store.counts().embeddings.get(self._recipe.key, 0)
        return count >= self._approximate_from * (BACK if had else 1.0)

    def _sweep(self, alias: str) -> None:
        """Drop collections of this gallery that nobody asks any more; the lock is held."""
        current, beginning = self._server.target(alias), beginning_of(self._prefix, self._store)
        used = {beginning + key for key, count in self._store.counts().embeddings.items() if count} | {alias}
        for name in self._server.collections(beginning):
            base = name.rpartition("_")[0]
            if base not in used or (base == alias and name != current):
                self._server.drop(name)

    def _search(self, probes: NDArray[np.float32], k: int) -> Hits:
        if self._followed_at_once():
            index, beside, changed = self._index(self._alias()), None, np.empty(0, dtype=np.int64)
        else:
            index, beside, changed = self._lacking()
        m = k
        while True:
            hits = index.search(probes, m)
            ids, apart = self._checked(probes, hits, changed)
            full = np.isfinite(hits.distances[:, -1])
            if not (full & (np.count_nonzero(ids >= 0, axis=1) < k)).any():
                break
            m *= 4
        if beside is not None:
            more = beside.search(probes, k)
            ids, apart = np.hstack([ids, more.ids]), np.hstack([apart, more.distances])
        return Hits(*ranking.nearest(ids, apart, k))

    def _checked(
        self, probes: NDArray[np.float32], hits: Hits, changed: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The hits at their distances by the database; -1 at infinity in place of what it does not know."""
        found = np.setdiff1d(hits.ids[hits.ids >= 0], changed)
        known, vectors = self._store.vectors_of(found.tolist(), self._recipe)
        if not len(known):
            return np.full_like(hits.ids, -1), np.full_like(hits.distances, np.inf)
        places = np.minimum(np.searchsorted(known, hits.ids), len(known) - 1)
        real = known[places] == hits.ids
        apart = np.where(real, ranking.distances(probes, vectors[places]), np.float32(np.inf))
        return np.where(real, hits.ids, -1), apart

    def _followed_at_once(self) -> bool:
        """Whether Milvus is up to date: it was, or nobody else was about to do it."""
        if self._stamp(self._alias()) == self._now():
            return True
        with ExitStack() as held:
            try:
                held.enter_context(self._store.index_lock(0))
            except StoreError:
                # Others do it; or a folder that may only be read.
                return False
            with self._store.reading():
                self._follow(self._alias(), self._now())
        return True

    def _lacking(self) -> tuple[MilvusIndex, ExactIndex | None, NDArray[np.int64]]:
        """The index as it is while others work on it, what it lacks, and the ids that it must not be asked for."""
        with self._store.reading():
            alias, now = self._alias(), self._now()
            old = self._stamp(alias)
            if old is not None and self._leads_here(old, now):
                changes = self._store.changes(old.seq, self._recipe.key)
                changed = np.concatenate([changes.added, changes.removed])
                if len(changed) <= LACKING_MOST:
                    beside = ExactIndex(self._recipe.dim)
                    beside.add(*self._store.vectors_of(changes.added.tolist(), self._recipe))
                    return self._index(alias), beside, changed
        return self.fresh(), None, np.empty(0, dtype=np.int64)
