"""Intervals by bootstrap over people, and whether one set of embeddings is better than another.

Pairs that share a person are not independent; what is independent are the people. So people are drawn anew, with
replacement (the "subsets bootstrap": Bolle, Ratha and Pankanti 2004; for quantities of pairs also Snijders and Borgatti
1999): a person drawn m times weighs m-fold among genuine pairs, a couple of people drawn m and n times m·n-fold among
impostor pairs; two draws of one person are no couple. The threshold is chosen anew in every draw, so the intervals
contain its uncertainty. Only the nearest impostor pairs decide, so a draw is a sum over those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.evaluation.allpairs import all_pairs
from facesearch.evaluation.metrics import FARS, LEAST_FALSE_ACCEPTS, OperatingPoint, too_few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.evaluation.allpairs import AllPairs

DRAWS = 1000
"""Bootstrap draws of an interval; a comparison takes twice as many."""

_TAILS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Difference:
    """What ``b`` has more than ``a``: ``mean`` is TAR b − TAR a, ``low`` to ``high`` its 95 % interval."""

    mean: float
    low: float
    high: float
    far: float
    a: float
    b: float


def tars(pairs: AllPairs, fars: Sequence[float] = FARS, *, draws: int = DRAWS, seed: int = 0) -> list[OperatingPoint]:
    """TAR at each false accept rate, with 95 % intervals by bootstrap over people.

    A rate is None, with the reason, where fewer than three false accepts are expected of the effective number of pairs.

    Raises:
        ValueError: a rate is beyond what the pairs were collected for.
    """
    samples = _resampled([pairs], fars, draws=draws, seed=seed)[0]  # (draws, fars)
    everybody = _Drawing(pairs)
    points = []
    for place, far in enumerate(fars):
        expected = far * pairs.impostor_effective
        if expected < LEAST_FALSE_ACCEPTS:
            reason = too_few(far, pairs.impostor_effective)
            points.append(OperatingPoint(far, None, None, None, None, expected, reason))
            continue
        tar, threshold = everybody(far)
        low, high = np.nanquantile(samples[:, place], _TAILS)
        points.append(OperatingPoint(far, tar, threshold, float(low), float(high), expected))
    return points


def compare(
    embeddings_a: NDArray[np.float32],
    embeddings_b: NDArray[np.float32],
    labels: Sequence[str] | NDArray[np.str_],
    far: float = 1e-3,
    *,
    draws: int = 2 * DRAWS,
    seed: int = 0,
) -> Difference:
    """Whether ``b`` is better than ``a`` on the same photos: the difference of TAR at a FAR, each at its own threshold.

    Both are resampled with the same people, so what is common to both cancels (a paired bootstrap).

    Args:
        embeddings_a: unit rows (n, dim); NaN rows are photos without a face.
        embeddings_b: the same photos otherwise embedded, (n, any dim).
        labels: the person of each photo, (n,).
        far: the false accept rate of pairs.
        draws: bootstrap draws.
        seed: of the draws.

    Raises:
        ValueError: see ``all_pairs``.
    """
    pair = [all_pairs(rows, labels, fars=[far]) for rows in (embeddings_a, embeddings_b)]
    return difference(pair[0], pair[1], far, draws=draws, seed=seed)


def difference(a: AllPairs, b: AllPairs, far: float = 1e-3, *, draws: int = 2 * DRAWS, seed: int = 0) -> Difference:
    """``compare`` for pairs that were made before, for example with a recipe of their own for probes.

    Raises:
        ValueError: they are not of the same photos, or do not reach as far as ``far``.
    """
    if not np.array_equal(a.people, b.people):
        raise ValueError("a paired comparison needs the same photos in the same order")
    first, second = _resampled([a, b], [far], draws=draws, seed=seed)
    low, high = np.nanquantile((second - first)[:, 0], _TAILS)
    tar_a, tar_b = _Drawing(a)(far)[0], _Drawing(b)(far)[0]
    return Difference(tar_b - tar_a, float(low), float(high), far, tar_a, tar_b)


def _resampled(sets: Sequence[AllPairs], fars: Sequence[float], *, draws: int, seed: int) -> list[NDArray[np.float64]]:
    """TAR of every set at every rate in every draw of people, shape (draws, fars) each; NaN where nothing was drawn."""
    if any(max(fars) > pairs.reach for pairs in sets):
        raise ValueError("the pairs were collected for lower false accept rates")
    random = np.random.default_rng(seed)
    drawings = [_Drawing(pairs) for pairs in sets]
    count = sets[0].person_count
    results = [np.empty((draws, len(fars))) for _ in sets]
    for draw in range(draws):
        times = np.bincount(random.integers(0, count, count), minlength=count).astype(np.float64)
        for result, drawing in zip(results, drawings, strict=True):
            drawing.draw(times)
            result[draw] = [drawing(far)[0] for far in fars]
    return results


class _Drawing:
    """TAR and threshold of all pairs at a FAR, for people drawn any number of times; at first once each."""

    def __init__(self, pairs: AllPairs) -> None:
        self._pairs = pairs
        people, impostor = pairs.people.astype(np.intp), pairs.impostor
        self._one, self._two = people[impostor.first], people[impostor.second]
        self._owner = people[pairs.genuine.first]
        self._count = pairs.person_count
        self._several = np.bincount(people, minlength=self._count) > 1
        self.draw(np.ones(self._count))

    def draw(self, times: NDArray[np.float64]) -> None:
        """Take person p ``times[p]`` times."""
        couples = (times.sum() ** 2 - np.square(times).sum()) / (self._count * (self._count - 1))
        weights = self._pairs.impostor.weights * times[self._one] * times[self._two]
        self._far = np.cumsum(weights) / max(couples, 1e-300)
        self._times = times

    def __call__(self, far: float) -> tuple[float, float]:
        """TAR, NaN where nobody with two photos was drawn, and threshold, the largest with at most this FAR."""
        pairs, near = self._pairs, self._pairs.impostor.distances
        passed = int(np.searchsorted(self._far, far * (1 + 1e-9), side="right"))
        # beyond the last that was kept, should a draw weigh all of them less than this rate
        last = np.nextafter(near[-1], np.float32(np.inf)) if len(near) else np.float32(0)
        threshold = near[passed] if passed < len(near) else last
        accepted = int(np.searchsorted(pairs.genuine.distances, threshold, side="left"))
        drawn = self._times[self._several].mean()
        held = np.bincount(self._owner[:accepted], pairs.genuine.weights[:accepted], self._count)  # by person
        kept = float(np.sum(held * self._times))
        return (float(min(kept / drawn, 1.0)) if drawn > 0 else float("nan")), float(threshold)
