"""Photos and faces, read in bulk: a few queries for any number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from facesearch.errors import NotFoundError
from facesearch.store.connection import chunks
from facesearch.store.files import FileStore
from facesearch.store.schema import EnrolmentRow, FaceRow, PersonRow, PhotoRow
from facesearch.types import Box, Face, Landmarks, Photo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

_FACE = (
    select(
        FaceRow.id,
        FaceRow.photo_id,
        FaceRow.left,
        FaceRow.top,
        FaceRow.right,
        FaceRow.bottom,
        FaceRow.landmarks,
        FaceRow.confidence,
        FaceRow.quality,
        EnrolmentRow.person_id,
        PersonRow.name,
    )
    .join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id, isouter=True)
    .join(PersonRow, PersonRow.id == EnrolmentRow.person_id, isouter=True)
)
_PHOTO = select(
    PhotoRow.id,
    PhotoRow.byte_hash,
    PhotoRow.pixel_hash,
    PhotoRow.width,
    PhotoRow.height,
    PhotoRow.orientation,
    PhotoRow.taken_at,
    PhotoRow.status,
)


class FaceStore(FileStore):
    """The part of the store that answers what is in the photos."""

    def faces(self, face_ids: Sequence[int]) -> dict[int, Face]:
        """Faces by id, with the people they were given to; unknown ids are left out."""
        found: dict[int, Face] = {}
        query = _FACE.order_by(FaceRow.id)
        with self._reader() as connection:
            for some in chunks([int(face_id) for face_id in face_ids]):
                found |= {row[0]: _face(*row) for row in connection.execute(query.where(FaceRow.id.in_(some)))}
        return found

    def faces_of_photo(self, photo_id: int) -> list[Face]:
        """The faces of a photo, left to right; empty where there are none or the photo is unknown."""
        return self.faces_of_photos([photo_id])[photo_id]

    def faces_of_photos(self, photo_ids: Sequence[int]) -> dict[int, list[Face]]:
        """The faces of photos, each left to right; an empty list for a photo without a face."""
        found: dict[int, list[Face]] = {int(photo_id): [] for photo_id in photo_ids}
        with self._reader() as connection:
            for some in chunks(list(found)):
                query = _FACE.where(FaceRow.photo_id.in_(some)).order_by(FaceRow.left, FaceRow.id)
                for row in connection.execute(query):
                    found[row[1]].append(_face(*row))
        return found

    def photo(self, photo_id: int) -> Photo:
        """One photo.

        Raises:
            NotFoundError: there is none of this id.
        """
        found = self.photos([photo_id])
        if not found:
            raise NotFoundError("photo", photo_id)
        return found[photo_id]

    def photos(self, photo_ids: Sequence[int]) -> dict[int, Photo]:
        """Photos by id; unknown ids are left out."""
        found: dict[int, Photo] = {}
        with self._reader():
            for some in chunks([int(photo_id) for photo_id in photo_ids]):
                found |= {photo.id: photo for photo in self._photos(PhotoRow.id.in_(some))}
        return found

    def photo_by_pixel_hash(self, pixel_hash: str) -> Photo | None:
        """The photo with these stored pixels, or None."""
        return next(iter(self._photos(PhotoRow.pixel_hash == pixel_hash)), None)

    def _photos(self, which: ColumnElement[bool]) -> list[Photo]:
        with self._reader() as connection:
            rows = connection.execute(_PHOTO.where(which).order_by(PhotoRow.id)).all()
            paths = self.paths_of([row[0] for row in rows])
        return [Photo(**row._asdict(), paths=paths[row.id]) for row in rows]


def _face(face_id: int, photo_id: int, *values: Any) -> Face:  # noqa: ANN401
    left, top, right, bottom, points, confidence, quality, person_id, person = values
    return Face(
        box=Box(left, top, right, bottom),
        landmarks=Landmarks(*zip(points[::2], points[1::2], strict=True)),
        confidence=confidence,
        quality=quality,
        id=face_id,
        photo_id=photo_id,
        person_id=person_id,
        person=person,
    )
