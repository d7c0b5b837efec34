"""How near unnamed faces are to people, kept from one question to the next, and how likely that makes a name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify.normalize import OTHERS, evidence, normalized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.identify.calibration import Calibration
    from facesearch.store.values import Enrolled

BLOCK = 512
"""Enrolled faces that are compared at once."""

ROUNDS = 20
"""Iterations after which the share of known people hardly moves."""


class Likeness:
    """The evidence (``identify.normalize``) between some faces and every person.

    Who was compared once is compared again only when their enrolled faces have changed, so that an answer of a user
    costs one person.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._rows: dict[str, tuple[bytes, NDArray[np.float32]]] = {}

    def table(self, enrolled: Enrolled) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """The P people in ascending order, and the evidence (P, n) of the n faces for each of them, float32."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, person in enumerate(enrolled.person_ids):
            places[person].append(place)
        people = tuple(sorted(places))
        keys = {person: enrolled.face_ids[places[person]].tobytes() for person in people}
        stale = [person for person in people if self._rows.get(person, (b"",))[0] != keys[person]]
        waiting: list[str] = []
        for person in stale:
            waiting.append(person)
            if sum(len(places[one]) for one in waiting) >= BLOCK or person == stale[-1]:
                rows = self._compare(enrolled.vectors, [places[one] for one in waiting])
                self._rows |= {one: (keys[one], row) for one, row in zip(waiting, rows, strict=True)}
                waiting = []
        self._rows = {person: self._rows[person] for person in people}
        held = [self._rows[person][1] for person in people]
        return people, np.stack(held) if held else np.empty((0, len(self._vectors)), np.float32)

    def _compare(self, enrolled: NDArray[np.float32], places: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        rows = enrolled[[place for some in places for place in some]]
        starts = np.cumsum([0, *(len(some) for some in places[:-1])])
        sums = np.add.reduceat(rows, starts, axis=0)
        means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        nearest = np.minimum.reduceat(2 - 2 * (rows @ self._vectors.T), starts, axis=0)  # (people, n)
        to_mean = 2 - 2 * (means @ self._vectors.T)
        return evidence(np.clip(nearest, 0, 4), np.clip(to_mean, 0, 4)).astype(np.float32)


def beside_others(
    table: NDArray[np.float32], own: NDArray[np.int64], usual: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The evidence for one person each, and the normalized distance that it comes to beside everybody else.

    Args:
        table: evidence (P, n), infinite where somebody is out of the question; P may not be 0.
        own: the row of the person that is meant for each of the n columns.
        usual: that of the calibration (``identify.normalize``).
    """
    count = min(OTHERS + 1, len(table))
    nearest = np.partition(table, count - 1, axis=0)[:count].T.astype(np.float64)  # (n, count)
    nearest.sort(axis=1)
    mine = table[own, np.arange(table.shape[1])].astype(np.float64)
    # Where the person is among the nearest, the next one takes that place.
    among = mine <= nearest[:, -1]
    place = np.where(among, (nearest == mine[:, None]).argmax(axis=1), count - 1)
    kept = np.arange(count) != place[:, None]
    others = nearest[kept].reshape(len(nearest), count - 1)
    return mine, normalized(np.hstack([mine[:, None], others]), usual)[:, 0]


def chance_of_person(
    calibration: Calibration, apart: NDArray[np.float64], beside: NDArray[np.float64], sizes: Sequence[int]
) -> NDArray[np.float64]:
    """How likely groups of faces are the person that they are nearest to, (n,), 0 to 1.

    Two suppositions are held against each other, each by how rare it makes what is seen. If they are the person, a
    share ``miss = 1 - TAR(evidence)`` of pairs of one person is as far apart or farther. If they are strangers, a share
    ``wrong = FPIR(normalized distance)`` of strangers comes as near to anybody or nearer. Both rates are the
    calibration's. With a share ``known`` of the groups that are somebody known (Bayes' rule, with these shares in place
    of likelihoods),

        P = known · miss / (known · miss + (1 - known) · wrong)

    and ``known`` is the mean of all P, found by iteration from a half (expectation-maximization of the mixing weight:
    Dempster, Laird and Rubin 1977), with one group of each kind added so that few groups prove little (Laplace). An
    album of strangers, or one whose known people are all named, so makes for fewer suggestions.

    Args:
        calibration: of the gallery.
        apart: the evidence for the person, (n,).
        beside: the normalized distance, (n,).
        sizes: how many enrolled faces each person has.
    """
    wrong = calibration.fpirs(beside, sizes)
    miss, known = 1 - calibration.tars(apart), 0.5
    for _ in range(ROUNDS):
        chance = _odds(known * miss, (1 - known) * wrong)
        known = float((1 + chance.sum()) / (2 + len(chance)))
    return _odds(known * miss, (1 - known) * wrong)


def chance_of_pair(calibration: Calibration, apart: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    """How likely two groups are one person, (n,), 0 to 1, from their mean squared distances, (n,).

    As ``chance_of_person``, with ``wrong = min(1, groups · FAR(distance))``: each group has that many others to be near
    to by chance (Boole's inequality).
    """
    wrong = np.minimum(1.0, groups * calibration.fars(apart))
    return _odds(1 - calibration.tars(apart), wrong)


def widest_pair(calibration: Calibration, groups: int, sure: float) -> float:
    """The largest mean distance at which two of so many groups are one person with a chance of ``sure``; 0 if none."""
    measured = np.array(calibration.pairs.distances) + calibration.shift
    likely = measured[chance_of_pair(calibration, measured, groups) >= sure]
    return float(likely.max(initial=0.0))


def _odds(miss: NDArray[np.float64], wrong: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(miss / np.maximum(miss + wrong, 1e-12))
