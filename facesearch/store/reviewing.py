"""What ``review`` must know beside the rest: which faces are open, who is in a photo, and the action at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from facesearch.store.finding import FindStore
from facesearch.store.schema import EmbeddingRow, EnrolmentRow, EventRow, FaceRow, RejectionRow

if TYPE_CHECKING:
    from facesearch.types import Recipe


class ReviewStore(FindStore):
    """The part of the store that knows what nobody has looked at."""

    def unconfirmed(self, recipe: Recipe) -> dict[int, str]:
        """The person of each face, by face id, whose enrolment nobody confirmed; those with an embedding only."""
        query = (
            select(EnrolmentRow.face_id, EnrolmentRow.person_id)
            .join(EmbeddingRow, EmbeddingRow.face_id == EnrolmentRow.face_id)
            .where(EnrolmentRow.confirmed.is_(False), EmbeddingRow.recipe == recipe.key)
            .order_by(EnrolmentRow.face_id)
        )
        with self._reader() as connection:
            return {row.face_id: row.person_id for row in connection.execute(query)}

    def open_faces(self, recipe: Recipe) -> list[int]:
        """The ids of the faces of ``unnamed``, ascending, without their vectors, in a fraction of the time."""
        no_face = exists().where(RejectionRow.face_id == EmbeddingRow.face_id, RejectionRow.person_id.is_(None))
        named = exists().where(EnrolmentRow.face_id == EmbeddingRow.face_id)
        query = select(EmbeddingRow.face_id).where(EmbeddingRow.recipe == recipe.key, ~named, ~no_face)
        with self._reader() as connection:
            return sorted(connection.execute(query).scalars())

    def shown(self) -> dict[int, frozenset[str]]:
        """Who is in a photo for sure, by photo id."""
        query = select(FaceRow.photo_id, EnrolmentRow.person_id).join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id)
        found: dict[int, set[str]] = {}
        with self._reader() as connection:
            for photo_id, person_id in connection.execute(query.where(EnrolmentRow.confirmed.is_(True))):
                found.setdefault(photo_id, set()).add(person_id)
        return {photo_id: frozenset(people) for photo_id, people in found.items()}

    def action(self) -> str | None:
        """Within ``writing``: the id under which the journal keeps what was decided in it, for ``undo``; else None."""
        query = select(EventRow.action).where(EventRow.action == self._work.action).limit(1)
        return self._work.connection.execute(query).scalar_one_or_none()
