"""Faces that the gallery knows, read again from their photos where they lie."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from facesearch.errors import PhotoError
from facesearch.gallery.places import faces_now
from facesearch.models.runtime import cores
from facesearch.types import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from facesearch.images.load import LoadedPhoto
    from facesearch.store.store import Store
    from facesearch.types import Face, Photo

Item = TypeVar("Item")
Result = TypeVar("Result")

NO_FILE = "no file of this photo is known any more"

PAGE = 256
"""Photos whose faces are read from the store at once."""


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """A photo and those of its faces that have a person for sure, left to right; at least one."""

    photo: Photo
    faces: tuple[Face, ...]


def enrolled_photos(store: Store) -> tuple[EnrolledPhoto, ...]:
    """All photos with enrolled faces, in the order of their ids; see ``GalleryCuration.enrolled_photos``."""
    with store.reading():
        sure = [one for person in store.people() for one in store.enrolments_of(person.id) if one.confirmed]
        face_ids = {one.face_id for one in sure}
        return tuple(
            EnrolledPhoto(photo, tuple(face for face in faces if face.id in face_ids))
            for photo, faces in with_faces(store, sorted({one.photo_id for one in sure}))
        )


def read_enrolled(
    photos: Sequence[EnrolledPhoto],
    read: Callable[[Path, Callable[[LoadedPhoto], Sequence[Face]]], Result],
    *,
    jobs: int | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> Generator[tuple[EnrolledPhoto, Result | Failure]]:
    """What ``read`` makes of the faces of photos, in their order, or why it could make nothing.

    Args:
        photos: from ``enrolled_photos``.
        read: ``FrontEnd.cut`` or ``FrontEnd.embed_faces``.
        jobs: photos at once; None for one a core.
        progress: called with photos done, photos to do and a path.
    """
    progress(0, len(photos), "")
    results = side_by_side(lambda one: read_again(read, one.photo, one.faces), iter(photos), jobs or cores())
    for done, (one, result) in enumerate(results, start=1):
        progress(done, len(photos), one.photo.paths[0] if one.photo.paths else "")
        yield one, result


def with_faces(store: Store, photo_ids: list[int]) -> Iterator[tuple[Photo, list[Face]]]:
    """Photos with all their faces; those that were forgotten meanwhile are left out."""
    for start in range(0, len(photo_ids), PAGE):
        page = photo_ids[start : start + PAGE]
        with store.reading():
            photos, faces = store.photos(page), store.faces_of_photos(page)
        yield from ((photos[i], faces[i]) for i in page if i in photos and faces[i])


def read_again(
    read: Callable[[Path, Callable[[LoadedPhoto], Sequence[Face]]], Result], photo: Photo, faces: Sequence[Face]
) -> Result | Failure:
    """What ``read`` makes of a photo's faces, from the first of its files that still holds it, or why it cannot."""
    error = NO_FILE
    for path in photo.paths:
        try:
            return read(Path(path), partial(faces_now, photo, faces, path))
        except PhotoError as exc:
            error = exc.reason
        except MemoryError:
            error = "needs more memory than there is"
    return Failure(photo.paths[0] if photo.paths else f"photo {photo.id}", error)


def side_by_side(
    function: Callable[[Item], Result], items: Iterator[Item], workers: int
) -> Generator[tuple[Item, Result]]:
    """Each item with what the function makes of it, in order; only a few items a worker are taken ahead."""
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="photo") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) > 2 * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
