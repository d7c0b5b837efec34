"""Open-set identification over the whole pipeline: who is named rightly, and how many strangers get a name.

Photos are embedded once; of each, the face nearest to the middle is meant, as in ``evaluation.verification``. Then
people are enrolled by a protocol (``protocols``), both methods answer (``openset``), and rates are taken
(``outcomes``): at the thresholds that the draw's own strangers give for some FPIR, which says how well a method
separates; at the threshold that ``who`` would use, which is what users get; and with ``halves`` at a threshold that
other people gave.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import FacesearchError
from facesearch.evaluation import outcomes as rates
from facesearch.evaluation import protocols
from facesearch.evaluation.faces import embed, people_tree
from facesearch.evaluation.openset import Contest
from facesearch.evaluation.outcomes import FPIRS, Outcome, Share, Spread
from facesearch.evaluation.photo_lists import read_photos
from facesearch.evaluation.protocols import Photos
from facesearch.identify.calibration import FPIR, Calibration, built_in
from facesearch.identify.crossval import METHODS, Method
from facesearch.identify.normalize import USUAL
from facesearch.types import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.evaluation.protocols import Plan, Trial
    from facesearch.pipeline import FrontEnd
    from facesearch.types import Recipe

HALVES = (1e-1, 1e-2)
"""Half of the people can hardly tell a threshold for less."""

_PRODUCT = "who"


@dataclass(frozen=True, slots=True)
class Point:
    """DIR at a FPIR with the threshold that the same strangers give; None where ``reason`` says why."""

    fpir: float
    threshold: Spread | None
    dir: Share | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Setting:
    """FPIR and DIR measured at a threshold that was set without the strangers who are asked about.

    ``promised`` is the FPIR that it was set for; ``threshold`` mean, least and most over the draws. ``named`` is None
    where there are no strangers.
    """

    promised: float
    threshold: tuple[float, float, float]
    named: Share | None
    dir: Share


@dataclass(frozen=True, slots=True, eq=False)
class MethodReport:
    """Figures of one method. ``cmc`` (20,): shares by rank; ``det``: pairs of FPIR and FNIR, FPIR descending.

    ``product`` is the setting of ``who``; None where the report's ``product_reason`` says why.
    """

    method: Method
    rank1: Share
    rank5: Share
    points: tuple[Point, ...]
    product: Setting | None
    halves: tuple[Setting, ...]
    cmc: NDArray[np.float64]
    det: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class IdentificationReport:
    """What ``evaluate`` found. Counts that differ between draws are means, rounded.

    ``strangers_people`` are the people whom strangers' probes show. ``near_duplicates`` counts photos that have one,
    ``set_aside`` those that were not asked about in a draw because of it.
    """

    methods: tuple[MethodReport, ...]
    draws: int
    people: int
    enrolled: int
    probes: int
    strangers: int
    strangers_people: int
    near_duplicates: int
    set_aside: int
    product_reason: str | None = None
    photos: int = 0
    no_face: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    recipe: Recipe | None = None
    seconds: float = 0.0


def evaluate(
    images: Path,
    front_end: FrontEnd,
    plan: Plan,
    *,
    lists: tuple[Path, Path] | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
    step: Callable[[int, int], None] = lambda *_: None,
) -> IdentificationReport:
    """Measure identification on a folder of photos, a folder a person.

    Args:
        images: the folder.
        front_end: analyses all photos.
        plan: the protocol.
        lists: CSV files of the enrolled photos and of the probes, instead of random ones; see ``photo_lists``.
        jobs: photos at once; None for one a core.
        progress: takes photos done, photos to do and a path.
        step: takes draws done and draws to do.

    Raises:
        ConfigError: the folder, a list or the plan cannot be used.
        ModelError: the models cannot be used.
    """
    started = time.monotonic()
    plan.check()
    if lists is None:
        shown = people_tree(images)
        chosen = None
    else:
        gallery, asked = read_photos(lists[0], images, named=True), read_photos(lists[1], images, named=False)
        shown = asked | gallery
        place = {path: row for row, path in enumerate(shown)}
        chosen = np.array([place[path] for path in gallery]), np.array([place[path] for path in asked])
    side, _ = embed((front_end, front_end), (shown.keys(), set()), jobs=jobs, progress=progress)
    calibration, reason = _calibration(front_end.recipe.model)
    near = None if calibration is None else calibration.near
    photos = Photos.of(side.rows(shown), list(shown.values()), near=near)
    report = measure(photos, plan, calibration, chosen=chosen, step=step)
    return replace(
        report,
        product_reason=reason,
        photos=len(shown),
        no_face=tuple(sorted(str(path) for path in side.no_face)),
        failed=tuple(Failure(str(path), side.failed[path]) for path in sorted(side.failed)),
        recipe=front_end.recipe,
        seconds=time.monotonic() - started,
    )


def measure(
    photos: Photos,
    plan: Plan,
    calibration: Calibration | None,
    *,
    chosen: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    step: Callable[[int, int], None] = lambda *_: None,
) -> IdentificationReport:
    """Measure identification on embedded photos.

    Args:
        photos: all photos.
        plan: the protocol.
        calibration: gives the threshold of ``who``; None leaves that setting out.
        chosen: rows to enrol and rows to ask about, instead of random ones.
        step: takes draws done and draws to do.

    Raises:
        ConfigError: too few people can be enrolled, or nobody who is enrolled is asked about.
    """
    draws = list(protocols.draws(photos, plan, chosen))
    usual = USUAL if calibration is None else calibration.usual
    total = len(draws) * (2 if plan.halves else 1)
    found: dict[Method, list[Outcome]] = {method: [] for method in METHODS}
    swapped: dict[Method, list[Outcome]] = {method: [] for method in METHODS}
    for done, trials in enumerate(draws):
        step(done, total)
        for method in METHODS:
            contest = Contest(method, photos, trials, usual)
            fixed = {_PRODUCT: calibration.limit(FPIR, contest.faces())} if calibration else {}
            found[method].append(Outcome.of(contest, photos, fixed=fixed))
    for split in range(plan.draws if plan.halves else 0):
        step(len(draws) + split, total)
        sides = protocols.halves(photos, plan, split)
        for method in METHODS:
            swapped[method].append(_other_half(method, photos, sides, usual))
    step(total, total)
    methods = tuple(_method(method, found[method], swapped[method], plan.seed) for method in METHODS)
    return _report(photos, draws, methods)


def _calibration(model: str) -> tuple[Calibration | None, str | None]:
    """What comes with a model, or why nothing does."""
    try:
        return built_in(model), None
    except FacesearchError as error:
        return None, error.message


def _other_half(method: Method, photos: Photos, sides: tuple[Trial, Trial], usual: float) -> Outcome:
    """The second half's outcome at the thresholds that the first half's strangers give."""
    first, second = sides
    nearest = Contest(method, photos, [first], usual).nearest()
    fixed = {f"half {fpir:g}": rates.limit(nearest, fpir) for fpir in HALVES}
    return Outcome.of(Contest(method, photos, [second], usual), photos, rates=(), fixed=fixed)


def _method(method: Method, found: Sequence[Outcome], swapped: Sequence[Outcome], seed: int) -> MethodReport:
    shares = rates.spreads(found, seed)
    product = [_setting(FPIR, _PRODUCT, found, shares)] if found[0].fixed else []
    other = rates.spreads(swapped, seed) if swapped else {}
    strangers = round(np.mean([len(outcome.nearest) for outcome in found]))
    points = []
    for fpir in FPIRS:
        reason = rates.too_few(fpir, strangers)
        known = reason is None
        threshold, share = (shares[f"{what} {fpir:g}"] if known else None for what in ("limit", "dir"))
        points.append(Point(fpir, threshold.per_probe if threshold else None, share, reason))
    return MethodReport(
        method=method,
        rank1=shares["rank 1"],
        rank5=shares["rank 5"],
        points=tuple(points),
        product=product[0] if product else None,
        halves=tuple(_setting(fpir, f"half {fpir:g}", swapped, other) for fpir in HALVES if swapped),
        cmc=rates.cmc(found),
        det=rates.det(found),
    )


def _setting(promised: float, name: str, outcomes: Sequence[Outcome], shares: dict[str, Share]) -> Setting:
    """What happened at a fixed threshold."""
    limits = [outcome.fixed[name] for outcome in outcomes]
    return Setting(
        promised,
        threshold=(float(np.mean(limits)), min(limits), max(limits)),
        named=shares.get(f"named {name}"),
        dir=shares[f"dir {name}"],
    )


def _report(
    photos: Photos, draws: Sequence[tuple[Trial, ...]], methods: tuple[MethodReport, ...]
) -> IdentificationReport:
    def usual(count: Callable[[tuple[Trial, ...]], int]) -> int:
        return round(np.mean([count(trials) for trials in draws]))

    def people(rows: Sequence[NDArray[np.int64]]) -> int:
        return len(np.unique(photos.people[np.concatenate(rows)]))

    return IdentificationReport(
        methods,
        draws=len(draws),
        people=len(np.unique(photos.people)),
        enrolled=usual(lambda trials: people([trials[0].gallery])),
        probes=usual(lambda trials: sum(len(trial.probes) for trial in trials)),
        strangers=usual(lambda trials: sum(len(trial.strangers) for trial in trials)),
        strangers_people=usual(lambda trials: people([trial.strangers for trial in trials])),
        near_duplicates=photos.near_duplicates,
        set_aside=usual(lambda trials: sum(trial.set_aside for trial in trials)),
    )
