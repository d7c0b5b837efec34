"""Which people of an album are most easily taken for each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from facesearch.gallery.people_summary import Reading
    from facesearch.types import Match, Person


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two people and their nearest faces.

    ``distance`` is between these faces, the least of ``compared`` pairs; ``far`` is the share of pairs of strangers
    that are as near. ``a_for_b`` shots of the first person get the second one's name when they are left out, and
    ``b_for_a`` the other way round.
    """

    a: Person
    b: Person
    face_a: Match
    face_b: Match
    distance: float
    far: float
    compared: int
    a_for_b: int
    b_for_a: int


def look_alikes(reading: Reading, most: int) -> tuple[LookAlikes, ...]:
    """The pairs of people with the nearest faces, the nearest first, ``most`` at most."""
    held = reading.held
    upper = np.triu_indices(len(held.people), 1)
    apart = held.apart[upper]
    first = np.argpartition(apart, most)[:most] if len(apart) > most else np.arange(len(apart))
    chosen = first[np.argsort(apart[first], kind="stable")]
    people = {person.id: person for person in reading.people}
    return tuple(_pair(reading, people, int(upper[0][at]), int(upper[1][at])) for at in chosen)


def _pair(reading: Reading, people: dict[str, Person], a: int, b: int) -> LookAlikes:
    held, vectors = reading.held, reading.enrolled.vectors
    rows_a, rows_b = np.flatnonzero(held.person == a), np.flatnonzero(held.person == b)
    alike = vectors[rows_a].astype(np.float64) @ vectors[rows_b].astype(np.float64).T
    at_a, at_b = divmod(int(alike.argmax()), len(rows_b))
    distance = float(held.apart[a, b])
    named = held.named[held.firsts]
    whose = held.person[held.firsts]
    return LookAlikes(
        a=people[held.people[a]],
        b=people[held.people[b]],
        face_a=reading.match(int(rows_a[at_a]), distance),
        face_b=reading.match(int(rows_b[at_b]), distance),
        distance=distance,
        far=reading.calibration.far(distance),
        compared=len(rows_a) * len(rows_b),
        a_for_b=int(np.sum((whose == a) & (named == b))),
        b_for_a=int(np.sum((whose == b) & (named == a))),
    )
