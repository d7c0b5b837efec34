"""Error rates of pairs: pure NumPy on arrays of distances, with optional weights.

A pair is *accepted* at a threshold t where its distance is below t, as in ``gallery.verification``. FAR is the share of
impostor pairs (two people) that are accepted, TAR that of genuine pairs (one person), by weight. Weights need not add
up to anything: they are divided by their sum. Where a number of pairs matters, that is Kish's effective number,
(sum w)² / sum w², which is the plain number for equal weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_DISTANCE = 4.0
"""The largest squared distance of two unit vectors; also that of a pair whose photo shows no face."""

FARS = (1e-2, 1e-3, 1e-4)
"""The false accept rates at which TAR is reported."""

LEAST_FALSE_ACCEPTS = 3
"""Below this many expected false accepts a threshold is the luck of one or two pairs, and no TAR is reported."""

_ROUNDING = 1e-9
_LEVEL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A ROC curve: accepting what is nearer than ``thresholds[k]`` gives ``far[k]`` and ``tar[k]``.

    All three are float64 of shape (k,) and ascend, the rates from 0 to 1. There are at least two points.
    """

    thresholds: NDArray[np.float64]
    far: NDArray[np.float64]
    tar: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """TAR where FAR is at most ``far``. ``tar`` and what belongs to it are None where ``reason`` says why.

    ``low`` and ``high`` are a 95 % interval of TAR. ``false_accepts`` is how many impostor pairs are expected to pass.
    """

    far: float
    tar: float | None
    threshold: float | None
    low: float | None
    high: float | None
    false_accepts: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """Accuracy by cross-validation: mean and standard error over the folds, each at a threshold of the others."""

    mean: float
    standard_error: float
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]


def curve(
    genuine: ArrayLike,
    impostor: ArrayLike,
    genuine_weights: ArrayLike | None = None,
    impostor_weights: ArrayLike | None = None,
) -> Curve:
    """The ROC curve of distances, with a point at every distance that occurs and one beyond the last.

    Args:
        genuine: distances of pairs of one person, shape (g,).
        impostor: distances of pairs of two people, shape (i,).
        genuine_weights: shape (g,), not negative; None for equal ones.
        impostor_weights: shape (i,), not negative; None for equal ones.

    Raises:
        ValueError: there are no pairs of a kind, or weights that do not fit.
    """
    sides = [_sorted(genuine, genuine_weights, "genuine"), _sorted(impostor, impostor_weights, "impostor")]
    values = np.unique(np.concatenate([distances for distances, _ in sides]))
    thresholds = np.append(values, np.nextafter(values[-1], np.inf))
    tar, far = (below[np.searchsorted(distances, thresholds, side="left")] for distances, below in sides)
    return Curve(thresholds, far, tar)


def auc(roc: Curve) -> float:
    """The area under the curve: how likely a genuine pair is nearer than an impostor pair; a tie counts half."""
    return float(np.trapezoid(np.append(roc.tar, 1.0), np.append(roc.far, 1.0)))


def eer(roc: Curve) -> float:
    """The equal error rate, where FAR = 1 - TAR; between two points of the curve on the line that joins them."""
    gap = roc.far - (1 - roc.tar)  # ascends from -1 to 1
    after = int(np.argmax(gap >= 0))
    if after == 0:
        return float(roc.far[0])
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    return float(roc.far[before] + share * (roc.far[after] - roc.far[before]))


def point(roc: Curve, far: float) -> tuple[float, float]:
    """TAR and threshold where FAR is at most ``far``: the largest such threshold."""
    at = int(np.searchsorted(roc.far, far + _ROUNDING * max(far, _ROUNDING), side="right")) - 1
    return float(roc.tar[at]), float(roc.thresholds[at])


def tar_at(roc: Curve, far: float, *, genuine: float, impostor: float) -> OperatingPoint:
    """TAR at a false accept rate with a 95 % interval, or the reason why there is none.

    The interval allows for both errors, each at 97.5 % so that both hold at 95 % (Bonferroni). *The threshold*: among n
    impostor pairs the number below the true ``far`` quantile is Binomial(n, far), so that quantile lies between two
    order statistics. *TAR*: Wilson's interval, its low end at the lower threshold and its high end at the higher one.
    Where even no impostor below the quantile would be no surprise, the lower threshold is the nearest impostor pair:
    the data say nothing below that. Pairs are taken as independent; for all pairs of a folder, which are not, use
    ``allpairs``.

    Args:
        roc: the curve.
        far: false accept rate, above 0 and below 1.
        genuine: effective number of genuine pairs.
        impostor: effective number of impostor pairs.
    """
    expected = far * impostor
    if expected < LEAST_FALSE_ACCEPTS - _ROUNDING:
        return OperatingPoint(far, None, None, None, None, expected, too_few(far, impostor))
    tar, threshold = point(roc, far)
    level = (1 + _LEVEL) / 2
    below, above = _binomial_range(round(impostor), far, level)
    low, _ = point(roc, max(below - 1, 0) / impostor)
    high, _ = point(roc, min(above / impostor, 1.0))
    return OperatingPoint(
        far, tar, threshold, wilson(low, genuine, level)[0], wilson(high, genuine, level)[1], expected
    )


def too_few(far: float, impostor: float) -> str:
    """Why there is no TAR at this rate."""
    expected = far * impostor
    return (
        f"{expected:.2f} false accepts are expected of {impostor:,.0f} impostor pairs, "
        f"at least {LEAST_FALSE_ACCEPTS} are needed"
    )


def wilson(share: float, count: float, level: float = _LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share that was seen in ``count`` trials; (0, 1) for no trials."""
    if count <= 0:
        return 0.0, 1.0
    z = _normal_quantile((1 + level) / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def effective(weights: ArrayLike) -> float:
    """Kish's effective number of weighted pairs; 0 for none."""
    values = np.asarray(weights, np.float64)
    squares = float(np.square(values).sum())
    return float(values.sum()) ** 2 / squares if squares > 0 else 0.0


def best_threshold(distances: ArrayLike, same: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The threshold with the most pairs right; of several, the middle of the widest interval of them.

    Args:
        distances: 0 to 4, shape (n,), n at least 1.
        same: whether a pair is of one person, shape (n,), bool.
        weights: shape (n,); None for equal ones.

    Raises:
        ValueError: there are no pairs.
    """
    values, truth = np.asarray(distances, np.float64), np.asarray(same, np.bool_)
    if len(values) == 0:
        raise ValueError("a threshold cannot be chosen on no pairs")
    order = np.argsort(values, kind="stable")
    gains = np.where(truth, 1.0, -1.0) * (1.0 if weights is None else np.asarray(weights, np.float64))
    # right[k]: pairs right, up to a constant, where the k nearest are accepted
    right = np.concatenate([[0.0], np.cumsum(gains[order])])
    edges = np.concatenate([[min(0.0, values.min())], values[order], [max(MAX_DISTANCE, values.max())]])
    # accepting the k nearest needs a threshold above the k-th and at most the next distance; equal ones cannot be cut
    cuts = np.flatnonzero(np.diff(edges) > 0)
    best = np.isclose(right[cuts], right[cuts].max(), rtol=0, atol=1e-12 * max(1.0, float(np.abs(gains).sum())))
    widest, threshold, start = -1.0, 0.0, 0
    for end in range(1, len(cuts) + 1):
        if end < len(cuts) and best[end] == best[start]:
            continue
        low, high = edges[cuts[start]], edges[cuts[end - 1] + 1]
        if best[start] and high - low > widest:
            widest, threshold = high - low, (low + high) / 2
        start = end
    return float(threshold)


def fold_accuracy(distances: ArrayLike, same: ArrayLike, folds: ArrayLike) -> FoldAccuracy:
    """Accuracy of every fold at the threshold that is best on the others (LFW's protocol, View 2).

    Args:
        distances: shape (n,).
        same: whether a pair is of one person, shape (n,), bool.
        folds: the fold of each pair, shape (n,), int; negative ones are left out.

    Raises:
        ValueError: there are fewer than two folds.
    """
    values, truth, fold = np.asarray(distances, np.float64), np.asarray(same, np.bool_), np.asarray(folds)
    names = np.unique(fold[fold >= 0])
    if len(names) < 2:
        raise ValueError("cross-validation needs at least two folds")
    accuracies, thresholds = [], []
    for name in names:
        test, train = fold == name, (fold >= 0) & (fold != name)
        threshold = best_threshold(values[train], truth[train])
        accuracies.append(float(np.mean((values[test] < threshold) == truth[test])))
        thresholds.append(threshold)
    error = float(np.std(accuracies, ddof=1)) / math.sqrt(len(names))
    return FoldAccuracy(float(np.mean(accuracies)), error, tuple(accuracies), tuple(thresholds))


def _sorted(
    distances: ArrayLike, weights: ArrayLike | None, kind: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ascending distances, and the share of weight of the k nearest for k = 0 … n."""
    values = np.asarray(distances, np.float64)
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if values.ndim != 1 or shares.shape != values.shape or np.isnan(values).any() or (shares < 0).any():
        raise ValueError(f"expected one distance and at most one weight a {kind} pair, none negative")
    total = float(shares.sum())
    if total <= 0:
        raise ValueError(f"there are no {kind} pairs")
    order = np.argsort(values, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(shares[order]) / total])
    below[-1] = 1.0
    return values[order], np.minimum(below, 1.0)


def _binomial_range(count: int, chance: float, level: float) -> tuple[int, int]:
    """The smallest and largest plausible number of successes, at ``level`` together; equal tails."""
    top = min(count, math.ceil(count * chance + 12 * math.sqrt(count * chance) + 24))
    steps = np.arange(top, dtype=np.float64)
    ratios = np.log((count - steps) / (steps + 1)) + math.log(chance) - math.log1p(-chance)
    logs = count * math.log1p(-chance) + np.concatenate([[0.0], np.cumsum(ratios)])
    chances = np.cumsum(np.exp(logs))
    tail = (1 - level) / 2
    return int(np.searchsorted(chances, tail)), min(int(np.searchsorted(chances, 1 - tail)), count)


def _normal_quantile(share: float) -> float:
    """The quantile of the standard normal distribution."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)
