"""Grouping faces without names, over the whole pipeline, scored against the people that the folders say.

Photos are embedded as ``index`` does it, and of each the face nearest to the middle is meant, as in
``evaluation.verification``; who it is, only the scorer knows. A comparison chooses every method's setting on one half
of the people and scores it on the other, so that nothing is chosen on what is reported.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError
from facesearch.evaluation.cluster_methods import METHODS, Faces
from facesearch.evaluation.clustering_scores import Scores, score
from facesearch.evaluation.faces import embed, people_tree
from facesearch.gallery.clusters import CUT
from facesearch.identify.calibration import calibration_of
from facesearch.types import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.evaluation.cluster_methods import Method, Setting
    from facesearch.pipeline import FrontEnd
    from facesearch.types import Recipe

PRECISION = 0.985
"""Least pairwise precision of a setting that may be chosen: a wrong join costs a user more than a split group."""

DEFAULT = "average"
"""What ``facesearch cluster`` does."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over all halves: mean, least and most."""

    mean: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(float(np.mean(values)), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Halves:
    """Scores on the people on whom the setting was not chosen, over ``count`` halves."""

    count: int
    bcubed_f: Spread
    bcubed_precision: Spread
    bcubed_recall: Spread
    pairwise_f: Spread
    pairwise_precision: Spread
    pairwise_recall: Spread


@dataclass(frozen=True, slots=True)
class MethodReport:
    """One method. ``scores`` are of all faces with ``setting``, which ``chosen`` says was the best for just these.

    ``reached`` is False where no setting had the pairwise precision that was asked for; ``halves`` is None where
    methods were not compared.
    """

    method: str
    title: str
    setting: str
    chosen: bool
    reached: bool
    scores: Scores
    halves: Halves | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ClusteringReport:
    """What ``evaluate`` found; ``methods`` is one, or all of them by falling BCubed F on unseen people."""

    methods: tuple[MethodReport, ...]
    photos: int = 0
    no_face: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    recipe: Recipe | None = None
    seconds: float = 0.0


def evaluate(
    images: Path,
    front_end: FrontEnd,
    *,
    method: str = DEFAULT,
    compare: bool = False,
    threshold: float | None = None,
    splits: int = 5,
    seed: int = 0,
    jobs: int | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
    tell: Callable[[str], None] = lambda _: None,
) -> ClusteringReport:
    """Measure clustering on a folder of photos, a folder a person.

    Args:
        images: the folder.
        front_end: analyses the photos.
        method: one of ``METHODS``; for any but the default the setting is chosen on these very people.
        compare: all methods, with settings chosen on other people.
        threshold: where the default method is cut; None for the product's own. Other methods' distances are FaceNet's,
            brought to those of the front end by its calibration.
        splits: how often the people are split in halves, at least 1.
        seed: decides the halves.
        jobs: photos at once; None for one a core.
        progress: takes photos done, photos to do and a path.
        tell: takes a line at a time.

    Raises:
        ConfigError: the folder cannot be used, or there is no such method.
        ModelError: the models cannot be used, or their distances are needed and not calibrated.
    """
    started = time.monotonic()
    if method not in METHODS:
        raise ConfigError(f"there is no method {method!r}", hint=f"one of {', '.join(METHODS)}")
    scale, cut = 1.0, threshold
    if compare or method != DEFAULT or cut is None:
        usual = calibration_of(front_end.recipe).as_rare_as(CUT)
        scale, cut = usual / CUT, usual if cut is None else cut
    shown = people_tree(images)
    side, _ = embed((front_end, front_end), (shown.keys(), set()), jobs=jobs, progress=progress)
    rows = side.rows(shown)
    able = np.isfinite(rows[:, 0])
    if not able.any():
        raise ConfigError(f"no photo in {images} shows a face", hint="try --thorough, or a smaller --min-face")
    people = np.unique(list(shown.values()), return_inverse=True)[1][able]
    faces = Faces(rows[able], np.arange(np.count_nonzero(able)), scale)
    if compare:
        methods = compared(faces, people, splits=splits, seed=seed, tell=tell)
    else:
        own = (cut,) if method == DEFAULT else None
        methods = (measure(method, faces, people, own),)
    return ClusteringReport(
        methods,
        photos=len(shown),
        no_face=tuple(sorted(str(path) for path in side.no_face)),
        failed=tuple(Failure(str(path), side.failed[path]) for path in sorted(side.failed)),
        recipe=front_end.recipe,
        seconds=time.monotonic() - started,
    )


def measure(name: str, faces: Faces, people: NDArray[np.int64], setting: Setting | None = None) -> MethodReport:
    """One method's scores on all faces.

    Args:
        name: one of ``METHODS``.
        faces: what is grouped.
        people: a number for each face's person, (n,).
        setting: of the method; None chooses the best for these people.
    """
    method = METHODS[name]
    tried = {one: _score(method, faces, people, one) for one in ([setting] if setting else method.scaled(faces.scale))}
    best, reached = choose(tried) if setting is None else (setting, True)
    begun = time.monotonic()
    scores = _score(method, faces, people, best)
    spent = time.monotonic() - begun
    return MethodReport(name, method.title, method.said(best), setting is None, reached, scores, None, spent)


def compared(
    faces: Faces,
    people: NDArray[np.int64],
    *,
    splits: int = 5,
    seed: int = 0,
    names: Sequence[str] = tuple(METHODS),
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[MethodReport, ...]:
    """All methods, each with its best setting, and scored on halves of the people with the setting of the other half.

    Args:
        faces: what is grouped.
        people: a number for each face's person, (n,); at least two people.
        splits: how often the people are split, at least 1; each half is scored.
        seed: decides the halves.
        names: of the methods.
        tell: takes a line at a time.
    """
    found: dict[str, list[Scores]] = {name: [] for name in names}
    reports = []
    for name in names:
        tell(f"{METHODS[name].title}: {len(METHODS[name].settings)} settings, {2 * splits} halves")
        for one, other in _halves(people, splits, seed):
            sides = [_all_settings(METHODS[name], faces, people, rows) for rows in (one, other)]
            found[name] += [sides[1][choose(sides[0])[0]], sides[0][choose(sides[1])[0]]]
        reports.append(replace(measure(name, faces, people), halves=_summed(found[name])))
    return tuple(sorted(reports, key=lambda report: -report.halves.bcubed_f.mean if report.halves else 0.0))


def choose(tried: dict[Setting, Scores]) -> tuple[Setting, bool]:
    """The setting of the best BCubed F among those of enough pairwise precision; False where none has it.

    Then the most precise one is taken.
    """
    able = {setting: scores for setting, scores in tried.items() if scores.pairwise.precision >= PRECISION}
    if able:
        return max(able, key=lambda setting: able[setting].bcubed.f), True
    return max(tried, key=lambda setting: tried[setting].pairwise.precision), False


def _halves(people: NDArray[np.int64], splits: int, seed: int) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Faces of one half of the people and of the other, for each split."""
    everybody = np.unique(people)
    for split in range(splits):
        some = np.random.default_rng([seed, split]).permutation(everybody)[: len(everybody) // 2]
        one = np.isin(people, some)
        yield one, ~one


def _all_settings(
    method: Method, faces: Faces, people: NDArray[np.int64], rows: NDArray[np.bool_]
) -> dict[Setting, Scores]:
    part = Faces(faces.vectors[rows], faces.photos[rows], faces.scale)
    return {setting: _score(method, part, people[rows], setting) for setting in method.scaled(faces.scale)}


def _score(method: Method, faces: Faces, people: NDArray[np.int64], setting: Setting) -> Scores:
    return score(method.run(faces, setting), people)


def _summed(found: Sequence[Scores]) -> Halves:
    return Halves(
        len(found),
        bcubed_f=Spread.of([one.bcubed.f for one in found]),
        bcubed_precision=Spread.of([one.bcubed.precision for one in found]),
        bcubed_recall=Spread.of([one.bcubed.recall for one in found]),
        pairwise_f=Spread.of([one.pairwise.f for one in found]),
        pairwise_precision=Spread.of([one.pairwise.precision for one in found]),
        pairwise_recall=Spread.of([one.pairwise.recall for one in found]),
    )
