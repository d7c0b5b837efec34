"""Who the open faces of a gallery most likely are, group by group, and which two groups may be one person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from facesearch.curate.questions import BATCH, SURE, Group, Pair
from facesearch.gallery.likeness import (
    Likeness,
    beside_others,
    chance_of_pair,
    chance_of_person,
    widest_pair,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from facesearch.gallery.review_open import OpenFaces
    from facesearch.identify.calibration import Calibration

SPEAKERS = 8
"""Faces of a group that are compared with people: the most central ones. More change the mean little, and cost time."""

PAIRS = 2000
"""Pairs of groups that are kept in mind, those that settle the most faces; when few are left all are compared anew."""

_ROWS = 2048
"""Groups that are compared with all others at once."""


class Groups:
    """The groups of a gallery with the chances that they are somebody, kept up from one question to the next."""

    def __init__(self, opened: OpenFaces, calibration: Calibration) -> None:
        self._calibration = calibration
        self._columns: dict[int, int] = {}
        self._likeness = Likeness(opened.known.vectors[:0])
        self._compare(opened)

    def groups(self, opened: OpenFaces, most: Mapping[str, int]) -> list[Group]:
        """The groups with whom they most likely are; ``most`` as ``Group.most``, by key."""
        if opened.known is not self._known:
            self._columns = {}
            self._compare(opened)
        people, chance, distance, own = self._chances(opened)
        photos, low = opened.known.photos[opened.rows].tolist(), opened.known.low[opened.rows]
        poor = np.logical_and.reduceat(low, opened.starts).tolist() if len(low) else []
        found, first = [], 0
        for group, (key, faces) in enumerate(zip(opened.keys, opened.groups, strict=True)):
            likely, who = float(chance[group]), int(own[group])
            found.append(
                Group(
                    key=key,
                    faces=tuple(faces),
                    photos=frozenset(photos[first : first + len(faces)]),
                    poor=poor[group],
                    person=people[who] if who >= 0 else None,
                    chance=likely,
                    distance=float(distance[group]) if who >= 0 else None,
                    most=most.get(key, BATCH),
                )
            )
            first += len(faces)
        return found

    def pairs(self, opened: OpenFaces) -> list[Pair]:
        """The pairs of groups that may be one person, but for those that somebody has kept apart."""
        found = self._live(opened)
        if self._more and len(found) < PAIRS // 10:
            self._compare(opened)
            found = self._live(opened)
        return found

    def _live(self, opened: OpenFaces) -> list[Pair]:
        place = {key: group for group, key in enumerate(opened.keys)}
        held = {face_id: key for key, faces in zip(opened.keys, opened.groups, strict=True) for face_id in faces}
        apart = {frozenset((held.get(one), held.get(other))) for one, other in opened.apart}
        return [
            Pair(place[one], place[other], chance, distance)
            for one, other, chance, distance in self._pairs
            if one in place and other in place and frozenset((one, other)) not in apart
        ]

    def _compare(self, opened: OpenFaces) -> None:
        self._known = opened.known
        self._pairs = _near_pairs(opened, self._calibration)
        self._more = len(self._pairs) == PAIRS

    def _chances(
        self, opened: OpenFaces
    ) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """The people; and chance, distance and place of the likeliest one of each group, -1 where there is nobody."""
        speakers, starts = _speakers(opened)
        ids = opened.face_ids[speakers].tolist()
        if any(face_id not in self._columns for face_id in ids):
            self._columns = {face_id: column for column, face_id in enumerate(ids)}
            self._likeness = Likeness(opened.known.vectors[opened.rows[speakers]])
        people, table = self._likeness.table(opened.enrolled)
        count = len(opened.keys)
        if not count or not people:
            return people, np.zeros(count), np.full(count, np.inf), np.full(count, -1)
        columns = [self._columns[face_id] for face_id in ids]
        summed = np.add.reduceat(table[:, columns], starts, axis=1)
        by_group = (summed / np.diff(starts, append=len(ids))).astype(np.float32)
        ruled_out, forced = _ruled_out(opened, people)
        places, owners = list(forced), list(forced.values())
        # Who a group cannot be stays among the others that a distance is measured against: were they left out, the
        # next person would look surer for it.
        apart = by_group.copy()
        apart[ruled_out] = np.inf
        own = apart.argmin(axis=0)
        own[places] = owners
        nobody = ~np.isfinite(apart.min(axis=0))
        nobody[places] = False
        distances, beside = beside_others(by_group, own, self._calibration.usual)
        sizes = list(Counter(opened.enrolled.person_ids).values())
        chance = chance_of_person(self._calibration, distances, beside, sizes)
        chance[places] = np.maximum(chance[places], SURE)
        chance[nobody], own[nobody] = 0.0, -1
        return people, chance, distances, own


def _speakers(opened: OpenFaces) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The faces that speak for their groups, as places among the open ones, and where each group's begin, (g,).

    They are the most central of those that can be trusted, or of all where none can.
    """
    if not len(opened.rows):
        return np.empty(0, np.int64), opened.starts
    low = opened.known.low[opened.rows]
    group = np.repeat(np.arange(len(opened.keys)), opened.sizes)
    trusted = ~low | np.logical_and.reduceat(low, opened.starts)[group]
    rank = np.cumsum(trusted)
    before: NDArray[np.int64] = (rank - trusted)[opened.starts]
    chosen = np.flatnonzero(trusted & (rank - before[group] <= SPEAKERS))
    return chosen, np.searchsorted(group[chosen], np.arange(len(opened.keys)))


def _ruled_out(opened: OpenFaces, people: tuple[str, ...]) -> tuple[tuple[list[int], list[int]], dict[int, int]]:
    """Places (person, group) of who a group cannot be; and who groups were given to, by the group's place."""
    row = {person: place for place, person in enumerate(people)}
    forced: dict[int, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    photos = iter(opened.known.photos[opened.rows].tolist())
    for group, faces in enumerate(opened.groups):
        for face_id, photo in zip(faces, photos, strict=False):
            for person in opened.shown.get(photo, frozenset()) | opened.rejected.get(face_id, frozenset()):
                if person in row:
                    rows.append(row[person])
                    columns.append(group)
        given = opened.given.get(faces[0])
        if given in row:
            forced[group] = row[given]
    return (rows, columns), forced


def _near_pairs(opened: OpenFaces, calibration: Calibration) -> list[tuple[str, str, float, float]]:
    """Keys of groups that may be one person, with the chance and the mean distance of their faces, best first."""
    if len(opened.keys) < 2:
        return []
    trusted = ~opened.known.low[opened.rows] & ~np.isin(opened.face_ids, list(opened.given))
    counts = np.add.reduceat(trusted, opened.starts, dtype=np.float32)
    sure = np.flatnonzero(counts)
    sums = np.add.reduceat(opened.known.vectors[opened.rows] * trusted[:, None], opened.starts, axis=0)
    means = sums[sure] / counts[sure][:, None]
    limit = widest_pair(calibration, len(sure), SURE)
    blocks = [np.empty((3, 0))]
    for start in range(0, len(sure), _ROWS):
        apart = 2 - 2 * (means[start : start + _ROWS] @ means[start:].T)
        one, other = np.nonzero(np.triu(apart <= limit, 1))
        blocks.append(np.stack([sure[one + start], sure[other + start], apart[one, other]]))
    firsts, seconds, distances = np.concatenate(blocks, axis=1)
    ones, others = firsts.astype(np.int64), seconds.astype(np.int64)
    chances = chance_of_pair(calibration, distances, len(sure))
    best = np.argsort(-chances * (opened.sizes[ones] + opened.sizes[others]), kind="stable")[:PAIRS].tolist()
    keys = opened.keys
    return [(keys[ones[i]], keys[others[i]], float(chances[i]), float(distances[i])) for i in best]
