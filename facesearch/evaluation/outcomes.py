"""Rates of open-set identification from what a method did in each draw, with intervals by bootstrap over people.

Photos of one person are not independent, people are. So the people of a draw are drawn anew with replacement, enrolled
people and strangers apart, and every rate is computed again, the threshold that it takes included; between thresholds
that were tried, DIR is interpolated. The samples of all draws together give the interval, which so holds both what luck
the choice of people was and what luck the choice of enrolled photos.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.evaluation.openset import FARTHEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from facesearch.evaluation.openset import Contest
    from facesearch.evaluation.protocols import Photos

FPIRS = (1e-1, 1e-2, 1e-3)
"""The shares of named strangers at which DIR is reported."""

RATES = (0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0)
"""Those at which DIR is measured, for the curve and to interpolate between; all of ``FPIRS`` are among them."""

RANKS = 20
"""The ranks of the CMC."""

LEAST_NAMED = 3
"""Below so many strangers that are expected to be named, a threshold is the luck of one or two, and no DIR is given."""

SAMPLES = 1000
"""Bootstrap samples of an interval, over all draws."""

_TAILS = (0.025, 0.975)
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the draws: ``mean``, ``least`` and ``most``; ``low`` to ``high`` is the 95 % interval."""

    mean: float
    least: float
    most: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share:
    """A share of probes: all probes alike, and averaged per person."""

    per_probe: Spread
    per_person: Spread


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one method did in one draw with q probes of enrolled people and s of strangers.

    ``owners`` (q,) and ``others`` (s,) are codes of the people shown; ``ranks`` (q,) see ``Contest.ranks``; ``nearest``
    (s,) see ``Contest.nearest``. ``limits`` (r,) ascend; ``hits`` (r, q) tells who is named rightly at each of them.
    ``fixed`` holds thresholds that were set without these strangers, by name, and ``fixed_hits`` (q,) at each.
    """

    owners: NDArray[np.int64]
    others: NDArray[np.int64]
    ranks: NDArray[np.int64]
    nearest: NDArray[np.float64]
    limits: NDArray[np.float64]
    hits: NDArray[np.bool_]
    fixed: dict[str, float]
    fixed_hits: dict[str, NDArray[np.bool_]]

    @classmethod
    def of(
        cls,
        contest: Contest,
        photos: Photos,
        *,
        rates: Sequence[float] = RATES,
        fixed: Mapping[str, float] | None = None,
    ) -> Outcome:
        """Let a method answer at the thresholds for ``rates`` (shares of the strangers) and at the ``fixed`` ones."""
        nearest = contest.nearest()
        limits = np.unique([limit(nearest, rate) for rate in rates])
        return cls(
            owners=np.unique(photos.people[contest.probes], return_inverse=True)[1],
            others=np.unique(photos.people[contest.strangers], return_inverse=True)[1],
            ranks=contest.ranks(),
            nearest=nearest,
            limits=limits,
            hits=np.array([contest.hits(float(at)) for at in limits]),
            fixed=dict(fixed or {}),
            fixed_hits={name: contest.hits(at) for name, at in (fixed or {}).items()},
        )

    def figures(
        self, owners: NDArray[np.int64] | None = None, others: NDArray[np.int64] | None = None
    ) -> dict[str, tuple[float, float]]:
        """Every figure by its name, of all probes alike and averaged per person.

        ``rank R`` is the share of probes whose person is among the first R; ``dir F`` the DIR at FPIR F, ``limit F``
        the threshold for it (twice); ``dir NAME`` and ``named NAME`` are DIR and FPIR at a fixed threshold.

        Args:
            owners: how many times each enrolled person was drawn; None for once.
            others: the same for strangers.
        """
        found = {f"rank {rank}": _share(self.ranks <= rank, self.owners, owners) for rank in (1, 5)}
        if len(self.nearest) and len(self.limits):
            for fpir in FPIRS:
                at = limit(self.nearest, fpir, None if others is None else others[self.others])
                found[f"limit {fpir:g}"] = at, at
                found[f"dir {fpir:g}"] = _share(self._between(at), self.owners, owners)
        for name, at in self.fixed.items():
            found[f"dir {name}"] = _share(self.fixed_hits[name], self.owners, owners)
            if len(self.nearest):
                found[f"named {name}"] = _share(self.nearest < at, self.others, others)
        return found

    def _between(self, at: float) -> NDArray[np.float64]:
        """Hits at a threshold, as shares of 1, (q,): interpolated between the two limits beside it."""
        right = min(int(np.searchsorted(self.limits, at)), len(self.limits) - 1)
        left = max(right - 1, 0)
        gap = self.limits[right] - self.limits[left]
        weight = min(max((at - self.limits[left]) / gap, 0.0), 1.0) if gap > 0 else 1.0
        return (1 - weight) * self.hits[left] + weight * self.hits[right]


def limit(nearest: NDArray[np.float64], rate: float, times: NDArray[np.int64] | None = None) -> float:
    """The largest threshold at which no more than a share ``rate`` of strangers is named, at most ``FARTHEST``.

    Args:
        nearest: the threshold beyond which each stranger is named, (s,); infinite where none names them.
        rate: 0 to less than 1.
        times: how often each of them counts; None for once.
    """
    if len(nearest) == 0:
        return FARTHEST
    order = np.argsort(nearest, kind="stable")
    named = np.cumsum(np.ones(len(order)) if times is None else times[order])
    place = int(np.argmax(named > rate * named[-1] + _ROUNDING))
    return min(float(nearest[order[place]]), FARTHEST)


def spreads(outcomes: Sequence[Outcome], seed: int) -> dict[str, Share]:
    """Every figure of ``Outcome.figures`` over the draws of one method."""
    random = np.random.default_rng(seed)
    each = [outcome.figures() for outcome in outcomes]
    samples = [
        outcome.figures(_anew(outcome.owners, random), _anew(outcome.others, random))
        for outcome in outcomes
        for _ in range(math.ceil(SAMPLES / len(outcomes)))
    ]
    found = {}
    for name in each[0]:
        values = np.array([figures[name] for figures in each])
        low, high = np.quantile([figures[name] for figures in samples], _TAILS, axis=0)
        both = zip(values.mean(axis=0), values.min(axis=0), values.max(axis=0), low, high, strict=True)
        found[name] = Share(*(Spread(*map(float, figures)) for figures in both))
    return found


def cmc(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """The share of probes whose person is among the first 1 … ``RANKS``, mean over the draws, (RANKS,)."""
    ranks = np.arange(1, RANKS + 1)
    return np.mean([(outcome.ranks[:, None] <= ranks).mean(axis=0) for outcome in outcomes], axis=0)


def det(outcomes: Sequence[Outcome]) -> tuple[tuple[float, float], ...]:
    """FNIR by FPIR, mean over the draws, at the ``RATES`` that a stranger more or less can tell apart."""
    strangers = min(len(outcome.nearest) for outcome in outcomes)
    points = []
    for rate in RATES:
        if rate * strangers >= 1:
            missed = [
                1 - outcome.hits[np.searchsorted(outcome.limits, limit(outcome.nearest, rate))].mean()
                for outcome in outcomes
            ]
            points.append((rate, float(np.mean(missed))))
    return tuple(points)


def too_few(fpir: float, strangers: int) -> str | None:
    """Why no DIR is given at this rate; None where it is."""
    expected = fpir * strangers
    if expected >= LEAST_NAMED - _ROUNDING:
        return None
    return f"{expected:.1f} of {strangers:,} strangers are expected to be named, at least {LEAST_NAMED} are needed"


def _share(
    values: NDArray[np.bool_] | NDArray[np.float64], people: NDArray[np.int64], times: NDArray[np.int64] | None
) -> tuple[float, float]:
    """The mean of values (q,) over probes, and over people; each person counts ``times``."""
    counts = np.bincount(people)
    sums = np.bincount(people, weights=values)
    often = np.ones(len(counts)) if times is None else times
    return float(often @ sums / (often @ counts)), float(often @ (sums / counts) / often.sum())


def _anew(people: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """How many times each person is drawn."""
    count = int(people.max(initial=-1)) + 1
    return np.bincount(random.integers(0, count, count), minlength=count) if count else np.zeros(0, np.int64)
