"""How well enrolled faces stand for their people: every face is asked about in turn, with itself left out.

Two questions, both at the limit that ``who`` goes by for the faces that are enrolled:

- *Is it found?* The face's own shot is left out (near-duplicates and the same photo, as they would find each other);
  everybody stays enrolled. The share of a person's shots that do not get their name estimates the miss rate (FNIR).
- *Whom would a stranger be taken for?* The face's whole person is left out, as everybody is a stranger once
  (``crossval`` does the same). The share that gets another's name estimates that person's part of FPIR.

A name goes to the person with the least normalized distance (``normalize``). The vote of ``knn`` and the SVM, which
decide between people who are both near, are not looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify.normalize import evidence, normalized
from facesearch.identify.shots import shots
from facesearch.identify.table import Enrolled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.identify.calibration import Calibration

NOBODY = -1
"""Among places of people: no name."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """n enrolled faces of P people, each asked about; rows in the caller's order, people by their place in ``people``.

    ``person`` (n,) is whose the face is. ``shot`` (n,) is the row of the first face of its shot. ``nearest`` (n,) is
    the squared distance to the nearest other shot of the person, infinite where there is none; ``rival`` (n,) the
    nearest other person, ``NOBODY`` where there is none, and ``rival_distance`` (n,) how far they are. ``named`` (n,)
    gets the name with everybody enrolled, ``taken_for`` (n,) with the person left out; ``NOBODY`` where nobody does.
    ``apart`` (P, P) are the squared distances of people's nearest faces, infinite on the diagonal.
    """

    people: tuple[str, ...]
    person: NDArray[np.int64]
    shot: NDArray[np.int64]
    nearest: NDArray[np.float64]
    rival: NDArray[np.int64]
    rival_distance: NDArray[np.float64]
    named: NDArray[np.int64]
    taken_for: NDArray[np.int64]
    apart: NDArray[np.float64]

    @property
    def firsts(self) -> NDArray[np.int64]:
        """The rows that stand for a shot: one of each, the first."""
        return np.flatnonzero(self.shot == np.arange(len(self.shot)))


def leave_out(
    vectors: NDArray[np.float32],
    persons: Sequence[str],
    photos: NDArray[np.int64],
    calibration: Calibration,
    fpir: float,
) -> LeftOut:
    """Ask about every enrolled face without itself. Work grows with the square of n, a block at a time.

    Args:
        vectors: unit rows of the enrolled faces, shape (n, d), float32.
        persons: the n person ids.
        photos: the photo of each face, (n,); faces of one photo are no evidence for each other.
        calibration: gives the limits.
        fpir: the share of strangers that may get a name.

    Raises:
        ValueError: there are not as many ids as rows.
        ConfigError: the calibration does not reach so far.
    """
    faces = Enrolled.of(vectors, persons)
    codes = np.searchsorted(faces.people, np.asarray(persons, dtype=np.str_)).astype(np.int64)
    sizes = Counter(persons)
    limit = calibration.limit(fpir, tuple(sizes.values()))
    without = np.array(
        [calibration.limit(fpir, tuple(n for other, n in sizes.items() if other != one)) for one in faces.people]
    )
    held = _empty(faces.people, codes, _shots(vectors, faces, calibration.near))
    by_photo, by_shot = _places(photos[faces.order]), _places(held.shot[faces.order])
    for block, apart in faces.distances(vectors[faces.order], None):
        rows = faces.order[block]
        own, at = codes[rows], np.arange(len(rows))
        np.minimum.at(held.apart, own, faces.nearest(apart))
        known = zip(photos[rows].tolist(), held.shot[rows].tolist(), strict=True)
        itself = [(i, one) for i, (photo, shot) in enumerate(known) for one in {*by_photo[photo], *by_shot[shot]}]
        found, nearest = _evidence(faces, apart, itself)
        held.nearest[rows] = nearest[at, own]
        held.named[rows] = _named(found, np.full(len(rows), limit), calibration.usual)
        found[at, own] = nearest[at, own] = np.inf
        held.taken_for[rows] = _named(found, without[own], calibration.usual)
        held.rival[rows], held.rival_distance[rows] = nearest.argmin(axis=1), nearest.min(axis=1)
    np.fill_diagonal(held.apart, np.inf)
    held.rival[np.isinf(held.rival_distance)] = NOBODY
    return held


def ask(
    vectors: NDArray[np.float32],
    photos: NDArray[np.int64],
    enrolled: tuple[NDArray[np.float32], Sequence[str], NDArray[np.int64]],
    calibration: Calibration,
    fpir: float,
) -> list[str | None]:
    """Who each of q unnamed faces would be, by the same rule; the faces of its own photo are no evidence.

    Args:
        vectors: unit rows, shape (q, d), float32.
        photos: their photos, (q,).
        enrolled: rows (n, d), person ids and photos (n,) of the enrolled faces.
        calibration: gives the limit.
        fpir: the share of strangers that may get a name.
    """
    faces = Enrolled.of(enrolled[0], enrolled[1])
    limit = calibration.limit(fpir, tuple(Counter(enrolled[1]).values()))
    where = _places(enrolled[2][faces.order])
    names: list[str | None] = []
    for rows, apart in faces.distances(vectors, None):
        pairs = [(row, at) for row, photo in enumerate(photos[rows].tolist()) for at in where.get(photo, ())]
        beside, _ = _evidence(faces, apart, pairs)
        found = _named(beside, np.full(len(apart), limit), calibration.usual)
        names += [None if place == NOBODY else faces.people[place] for place in found.tolist()]
    return names


def _evidence(
    faces: Enrolled, apart: NDArray[np.float64], pairs: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``Enrolled.evidence`` and ``nearest`` where single faces (row, column) are no evidence: as fast as without."""
    alike = 1 - apart / 2
    length = np.tile(np.linalg.norm(faces.sums, axis=1), (len(apart), 1))
    if pairs:
        rows, columns = np.array(pairs, dtype=np.int64).T
        apart[rows, columns], alike[rows, columns] = np.inf, 0.0
        owner = np.searchsorted(faces.starts, columns, side="right") - 1
        touched, which = np.unique(rows * len(faces.people) + owner, return_inverse=True)
        left = faces.sums[touched % len(faces.people)]
        np.subtract.at(left, which, faces.vectors[columns])
        length[np.divmod(touched, len(faces.people))] = np.linalg.norm(left, axis=1)
    nearest = faces.nearest(apart)
    cosine = np.divide(faces.total(alike), length, out=np.full(length.shape, -1.0), where=length > 1e-9)
    return evidence(nearest, np.clip(np.round(2 - 2 * cosine, 9), 0.0, 4.0)), nearest


def _named(found: NDArray[np.float64], limits: NDArray[np.float64], usual: float) -> NDArray[np.int64]:
    """Who gets the name, (b,), from the evidence (b, P) and the limit of each probe (b,)."""
    if not found.shape[1]:
        return np.full(len(found), NOBODY, dtype=np.int64)
    beside = normalized(found, usual)
    best = beside.argmin(axis=1)
    return np.where(beside[np.arange(len(found)), best] < limits, best, NOBODY)


def _shots(vectors: NDArray[np.float32], faces: Enrolled, near: float) -> NDArray[np.int64]:
    """The row of the first face of each face's shot, (n,)."""
    found = np.arange(len(vectors))
    for own in np.split(faces.order, faces.starts[1:]):
        found[own] = own[shots(vectors[own], near)]
    return found


def _places(keys: NDArray[np.int64]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for place, key in enumerate(keys.tolist()):
        found[key].append(place)
    return found


def _empty(people: tuple[str, ...], person: NDArray[np.int64], shot: NDArray[np.int64]) -> LeftOut:
    count = len(person)

    def nobody() -> NDArray[np.int64]:
        return np.full(count, NOBODY, dtype=np.int64)

    def far() -> NDArray[np.float64]:
        return np.full(count, np.inf)

    apart = np.full((len(people), len(people)), np.inf)
    return LeftOut(people, person, shot, far(), nobody(), far(), nobody(), nobody(), apart)
