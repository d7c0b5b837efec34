"""What a detector and an embedder found in a photo, written in one transaction; old faces keep their ids."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import bindparam, delete, insert, literal, select, update

from facesearch.errors import StoreError
from facesearch.store.actions import ActionStore
from facesearch.store.changes import pack
from facesearch.store.connection import chunks
from facesearch.store.journal import standings
from facesearch.store.region import pair_up, to_stored, turn_face
from facesearch.store.schema import (
    ChangeRow,
    EmbeddingRow,
    EnrolmentRow,
    FaceRow,
    PhotoRow,
)
from facesearch.store.tombstones import kept_out
from facesearch.store.values import NewAnalysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement

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


@dataclass(slots=True)
class _Found:
    """A photo's faces as rows and as regions; ``known`` are the ids of those that are old ones, by their place, and
    ``lost`` the old faces that were not found again. ``ids`` are known once the rows are written.
    """  # noqa: D205

    pixel_hash: str
    rows: list[dict[str, Any]]
    regions: list[Region]
    known: dict[int, int]
    lost: set[int]
    ids: list[int] = field(default_factory=list)


class AnalysisStore(ActionStore):
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
        """``add_photos`` with one photo; returns the ids of its faces, in the order given."""
        return self.add_photos([NewAnalysis(photo, faces, vectors, stamp)], recipe)[0]

    def add_photos(self, analyses: Sequence[NewAnalysis], recipe: Recipe) -> list[list[int]]:
        """Add photos with their faces, or analyse them anew, in one transaction.

        A photo that is known already keeps its faces: one that overlaps an old one by half or more (IoU) *is* the old
        one, with its id and its person. Old faces that were not found again go, unless somebody decided about them.
        New faces get back what the journal says of them, for instance after the photo had been pruned. A photo that
        was forgotten with a tombstone gets no new faces.

        Args:
            analyses: no two of the same picture.
            recipe: what made the vectors.

        Returns:
            The ids of the faces of each photo, in the order given; those that were kept out are missing.

        Raises:
            StoreError: vectors do not fit the faces or the recipe, a picture comes twice, or the database cannot be
                written.
        """
        if not analyses:
            return []
        _check(analyses, recipe)
        with self.writing():
            self._put_recipe(recipe)
            old = self._old([one.photo for one in analyses])
            analyses = self._without_forgotten(analyses, old)
            photo_ids = self._put_photos(analyses, old, recipe)
            files = [
                (one.stamp, photo_id, one.photo.byte_hash)
                for one, photo_id in zip(analyses, photo_ids, strict=True)
                if one.stamp is not None
            ]
            self.seen(files)
            found = [
                _found(one, photo_id, old.get(one.photo.pixel_hash))
                for one, photo_id in zip(analyses, photo_ids, strict=True)
            ]
            self._drop_undecided(sorted(face_id for one in found for face_id in one.lost))
            self._put_faces(found)
            self._put_vectors(found, np.concatenate([one.vectors for one in analyses]), recipe.key)
            self._replay([one for one in found if len(one.known) < len(one.rows)])
        return [one.ids for one in found]

    def turn_photo(self, photo: NewPhoto) -> None:
        """Take over another EXIF orientation of a known photo: its boxes are turned, its vectors stay.

        Args:
            photo: the same stored pixels as before; an unknown photo is left alone.
        """
        with self.writing():
            for old in self._old([photo]).values():
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

    def _old(self, photos: Sequence[NewPhoto]) -> dict[str, _Old]:
        """Those of the photos that are known already, by pixel hash; their faces are turned if their photo was."""
        new = {photo.pixel_hash: photo for photo in photos}
        shape = select(PhotoRow.pixel_hash, PhotoRow.id, PhotoRow.orientation, PhotoRow.width, PhotoRow.height)
        rows = [
            row
            for some in chunks(list(new))
            for row in self._work.connection.execute(shape.where(PhotoRow.pixel_hash.in_(some)))
        ]
        held = self.faces_of_photos([row.id for row in rows])
        turned: list[dict[str, Any]] = []
        known: dict[str, _Old] = {}
        for pixel_hash, photo_id, *before in rows:
            faces = {face.id: face for face in held[photo_id] if face.id is not None}
            if before[0] != new[pixel_hash].orientation:
                now = _shape(new[pixel_hash])
                turned += [
                    {"row": face_id, **_face_row(photo_id, turn_face(face, (before[0], before[1], before[2]), now))}
                    for face_id, face in faces.items()
                ]
            regions = [to_stored(face.box, *before) for face in faces.values()]
            known[pixel_hash] = _Old(photo_id, list(faces), regions)
        self._write(update(FaceRow).where(FaceRow.id == bindparam("row")), turned)
        return known

    def _without_forgotten(self, analyses: Sequence[NewAnalysis], old: dict[str, _Old]) -> list[NewAnalysis]:
        """The same, where photos with a tombstone have only those faces that are known already."""
        forgotten = kept_out(self._work.connection, [one.photo.pixel_hash for one in analyses])
        found = list(analyses)
        for place, one in enumerate(analyses):
            if one.photo.pixel_hash in forgotten:
                known = old.get(one.photo.pixel_hash)
                regions = [to_stored(face.box, *_shape(one.photo)) for face in one.faces]
                kept = sorted(pair_up(known.regions, regions)) if known else []
                found[place] = replace(one, faces=[one.faces[i] for i in kept], vectors=one.vectors[kept])
        return found

    def _put_photos(self, analyses: Sequence[NewAnalysis], old: dict[str, _Old], recipe: Recipe) -> list[int]:
        ids = {pixel_hash: one.photo_id for pixel_hash, one in old.items()}
        again: list[dict[str, Any]] = []
        fresh: list[dict[str, Any]] = []
        for one in analyses:
            photo = one.photo
            values = {
                "width": photo.width,
                "height": photo.height,
                "orientation": photo.orientation,
                "taken_at": photo.taken_at,
                "status": "done" if one.faces else "no_face",
                "recipe": recipe.key,
            }
            if photo.pixel_hash in ids:
                again.append({"row": ids[photo.pixel_hash], **values})
            else:
                fresh.append({"byte_hash": photo.byte_hash, "pixel_hash": photo.pixel_hash, **values})
        self._write(update(PhotoRow).where(PhotoRow.id == bindparam("row")), again)
        made = self._insert(PhotoRow, PhotoRow.id, fresh)
        self._mark_again([row["pixel_hash"] for row in fresh])
        ids |= zip((row["pixel_hash"] for row in fresh), made, strict=True)
        return [ids[one.photo.pixel_hash] for one in analyses]

    def _put_faces(self, found: Sequence[_Found]) -> None:
        again = [one.rows[i] | {"row": face_id} for one in found for i, face_id in one.known.items()]
        self._write(update(FaceRow).where(FaceRow.id == bindparam("row")), again)
        fresh = [row for one in found for i, row in enumerate(one.rows) if i not in one.known]
        made = iter(self._insert(FaceRow, FaceRow.id, fresh))
        for one in found:
            one.ids = [one.known[i] if i in one.known else next(made) for i in range(len(one.rows))]

    def _put_vectors(self, found: Sequence[_Found], vectors: NDArray[np.float32], recipe: str) -> None:
        ids = [face_id for one in found for face_id in one.ids]
        rows = [
            {"face_id": face_id, "recipe": recipe, "embedding": blob}
            for face_id, blob in zip(ids, pack(vectors), strict=True)
        ]
        self._upsert(EmbeddingRow, ("face_id", "recipe"), rows)
        self._write(insert(ChangeRow), [{"face_id": face_id, "op": "add", "recipe": recipe} for face_id in ids])
        self._mark_enrolments([face_id for one in found for face_id in one.known.values()])

    def _drop_undecided(self, face_ids: list[int]) -> None:
        decided = self.decided(face_ids)
        self._remove_faces([face_id for face_id in face_ids if face_id not in decided])

    def _remove_faces(self, face_ids: list[int]) -> None:
        self._mark_enrolments(face_ids)
        for some in chunks(face_ids):
            self._log_removal(EmbeddingRow.face_id.in_(some))
            self._write(delete(FaceRow).where(FaceRow.id.in_(some)))

    def _log_removal(self, which: ColumnElement[bool]) -> None:
        """Tell the change log that these embeddings go."""
        columns = select(EmbeddingRow.face_id, literal("remove"), EmbeddingRow.recipe)
        gone = columns.where(which).order_by(EmbeddingRow.face_id)
        self._write(insert(ChangeRow).from_select(["face_id", "op", "recipe"], gone))

    def _mark_enrolments(self, face_ids: list[int]) -> None:
        """Vectors of these faces came or went: what was trained on them is out of date."""
        for some in chunks(face_ids):
            query = select(EnrolmentRow.face_id).where(EnrolmentRow.face_id.in_(some)).limit(1)
            if self._work.connection.execute(query).first() is not None:
                self._work.enrolments_changed = True

    def _replay(self, found: Sequence[_Found]) -> None:
        """Give faces back what was decided about them before their photo was deleted; no new decision is recorded."""
        events = self.events_of([one.pixel_hash for one in found])
        fresh = []
        for one in found:
            told = standings(events.get(one.pixel_hash, []))
            for place, which in pair_up([standing.region for standing in told], one.regions).items():
                if place not in one.known:
                    fresh.append((one.ids[place], told[which]))
        self._restore(fresh)


def _check(analyses: Sequence[NewAnalysis], recipe: Recipe) -> None:
    for one in analyses:
        if one.vectors.shape != (len(one.faces), recipe.dim):
            raise StoreError(
                f"vectors of shape {one.vectors.shape} for {len(one.faces)} faces of dimension {recipe.dim}"
            )
    if len({one.photo.pixel_hash for one in analyses}) < len(analyses):
        raise StoreError("the same picture twice in one call")


def _found(analysis: NewAnalysis, photo_id: int, old: _Old | None) -> _Found:
    photo, faces = analysis.photo, analysis.faces
    rows = [_face_row(photo_id, face) for face in faces]
    regions = [to_stored(face.box, *_shape(photo)) for face in faces]
    pairs = pair_up(old.regions, regions) if old else {}
    known = {new: old.face_ids[place] for new, place in pairs.items()} if old else {}
    lost = set(old.face_ids) - set(known.values()) if old else set()
    return _Found(photo.pixel_hash, rows, regions, known, lost)


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
