"""Pictures of what the gallery holds: photos with names drawn on them, and contact sheets of faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import PhotoError
from facesearch.images.align import CropSettings, crop
from facesearch.images.detail import sharp_enough
from facesearch.images.draw import contact_sheet, draw_faces, save_png
from facesearch.images.load import load
from facesearch.store.region import turn_face

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.gallery.grouped import Clustering
    from facesearch.store.store import Store
    from facesearch.types import Answer, Match, Person, ProbePhoto

SHEET_FACES = 60
"""Faces on one contact sheet; the last place says how many more there are."""

_LOOSE = CropSettings(scale=1.5, square=True, margin=0.0)
_GREY = np.full((160, 160, 3), 206, np.uint8)


def draw_answers(photo: ProbePhoto, target: Path, *, max_megapixels: float) -> None:
    """Write a photo with a box and a name around every face, as PNG.

    Raises:
        PhotoError: the photo cannot be read any more.
        FacesearchError: the picture cannot be written.
    """
    loaded = load(photo.path, max_megapixels=max_megapixels)
    faces = [
        (answer.face.box.scaled(loaded.scale), label(answer), answer.person is not None) for answer in photo.answers
    ]
    save_png(draw_faces(loaded.pixels, faces), target)


def label(answer: Answer) -> str:
    """Name and distance, as they stand beside a face; a stranger's distance would read like a certainty."""
    if answer.person is None or answer.distance is None:
        return answer.person or "unknown"
    return f"{answer.person}  {answer.distance:.2f}"


def caption(match: Match) -> str:
    """The number by which a gallery face can be spoken of, and its file."""
    return f"{match.face.id}  {Path(match.path).name}"


def draw_sheet(store: Store, title: str, matches: Sequence[Match], target: Path, captions: Sequence[str]) -> None:
    """Write a contact sheet of gallery faces; a face whose file is gone is a grey square.

    Raises:
        FacesearchError: the picture cannot be written.
    """
    shown = list(zip(matches, captions, strict=True))[:SHEET_FACES]
    tiles = [(face_crop(store, match), caption) for match, caption in shown]
    save_png(contact_sheet(tiles, title=title, limit=SHEET_FACES, total=len(matches)), target)


def draw_clusters(store: Store, clustering: Clustering, folder: Path) -> list[Path]:
    """Write a contact sheet a cluster into ``folder``; returns the files."""
    written = []
    for group in clustering.clusters:
        target = sheet_path(folder, f"cluster-{group.id.rjust(3, '0')}")
        captions = [caption(match) for match in group.matches]
        draw_sheet(store, f"cluster {group.id}: {len(group.matches)} faces", group.matches, target, captions)
        written.append(target)
    return written


def draw_people(store: Store, people: Sequence[tuple[Person, Sequence[Match]]], folder: Path) -> list[Path]:
    """Write a contact sheet a person, of the faces given with them, into ``folder``; returns the files."""
    written = []
    for person, matches in people:
        target = sheet_path(folder, f"person-{person.name}-{person.id[:8]}")
        title = f"{person.name}: {person.faces} faces in {person.photos} photos"
        draw_sheet(store, title, matches, target, [caption(match) for match in matches])
        written.append(target)
    return written


def face_crop(store: Store, match: Match) -> NDArray[np.uint8]:
    """A square picture of a gallery face, upright, with some of what is around it, (160, 160, 3), uint8."""
    try:
        loaded = load(match.path)
    except PhotoError:
        return _GREY
    face = match.face
    if face.photo_id is not None:
        photo = store.photo(face.photo_id)
        now = (loaded.orientation, loaded.width, loaded.height)
        # The file's EXIF may have changed since the face was found.
        face = replace(turn_face(face, (photo.orientation, photo.width, photo.height), now), id=face.id)
    loaded = sharp_enough(loaded, [face.box], settings=_LOOSE)
    cut = crop(loaded.pixels, [face.box.scaled(loaded.scale)], size=160, settings=_LOOSE)[0]
    return np.ascontiguousarray(np.rot90(cut, -face.landmarks.quarter_turns))


def file_name(text: str) -> str:
    """A name as part of a file name: letters, digits and ``-_.`` stay."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text).strip("._")
    return kept[:80] or "unnamed"


def sheet_path(folder: Path, stem: str) -> Path:
    """Where the contact sheet ``stem`` goes in ``folder``."""
    return Path(folder) / f"{file_name(stem)}.png"
