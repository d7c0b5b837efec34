"""Vectors that come piece by piece, from a database or a server, and are compared one page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.index import ranking
from facesearch.index.base import Hits
from facesearch.index.exact import ExactIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Pages = Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]]
    """Ids (n,) and vectors (n, dim); no id comes twice."""


def scan(pages: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]], probes: NDArray[np.float32], k: int) -> Hits:
    """The k nearest of each probe (q, dim) among all of some pages, exactly."""
    ids = np.full((len(probes), k), -1, dtype=np.int64)
    distances = np.full((len(probes), k), np.inf, dtype=np.float32)
    if not len(probes):
        return Hits(ids, distances)
    for keys, rows in pages:
        page = ExactIndex(probes.shape[1])
        page.add(keys, rows)
        found = page.search(probes, min(k, max(1, len(keys))))
        ids, distances = np.hstack([ids, found.ids]), np.hstack([distances, found.distances])
        # What fills up comes behind everything that is there.
        ids, distances = ranking.nearest(ids, distances, k)
    return Hits(ids, distances)


def spread(pages: Pages, count: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """About ``wanted`` of ``count`` ids and vectors, at equal distances in the order of the pages."""
    step, seen = max(1, count // wanted), 0
    ids, vectors = [], []
    for keys, rows in pages:
        chosen = np.flatnonzero((np.arange(seen, seen + len(keys)) % step) == 0)
        ids.append(keys[chosen])
        vectors.append(rows[chosen])
        seen += len(keys)
    return np.concatenate(ids), np.concatenate(vectors)


def pieces(ids: NDArray[np.int64], most: int) -> Iterator[list[int]]:
    """Ids (n,), as lists of at most so many."""
    for start in range(0, len(ids), most):
        yield ids[start : start + most].tolist()
