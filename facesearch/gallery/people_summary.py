"""One person of an album: how much there is to know them by, how well that works, and what looks wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from facesearch.gallery.places import GONE
from facesearch.gallery.thin import advice
from facesearch.identify.leaving_out import NOBODY
from facesearch.types import Candidate, Match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from facesearch.identify.calibration import Calibration
    from facesearch.identify.leaving_out import LeftOut
    from facesearch.store.values import Enrolled
    from facesearch.types import Face, Person, Photo

MOST_TYPICAL = 6
MOST_ODD = 6

LEAST_SHOTS = 3
"""Of two shots that are far apart nobody can say which is the wrong one."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read of a gallery: ``enrolled`` are the faces that are evidence, ``every`` all that have a person.

    ``faces`` and ``photos`` are those of ``every``, by id; ``held`` has a row for each of ``enrolled``.
    """

    people: Sequence[Person]
    enrolled: Enrolled
    every: Enrolled
    faces: Mapping[int, Face]
    photos: Mapping[int, Photo]
    held: LeftOut
    calibration: Calibration

    def match(self, row: int, distance: float = 0.0) -> Match:
        """The face of a row of ``enrolled``, and where it is."""
        return self.match_of(int(self.enrolled.face_ids[row]), distance)

    def match_of(self, face_id: int, distance: float = 0.0) -> Match:
        """A face of ``every``, and where it is."""
        face = self.faces[face_id]
        photo = self.photos.get(face.photo_id or 0)
        return Match(face, distance, photo.paths[0] if photo is not None and photo.paths else GONE)


@dataclass(frozen=True, slots=True)
class Odd:
    """A face that fits its person badly: ``match.distance`` is to the nearest of their other shots.

    ``rival`` is the nearest other person, None where there is none.
    """

    match: Match
    rival: Candidate | None


@dataclass(frozen=True, slots=True)
class FalseNames:
    """How often others would get a person's name, were they strangers themselves.

    ``named`` of the ``asked`` shots, of ``people`` of the ``others``; ``share`` is the mean share, each other person
    weighing the same.
    """

    named: int
    asked: int
    people: int
    others: int
    share: float


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person and how well they can be told.

    ``shots`` are faces that are no near-duplicates; ``found`` of ``asked`` shots get the right name when they are left
    out (``asked`` is 0 where there is one shot only), ``mistaken`` got others' names, as (name, shots). ``quality`` is
    the median, 0 to 1, None where it was not measured. ``resembling`` unnamed faces would get this name. ``first`` and
    ``last`` are days. ``thin`` says what the gallery lacks, or is None. ``typical`` are faces to show, the most
    central first, ``odd`` those to look at, the worst first of ``odd_faces``.
    """

    person: Person
    shots: int
    first: str | None
    last: str | None
    quality: float | None
    asked: int
    found: int
    mistaken: tuple[tuple[str, int], ...]
    false: FalseNames
    resembling: int
    thin: str | None
    typical: tuple[Match, ...]
    odd: tuple[Odd, ...]
    odd_faces: int


def summarise_people(reading: Reading, resembling: Mapping[str, int]) -> tuple[PersonSummary, ...]:
    """Everybody who has a face, by name; ``resembling`` are counts of unnamed faces by person id."""
    held = reading.held
    rows = _rows(held.person, len(held.people))
    every: dict[str, list[int]] = defaultdict(list)
    for face_id, person_id in zip(reading.every.face_ids.tolist(), reading.every.person_ids, strict=True):
        every[person_id].append(face_id)
    taken = _counts(held, held.taken_for)
    named = _counts(held, held.named)
    asked = np.bincount(held.person[held.firsts], minlength=len(held.people))
    places = {person_id: place for place, person_id in enumerate(held.people)}
    names = {person.id: person.name for person in reading.people}
    found = []
    for person in reading.people:
        if person.id not in places:
            continue
        place = places[person.id]
        others = sorted(np.flatnonzero(named[place]).tolist(), key=lambda at: -named[place, at])
        mistaken = tuple((names[held.people[at]], int(named[place, at])) for at in others)
        false = _false_names(taken[:, place], asked, place)
        own = rows[place], every[person.id], resembling.get(person.id, 0)
        found.append(_person(reading, person, own, mistaken, false, names))
    return tuple(found)


def _person(
    reading: Reading,
    person: Person,
    own: tuple[NDArray[np.int64], list[int], int],
    mistaken: tuple[tuple[str, int], ...],
    false: FalseNames,
    names: Mapping[str, str],
) -> PersonSummary:
    rows, face_ids, resembling = own
    held = reading.held
    faces = [reading.faces[face_id] for face_id in face_ids]
    photos = [reading.photos[face.photo_id or 0] for face in faces]
    days = sorted(photo.taken_at[:10] for photo in photos if photo.taken_at)
    qualities = [face.quality for face in faces if face.quality is not None]
    firsts = rows[held.shot[rows] == rows]
    able = firsts[np.isfinite(held.nearest[firsts])]
    right = int(np.sum(held.named[able] == held.person[able]))
    odd = _odd(reading, rows, len(firsts), names)
    return PersonSummary(
        person=person,
        shots=len(firsts),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        quality=median(qualities) if qualities else None,
        asked=len(able),
        found=right,
        mistaken=mistaken,
        false=false,
        resembling=resembling,
        thin=advice(faces, days, shots=len(firsts), asked=len(able), found=right),
        typical=tuple(reading.match(row) for row in _typical(reading, rows)),
        odd=tuple(odd[:MOST_ODD]),
        odd_faces=len(odd),
    )


def _rows(person: NDArray[np.int64], people: int) -> list[NDArray[np.int64]]:
    """The rows of each person, ascending."""
    order = np.argsort(person, kind="stable")
    return np.split(order, np.searchsorted(person[order], np.arange(1, people))) if people else []


def _counts(held: LeftOut, named: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many shots of each person (row) got the name of another (column), (P, P)."""
    table = np.zeros((len(held.people),) * 2, dtype=np.int64)
    rows = held.firsts[named[held.firsts] != NOBODY]
    np.add.at(table, (held.person[rows], named[rows]), 1)
    np.fill_diagonal(table, 0)
    return table


def _false_names(taken: NDArray[np.int64], asked: NDArray[np.int64], place: int) -> FalseNames:
    others = len(asked) - 1
    shares = np.delete(taken / asked, place)
    return FalseNames(
        named=int(taken.sum()),
        asked=int(asked.sum() - asked[place]),
        people=int(np.count_nonzero(taken)),
        others=others,
        share=float(shares.mean()) if others else 0.0,
    )


def _typical(reading: Reading, rows: NDArray[np.int64]) -> list[int]:
    """Rows to show, nearest to the mean first, of every shot one before any has two."""
    vectors = reading.enrolled.vectors[rows]
    ordered = rows[np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")].tolist()
    seen: set[int] = set()
    first: list[int] = []
    again: list[int] = []
    for row in ordered:
        shot = int(reading.held.shot[row])
        (again if shot in seen else first).append(row)
        seen.add(shot)
    return (first + again)[:MOST_TYPICAL]


def _odd(reading: Reading, rows: NDArray[np.int64], shots: int, names: Mapping[str, str]) -> list[Odd]:
    """Faces that are nearer to somebody else than to their own person, or farther than one person is from themselves.

    Farther is: beyond the default threshold of ``verify`` from every other shot.
    """
    held = reading.held
    nearest, rival = held.nearest[rows], held.rival_distance[rows]
    far = (nearest >= reading.calibration.threshold()) & (shots >= LEAST_SHOTS)
    odd = rows[np.isfinite(nearest) & (far | (rival < nearest))]
    worst = odd[np.argsort(held.rival_distance[odd] - held.nearest[odd], kind="stable")]
    found = []
    for row in worst.tolist():
        other = int(held.rival[row])
        name = held.people[other]
        beside = None if other == NOBODY else Candidate(name, names[name], float(held.rival_distance[row]))
        found.append(Odd(reading.match(row, float(held.nearest[row])), beside))
    return found
