"""Who is enrolled, who is asked about and who is a stranger: the protocols of open-set identification.

All of them work on rows of photos. Near-duplicates of one person (``identify.shots``) never stand on both sides: where
one of them is enrolled the others are set aside, so that nobody is found by a copy of an enrolled photo, and everybody
is enrolled with as many photos as was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError
from facesearch.identify.calibration import built_in
from facesearch.identify.shots import NEAR, shots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

FOLDS = 10
"""Leave-one-out trains an SVM a fold, without the fold's photos: training one a photo would take hours."""


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Labelled photos: ``vectors`` (n, d), float32 unit rows, NaN without a face; ``people`` (n,), the person of each.

    ``groups`` (n,), int64, are equal where photos are near-duplicates of each other.
    """

    vectors: NDArray[np.float32]
    people: NDArray[np.str_]
    groups: NDArray[np.int64]

    @classmethod
    def of(
        cls, vectors: NDArray[np.float32], people: Sequence[str] | NDArray[np.str_], *, near: float | None = NEAR
    ) -> Photos:
        """Find the near-duplicates of labelled photos.

        Args:
            vectors: of the photos.
            people: who is in each.
            near: ``Calibration.near``; None where there is no calibration, to go by the photos themselves.

        Raises:
            ValueError: there are not as many labels as rows.
        """
        if len(vectors) != len(people):
            raise ValueError(f"{len(people)} labels for {len(vectors)} photos")
        labels = np.asarray(people, dtype=np.str_)
        near = _near(vectors, labels) if near is None else near
        return cls(vectors, labels, _near_duplicates(vectors, labels, near))

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether each photo shows a face, (n,)."""
        return np.asarray(np.isfinite(self.vectors).all(axis=1))

    @property
    def near_duplicates(self) -> int:
        """How many photos have a near-duplicate."""
        counts = np.bincount(self.groups)
        return int(counts[counts > 1].sum())

    def several(self, least: int) -> NDArray[np.str_]:
        """The people with at least so many photos, ascending."""
        names, counts = np.unique(self.people, return_counts=True)
        return names[counts >= least]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Rows of photos, int64: ``gallery`` is enrolled, ``probes`` show people of it, ``strangers`` nobody of it.

    ``set_aside`` counts the near-duplicates of enrolled photos that are not asked about. ``left_out`` is None, or in
    leave-one-out the rows of the gallery that an SVM may not learn from; then no photo of a probe's own group is
    evidence for it.
    """

    gallery: NDArray[np.int64]
    probes: NDArray[np.int64]
    strangers: NDArray[np.int64]
    set_aside: int = 0
    left_out: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The protocol.

    People with ``least`` photos are enrolled with ``enrol`` random ones, ``draws`` times, but for a share ``strangers``
    of them. ``leave_one_out`` asks about each of their photos with all others enrolled, once. ``halves`` measures also
    at thresholds from one half of the people, ``draws`` times. ``seed`` decides all that is random.
    """

    enrol: int = 3
    least: int = 4
    draws: int = 20
    strangers: float = 0.0
    leave_one_out: bool = False
    halves: bool = False
    seed: int = 0

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ConfigError: it does.
        """
        if not self.leave_one_out and self.enrol >= self.least:
            raise ConfigError(
                f"people with {self.least} photos, {self.enrol} of them enrolled, leave none to ask about",
                hint="--least must be more than --enrol",
            )
        if self.halves and self.leave_one_out:
            raise ConfigError("--halves enrols random photos, --leave-one-out all: choose one")


def draws(
    photos: Photos, plan: Plan, chosen: tuple[NDArray[np.int64], NDArray[np.int64]] | None
) -> Iterator[tuple[Trial, ...]]:
    """The trials of each draw; several where only together they are one.

    Args:
        photos: all photos.
        plan: the protocol.
        chosen: rows to enrol and rows to ask about, instead of random ones.

    Raises:
        ConfigError: too few people can be enrolled, or nobody who is enrolled is asked about.
    """
    if chosen is not None:
        yield (_asking(listed(photos, *chosen)),)
    elif plan.leave_one_out:
        random = np.random.default_rng(plan.seed)
        yield leave_one_out(photos, random, least=plan.least, strangers=plan.strangers)
    else:
        for draw in range(plan.draws):
            random = np.random.default_rng([plan.seed, draw])
            trial = random_enrolment(photos, random, enrol=plan.enrol, least=plan.least, strangers=plan.strangers)
            yield (_asking(trial),)


def listed(photos: Photos, gallery: NDArray[np.int64], asked: NDArray[np.int64]) -> Trial:
    """Enrol ``gallery`` and ask about ``asked``; whoever is not enrolled is a stranger."""
    copies = np.isin(photos.groups[asked], photos.groups[gallery])
    left = asked[~copies]
    known = np.isin(photos.people[left], photos.people[gallery])
    return Trial(gallery, left[known], left[~known], int(copies.sum()))


def random_enrolment(
    photos: Photos, random: np.random.Generator, *, enrol: int, least: int, strangers: float = 0.0
) -> Trial:
    """Enrol everybody who has ``least`` photos with ``enrol`` of them; the other photos are asked about.

    Args:
        photos: all photos.
        random: decides which photos, and who is left out.
        enrol: enrolled photos of each person.
        least: photos that a person must have to be enrolled.
        strangers: the share of these people that is left out.
    """
    chosen = _chosen(photos, random, least, strangers)
    order = random.permutation(len(photos.people))
    gallery = np.concatenate([order[photos.people[order] == person][:enrol] for person in chosen])
    return listed(photos, np.sort(gallery), np.setdiff1d(order, gallery))


def halves(photos: Photos, plan: Plan, split: int) -> tuple[Trial, Trial]:
    """Two random enrolments whose people, enrolled or strangers, are one half of all people each.

    Raises:
        ConfigError: there are too few people for that, or no strangers.
    """
    random = np.random.default_rng([plan.seed, split, 2])  # numbers of its own, not those of the draws
    names = np.unique(photos.people)
    first = np.isin(photos.people, random.permutation(names)[: len(names) // 2])
    sides = []
    for rows in (np.flatnonzero(first), np.flatnonzero(~first)):
        own = Photos(photos.vectors[rows], photos.people[rows], photos.groups[rows])
        trial = _asking(random_enrolment(own, random, enrol=plan.enrol, least=plan.least))
        sides.append(Trial(rows[trial.gallery], rows[trial.probes], rows[trial.strangers], trial.set_aside))
    if not all(len(side.strangers) for side in sides):
        raise ConfigError("--halves needs strangers: people with fewer photos than are enrolled")
    return sides[0], sides[1]


def leave_one_out(
    photos: Photos, random: np.random.Generator, *, least: int, strangers: float = 0.0
) -> tuple[Trial, ...]:
    """Ask about every photo of everybody who has ``least`` photos, all of them enrolled but this one and its copies.

    In parts, whose probes and strangers together are all there are; each part's probes are left out of the training.
    """
    chosen = np.isin(photos.people, _chosen(photos, random, least, strangers))
    gallery, others = np.flatnonzero(chosen), random.permutation(np.flatnonzero(~chosen))
    ids, places = np.unique(photos.groups[gallery], return_index=True)
    order = random.permutation(len(ids))
    # Dealt out person by person, so that a fold takes as little as possible of each.
    dealt = ids[order[np.argsort(photos.people[gallery[places[order]]], kind="stable")]]
    fold = np.zeros(int(photos.groups.max()) + 1, dtype=np.int64)
    fold[dealt] = np.arange(len(dealt)) % FOLDS
    parts = []
    for place in range(FOLDS):
        probes = gallery[fold[photos.groups[gallery]] == place]
        parts.append(Trial(gallery, probes, others[place::FOLDS], left_out=probes))
    return tuple(parts)


def _asking(trial: Trial) -> Trial:
    """The trial, if it asks about anybody who is enrolled.

    Raises:
        ConfigError: it does not.
    """
    if not len(trial.probes):
        raise ConfigError(
            "no probe shows anybody who is enrolled",
            hint="name people alike in both lists; near-duplicates of enrolled photos do not count",
        )
    return trial


def _chosen(photos: Photos, random: np.random.Generator, least: int, strangers: float) -> NDArray[np.str_]:
    """Who is enrolled, in the order of their names.

    Raises:
        ConfigError: fewer than two people would be.
    """
    able = photos.several(least)
    left = len(able) - round(strangers * len(able))
    if left < 2:
        raise ConfigError(
            f"{len(able):,} people have {least} photos or more, {max(left, 0):,} would be enrolled: at least 2 must be",
            hint="ask for fewer photos with --least, or for fewer --strangers",
        )
    return np.sort(random.permutation(able)[:left])


def _near(vectors: NDArray[np.float32], people: NDArray[np.str_]) -> float:
    """What ``Calibration.near`` would be, from one pair of photos after the other of each person."""
    order = np.argsort(people, kind="stable")
    same = people[order][1:] == people[order][:-1]
    one, other = vectors[order[:-1][same]], vectors[order[1:][same]]
    apart = 2 - 2 * np.einsum("ij,ij->i", one, other, dtype=np.float64)
    apart = apart[np.isfinite(apart)]
    return float(NEAR * np.median(apart) / built_in().half) if len(apart) else NEAR


def _near_duplicates(vectors: NDArray[np.float32], people: NDArray[np.str_], near: float) -> NDArray[np.int64]:
    """The group of each photo, (n,); who is near to one of a group is in it."""
    groups = np.arange(len(people))
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.append(True, people[order][1:] != people[order][:-1]))
    for rows in np.split(order, starts[1:]):
        groups[rows] = rows[shots(vectors[rows], near)]
    return groups
