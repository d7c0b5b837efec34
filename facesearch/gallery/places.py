"""Where a face of the gallery can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.errors import UnreadableError
from facesearch.store.region import turn_face

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from facesearch.images.load import LoadedPhoto
    from facesearch.types import Face, Photo

GONE = "(the file is gone)"
"""Stands for the path of a photo that no known file holds any more."""


def place_of(paths: Mapping[int, tuple[str, ...]], face: Face) -> str:
    """The first path of the face's photo, by ``Store.paths_of``, or ``GONE``."""
    held = paths.get(face.photo_id or 0, ())
    return held[0] if held else GONE


def faces_now(photo: Photo, faces: Sequence[Face], path: str, loaded: LoadedPhoto) -> Sequence[Face]:
    """Where the faces of a gallery's photo are in what was just read from one of its paths.

    Raises:
        UnreadableError: the file holds another picture now.
    """
    # Decoders change, and with them the pixels of formats that are hashed by these.
    if photo.pixel_hash != loaded.pixel_hash and photo.byte_hash != loaded.byte_hash:
        raise UnreadableError(path, "the file holds another picture now")
    if photo.orientation == loaded.orientation:
        return faces
    # Somebody changed the EXIF orientation since; the store learns of it when the file is indexed again.
    return [turn_face(face, shape_of(photo), shape_of(loaded)) for face in faces]


def shape_of(photo: Photo | LoadedPhoto) -> tuple[int, int, int]:
    """EXIF orientation, and width and height of the upright photo in pixels."""
    return photo.orientation, photo.width, photo.height
