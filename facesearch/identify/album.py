"""How far apart strangers are in this very album: one number, from photos that several people share.

Two faces in one photo are almost always two people. Where their distances are smaller, or larger, than those that the
built-in calibration was measured on, its curve is moved by that much (``Calibration.shifted``). An album has too few
people to measure rare rates, so the move is measured where it can be, from FAR 0.05 to 0.3, and taken for the whole
curve.

Mirrors, posters and photos of photos show one person twice. Pairs nearer than ``NEAR`` are therefore left out, as are
photos with several of them; what is left is compared with what the built-in curve has beyond that distance, so that
leaving out moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError
from facesearch.identify.normalize import USUAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.identify.calibration import Calibration, PairRates

NEAR = 1e-3
"""FAR of the distance below which two faces in one photo are taken for one person."""

RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
"""Where the curves are compared; the mean of the differences counts."""

LEAST_COUPLES = 100
LEAST_PEOPLE = 20
"""With 100 couples of strangers, or with 20 people who are all in photos with each other, the shift of simulated
albums (people of lfw-dev declared to share photos) had a standard deviation of 0.04, which leaves FAR uncertain by a
factor of 2. With less, the built-in curve is the better guess."""

MOST = 0.6
"""A larger shift is none: then photos that show one person several times are the rule in this album. FaceNet's; others
have as much less as their strangers are nearer (``Calibration.usual``)."""

DRAWS = 400
"""Bootstrap draws."""

_MOVES = 20
"""Times that the near pairs are looked for anew; after two or three nothing changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of faces that share a photo.

    ``distances`` (n,) are squared, 0 to 4. ``people`` (n, 2) and ``photos`` (n,) are numbers, of no meaning but that
    equal ones are the same; the two people of a row differ.
    """

    distances: NDArray[np.float64]
    people: NDArray[np.int64]
    photos: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What was measured. ``shift``, with its 95 % interval ``low`` to ``high``, is for ``Calibration.shifted``.

    ``couples`` are the couples of people that it rests on, ``pairs`` their pairs of faces. ``near`` pairs, nearer than
    ``cut``, and the other pairs of ``near_photos`` were left out. ``distances`` and ``weights`` (pairs,) are of the
    pairs that count, ascending; the weights of a couple sum to 1.
    """

    shift: float
    low: float
    high: float
    people: int
    couples: int
    pairs: int
    photos: int
    cut: float
    near: int
    near_photos: int
    distances: NDArray[np.float64]
    weights: NDArray[np.float64]


def fit(found: Pairs, calibration: Calibration, *, draws: int = DRAWS, seed: int = 0) -> Fit:
    """Measure the shift of an album's strangers against the built-in curve, a calibration that is not shifted.

    Every couple of people weighs the same, however many photos show it. The interval is by bootstrap over people: a
    couple of people who were drawn m and n times weighs m·n-fold.

    Raises:
        ConfigError: there are fewer than ``LEAST_COUPLES`` couples, or ``LEAST_PEOPLE`` people, or the shift is beyond
            ``MOST`` of the embedder.
    """
    near, kept, cut = _separate(found, calibration)
    distances, weights, people = _ascending(found, kept)
    shift = _shift(distances, weights, calibration.pairs)
    if abs(shift) > MOST * calibration.usual / USUAL:
        where = "nearer" if shift < 0 else "farther"
        raise ConfigError(
            f"faces that share photos here are {abs(shift):.2f} {where} than strangers are: most must be of one person",
            hint="mark photos that show people several times: facesearch mark PHOTO collage",
        )
    low, high = _interval(distances, weights, people, calibration.pairs, draws, seed)
    return Fit(
        shift=shift,
        low=low,
        high=high,
        people=len(np.unique(people)),
        couples=round(float(weights.sum())),
        pairs=len(distances),
        photos=len(np.unique(found.photos[kept])),
        cut=cut,
        near=int(near.sum()),
        near_photos=len(_doubled(found.photos, near)),
        distances=distances,
        weights=weights,
    )


def _separate(found: Pairs, calibration: Calibration) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """Which pairs are near, which are kept, both (n,), and the distance between; the latter moves with the shift.

    It starts without a shift, not with that of the median: few people who are in many mirrors make more near couples
    than true ones.
    """
    cut = start = calibration.threshold(NEAR)
    kept = np.zeros(len(found.distances), dtype=np.bool_)
    for _ in range(_MOVES):
        near = found.distances < cut
        before, kept = kept, ~near & ~np.isin(found.photos, _doubled(found.photos, near))
        _require_enough(found, kept)
        if np.array_equal(before, kept):
            break
        distances, weights, _ = _ascending(found, kept)
        cut = start + _shift(distances, weights, calibration.pairs)
    return near, kept, cut


def _ascending(
    found: Pairs, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Distances (k,) of the pairs that are kept, ascending, with weights (k,) and people (k, 2)."""
    order = np.flatnonzero(kept)[np.argsort(found.distances[kept], kind="stable")]
    return found.distances[order], _weights(found.people[order]), found.people[order]


def _require_enough(found: Pairs, kept: NDArray[np.bool_]) -> None:
    couples = len(np.unique(np.sort(found.people[kept], axis=1), axis=0))
    people = len(np.unique(found.people[kept]))
    if couples < LEAST_COUPLES or people < LEAST_PEOPLE:
        raise ConfigError(
            f"too few people share photos: {couples:,} {'couple' if couples == 1 else 'couples'} of {people:,} people, "
            f"at least {LEAST_COUPLES} couples of {LEAST_PEOPLE} people are needed",
            hint="index more photos that show several people; until then the built-in calibration is used",
        )


def _doubled(photos: NDArray[np.int64], near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Photos that show several people twice: two near pairs or more, and one for every four faces.

    A mirror makes one for every two faces. Chance makes more of them the larger a crowd is.
    """
    numbers, place, pairs = np.unique(photos, return_inverse=True, return_counts=True)
    count = np.bincount(place[near], minlength=len(numbers))
    faces = (1 + np.sqrt(1 + 8 * pairs)) / 2
    return np.asarray(numbers[(count >= 2) & (count >= faces / 4)])


def _weights(people: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights of pairs, (n,): those of a couple sum to 1."""
    _, place, count = np.unique(np.sort(people, axis=1), axis=0, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[place.ravel()])


def _shift(distances: NDArray[np.float64], weights: NDArray[np.float64], curve: PairRates) -> float:
    """The mean difference to the built-in curve, both beyond the near pairs; distances ascend."""
    rates = np.array(RATES)
    return float(np.mean(_quantiles(distances, weights, RATES) - _inverse(curve, NEAR + rates * (1 - NEAR))))


def _interval(
    distances: NDArray[np.float64],
    weights: NDArray[np.float64],
    people: NDArray[np.int64],
    curve: PairRates,
    draws: int,
    seed: int,
) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    everybody, place = np.unique(people, return_inverse=True)
    one, other = place.reshape(people.shape).T
    found = []
    for _ in range(draws):
        times = np.bincount(random.integers(0, len(everybody), len(everybody)), minlength=len(everybody))
        drawn = weights * times[one] * times[other]
        if drawn.any():
            found.append(_shift(distances, drawn, curve))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def _quantiles(
    distances: NDArray[np.float64], weights: NDArray[np.float64], rates: Sequence[float]
) -> NDArray[np.float64]:
    """The distances below which these shares of the weight lie, (rates,)."""
    order = np.argsort(distances, kind="stable")
    share = np.cumsum(weights[order])
    return np.asarray(distances[order][np.searchsorted(share, np.array(rates) * share[-1])])


def _inverse(curve: PairRates, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """The built-in distances of these rates of FAR."""
    return np.asarray(np.interp(np.log10(rates), np.log10(curve.far), curve.distances))
