"""Photos by the people in them: sets of photo ids, and what is shown of a photo that was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, select

from facesearch.store.connection import chunks
from facesearch.store.erasure import ErasureStore
from facesearch.store.schema import EnrolmentRow, FaceRow, IgnoredRow, PersonRow, PhotoRow, RejectionRow

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from sqlalchemy import ColumnElement, Select

_FEW = 100_000
"""Ids that are looked up a piece at a time; for more, all rows are read, which is then the faster way."""


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A face in a photo; the person is None where nobody has named it."""

    face_id: int
    person_id: str | None
    person: str | None


@dataclass(frozen=True, slots=True)
class EnrolledFace:
    """A face of a person: where it comes from, and when its photo was taken (ISO 8601 or None)."""

    face_id: int
    photo_id: int
    source: str
    confirmed: bool
    taken_at: str | None


class FindStore(ErasureStore):
    """The part of the store that finds photos by people."""

    def photos_with(
        self, person_id: str | None, *, least: float | None = None, suggested: bool = False, within: Set[int] | None
    ) -> set[int]:
        """The photos that show a person.

        Args:
            person_id: of the person; None for anybody who has a name.
            least: faces of a lower quality, or of none that was measured, do not count; None for all.
            suggested: count automatic enrolments that nobody confirmed.
            within: no other photos are needed; None for all.
        """
        query = select(FaceRow.photo_id).join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id)
        query = query.where(*_good(least), *_counted(suggested))
        if person_id is not None:
            # A person's faces are found by the person, and are few: looking for photos would be slower.
            query, within = query.where(EnrolmentRow.person_id == person_id), None
        return self._photo_ids(query, within)

    def photos_with_unnamed(
        self, *, least: float | None = None, suggested: bool = False, within: Set[int] | None
    ) -> set[int]:
        """The photos that show a face without a name; arguments as for ``photos_with``.

        What was called "not a face", and faces that are ignored, do not count.
        """
        query = select(FaceRow.photo_id).where(*_good(least), ~_named(suggested), *_regarded())
        return self._photo_ids(query, within)

    def dates_of(self, photo_ids: Set[int] | None) -> dict[int, str | None]:
        """When photos were taken, ISO 8601 or None, by id; None for all photos."""
        query = select(PhotoRow.id, PhotoRow.taken_at)
        with self._reader() as connection:
            if photo_ids is None or len(photo_ids) > _FEW:
                rows = connection.execute(query).all()
                return {photo_id: at for photo_id, at in rows if photo_ids is None or photo_id in photo_ids}
            return {
                photo_id: at
                for some in chunks(sorted(photo_ids))
                for photo_id, at in connection.execute(query.where(PhotoRow.id.in_(some)))
            }

    def who_is_in(self, photo_ids: Sequence[int], *, suggested: bool = False) -> dict[int, list[ShownFace]]:
        """Who is in photos, left to right; faces that ``photos_with_unnamed`` does not count are left out."""
        found: dict[int, list[ShownFace]] = {photo_id: [] for photo_id in photo_ids}
        query = (
            select(FaceRow.photo_id, FaceRow.id, PersonRow.id, PersonRow.name)
            .join(EnrolmentRow, and_(EnrolmentRow.face_id == FaceRow.id, *_counted(suggested)), isouter=True)
            .join(PersonRow, PersonRow.id == EnrolmentRow.person_id, isouter=True)
            .where(PersonRow.id.is_not(None) | and_(*_regarded()))
            .order_by(FaceRow.left, FaceRow.id)
        )
        with self._reader() as connection:
            for some in chunks(photo_ids):
                for photo_id, face_id, owner, name in connection.execute(query.where(FaceRow.photo_id.in_(some))).all():
                    found[photo_id].append(ShownFace(face_id, owner, name))
        return found

    def enrolments_of(self, person_id: str) -> list[EnrolledFace]:
        """Every face of a person, confirmed or not, oldest photo first, those without a date last."""
        query = (
            select(FaceRow.id, FaceRow.photo_id, EnrolmentRow.source, EnrolmentRow.confirmed, PhotoRow.taken_at)
            .join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id)
            .join(PhotoRow, PhotoRow.id == FaceRow.photo_id)
            .where(EnrolmentRow.person_id == person_id)
            .order_by(PhotoRow.taken_at.is_(None), PhotoRow.taken_at, FaceRow.id)
        )
        with self._reader() as connection:
            rows = connection.execute(query).all()
        return [EnrolledFace(face_id, photo_id, source, sure, at) for face_id, photo_id, source, sure, at in rows]

    def _photo_ids(self, query: Select[int], within: Set[int] | None) -> set[int]:
        with self._reader() as connection:
            if within is None or len(within) > _FEW:
                return set(connection.execute(query).scalars())
            found: set[int] = set()
            for some in chunks(sorted(within)):
                found.update(connection.execute(query.where(FaceRow.photo_id.in_(some))).scalars().all())
            return found


def _good(least: float | None) -> list[ColumnElement[bool]]:
    return [] if least is None else [FaceRow.quality >= least]


def _counted(suggested: bool) -> list[ColumnElement[bool]]:
    """Which enrolments count."""
    return [] if suggested else [EnrolmentRow.confirmed.is_(True)]


def _named(suggested: bool) -> ColumnElement[bool]:
    return exists().where(EnrolmentRow.face_id == FaceRow.id, *_counted(suggested))


def _regarded() -> list[ColumnElement[bool]]:
    """Neither called "not a face" nor ignored."""
    return [
        ~exists().where(RejectionRow.face_id == FaceRow.id, RejectionRow.person_id.is_(None)),
        ~exists().where(IgnoredRow.face_id == FaceRow.id),
    ]
