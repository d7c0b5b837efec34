"""What is known of one person: their photos over time, whom they may be taken for, and faces that may not be theirs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.gallery import pictures
from facesearch.gallery.people import the_person
from facesearch.gallery.places import place_of
from facesearch.images.quality import doubt
from facesearch.types import Candidate, Match

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.gallery.evidence import Evidence, EvidenceCache
    from facesearch.identify.calibration import Calibration
    from facesearch.store.store import Store
    from facesearch.types import Person, Recipe

CONFUSABLES = 3
"""How many of the nearest other people are told."""

OUTLIERS = 3
"""How many faces are worth a look at most."""

APART = 0.7
"""Squared distance to the mean of the person's other faces from which a face is worth a look.

Measured on lfw-dev, 180 people with 4 photos or more: 0.8 to 2 % of the right faces are beyond. Of wrong ones, the most
alike of 50 strangers each, 98.5 to 100 % are. That is FaceNet's; others have ``Calibration.as_rare_as`` of it, beyond
which are 1.8 to 2.7 % and 98.3 % by dlib, 0.6 to 0.9 % and 99.4 % by the pair of both. Ranked by this distance, one
wrong face is among the first three always, and two wrong ones of four faces both in 99 %.
"""


@dataclass(frozen=True, slots=True)
class PersonFace:
    """A face of a person.

    ``match`` says where it is; its distance is to the mean of the person's other faces, NaN where there is none.
    ``doubt`` says why it cannot be trusted much, or is None.
    """

    match: Match
    taken_at: str | None
    source: str
    confirmed: bool
    doubt: str | None


@dataclass(frozen=True, slots=True)
class Confusable:
    """Another person, and the nearest pair of faces, ``a`` of the person and ``b`` of the other.

    ``far`` is the share of pairs of strangers that are as near, ``pairs`` how many pairs these two people make.
    """

    other: Candidate
    far: float
    pairs: int
    a: Match
    b: Match


@dataclass(frozen=True, slots=True)
class Outlier:
    """A face that may have the wrong name; ``nearest`` is the person whom it is nearest to among all others."""

    face: PersonFace
    nearest: Candidate | None


@dataclass(frozen=True, slots=True)
class Portrait:
    """What is known of a person; ``faces`` are by date, those without a date last."""

    person: Person
    faces: tuple[PersonFace, ...]
    confusables: tuple[Confusable, ...]
    outliers: tuple[Outlier, ...]

    @property
    def dates(self) -> tuple[str, ...]:
        """When the photos were taken, ISO 8601, ascending; those without a date are left out."""
        taken = {face.match.face.photo_id: face.taken_at for face in self.faces}
        return tuple(sorted(date for date in taken.values() if date is not None))

    @property
    def years(self) -> dict[str, int]:
        """Photos by year, ascending."""
        return dict(sorted(Counter(date[:4] for date in self.dates).items()))

    @property
    def sources(self) -> dict[str, int]:
        """Faces by where their name comes from, most first."""
        return dict(Counter(face.source for face in self.faces).most_common())

    @property
    def unconfirmed(self) -> int:
        """Faces that were given automatically, and that nobody confirmed."""
        return sum(1 for face in self.faces if not face.confirmed)

    @property
    def poor(self) -> int:
        """Faces that cannot be trusted much."""
        return sum(1 for face in self.faces if face.doubt is not None)


def portray(store: Store, evidence: EvidenceCache, calibration: Calibration, name: str) -> Portrait:
    """What is known of a person; see ``GalleryCuration.person``.

    Raises:
        NotFoundError: there is nobody of this name.
        ConfigError: several people have it.
    """
    with store.reading():
        person = the_person(store, name)
        recipe = next((one for one in store.recipes() if one.key == store.state().recipe), None)
        if recipe is None:
            return Portrait(person, (), (), ())
        faces, vectors = _faces(store, recipe, person.id)
        known = evidence.current(recipe)
        near = _confusables(store, known, person.id, calibration)
        odd = _outliers(faces, vectors, known.without({person.id}), calibration.as_rare_as(APART))
        return Portrait(person, faces, near, odd)


def draw(store: Store, portrait: Portrait, target: Path) -> None:
    """Write the person's faces as a contact sheet, as PNG: oldest first, with dates, and outliers marked.

    Where there are too many faces, the outliers are shown, and of the others some of each time.

    Raises:
        ConfigError: the name does not end in .png.
        FacesearchError: it cannot be written.
    """
    odd = {outlier.face.match.face.id for outlier in portrait.outliers}
    places = _spread([face.match.face.id in odd for face in portrait.faces], pictures.SHEET_FACES)
    ordered = [portrait.faces[place] for place in places]
    captions = [_caption(face, odd=face.match.face.id in odd) for face in ordered]
    person = portrait.person
    title = f"{person.name}: {person.faces} faces in {person.photos} photos"
    pictures.draw_sheet(store, title, [face.match for face in ordered], target, captions)


def from_others(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far each of some faces is from the mean of the others.

    Args:
        vectors: (n, d), unit rows.

    Returns:
        (n,), squared distances to the mean made unit, 0 to 4; NaN where there is only one face.
    """
    rows = vectors.astype(np.float64)
    rest = rows.sum(axis=0) - rows
    length = np.linalg.norm(rest, axis=1)
    alike = np.divide((rows * rest).sum(axis=1), length, out=np.full(len(rows), np.nan), where=length > 1e-9)
    return np.clip(2 - 2 * alike, 0.0, 4.0)


def _faces(
    store: Store, recipe: Recipe, person_id: str
) -> tuple[tuple[PersonFace, ...], dict[int, NDArray[np.float32]]]:
    """A person's faces, oldest first, and their vectors by id."""
    held = store.enrolments_of(person_id)
    ids, rows = store.vectors_of([one.face_id for one in held], recipe)
    apart = dict(zip(ids.tolist(), from_others(rows).tolist(), strict=True))
    faces = store.faces([one.face_id for one in held])
    paths = store.paths_of([one.photo_id for one in held])
    found = []
    for one in held:
        face = faces[one.face_id]
        match = Match(face, apart.get(one.face_id, float("nan")), place_of(paths, face))
        found.append(PersonFace(match, one.taken_at, one.source, one.confirmed, doubt(face)))
    return tuple(found), dict(zip(ids.tolist(), rows, strict=True))


def _confusables(store: Store, evidence: Evidence, person_id: str, calibration: Calibration) -> tuple[Confusable, ...]:
    stored = evidence.stored
    mine = np.array([one == person_id for one in stored.person_ids], dtype=bool)
    others = evidence.without({person_id})
    if not mine.any() or not others.faces.people:
        return ()
    nearest = np.full(len(others.faces.people), np.inf)
    for _, apart in others.faces.distances(stored.vectors[mine], None):
        nearest = np.minimum(nearest, others.faces.nearest(apart).min(axis=0))
    owners = np.array(others.stored.person_ids)
    found = []
    for place in np.argsort(nearest, kind="stable")[:CONFUSABLES]:
        theirs = owners == others.faces.people[place]
        alike = stored.vectors[mine] @ others.stored.vectors[theirs].T
        row, column = np.unravel_index(int(np.argmax(alike)), alike.shape)
        pair = int(stored.face_ids[mine][row]), int(others.stored.face_ids[theirs][column])
        other = _candidate(others, int(place), float(nearest[place]))
        far = calibration.far(other.distance)
        found.append(Confusable(other, far, alike.size, *_matches(store, pair, other.distance)))
    return tuple(found)


def _outliers(
    faces: Sequence[PersonFace], vectors: dict[int, NDArray[np.float32]], others: Evidence, apart_from: float
) -> tuple[Outlier, ...]:
    # Of two faces that are far apart, either may be the wrong one.
    far = [face for face in faces if face.match.distance > apart_from and len(vectors) > 2]
    far.sort(key=lambda face: -face.match.distance)
    found = []
    for face in far[:OUTLIERS]:
        nearest = None
        if others.faces.people:
            rows = vectors[face.match.face.id or 0][None]
            _, apart = next(others.faces.distances(rows, None))
            by_person = others.faces.nearest(apart)[0]
            place = int(np.argmin(by_person))
            nearest = _candidate(others, place, float(by_person[place]))
        found.append(Outlier(face, nearest))
    return tuple(found)


def _candidate(evidence: Evidence, place: int, distance: float) -> Candidate:
    person_id = evidence.faces.people[place]
    return Candidate(person_id, evidence.names[person_id], distance)


def _matches(store: Store, face_ids: tuple[int, int], distance: float) -> tuple[Match, Match]:
    faces = store.faces(face_ids)
    paths = store.paths_of([face.photo_id for face in faces.values() if face.photo_id is not None])
    a, b = (Match(faces[face_id], distance, place_of(paths, faces[face_id])) for face_id in face_ids)
    return a, b


def _spread(wanted: Sequence[bool], room: int) -> list[int]:
    """All places of a list, first the ones to show in ``room``, in order: all that are wanted, and some of the rest."""
    if len(wanted) <= room:
        return list(range(len(wanted)))
    must = [place for place, want in enumerate(wanted) if want]
    rest = [place for place, want in enumerate(wanted) if not want]
    # The last room on a sheet says how many more there are.
    steps = np.linspace(0, len(rest) - 1, room - 1 - len(must)).round().astype(int)
    shown = sorted({*must, *(rest[step] for step in steps)})
    return shown + sorted(set(range(len(wanted))) - set(shown))


def _caption(face: PersonFace, *, odd: bool) -> str:
    # The number comes first: it is what `split` and `reject` ask for.
    date = f"{face.match.face.id}  {(face.taken_at or 'no date')[:10]}"
    return f"{date}\n{face.match.distance:.2f} from the rest: look" if odd else date
