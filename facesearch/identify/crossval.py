"""Which method does better on the faces that are enrolled, by cross-validation that meets strangers too.

Everybody is a stranger once: in each fold a share of the people is not enrolled at all, and all their faces are asked
about. Of everybody else a share of the faces is held out and asked about. Near-duplicates are held out together, so
that nobody is found by a copy of the same shot. The threshold is that of the calibration for the rate asked for and
the people enrolled in the fold, as ``who`` takes it. So the figures are detection and identification rate (DIR) and
FPIR, in the terms of ISO/IEC 19795-1, on the user's own people.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from facesearch.identify import knn, svm
from facesearch.identify.decide import decide
from facesearch.identify.shots import shots
from facesearch.identify.table import Enrolled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.identify.calibration import Calibration
    from facesearch.identify.table import Table

Method = Literal["knn", "svm"]
METHODS: tuple[Method, ...] = ("knn", "svm")

FOLDS = 5

LEAST_PEOPLE = 5
LEAST_SHOTS = 3
"""There must be so many people with so many faces that are no near-duplicates, or a difference is an accident."""

MOST_PEOPLE = 100
MOST_FACES = 10
"""So many people, and faces of each, are drawn from a large gallery: a few seconds of work, whatever its size."""

NOISE = 2.0
"""Standard errors, over people, that a difference must exceed."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How a method did. Shares are of 0 to 1, each person weighing the same in ``dir`` and ``rank1``.

    ``dir`` is the share of the ``probes`` that got their own name at the threshold, ``rank1`` the share of those that
    got it or, unnamed, had their own person as the nearest, ``named`` the share of the ``strangers`` that got a name.
    """

    method: Method
    probes: int
    strangers: int
    dir: float
    rank1: float
    named: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The method for a gallery and why, as a clause; no ``figures`` where there was too little to compare."""

    method: Method
    reason: str
    figures: tuple[Figures, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method answered in all folds; tuples run over its probes.

    ``truth`` are the persons, ``named`` the names they got at the threshold, ``first`` these or, where there is none,
    the persons with the least normalized distance. ``strangers_named`` of ``strangers`` got a name.
    """

    method: Method
    truth: tuple[str, ...]
    named: tuple[str | None, ...]
    first: tuple[str, ...]
    strangers: int
    strangers_named: int

    def recall(self) -> dict[str, tuple[int, int]]:
        """How many of each person's probes got their name, and of how many; the worst first."""
        asked = Counter(self.truth)
        right = Counter(one for one, name in zip(self.truth, self.named, strict=True) if one == name)
        worst = sorted(asked, key=lambda person: (right[person] / asked[person], -asked[person], person))
        return {person: (right[person], asked[person]) for person in worst}

    def confused(self) -> list[tuple[str, str, int]]:
        """Right person, who came first instead, and how often; the most often first."""
        pairs = Counter((one, name) for one, name in zip(self.truth, self.first, strict=True) if one != name)
        return [(*pair, count) for pair, count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))]

    def figures(self) -> Figures:
        """The outcome in numbers."""
        first = [one == name for one, name in zip(self.truth, self.first, strict=True)]
        people = np.array(self.truth)
        rank1 = [np.mean(np.array(first)[people == person]) for person in np.unique(people)]
        return Figures(
            method=self.method,
            probes=len(self.truth),
            strangers=self.strangers,
            dir=float(np.mean([right / asked for right, asked in self.recall().values()])),
            rank1=float(np.mean(rank1)),
            named=self.strangers_named / self.strangers,
        )


def choose(outcomes: Sequence[Outcome]) -> Choice:
    """The method with the better DIR, k-NN where that is within noise: it needs no training.

    Args:
        outcomes: of both methods, from ``cross_validate``; none where there was too little to compare.
    """
    if not outcomes:
        return Choice("knn", f"comparing needs {LEAST_PEOPLE} people with {LEAST_SHOTS} different photos each")
    figures = tuple(outcome.figures() for outcome in outcomes)
    ours, theirs = (outcome.recall() for outcome in outcomes)
    gains = np.array([theirs[person][0] / asked - right / asked for person, (right, asked) in ours.items()])
    mean, error = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    knn_figures, svm_figures = figures
    rates = f"finds {svm_figures.dir:.1%} of the held-out faces, k-NN {knn_figures.dir:.1%}"
    if svm_figures.named > knn_figures.named:
        return Choice("knn", f"the SVM names more strangers; it {rates}", figures)
    if mean <= NOISE * error or mean <= 0:
        return Choice("knn", f"the SVM is no better beyond chance: it {rates}", figures)
    return Choice("svm", f"the SVM is better: it {rates}", figures)


def cross_validate(
    vectors: NDArray[np.float32], persons: Sequence[str], calibration: Calibration, fpir: float
) -> tuple[Outcome, ...]:
    """Ask both methods about held-out faces and about strangers, on all or a sample of the enrolled faces.

    Does not depend on the order of the faces.

    Args:
        vectors: unit rows of the enrolled faces, shape (n, d), float32.
        persons: the n person ids.
        calibration: gives the thresholds.
        fpir: the share of strangers that may get a name.

    Returns:
        The outcomes of k-NN and the SVM; nothing where there are too few people with several photos.

    Raises:
        ValueError: there are not as many ids as rows.
        ConfigError: the calibration does not reach so far.
    """
    if len(vectors) != len(persons):
        raise ValueError(f"{len(persons)} person ids for {len(vectors)} enrolled faces")
    random = np.random.default_rng(0)
    order = svm.canonical_order(vectors)
    names = np.asarray(persons, dtype=np.str_)[order]
    rows, moments = _sample(vectors[order], names, calibration.near, random)
    if not len(rows):
        return ()
    faces, names = vectors[order][rows], names[rows]
    held_out, unknown = _folds(names, moments, random)
    answers: dict[Method, list[_Answers]] = {method: [] for method in METHODS}
    usual = calibration.usual
    for fold in range(FOLDS):
        stranger = unknown == fold
        probe = ~stranger & (held_out == fold)
        enrolled = ~stranger & ~probe
        known, people = faces[enrolled], names[enrolled].tolist()
        gallery = Enrolled.of(known, people)
        limit = calibration.limit(fpir, tuple(Counter(people).values()))
        machine = svm.train(known, people)
        asked = np.vstack([faces[probe], faces[stranger]])
        truth = names[probe].tolist()
        answers["knn"].append(_answers(knn.compare(asked, gallery, threshold=limit, usual=usual), truth))
        answers["svm"].append(_answers(svm.compare(machine, asked, gallery, threshold=limit, usual=usual), truth))
    return tuple(_outcome(method, answers[method]) for method in METHODS)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Of one fold: ``named`` has the strangers after the probes."""

    truth: list[str]
    first: list[str]
    named: list[str | None]


def _answers(table: Table, truth: list[str]) -> _Answers:
    named = [decision.person for decision in decide(table, range(len(table.gains)))]
    nearest = table.normalized[: len(truth)].argmin(axis=1)
    first = [name or table.people[at] for name, at in zip(named, nearest.tolist(), strict=False)]
    return _Answers(truth, first, named)


def _outcome(method: Method, folds: Sequence[_Answers]) -> Outcome:
    strangers = [name for fold in folds for name in fold.named[len(fold.truth) :]]
    return Outcome(
        method=method,
        truth=tuple(person for fold in folds for person in fold.truth),
        named=tuple(name for fold in folds for name in fold.named[: len(fold.truth)]),
        first=tuple(person for fold in folds for person in fold.first),
        strangers=len(strangers),
        strangers_named=sum(name is not None for name in strangers),
    )


def _sample(
    vectors: NDArray[np.float32], names: NDArray[np.str_], near: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that are used, those with several shots first, and the shot of each; nothing where they are too few."""
    able: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    others: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    _, firsts = np.unique(names, return_index=True)
    # In the order of their first faces: ids of people are random, and the sample must not depend on them.
    for person in random.permutation(names[np.sort(firsts)]):
        own = np.flatnonzero(names == person)
        own = np.sort(random.permutation(own)[:MOST_FACES])
        own_shots = shots(vectors[own], near)
        (able if len(np.unique(own_shots)) >= LEAST_SHOTS else others).append((own, own_shots))
    if len(able) < LEAST_PEOPLE:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    chosen = (able + others)[:MOST_PEOPLE]
    return np.concatenate([own for own, _ in chosen]), np.concatenate([own_shots for _, own_shots in chosen])


def _folds(
    names: NDArray[np.str_], shots: NDArray[np.int64], random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The fold in which each face is held out, (n,), -1 for never, and that in which its person is a stranger, (n,).

    A person with one shot is never held out, as nothing would be left of them.
    """
    held_out, unknown = np.full(len(names), -1), np.empty(len(names), dtype=np.int64)
    _, firsts = np.unique(names, return_index=True)
    for place, person in enumerate(names[np.sort(firsts)]):
        own = np.flatnonzero(names == person)
        unknown[own] = place % FOLDS
        ids = np.unique(shots[own])
        if len(ids) > 1:
            others = np.delete(np.arange(FOLDS), place % FOLDS)
            dealt = random.permutation(others)[np.arange(len(ids)) % len(others)]
            held_out[own] = dealt[np.searchsorted(ids, shots[own])]
    return held_out, unknown
