"""Every pair of a folder's photos, weighted by person.

A few people hold most photos, so plain pairs would measure those few. Here every person with two photos weighs the
same among genuine pairs, whatever their number of photos, and every pair of people the same among impostor pairs.

Distances are computed in blocks. Two passes keep memory small for any number of photos: the first counts impostor pairs
in narrow bins (for the curve, EER and AUC), the second collects the nearest of them, which alone decide TAR at a low
FAR: that is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.evaluation.metrics import FARS, MAX_DISTANCE, Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_BINS = 40_000
_BLOCK = 512
_REACH = 4.0
"""Nearest impostor pairs are kept up to this many times the largest FAR asked for: a draw may weigh them less."""


@dataclass(frozen=True, slots=True, eq=False)
class SortedPairs:
    """Pairs by ascending distance: ``distances`` float32 (k,), ``first`` and ``second`` places of photos, int32 (k,).

    ``weights`` are float64 (k,); over *all* pairs of the kind they add up to 1, over those kept here perhaps to less.
    """

    distances: NDArray[np.float32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AllPairs:
    """All pairs of a set of photos. ``people`` is the person of each photo as a number from 0 on, (n,), int.

    ``genuine`` holds every genuine pair, ``impostor`` the nearest ones, up to a FAR of ``reach``.
    ``impostor_effective`` is Kish's effective number of impostor pairs.
    """

    people: NDArray[np.int64]
    genuine: SortedPairs
    impostor: SortedPairs
    roc: Curve
    genuine_pairs: int
    impostor_pairs: int
    impostor_effective: float
    reach: float

    @property
    def person_count(self) -> int:
        """How many people there are."""
        return int(self.people.max()) + 1


def all_pairs(
    vectors: NDArray[np.float32],
    labels: Sequence[str] | NDArray[np.str_],
    *,
    probes: NDArray[np.float32] | None = None,
    fars: Sequence[float] = FARS,
) -> AllPairs:
    """Compare every photo with every other.

    Args:
        vectors: unit rows (n, dim), float32; a row of NaN is a photo without a face, at distance 4 from all others.
        labels: the person of each row, (n,).
        probes: the same photos embedded as probes, (n, dim), where that differs; then a pair counts in both orders.
        fars: the false accept rates that will be asked for.

    Raises:
        ValueError: nobody has two photos, or there are fewer than two people; or shapes do not fit.
    """
    names, people = np.unique(np.asarray(labels), return_inverse=True)
    people = people.astype(np.int64)
    photos = np.bincount(people)
    if vectors.ndim != 2 or len(vectors) != len(people) or (probes is not None and probes.shape != vectors.shape):
        raise ValueError("expected one row of vectors a label")
    if len(names) < 2 or photos.max() < 2:
        raise ValueError("all pairs need two people, and a person with two photos")
    orders = 1 if probes is None else 2
    genuine, counts, squares = _first_pass(vectors, probes, people, photos)
    couples = len(names) * (len(names) - 1) / 2
    below = np.concatenate([[0.0], np.cumsum(counts)]) / (couples * orders)
    below[-1] = 1.0
    reach = min(1.0, _REACH * max(fars))
    edge = min(int(np.searchsorted(below, reach)), _BINS + 1)
    thresholds = np.arange(_BINS + 2) * (MAX_DISTANCE / _BINS)
    impostor = _nearest(vectors, probes, people, photos, float(thresholds[edge]))
    accepted = np.concatenate([[0.0], np.cumsum(genuine.weights)])
    tar = accepted[np.searchsorted(genuine.distances, thresholds, side="left")]
    total = len(people) * (len(people) - 1) // 2
    same = int((photos * (photos - 1) // 2).sum())
    return AllPairs(
        people=people,
        genuine=genuine,
        impostor=impostor,
        roc=Curve(thresholds.astype(np.float64), np.minimum(below, 1.0), np.minimum(tar, 1.0)),
        genuine_pairs=same * orders,
        impostor_pairs=(total - same) * orders,
        impostor_effective=couples**2 * orders / squares,
        reach=float(below[edge]),
    )


def _first_pass(
    vectors: NDArray[np.float32],
    probes: NDArray[np.float32] | None,
    people: NDArray[np.int64],
    photos: NDArray[np.int64],
) -> tuple[SortedPairs, NDArray[np.float64], float]:
    """All genuine pairs; the weight of impostor pairs a bin, (bins + 1,); and the sum of their squared weights."""
    counts = np.zeros(_BINS + 1)
    squares = 0.0
    found: list[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]] = []
    inverse = 1.0 / photos[people]
    for rows, columns, distances, valid in _blocks(vectors, probes):
        same = np.equal(people[rows, None], people[None, columns])
        one, two = np.nonzero(same & valid)
        found.append((distances[one, two], one + rows.start, two + columns.start))
        weights = inverse[rows, None] * inverse[None, columns]
        weights[same | ~valid] = 0.0
        bins = (distances * np.float32(_BINS / MAX_DISTANCE)).astype(np.int32)
        counts += np.bincount(bins.ravel(), weights.ravel(), minlength=_BINS + 1)
        squares += float(np.square(weights).sum())
    near, first, second = (np.concatenate(parts) for parts in zip(*found, strict=True))
    several = np.count_nonzero(photos > 1)
    owner = photos[people[first]]
    weights = 2.0 / (owner * (owner - 1.0) * several * (1 if probes is None else 2))
    return _in_order(near, first, second, weights), counts, squares


def _nearest(
    vectors: NDArray[np.float32],
    probes: NDArray[np.float32] | None,
    people: NDArray[np.int64],
    photos: NDArray[np.int64],
    edge: float,
) -> SortedPairs:
    """The impostor pairs nearer than ``edge``."""
    found = []
    for rows, columns, distances, valid in _blocks(vectors, probes):
        one, two = np.nonzero((distances < edge) & valid & (people[rows, None] != people[None, columns]))
        found.append((distances[one, two], one + rows.start, two + columns.start))
    near, first, second = (np.concatenate(parts) for parts in zip(*found, strict=True))
    couples = len(photos) * (len(photos) - 1) / 2 * (1 if probes is None else 2)
    weights = 1.0 / (photos[people[first]] * photos[people[second]] * couples)
    return _in_order(near, first, second, weights)


def _blocks(
    vectors: NDArray[np.float32], probes: NDArray[np.float32] | None
) -> Iterator[tuple[slice, slice, NDArray[np.float32], NDArray[np.bool_]]]:
    """Rows, columns, their distances and which of them are pairs: each once, or where probes differ in both orders."""
    known = np.asarray(np.isfinite(vectors).all(axis=1))
    asked = known if probes is None else np.asarray(np.isfinite(probes).all(axis=1))
    left = np.where(known[:, None], vectors, np.float32(0))
    right = left if probes is None else np.where(asked[:, None], probes, np.float32(0))
    for start in range(0, len(left), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(left)))
        columns = slice(start if probes is None else 0, len(left))
        distances = np.clip(2.0 - 2.0 * (left[rows] @ right[columns].T), 0.0, MAX_DISTANCE)
        distances[~known[rows]] = MAX_DISTANCE
        distances[:, ~asked[columns]] = MAX_DISTANCE
        one, two = np.arange(len(left))[rows, None], np.arange(len(left))[None, columns]
        yield rows, columns, distances.astype(np.float32), (two > one) if probes is None else (two != one)


def _in_order(
    distances: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> SortedPairs:
    """Pairs by distance; the same whatever the block size."""
    order = np.lexsort((second, first, distances))
    return SortedPairs(distances[order], first[order].astype(np.int32), second[order].astype(np.int32), weights[order])
