"""Measure an embedder's calibration: what its distances mean, on people who are known.

FAR and TAR of pairs come from every pair of photos, weighted by person (``allpairs``). Limits for ``who`` come from
many random galleries: some people are enrolled, one random photo of each of the others is a stranger's probe, and the
limit for a rate is that quantile of the strangers' least normalized distances.

Two things are decided here, for the sake of rates that are rarer than there are people to measure them:

- below ``LEAST_FAR`` nothing is told but that it is rarer: in LFW, pairs of twins, and of one person under two names,
  take over there;
- limits for a FPIR below ``MEASURED`` follow the straight line that log FPIR makes over the limit from ``MEASURED`` to
  ``STRAIGHT``: a few such pairs would otherwise decide them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch import __version__
from facesearch.errors import ConfigError
from facesearch.evaluation.allpairs import all_pairs
from facesearch.evaluation.faces import embed, people_tree
from facesearch.identify.calibration import Calibration, PairRates, ProbeRates, Provenance
from facesearch.identify.normalize import USUAL, USUAL_FAR, normalized
from facesearch.identify.table import Enrolled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from facesearch.evaluation.allpairs import AllPairs
    from facesearch.pipeline import FrontEnd
    from facesearch.types import Recipe

LEAST_FAR = 1e-5
PEOPLE = (1, 2, 3, 5, 10, 20, 60, 180)
FACES = (1, 2, 4, 8)
RATES = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005, 0.0003, 0.0001)
MEASURED = 0.003
STRAIGHT = 0.1

GALLERIES = 30
"""Random galleries of each size: every stranger is asked about in most of them, so more change little."""

LEAST_STRANGERS = 50
"""Sizes of gallery that leave fewer strangers are not measured; the next smaller size stands for them."""

_STEP = 0.02
_STEPS = 90
"""Distances of some networks are all small: of dlib's, 0.03 takes FAR from 1e-4 to 1e-3. At least so many steps lead to
the distance that half of the strangers' pairs are nearer than."""


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A calibration, how its promises were kept, and how many photos could not be used for it."""

    calibration: Calibration
    kept: tuple[Kept, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How a promise was kept by people who were not measured for it, at a promised rate.

    ``ratios`` are measured over promised rates, one a split, ascending; ``mean`` is their geometric mean, and a split
    in which nothing was measured counts as half of what could have been told.
    """

    what: str
    promised: float
    mean: float
    ratios: tuple[float, ...]


def measure(
    photos: Path | dict[Path, str],
    front_end: FrontEnd,
    *,
    data: str,
    splits: int = 20,
    jobs: int | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> CalibrationReport:
    """Calibrate a front end on photos of known people, by the central face of each.

    Args:
        photos: the folder of ``<person>/``, or photos and who is in them.
        front_end: analyses them.
        data: what they are, for the provenance.
        splits: how often the promises are checked, on other people; see ``kept``.
        jobs: photos at once; None for one a core.
        progress: takes photos done, photos to do and a path.

    Raises:
        ConfigError: there are too few people.
        ModelError: the models cannot be used.
    """
    tree = people_tree(photos) if isinstance(photos, Path) else photos
    side, _ = embed((front_end, front_end), (set(tree), set()), jobs=jobs, progress=progress)
    used = [photo for photo in tree if photo in side.boxes]
    labels = [tree[photo] for photo in used]
    # ``rows`` has nothing to stack where there is no face at all.
    vectors = side.rows(used) if used else np.empty((0, front_end.recipe.dim), np.float32)
    found, checked = measure_vectors(vectors, labels, front_end.recipe, data=data, splits=splits)
    return CalibrationReport(found, checked, len(tree) - len(used))


def measure_vectors(
    vectors: NDArray[np.float32], labels: Sequence[str], recipe: Recipe, *, data: str, splits: int = 20
) -> tuple[Calibration, tuple[Kept, ...]]:
    """Calibrate on faces that are embedded already.

    Args:
        vectors: (n, dim), unit rows.
        labels: whose face each is, n of them.
        recipe: what embedded them.
        data: see ``measure``.
        splits: see ``measure``.

    Raises:
        ConfigError: there are too few people.
    """
    if len(set(labels)) < least_people():
        raise ConfigError(
            f"{len(set(labels))} people are too few for a calibration",
            hint=f"give photos of {least_people()} people or more; of some hundred to be of use",
        )
    pairs = all_pairs(vectors, labels)
    made = Provenance(
        data=data,
        photos=len(labels),
        people=len(set(labels)),
        genuine_pairs=pairs.genuine_pairs,
        impostor_pairs=pairs.impostor_pairs,
        date=datetime.now(UTC).date().isoformat(),
        recipe=recipe.key,
        version=__version__,
    )
    _, people = np.unique(np.asarray(labels), return_inverse=True)
    by_pairs = pair_rates(pairs)
    by_probes = probe_rates(vectors, people, GALLERIES, 0, usual=usual_of(by_pairs))
    found = Calibration(recipe.model, made, by_pairs, by_probes)
    return found, tuple(kept(vectors, labels, made, splits=splits) if splits else ())


def least_people() -> int:
    """How many people a calibration takes: some are enrolled, and the others are strangers."""
    return 2 * LEAST_STRANGERS


def pair_rates(pairs: AllPairs) -> PairRates:
    """FAR and TAR over all pairs, every person weighing the same; FAR is never below ``LEAST_FAR``."""
    roc = pairs.roc
    # The last distance at which FAR is that low is one of the table's.
    first = float(roc.thresholds[np.searchsorted(roc.far, LEAST_FAR, side="right") - 1])
    middle = float(roc.thresholds[np.searchsorted(roc.far, 0.5)])
    step = min(_STEP, max(middle / _STEPS, 1e-3))
    distances = np.unique(np.concatenate([np.arange(first, 0.0, -step), np.arange(first, 3.0, step), [0.0, 4.0]]))
    at = np.minimum(np.searchsorted(roc.thresholds, distances), len(roc.thresholds) - 1)
    far, tar = np.maximum(roc.far[at], LEAST_FAR), roc.tar[at]
    far[-1] = tar[-1] = 1.0
    return PairRates(_rounded(distances, 4), _rounded(far, 8), _rounded(tar, 5))


def usual_of(pairs: PairRates) -> float:
    """Where people who are missing are thought (``normalize``): where as few strangers are nearer as FaceNet has."""
    return round(float(np.interp(np.log10(USUAL_FAR), np.log10(pairs.far), pairs.distances)), 4)


def probe_rates(
    vectors: NDArray[np.float32],
    people: NDArray[np.int64],
    galleries: int,
    seed: int,
    *,
    sizes: tuple[int, ...] = PEOPLE,
    faces_each: tuple[int, ...] = FACES,
    usual: float = USUAL,
) -> ProbeRates:
    """Limits of the normalized distance by FPIR, for galleries of many sizes; ``people`` as numbers from 0 on, (n,)."""
    table = np.empty((len(faces_each), len(sizes), len(RATES)))
    for f, faces in enumerate(faces_each):
        for p, count in enumerate(sizes):
            scores = list(strangers(vectors, people, count, faces, galleries, seed, usual=usual))
            if scores:
                table[f, p] = _limits(np.concatenate(scores))
            else:
                # So few have so many photos: the nearest size that could be measured.
                table[f, p] = table[f, p - 1] if p else table[f - 1, p]
    limits = tuple(tuple(_rounded(row, 4) for row in rows) for rows in table)
    return ProbeRates(sizes, faces_each, RATES, limits, MEASURED, usual)


def strangers(
    vectors: NDArray[np.float32],
    people: NDArray[np.int64],
    count: int,
    faces: int,
    galleries: int,
    seed: int,
    *,
    usual: float = USUAL,
) -> Iterator[NDArray[np.float64]]:
    """The least normalized distance of one photo of everybody who is not enrolled, for each random gallery.

    Nothing where there are not ``count`` people with ``faces`` photos, and ``LEAST_STRANGERS`` besides.
    """
    random = np.random.default_rng([seed, count, faces])
    photos = [np.flatnonzero(people == person) for person in range(int(people.max()) + 1)]
    able = np.array([person for person, own in enumerate(photos) if len(own) >= faces])
    if len(able) < count or len(photos) - count < LEAST_STRANGERS:
        return
    for _ in range(galleries):
        enrolled = random.choice(able, count, replace=False)
        gallery = np.concatenate([random.permutation(photos[person])[:faces] for person in enrolled])
        others = np.setdiff1d(np.arange(len(photos)), enrolled)
        probes = np.array([random.choice(photos[person]) for person in others])
        held = Enrolled.of(vectors[gallery], [str(person) for person in np.repeat(enrolled, faces)])
        yield np.concatenate(
            [normalized(held.evidence(apart), usual).min(axis=1) for _, apart in held.distances(vectors[probes], None)]
        )


def kept(
    vectors: NDArray[np.float32],
    labels: Sequence[str] | NDArray[np.str_],
    provenance: Provenance,
    *,
    splits: int = 20,
    galleries: int = 20,
    sizes: Sequence[int] = (5, 20, 60, 180),
    faces: int = 1,
) -> list[Kept]:
    """Whether promises hold for other people: calibrate on one half of the people, measure on the other.

    FAR at 1e-2, 1e-3 and 1e-4, and FPIR at 1e-1 and 1e-2 for galleries of several sizes. Every person weighs the same.
    """
    names, people = np.unique(np.asarray(labels), return_inverse=True)
    found: dict[tuple[str, float], list[float]] = {}
    for split in range(splits):
        half = np.isin(people, np.random.default_rng(split).permutation(len(names))[: len(names) // 2])
        (_, ours), (_, others) = (np.unique(people[side], return_inverse=True) for side in (half, ~half))
        pairs = pair_rates(all_pairs(vectors[half], ours.astype(str)))
        usual = usual_of(pairs)
        own = vectors[half]
        probes = probe_rates(own, ours, galleries, split, sizes=tuple(sizes), faces_each=(faces,), usual=usual)
        promise = Calibration("split", provenance, pairs, probes)
        roc = all_pairs(vectors[~half], others.astype(str)).roc
        for far in (1e-2, 1e-3, 1e-4):
            at = np.searchsorted(roc.thresholds, promise.threshold(far))
            found.setdefault(("FAR", far), []).append(float(roc.far[at]))
        for size in sizes:
            scores = list(strangers(vectors[~half], others, size, faces, galleries, split, usual=usual))
            for fpir in (1e-1, 1e-2):
                limit = promise.limit(fpir, [faces] * size)
                share = float(np.mean(np.concatenate(scores) < limit))
                found.setdefault((f"FPIR, {size} enrolled", fpir), []).append(share)
    return [_kept(what, rate, measured) for (what, rate), measured in found.items()]


def _kept(what: str, promised: float, measured: list[float]) -> Kept:
    ratios = np.sort(np.array(measured)) / promised
    mean = float(np.exp(np.mean(np.log(np.maximum(ratios, 0.5 * LEAST_FAR / promised)))))
    return Kept(what, promised, mean, tuple(ratios.tolist()))


def _limits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Limits by rate from strangers' scores; the rare ones by the line of the less rare ones."""
    rates = np.array(RATES)
    limits = np.quantile(scores, rates, method="lower")
    fitted = (rates <= STRAIGHT) & (rates >= MEASURED)
    slope, start = np.polyfit(np.log10(rates[fitted]), limits[fitted], 1)
    rare = rates < MEASURED
    limits[rare] = start + slope * np.log10(rates[rare])
    return np.minimum.accumulate(limits)


def _rounded(values: NDArray[np.float64], digits: int) -> tuple[float, ...]:
    return tuple(np.round(values, digits).tolist())
