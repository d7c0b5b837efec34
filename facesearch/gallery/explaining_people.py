"""Why a face matches somebody in the gallery, or does not, and who else is near."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError, NotFoundError, PhotoError, UnreadableError
from facesearch.gallery.answering import look_at
from facesearch.gallery.explaining import explained
from facesearch.gallery.people import known_person
from facesearch.gallery.places import GONE, faces_now
from facesearch.gallery.verification import faces_meant, judge, limit_of
from facesearch.images.load import load
from facesearch.types import Candidate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.gallery.explaining import Progress
    from facesearch.identify.calibration import Calibration
    from facesearch.pipeline import FrontEnd
    from facesearch.store.store import Store
    from facesearch.store.values import Enrolled
    from facesearch.types import Explanation, Face, Person


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """One of the two faces: where it is on disk and in the gallery, and its unit row (dim,)."""

    face: Face
    vector: NDArray[np.float32]
    path: Path
    photo_id: int | None
    warnings: tuple[str, ...] = ()


def explain_beside(
    store: Store,
    front_end: FrontEnd,
    a: Path,
    b: Path | None,
    name: str | None,
    *,
    calibration: Calibration,
    far: float | None,
    threshold: float | None,
    strict: bool,
    progress: Progress,
) -> Explanation:
    """Explain a photo and another photo, or the nearest enrolled face of a person; see ``Gallery.why``."""
    if (b is None) == (name is None):
        raise ConfigError("give a second photo, or a person with --person: one of the two")
    limit = limit_of(calibration, far, threshold)
    person = None if name is None else _person(store, name)
    one = _in_photo(store, front_end, a, strict=strict)
    enrolled = store.enrolled(front_end.recipe)
    if person is not None:
        two = _of_person(store, front_end, enrolled, person, one)
    else:
        two = _in_photo(store, front_end, Path(b or a), strict=strict)
    verdict = judge(
        [one.face, two.face],
        [one.vector, two.vector],
        limit=limit,
        calibration=calibration,
        warnings=one.warnings + two.warnings,
    )
    return explained(
        front_end,
        verdict,
        one.path,
        two.path,
        person=None if person is None else Candidate(person.id, person.name, verdict.distance),
        nearest=_nearest_other(store, enrolled, one, two, two_photos=person is None),
        progress=progress,
    )


def _in_photo(store: Store, front_end: FrontEnd, path: Path, *, strict: bool) -> _Compared:
    seen = look_at(store, front_end, path)
    (place,), warnings = faces_meant([path], [seen.analysis], strict=strict)
    return _Compared(seen.faces[place], seen.analysis.vectors[place], path, seen.photo_id, tuple(warnings))


def _of_person(store: Store, front_end: FrontEnd, enrolled: Enrolled, person: Person, probe: _Compared) -> _Compared:
    """The enrolled face of a person that is nearest to a probe, one of another photo."""
    own = np.array([owner == person.id for owner in enrolled.person_ids], dtype=np.bool_)
    able = np.flatnonzero(own & (enrolled.photo_ids != (probe.photo_id or 0)))
    if not len(able):
        raise NotFoundError(
            "other enrolled face of", person.name, hint=f"give them one: facesearch enrol {person.id} PHOTO"
        )
    best = able[int(np.argmin(_apart(enrolled.vectors[able], probe.vector)))]
    face_id = int(enrolled.face_ids[best])
    face, path = _on_disk(store, store.faces([face_id])[face_id], front_end.max_megapixels)
    return _Compared(face, enrolled.vectors[best], path, int(enrolled.photo_ids[best]))


def _nearest_other(
    store: Store, enrolled: Enrolled, one: _Compared, two: _Compared, *, two_photos: bool
) -> Candidate | None:
    """The person with the enrolled face nearest to the first face, in other photos than these two.

    Other than the one who is asked about: the person of the second face, of two photos also that of the first.
    """
    asked = {two.face.person_id, one.face.person_id if two_photos else None}
    free = np.array([owner not in asked for owner in enrolled.person_ids], dtype=np.bool_)
    able = np.flatnonzero(free & ~np.isin(enrolled.photo_ids, [one.photo_id or 0, two.photo_id or 0]))
    if not len(able):
        return None
    apart = _apart(enrolled.vectors[able], one.vector)
    best = int(np.argmin(apart))
    person = store.person(enrolled.person_ids[able[best]])
    return Candidate(person.id, person.name, float(apart[best]))


def _apart(rows: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared distances of unit rows (n, dim) to one, (n,)."""
    return np.clip(np.square(rows.astype(np.float64) - row).sum(axis=1), 0, 4)


def _person(store: Store, name: str) -> Person:
    found = known_person(store, name)
    if found is None:
        raise NotFoundError("person", name, hint="facesearch people lists those there are")
    return found


def _on_disk(store: Store, face: Face, max_megapixels: float) -> tuple[Face, Path]:
    """A face of the gallery as the first of its files that can be read has it, and that file.

    Raises:
        UnreadableError: none can be read.
    """
    photo = store.photo(face.photo_id or 0)
    error = PhotoError(GONE, "no file of this photo is known any more")
    for path in photo.paths:
        try:
            loaded = load(path, max_megapixels=max_megapixels)
            return faces_now(photo, [face], path, loaded)[0], Path(path)
        except PhotoError as exc:
            error = exc
    raise UnreadableError(
        error.path,
        f"{error.reason}, and the nearest enrolled face of {face.person} is in it",
        hint="put the photo back, or compare with another one: facesearch why A B",
    ) from error
