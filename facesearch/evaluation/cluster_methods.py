"""Ways to group faces, for comparison with each other: ours, and those of other photo tools and of the literature.

Each takes faces and one setting and gives labels as ``facesearch.cluster.cluster`` does. Faces of one photo are no
neighbours; where a method joins them all the same, by way of others, all but one are taken out of the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.cluster import ALONE, cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FARTHEST = 1.2
"""Largest squared distance of the graph of neighbours, by FaceNet: no method is tried with more."""

LONGEST = 20
"""Neighbours in the longest lists of the rank order. Otto et al. take 200, with far more faces of a person."""

PASSES = 30
"""How often Chinese whispers goes through all faces at most."""

Setting = tuple[float, ...]
"""What a method is told; ``Method.names`` says what each number is."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Unit rows (n, d), float32, and the photo of each, (n,); what several settings need is computed once.

    ``scale`` is by how much distances are larger than FaceNet's, for which the settings are.
    """

    vectors: NDArray[np.float32]
    photos: NDArray[np.int64]
    scale: float = 1.0
    _ranked: dict[int, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)

    @cached_property
    def near(self) -> Any:  # noqa: ANN401 - SciPy is without types
        """Squared distances up to ``FARTHEST``, scaled, 1e-7 at least, as a symmetric sparse matrix (n, n)."""
        from scipy.sparse import csr_array

        apart = np.maximum(2 - 2 * (self.vectors @ self.vectors.T), 1e-7)
        apart = np.maximum(apart, apart.T)
        apart[(apart > FARTHEST * self.scale) | (self.photos[:, None] == self.photos)] = 0
        return csr_array(apart)

    @cached_property
    def nearest(self) -> NDArray[np.int64]:
        """The rows by falling likeness to each row, itself the first, (n, at most 1 + ``LONGEST``)."""
        return np.argsort(-(self.vectors @ self.vectors.T), axis=1, kind="stable")[:, : LONGEST + 1].copy()

    def rank_order(self, nearest: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Pairs of rows that have each other among their nearest, and their approximate rank-order distance."""
        if nearest not in self._ranked:
            self._ranked[nearest] = self._rank(nearest)
        return self._ranked[nearest]

    def _rank(self, nearest: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        count = len(self.vectors)
        lists = self.nearest[:, : nearest + 1]
        length = lists.shape[1]
        listed = np.zeros((count, count), dtype=np.bool_)
        np.put_along_axis(listed, lists, values=True, axis=1)
        places = np.arange(length)
        absent: dict[tuple[int, int], tuple[int, int]] = {}
        for row, some in enumerate(lists):
            # How many of the nearest of this face, up to and with the other one, are not near to the other one.
            counts = np.cumsum(~listed[np.ix_(some, some)], axis=1)[places, places]
            absent |= {(row, int(other)): (place, int(counts[place])) for place, other in enumerate(some)}
        pairs = [(one, other) for one, other in absent if one < other and (other, one) in absent]
        found = [
            (absent[one, other][1] + absent[other, one][1]) / max(1, min(absent[one, other][0], absent[other, one][0]))
            for one, other in pairs
        ]
        ones, others = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return ones, others, np.array(found)


@dataclass(frozen=True, slots=True)
class Method:
    """A way to group: ``settings`` are tried in a comparison, ``names`` what their numbers are.

    ``squared`` says that the first of these is a squared distance, FaceNet's in ``settings``.
    """

    title: str
    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    run: Callable[[Faces, Setting], NDArray[np.int64]]
    squared: bool = True

    def scaled(self, scale: float) -> tuple[Setting, ...]:
        """The settings where distances are so much larger than FaceNet's."""
        if not self.squared or scale == 1:
            return self.settings
        return tuple((round(first * scale, 5), *others) for first, *others in self.settings)

    def said(self, setting: Setting) -> str:
        """A setting in words."""
        return ", ".join(f"{name} {value:g}" for name, value in zip(self.names, setting, strict=True))


def average(faces: Faces, setting: Setting) -> NDArray[np.int64]:
    """Average linkage, cut at a mean squared distance: what ``facesearch cluster`` does."""
    return cluster(faces.vectors, faces.photos, threshold=setting[0])


def dbscan(faces: Faces, setting: Setting) -> NDArray[np.int64]:
    """DBSCAN (Ester et al. 1996): who is within a squared distance of a face with so many neighbours is of its cluster.

    As immich and PhotoPrism group faces.
    """
    from sklearn.cluster import DBSCAN

    found = DBSCAN(eps=setting[0], min_samples=int(setting[1]), metric="precomputed").fit_predict(faces.near)
    return apart_in_photos(found, faces.photos)


def hdbscan(faces: Faces, setting: Setting) -> NDArray[np.int64]:
    """HDBSCAN (Campello et al. 2013) with clusters from two faces on; the leaves of its tree, or by excess of mass.

    It has no distance to set: scikit-learn's ``cluster_selection_epsilon`` fails with NumPy 2.4.
    """
    from sklearn.cluster import HDBSCAN

    how = "leaf" if setting[1] else "eom"
    machine = HDBSCAN(min_cluster_size=2, min_samples=int(setting[0]), cluster_selection_method=how, copy=True)
    return apart_in_photos(machine.fit_predict(faces.vectors.astype(np.float64)), faces.photos)


def whispers(faces: Faces, setting: Setting) -> NDArray[np.int64]:
    """Chinese whispers (Biemann 2006), as dlib groups faces: each takes over what most of its neighbours are.

    Neighbours within a squared distance count by cosine similarity; faces are asked in random order (seed 0).
    """
    near = faces.near
    labels = np.arange(len(faces.vectors))
    random = np.random.default_rng(0)
    lists = []
    for row in range(len(labels)):
        part = slice(near.indptr[row], near.indptr[row + 1])
        close = near.data[part] <= setting[0]
        lists.append((near.indices[part][close], 1 - near.data[part][close] / 2))
    for _ in range(PASSES):
        changed = False
        for row in random.permutation(len(labels)).tolist():
            others, weights = lists[row]
            if not len(others):
                continue
            values, place = np.unique(labels[others], return_inverse=True)
            best = values[np.bincount(place, weights).argmax()]
            changed |= bool(best != labels[row])
            labels[row] = best
        if not changed:
            break
    return apart_in_photos(labels, faces.photos)


def rank_order(faces: Faces, setting: Setting) -> NDArray[np.int64]:
    """Approximate rank order (Otto, Wang and Jain 2018): pairs that share most neighbours, joined by single linkage."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones, others, found = faces.rank_order(int(setting[1]))
    joined = (found <= setting[0]) & (faces.photos[ones] != faces.photos[others])
    edges = np.ones(np.count_nonzero(joined)), (ones[joined], others[joined])
    _, labels = connected_components(coo_array(edges, shape=(len(faces.vectors),) * 2), directed=False)
    return apart_in_photos(labels.astype(np.int64), faces.photos)


def apart_in_photos(labels: NDArray[np.int64], photos: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels (n,) where each photo has one face at most in a cluster, the first; the others, and single ones, alone."""
    kept = labels.astype(np.int64)
    _, firsts = np.unique(np.stack([kept, photos], axis=1), axis=0, return_index=True)
    twice = np.ones(len(kept), dtype=np.bool_)
    twice[firsts] = False
    kept[twice] = ALONE
    _, place, sizes = np.unique(kept, return_inverse=True, return_counts=True)
    return np.where((kept < 0) | (sizes[place] == 1), ALONE, kept)


def _grid(start: float, end: float, step: float) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in np.arange(start, end + step / 2, step))


METHODS = {
    "average": Method("average linkage", ("cut",), tuple((cut,) for cut in _grid(0.6, 0.95, 0.01)), average),
    "dbscan": Method(
        "DBSCAN",
        ("distance", "least"),
        tuple((cut, least) for cut in _grid(0.25, 0.7, 0.025) for least in (2.0, 3.0, 4.0)),
        dbscan,
    ),
    "hdbscan": Method(
        "HDBSCAN",
        ("least", "leaf"),
        tuple((least, leaf) for least in (1.0, 2.0, 3.0) for leaf in (0.0, 1.0)),
        hdbscan,
        squared=False,
    ),
    "whispers": Method("Chinese whispers", ("distance",), tuple((cut,) for cut in _grid(0.4, 1.0, 0.025)), whispers),
    "rank-order": Method(
        "rank order",
        ("distance", "nearest"),
        tuple((cut, nearest) for cut in _grid(0.05, 1.0, 0.05) for nearest in (3.0, 5.0, 10.0, float(LONGEST))),
        rank_order,
        squared=False,
    ),
}
"""By the name that ``evaluate clustering --method`` takes; the first is the product's."""
