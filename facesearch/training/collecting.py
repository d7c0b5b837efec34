"""Faces to learn from, out of a folder tree or a gallery, and the way back to their photos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from facesearch.dataset import extract_faces
from facesearch.errors import ConfigError
from facesearch.evaluation.own_model import Known, KnownFaces
from facesearch.gallery.rereading import EnrolledPhoto, read_enrolled
from facesearch.images.align import DEFAULT_CROPS
from facesearch.training.faces import TrainingFaces
from facesearch.types import Failure

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from facesearch.gallery.gallery import Gallery
    from facesearch.images.align import CropSettings
    from facesearch.pipeline import FrontEnd
    from facesearch.types import Face

    Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where faces come from; ``place`` is a folder, or a gallery as people know it (without a password)."""

    kind: Literal["folder", "gallery"]
    place: str

    def __str__(self) -> str:
        return f"{self.kind} {self.place}"


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """Faces to learn from. ``unused`` says which photos gave none, and why.

    ``known`` takes rows of ``faces`` and what they are called, and gives the same faces to measure a model on: photos
    are read again then, because a model sees other crops of a face than it learnt from.
    """

    faces: TrainingFaces
    origin: Origin
    unused: tuple[Failure, ...]
    known: Callable[[NDArray[np.int64], str], Known | KnownFaces]


class CropOnly:
    """An embedder that embeds nothing, for a front end that only cuts faces out, ``size`` pixels wide."""

    name = "none"
    dim = 0

    def __init__(self, size: int) -> None:
        self.input_size = size
        self.settings: dict[str, str | int | float | bool] = {}

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Rows of no length, (n, 0)."""
        return np.empty((len(crops), 0), np.float32)


def collect_folder(
    folder: str | os.PathLike[str],
    front_end: FrontEnd,
    *,
    size: int,
    crops: Sequence[CropSettings] = DEFAULT_CROPS[:1],
    jobs: int | None = None,
) -> Collected:
    """The most prominent face of every photo of ``folder/<person>/``.

    The same picture under two names, or twice under one, counts as one photo, so that no face is pushed away from
    itself, or pulled to itself.

    Args:
        folder: holds one folder a person.
        front_end: finds the faces.
        size: side of a crop in pixels.
        crops: how faces are cut out; the first is taken.
        jobs: processes; None for one a core.

    Raises:
        ConfigError: the folder does not exist.
        ModelError: the detector cannot be used.
    """
    found = extract_faces(folder, front_end=front_end.with_embedder(CropOnly(size), crops), jobs=jobs)
    names, people = np.unique(found.labels, return_inverse=True)
    # By the crop itself: copies may differ in their metadata.
    same = {crop.tobytes(): place for place, crop in reversed([*enumerate(found.crops)])}
    photos = np.array([same[crop.tobytes()] for crop in found.crops], np.int64)
    faces = TrainingFaces(found.crops, people.astype(np.int64), photos, tuple(names.tolist()))
    # Of several copies under one name, one.
    _, first = np.unique(np.stack([faces.people, faces.photos], axis=1), axis=0, return_index=True)
    rows = np.sort(first)
    labels, paths = found.labels[rows], found.paths[rows]

    def known(chosen: NDArray[np.int64], data: str) -> Known:
        return Known({Path(paths[row]): str(labels[row]) for row in chosen}, data)

    return Collected(faces.of(rows), Origin("folder", str(Path(folder).absolute())), found.skipped, known)


def faces_of_tree(
    folder: str | os.PathLike[str], front_end: FrontEnd, *, size: int, jobs: int | None = None
) -> tuple[TrainingFaces, tuple[Failure, ...]]:
    """``collect_folder``, for whoever needs the faces alone, and what could not be used."""
    found = collect_folder(folder, front_end, size=size, jobs=jobs)
    return found.faces, found.unused


def collect_gallery(
    gallery: Gallery,
    front_end: FrontEnd,
    *,
    size: int,
    crops: Sequence[CropSettings] = DEFAULT_CROPS[:1],
    jobs: int | None = None,
    progress: Progress = lambda *_: None,
) -> Collected:
    """Every enrolled face of a gallery, cut out again where it was found; one that was only suggested is left out.

    Poor faces (``images.quality``) are there too: somebody said whose they are. The gallery may be closed afterwards.

    Args:
        gallery: knows the faces.
        front_end: reads the photos; what it is made of does not matter.
        size: side of a crop in pixels.
        crops: how faces are cut out; the first is taken.
        jobs: photos at once; None for one a core.
        progress: takes photos done, photos to do and a path.

    Raises:
        ConfigError: nobody is enrolled.
    """
    enrolled = gallery.enrolled_photos()
    if not enrolled:
        raise ConfigError(
            f"nobody in the gallery {gallery.place} has a name",
            hint="name faces first: facesearch enrol NAME PHOTO, or facesearch index DIR --people-from-folders",
        )
    cut = partial(front_end.with_embedder(CropOnly(size), crops).cut, crops=crops[:1])
    parts: list[NDArray[np.uint8]] = []
    held: list[EnrolledPhoto] = []
    unused: list[Failure] = []
    for one, result in read_enrolled(enrolled, cut, jobs=jobs, progress=progress):
        if isinstance(result, Failure):
            unused.append(result)
        else:
            parts.append(result[:, 0])
            held.append(one)
    rows = [(one, face) for one in held for face in one.faces]
    # By id: people may share a name, and a new name must not make it another training.
    owners = {face.person_id or "": face.person or "" for _, face in rows}
    places = {person_id: place for place, person_id in enumerate(sorted(owners))}
    faces = TrainingFaces(
        np.concatenate(parts) if parts else np.empty((0, size, size, 3), np.uint8),
        np.array([places[face.person_id or ""] for _, face in rows], np.int64),
        np.array([one.photo.id for one, _ in rows], np.int64),
        tuple(owners[person_id] for person_id in places),
    )

    def known(chosen: NDArray[np.int64], data: str) -> KnownFaces:
        return KnownFaces(partial(_embed_again, [rows[row] for row in chosen]), data)

    return Collected(faces, Origin("gallery", gallery.place), tuple(unused), known)


def _embed_again(
    rows: Sequence[tuple[EnrolledPhoto, Face]], front_end: FrontEnd, jobs: int | None, progress: Progress
) -> tuple[NDArray[np.float32], list[str], int]:
    """See ``evaluation.own_model.KnownFaces``."""
    by_photo: dict[int, list[Face]] = {}
    photos = {one.photo.id: one.photo for one, _ in rows}
    for one, face in rows:
        by_photo.setdefault(one.photo.id, []).append(face)
    wanted = [EnrolledPhoto(photos[photo_id], tuple(faces)) for photo_id, faces in by_photo.items()]
    parts, labels, left_out = [np.empty((0, front_end.recipe.dim), np.float32)], [], 0
    for one, result in read_enrolled(wanted, front_end.embed_faces, jobs=jobs, progress=progress):
        if isinstance(result, Failure):
            left_out += len(one.faces)
        else:
            parts.append(result)
            labels += [face.person_id or "" for face in one.faces]
    return np.concatenate(parts), labels, left_out
