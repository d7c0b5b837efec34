"""Vectors of faces that have a person, and of those that have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import exists, select

from facesearch.images import quality
from facesearch.store.changes import unpack
from facesearch.store.people import PeopleStore
from facesearch.store.schema import EmbeddingRow, EnrolmentRow, FaceRow, RejectionRow
from facesearch.store.values import Enrolled, Unnamed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.types import Recipe

_MEASURES = FaceRow.quality, FaceRow.right - FaceRow.left, FaceRow.bottom - FaceRow.top
"""What says whether a face can be trusted."""


def _low(measures: Sequence[tuple[float | None, ...]]) -> NDArray[np.bool_]:
    """Which faces cannot be trusted, from their ``_MEASURES``."""
    table = np.array(measures, dtype=np.float64).reshape(-1, 3)
    return quality.low(table[:, 1:].min(axis=1), table[:, 0])


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
            select(
                FaceRow.id,
                FaceRow.photo_id,
                EmbeddingRow.embedding,
                EnrolmentRow.person_id,
                *_MEASURES,
            )
            .join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id)
            .join(EmbeddingRow, EmbeddingRow.face_id == FaceRow.id)
            .where(EmbeddingRow.recipe == recipe.key, EnrolmentRow.confirmed.is_(True), few)
            .order_by(EmbeddingRow.face_id)
        )
        with self._reader() as connection:
            rows = connection.execute(query).all()
        if not low:
            doubtful = _low([tuple(row[4:]) for row in rows])
            better = {row[3] for row, bad in zip(rows, doubtful, strict=True) if not bad}
            rows = [row for row, bad in zip(rows, doubtful, strict=True) if not bad or row[3] not in better]
        return Enrolled(
            face_ids=np.array([row[0] for row in rows], dtype=np.int64),
            photo_ids=np.array([row[1] for row in rows], dtype=np.int64),
            vectors=unpack([row[2] for row in rows], recipe.dim),
            person_ids=tuple(row[3] for row in rows),
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
            rows = connection.execute(query).all()
        return Unnamed(
            face_ids=np.array([row[0] for row in rows], dtype=np.int64),
            photo_ids=np.array([row[1] for row in rows], dtype=np.int64),
            vectors=unpack([row[2] for row in rows], recipe.dim),
            low=_low([tuple(row[3:]) for row in rows]),
        )

    def nameless(self) -> set[int]:
        """The ids of all faces that have no person and were not called "no face"."""
        no_face = exists().where(RejectionRow.face_id == FaceRow.id, RejectionRow.person_id.is_(None))
        query = select(FaceRow.id).where(~exists().where(EnrolmentRow.face_id == FaceRow.id), ~no_face)
        with self._reader() as connection:
            return set(connection.execute(query).scalars())
