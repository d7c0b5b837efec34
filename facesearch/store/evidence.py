"""Vectors of faces that have a person, and of those that have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import exists, select

from facesearch.images import quality
from facesearch.store.changes import VECTOR
from facesearch.store.people import PeopleStore
from facesearch.store.schema import EmbeddingRow, EnrolmentRow, FaceRow, RejectionRow
from facesearch.store.values import Enrolled, Unnamed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Connection, Select

    from facesearch.types import Recipe

_MEASURES = FaceRow.quality, FaceRow.right - FaceRow.left, FaceRow.bottom - FaceRow.top
"""What says whether a face can be trusted."""


AT_ONCE = 256
"""Rows that become arrays at once: so few stay in the processor's cache, and are gone before Python's garbage collector
counts them. 100,000 faces take half the time that they take all at once."""


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    """Rows of a query for a face's id, its photo, its embedding, its ``_MEASURES`` and what else was asked for.

    ``ids`` and ``photos`` (n,), int64; ``vectors`` (n, dim), float32; ``low`` (n,) says which faces cannot be trusted;
    ``others`` holds the n values of the last column, where there was one more.
    """

    ids: NDArray[np.int64]
    photos: NDArray[np.int64]
    vectors: NDArray[np.float32]
    low: NDArray[np.bool_]
    others: tuple[str, ...]

    @classmethod
    def read(cls, connection: Connection, query: Select[*tuple[object, ...]], dim: int) -> _Faces:
        """All rows of the query."""
        vectors = bytearray()
        numbers, measures = [np.empty((2, 0), dtype=np.int64)], [np.empty((3, 0))]
        others: list[str] = []
        for rows in connection.execute(query).partitions(AT_ONCE):
            ids, photos, blobs, *rest = zip(*rows, strict=True)
            vectors += b"".join(blobs)
            numbers.append(np.array((ids, photos), dtype=np.int64))
            measures.append(np.array(rest[:3], dtype=np.float64))
            others += rest[3] if len(rest) > 3 else ()
        faces, trust = np.concatenate(numbers, axis=1), np.concatenate(measures, axis=1)
        held = np.frombuffer(vectors, dtype=VECTOR).reshape(faces.shape[1], dim).astype(np.float32, copy=False)
        return cls(faces[0], faces[1], held, quality.low(trust[1:].min(axis=0), trust[0]), tuple(others))


class EvidenceStore(PeopleStore):
    """The part of the store that knows what people look like."""

    def enrolled(self, recipe: Recipe, *, low: bool = False) -> Enrolled:
        """The evidence: every face with a confirmed person and an embedding by the recipe; n may be 0.

        A face that cannot be trusted (``images.quality``) speaks for a person only where they have no better one, or
        where ``low`` asks for all.
        """
        # The subquery says nothing new, but without it SQLite reads every embedding to find the few that are enrolled.
        few = EmbeddingRow.face_id.in_(select(EnrolmentRow.face_id))
        query = (
            select(FaceRow.id, FaceRow.photo_id, EmbeddingRow.embedding, *_MEASURES, EnrolmentRow.person_id)
            .join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id)
            .join(EmbeddingRow, EmbeddingRow.face_id == FaceRow.id)
            .where(EmbeddingRow.recipe == recipe.key, EnrolmentRow.confirmed.is_(True), few)
            .order_by(EmbeddingRow.face_id)
        )
        with self._reader() as connection:
            found = _Faces.read(connection, query, recipe.dim)
        people = found.others
        if low or not found.low.any():
            return Enrolled(face_ids=found.ids, photo_ids=found.photos, vectors=found.vectors, person_ids=people)
        better = {person for person, bad in zip(people, found.low.tolist(), strict=True) if not bad}
        kept = ~found.low | np.array([person not in better for person in people], dtype=bool)
        return Enrolled(
            face_ids=found.ids[kept],
            photo_ids=found.photos[kept],
            vectors=found.vectors[kept],
            person_ids=tuple(person for person, stays in zip(people, kept.tolist(), strict=True) if stays),
        )

    def unnamed(self, recipe: Recipe) -> Unnamed:
        """Every face with an embedding by the recipe that has no person and was not called "no face"."""
        no_face = exists().where(RejectionRow.face_id == FaceRow.id, RejectionRow.person_id.is_(None))
        query = (
            select(FaceRow.id, FaceRow.photo_id, EmbeddingRow.embedding, *_MEASURES)
            .join(EmbeddingRow, EmbeddingRow.face_id == FaceRow.id)
            .where(EmbeddingRow.recipe == recipe.key, ~exists().where(EnrolmentRow.face_id == FaceRow.id), ~no_face)
            .order_by(FaceRow.id)
        )
        with self._reader() as connection:
            found = _Faces.read(connection, query, recipe.dim)
        return Unnamed(face_ids=found.ids, photo_ids=found.photos, vectors=found.vectors, low=found.low)

    def nameless(self) -> set[int]:
        """The ids of all faces that have no person and were not called "no face"."""
        no_face = exists().where(RejectionRow.face_id == FaceRow.id, RejectionRow.person_id.is_(None))
        query = select(FaceRow.id).where(~exists().where(EnrolmentRow.face_id == FaceRow.id), ~no_face)
        with self._reader() as connection:
            return set(connection.execute(query).scalars())
