"""Names: enrolling faces, by hand, by folder and by cluster."""

from __future__ import annotations

import difflib
import os
import uuid
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.prominence import most_prominent
from facesearch.errors import ConfigError, NotFoundError
from facesearch.gallery.answering import look_at
from facesearch.gallery.places import place_of
from facesearch.gallery.verification import the_face
from facesearch.identify.calibration import calibration_if_any
from facesearch.identify.folders import FITS, choose_faces
from facesearch.images.quality import doubt, is_low
from facesearch.store.people import fold
from facesearch.types import Match

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.gallery.answering import Seen
    from facesearch.pipeline import FrontEnd
    from facesearch.store.store import Store
    from facesearch.types import Face, Person


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an enrolment did: the person as it is now, the faces it was given, and what was doubtful."""

    person: Person
    face_ids: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def person_called(store: Store, name: str) -> Person:
    """The person of this name, or with this id; a new one where there is none; see ``known_person``."""
    return known_person(store, name) or store.create_person(name)


def known_person(store: Store, name: str) -> Person | None:
    """The person of this name, whatever its case, or with this id; None where there is none.

    Raises:
        ConfigError: several people have the name; the hint lists their ids.
    """
    with suppress(ValueError, NotFoundError):
        return store.person(str(uuid.UUID(name)))
    found = store.find_people(name)
    if len(found) > 1:
        ids = ", ".join(f"{person.id} ({person.faces} faces)" for person in found)
        raise ConfigError(f"{len(found)} people are called {name!r}", hint=f"give the id instead of the name: {ids}")
    return found[0] if found else None


def the_person(store: Store, name: str) -> Person:
    """The person of this name, or with this id; see ``known_person``.

    Raises:
        NotFoundError: there is nobody; the hint lists those whose names are spelt alike.
        ConfigError: several people have the name; the hint lists their ids.
    """
    if found := known_person(store, name):
        return found
    names = {fold(person.name): person.name for person in store.people()}
    alike = [names[near] for near in difflib.get_close_matches(fold(name), names)]
    hint = f"did you mean {' or '.join(map(repr, alike))}?" if alike else "facesearch people lists everybody"
    raise NotFoundError("person", name, hint=hint)


def enrol_faces(store: Store, name: str, face_ids: list[int], warnings: list[str]) -> Enrolment:
    """Give faces to a person, in one transaction.

    Raises:
        NotFoundError: there is no such face.
        ConfigError: the name is ambiguous or empty.
    """
    with store.writing():
        person = person_called(store, name)
        store.enrol(face_ids, person.id, "user")
    return Enrolment(store.person(person.id), tuple(face_ids), tuple(warnings))


def faces_of(store: Store, front_end: FrontEnd, person_id: str) -> list[Match]:
    """The enrolled faces of a person; see ``Gallery.faces_of``.

    Raises:
        NotFoundError: there is no such person.
    """
    store.person(person_id)
    enrolled = store.enrolled(front_end.recipe, low=True)
    ids = [int(i) for i, owner in zip(enrolled.face_ids, enrolled.person_ids, strict=True) if owner == person_id]
    faces = store.faces(ids)
    paths = store.paths_of([face.photo_id for face in faces.values() if face.photo_id is not None])
    return [Match(faces[i], 0.0, place_of(paths, faces[i])) for i in ids]


def enrol_photos(store: Store, front_end: FrontEnd, name: str, paths: list[Path], *, strict: bool) -> Enrolment:
    """Give the face that is meant in each of some indexed photos to a person.

    Raises:
        PhotoError: a photo cannot be used.
        NoFaceError: a photo has no face, or with ``strict`` several.
        ConfigError: the name is ambiguous or empty.
    """
    chosen: list[int] = []
    warnings: list[str] = []
    for path in paths:
        seen = look_at(store, front_end, path)
        face, warning = face_in_photo(seen, path, strict=strict)
        chosen.append(face.id or 0)
        warnings += [f"{path}: {odd}" for odd in seen.analysis.photo.warnings]
        warnings += [warning] if warning else []
        if reason := doubt(face):
            warnings.append(f"{path}: a poor face ({reason}), it counts only as long as this person has no better one")
    return enrol_faces(store, name, chosen, warnings)


def face_in_photo(seen: Seen, path: Path, *, strict: bool) -> tuple[Face, str | None]:
    """The face that is meant in an indexed photo, with its gallery id, and a warning where there was a choice.

    Raises:
        NoFaceError: there is none, or with ``strict`` several.
        NotFoundError: the face is not in the gallery.
    """
    place, warning = the_face(path, seen.analysis, strict=strict)
    face = seen.faces[place]
    if face.id is None:
        raise NotFoundError("face of", str(path), hint=f"analyse the photo anew: facesearch index --reprocess {path}")
    return face, warning


def enrol_folders(store: Store, front_end: FrontEnd, folders: list[Path]) -> int:
    """Enrol, in every photo below ``folders``, one face under the name of the folder that the photo lies in.

    Photos that lie in one of ``folders`` itself are left alone. What a user decided stays: a face that has somebody
    else, or was rejected, is not taken. Returns how many people have faces from it.
    """
    by_folder: dict[Path, set[int]] = defaultdict(set)
    for folder in folders:
        for file in store.files(folder):
            if file.photo_id is not None and file.path.parent != folder:
                by_folder[file.path.parent].add(file.photo_id)
    people = set()
    with store.writing():
        for folder in sorted(by_folder):
            name = _folder_name(folder)
            face_ids = _faces_for_folder(store, front_end, name, sorted(by_folder[folder]))
            if face_ids:
                person = person_called(store, name)
                store.enrol(face_ids, person.id, "folder")
                people.add(person.id)
    return len(people)


def _folder_name(folder: Path) -> str:
    """A folder's name as a person's: what is not printable Unicode becomes a replacement character."""
    readable = os.fsencode(folder.name).decode("utf-8", "replace")
    kept = "".join(letter if letter.isprintable() else "\ufffd" for letter in readable)
    return kept if kept.strip() else "\ufffd"


def _faces_for_folder(store: Store, front_end: FrontEnd, name: str, photo_ids: list[int]) -> list[int]:
    photos = store.photos(photo_ids)
    faces = store.faces_of_photos(photo_ids)
    rejections = store.rejections()
    ids = [face.id for held in faces.values() for face in held if face.id is not None]
    found, rows = store.vectors_of(ids, front_end.recipe)
    vectors: dict[int, NDArray[np.float32]] = dict(zip(found.tolist(), rows, strict=True))
    own = {person.id for person in store.find_people(name)}

    def free(face: Face) -> bool:
        against = rejections.get(face.id or 0, frozenset())
        others = face.person_id is not None and face.person_id not in own
        return face.id in vectors and not others and None not in against and not against & own

    candidates: list[list[Face]] = []
    for photo_id in photo_ids:
        held = faces.get(photo_id, [])
        settled = [face for face in held if face.person_id in own and face.id in vectors]
        # Of several faces, one that cannot be trusted is not the one, and must not make others fit.
        able = [face for face in held if free(face) and (len(held) == 1 or not is_low(face))]
        candidates.append(settled[:1] or able)
    empty = np.empty((0, front_end.recipe.dim), np.float32)
    stacks = [np.stack([vectors[face.id or 0] for face in some]) if some else empty for some in candidates]
    prominent = [
        most_prominent(some, photos[photo_id].width, photos[photo_id].height) if some else 0
        for photo_id, some in zip(photo_ids, candidates, strict=True)
    ]
    meaning = calibration_if_any(front_end.recipe)
    # Where nobody knows what is near, no face of a group photo is known to fit.
    chosen = choose_faces(stacks, prominent, fits=0.0 if meaning is None else meaning.as_rare_as(FITS))
    return [some[place].id or 0 for some, place in zip(candidates, chosen, strict=True) if place is not None]
