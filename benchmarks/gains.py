"""How much better one network tells unseen people apart than another, with an interval over people."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.training.mining import squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.training.faces import TrainingFaces

DRAWS = 1000


def say(line: str) -> None:
    """A line on standard error, at once: a run takes minutes."""
    sys.stderr.write(line + "\n")


@dataclass(frozen=True, slots=True)
class Gain:
    """AUC before and after on the same people; ``low`` to ``high`` is the 95 % interval of the difference."""

    before: float
    after: float
    low: float
    high: float

    def __str__(self) -> str:
        change = f"{self.after - self.before:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        return f"{self.before:.3f} to {self.after:.3f}: {change}"


class Pairs:
    """The pairs of n faces as ``training.validation`` weighs them, for people drawn any number of times.

    Args:
        vectors: (n, d), unit rows.
        faces: whose they are; faces of one photo are no pair.
    """

    def __init__(self, vectors: NDArray[np.float32], faces: TrainingFaces) -> None:
        _, people = np.unique(faces.people, return_inverse=True)
        self.count = int(people.max()) + 1
        first, second = np.triu_indices(len(vectors), 1)
        far = squared_distances(vectors)[first, second]
        apart = faces.photos[first] != faces.photos[second]
        same = people[first] == people[second]
        order = np.flatnonzero(apart & ~same)
        order = order[far[order].argsort()]
        self._one, self._two = people[first[order]], people[second[order]]
        self._owner = people[first[same & apart]]
        self._weight = 1 / np.bincount(self._owner)[self._owner]
        genuine = far[same & apart]
        # Ties count half.
        self._places = [np.searchsorted(far[order], genuine, side=side) for side in ("left", "right")]

    def auc(self, times: NDArray[np.float64]) -> float:
        """The area under the ROC curve with person p taken ``times[p]`` times."""
        below = np.concatenate([[0.0], np.cumsum(times[self._one] * times[self._two])])
        nearer = (below[self._places[0]] + below[self._places[1]]) / 2
        weights = self._weight * times[self._owner]
        return float(1 - (weights * nearer).sum() / (weights.sum() * below[-1]))


def gain(
    before: NDArray[np.float32], after: NDArray[np.float32], faces: TrainingFaces, *, draws: int = DRAWS, seed: int = 0
) -> Gain:
    """The gain in AUC, and its interval by drawing people anew (``evaluation.bootstrap`` says why people).

    Args:
        before: (n, d), unit rows of the first network.
        after: (n, any), those of the second.
        faces: the n faces.
        draws: of the bootstrap.
        seed: of the draws.
    """
    pairs = Pairs(before, faces), Pairs(after, faces)
    count = pairs[0].count
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        times = np.bincount(random.integers(0, count, count), minlength=count).astype(np.float64)
        found.append(pairs[1].auc(times) - pairs[0].auc(times))
    low, high = np.nanquantile(found, (0.025, 0.975))
    once = np.ones(count)
    return Gain(pairs[0].auc(once), pairs[1].auc(once), float(low), float(high))
