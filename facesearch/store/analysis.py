"""What a detector and an embedder found in a photo, written in one transaction; old faces keep their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, literal, select, update

from facesearch.errors import StoreError
from facesearch.store.changes import pack
from facesearch.store.connection import chunks
from facesearch.store.journal import Standing, standings
from facesearch.store.people import PeopleStore
from facesearch.store.region import pair_up, to_stored, turn_face
from facesearch.store.schema import (
    ChangeRow,
    EmbeddingRow,
    EnrolmentRow,
    FaceRow,
    PersonRow,
    PhotoRow,
    RejectionRow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.store.values import FileStamp, NewPhoto, Region
    from facesearch.types import Face, Recipe


@dataclass(frozen=True, slots=True)
class _Old:
    """A photo that is analysed again, and its faces as regions of the stored picture, so that a changed EXIF
    orientation does not matter.
    """  # noqa: D205

    photo_id: int
    face_ids: list[int]
    regions: list[Region]


class AnalysisStore(PeopleStore):
    """The part of the store that takes in what was found in photos."""

    def add_photo(
        self,
        photo: NewPhoto,
        faces: Sequence[Face],
        vectors: NDArray[np.float32],
        recipe: Recipe,
        *,
        stamp: FileStamp | None = None,
    ) -> list[int]:
        """Add a photo with its faces, or analyse it anew, in one transaction.

        A photo that is known already keeps its faces: one that overlaps an old one by half or more (IoU) *is* the old
        one, with its id and its person. Old faces that were not found again go, unless somebody decided about them.
        New faces get back what the journal says of them, for instance after the photo had been pruned.

        Args:
            photo: the decoded picture.
            faces: what was found, in pixels of the upright photo; ``id``, ``photo_id`` and people are not looked at.
            vectors: shape (n, dim), float32, unit rows, row i for ``faces[i]``; shape (0, dim) for no faces.
            recipe: what made the vectors.
            stamp: the file that the photo was read from; None leaves files alone.

        Returns:
            The ids of the faces, in the order given.

        Raises:
            StoreError: the vectors do not fit the faces or the recipe, or the database cannot be written.
        """
        if vectors.shape != (len(faces), recipe.dim):
            raise StoreError(f"vectors of shape {vectors.shape} for {len(faces)} faces of dimension {recipe.dim}")
        with self.writing():
            self._put_recipe(recipe)
            old = self._old(photo)
            photo_id = self._put_photo(photo, old, recipe, "done" if faces else "no_face")
            if stamp is not None:
                self.seen(stamp, photo_id, photo.byte_hash)
            regions = [to_stored(face.box, *_shape(photo)) for face in faces]
            pairs = pair_up(old.regions, regions) if old else {}
            known = {new: old.face_ids[place] for new, place in pairs.items()} if old else {}
            if old:
                self._drop_undecided(sorted(set(old.face_ids) - set(known.values())))
            ids = self._put_faces(photo_id, faces, known)
            self._put_vectors(ids, vectors, recipe.key)
            if len(known) < len(faces):
                self._replay(photo.pixel_hash, ids, regions)
        return ids

    def turn_photo(self, photo: NewPhoto) -> None:
        """Take over another EXIF orientation of a known photo: its boxes are turned, its vectors stay.

        Args:
            photo: the same stored pixels as before; an unknown photo is left alone.
        """
        with self.writing():
            old = self._old(photo)
            if old is not None:
                shape = {"width": photo.width, "height": photo.height, "orientation": photo.orientation}
                self._write(update(PhotoRow).where(PhotoRow.id == old.photo_id).values(**shape))

    def delete_photos(self, photo_ids: Sequence[int]) -> int:
        """Delete photos with their faces, embeddings and enrolments; the journal keeps what was decided.

        Returns:
            How many photos were there.
        """
        gone = 0
        with self.writing():
            for some in chunks([int(photo_id) for photo_id in photo_ids]):
                faces = select(FaceRow.id).where(FaceRow.photo_id.in_(some))
                self._remove_faces(list(self._work.connection.execute(faces).scalars()))
                gone += self._write(delete(PhotoRow).where(PhotoRow.id.in_(some)))
        return gone

    def _old(self, photo: NewPhoto) -> _Old | None:
        connection = self._work.connection
        shape = select(PhotoRow.id, PhotoRow.orientation, PhotoRow.width, PhotoRow.height)
        row = connection.execute(shape.where(PhotoRow.pixel_hash == photo.pixel_hash)).one_or_none()
        if row is None:
            return None
        faces = {face.id: face for face in self.faces_of_photo(row[0]) if face.id is not None}
        if row[1] != photo.orientation:
            turned = [
                {"row": face_id, **_face_row(row[0], turn_face(face, row[1:], _shape(photo)))}
                for face_id, face in faces.items()
            ]
            self._write(update(FaceRow).where(FaceRow.id == bindparam("row")), turned)
        return _Old(row[0], list(faces), [to_stored(face.box, *row[1:]) for face in faces.values()])

    def _put_photo(self, photo: NewPhoto, old: _Old | None, recipe: Recipe, status: str) -> int:
        values = {
            "width": photo.width,
            "height": photo.height,
            "orientation": photo.orientation,
            "taken_at": photo.taken_at,
            "status": status,
            "recipe": recipe.key,
        }
        if old is not None:
            self._write(update(PhotoRow).where(PhotoRow.id == old.photo_id).values(**values))
            return old.photo_id
        new = insert(PhotoRow).values(byte_hash=photo.byte_hash, pixel_hash=photo.pixel_hash, **values)
        self._work.changed = True
        return self._work.connection.execute(new.returning(PhotoRow.id)).scalar_one()

    def _put_faces(self, photo_id: int, faces: Sequence[Face], known: dict[int, int]) -> list[int]:
        rows = [_face_row(photo_id, face) for face in faces]
        again = [rows[i] | {"row": face_id} for i, face_id in known.items()]
        self._write(update(FaceRow).where(FaceRow.id == bindparam("row")), again)
        fresh = [row for i, row in enumerate(rows) if i not in known]
        ids = dict(known)
        if fresh:
            statement = insert(FaceRow).returning(FaceRow.id, sort_by_parameter_order=True)
            made = self._work.connection.execute(statement, fresh).scalars().all()
            self._work.changed = True
            ids |= dict(zip((i for i in range(len(rows)) if i not in known), made, strict=True))
        return [ids[i] for i in range(len(rows))]

    def _put_vectors(self, ids: list[int], vectors: NDArray[np.float32], recipe: str) -> None:
        rows = [
            {"face_id": face_id, "recipe": recipe, "embedding": blob}
            for face_id, blob in zip(ids, pack(vectors), strict=True)
        ]
        self._upsert(EmbeddingRow, ("face_id", "recipe"), rows)
        self._write(insert(ChangeRow), [{"face_id": face_id, "op": "add", "recipe": recipe} for face_id in ids])
        self._mark_enrolments(ids)

    def _drop_undecided(self, face_ids: list[int]) -> None:
        decided: set[int] = set()
        for some in chunks(face_ids):
            for row in (EnrolmentRow, RejectionRow):
                query = select(row.face_id).where(row.face_id.in_(some))
                decided |= set(self._work.connection.execute(query).scalars())
        self._remove_faces([face_id for face_id in face_ids if face_id not in decided])

    def _remove_faces(self, face_ids: list[int]) -> None:
        self._mark_enrolments(face_ids)
        for some in chunks(face_ids):
            columns = select(EmbeddingRow.face_id, literal("remove"), EmbeddingRow.recipe)
            gone = columns.where(EmbeddingRow.face_id.in_(some)).order_by(EmbeddingRow.face_id)
            self._write(insert(ChangeRow).from_select(["face_id", "op", "recipe"], gone))
            self._write(delete(FaceRow).where(FaceRow.id.in_(some)))

    def _mark_enrolments(self, face_ids: list[int]) -> None:
        """Vectors of these faces came or went: what was trained on them is out of date."""
        for some in chunks(face_ids):
            query = select(EnrolmentRow.face_id).where(EnrolmentRow.face_id.in_(some)).limit(1)
            if self._work.connection.execute(query).first() is not None:
                self._work.enrolments_changed = True

    def _replay(self, pixel_hash: str, ids: list[int], regions: list[Region]) -> None:
        """Give faces back what was decided about them before the photo was deleted; no new decision is recorded."""
        decided = standings(self.events(pixel_hash=pixel_hash))
        if not decided:
            return
        connection = self._work.connection
        people = set(connection.execute(select(PersonRow.id)).scalars())
        for place, which in pair_up([one.region for one in decided], regions).items():
            self._restore(ids[place], decided[which], people)

    def _restore(self, face_id: int, standing: Standing, people: set[str]) -> None:
        connection = self._work.connection
        for row in (EnrolmentRow, RejectionRow):
            if connection.execute(select(row.face_id).where(row.face_id == face_id)).first() is not None:
                return
        if standing.person_id in people:
            enrolment: dict[str, Any] = {"face_id": face_id, "person_id": standing.person_id}
            enrolment |= {"source": standing.source, "confirmed": standing.confirmed}
            self._upsert(EnrolmentRow, ("face_id",), [enrolment])
            self._work.enrolments_changed = True
        rejected = [one for one in standing.rejected if one is None or one in people]
        self._write(insert(RejectionRow), [{"face_id": face_id, "person_id": one} for one in rejected])


def _shape(photo: NewPhoto) -> tuple[int, int, int]:
    return photo.orientation, photo.width, photo.height


def _face_row(photo_id: int, face: Face) -> dict[str, Any]:
    return {
        "photo_id": photo_id,
        "left": face.box.left,
        "top": face.box.top,
        "right": face.box.right,
        "bottom": face.box.bottom,
        "landmarks": tuple(value for point in face.landmarks.points for value in point),
        "confidence": face.confidence,
        "quality": face.quality,
    }
