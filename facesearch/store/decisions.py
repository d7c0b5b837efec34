"""How a decision about faces is written: the rows that hold its effect, and the events that remember it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from facesearch.errors import NotFoundError
from facesearch.store.connection import chunks
from facesearch.store.decided import Decided
from facesearch.store.journal import Draft, JournalStore
from facesearch.store.region import to_stored
from facesearch.store.schema import ApartRow, EnrolmentRow, FaceRow, IgnoredRow, PhotoRow, RejectionRow
from facesearch.store.values import Place
from facesearch.types import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from facesearch.store.values import Payload


@dataclass(frozen=True, slots=True)
class Subject:
    """A face in the gallery as the journal speaks of it, and what is decided about it so far."""

    face_id: int
    place: Place
    decided: Decided


class DecisionStore(JournalStore):
    """The part of the store that decides about faces."""

    def decided(self, face_ids: Sequence[int]) -> dict[int, Decided]:
        """What is decided about faces, by id; faces about which nothing is are left out."""
        found: dict[int, dict[str, Any]] = defaultdict(dict)
        with self._reader() as connection:
            for some in chunks([int(face_id) for face_id in face_ids]):
                columns = EnrolmentRow.face_id, EnrolmentRow.person_id, EnrolmentRow.source, EnrolmentRow.confirmed
                for row in connection.execute(select(*columns).where(EnrolmentRow.face_id.in_(some))):
                    found[row[0]] |= {"person_id": row[1], "source": row[2], "confirmed": row[3]}
                said = select(RejectionRow.face_id, RejectionRow.person_id).where(RejectionRow.face_id.in_(some))
                for face_id, person_id in connection.execute(said):
                    _tell(found[face_id], "no_face" if person_id is None else "rejected", person_id)
                for face_id in connection.execute(
                    select(IgnoredRow.face_id).where(IgnoredRow.face_id.in_(some))
                ).scalars():
                    _tell(found[face_id], "ignored", None)
                apart = select(ApartRow.face_id, ApartRow.other).where(ApartRow.face_id.in_(some))
                for face_id, other in connection.execute(apart):
                    _tell(found[face_id], "apart", other)
        return {face_id: Decided(**told) for face_id, told in found.items()}

    def places_of(self, face_ids: Sequence[int]) -> dict[int, Place]:
        """Faces as the journal speaks of them, by id, in ascending order.

        Raises:
            NotFoundError: one of them is not in the gallery.
        """
        wanted = sorted({int(face_id) for face_id in face_ids})
        found: dict[int, Place] = {}
        columns = PhotoRow.pixel_hash, PhotoRow.orientation, PhotoRow.width, PhotoRow.height
        box = FaceRow.left, FaceRow.top, FaceRow.right, FaceRow.bottom
        query = select(FaceRow.id, *columns, *box).join(PhotoRow, FaceRow.photo_id == PhotoRow.id).order_by(FaceRow.id)
        with self._reader() as connection:
            for some in chunks(wanted):
                for face_id, pixel_hash, *shape, left, top, right, bottom in connection.execute(
                    query.where(FaceRow.id.in_(some))
                ):
                    region = to_stored(Box(left, top, right, bottom), *shape)
                    found[face_id] = Place(pixel_hash, region)
        if len(found) < len(wanted):
            hint = "facesearch cluster --draw DIR and facesearch who PHOTO show the numbers of faces"
            raise NotFoundError("face", min(set(wanted) - set(found)), hint=hint)
        return found

    def _subjects(self, face_ids: Sequence[int]) -> list[Subject]:
        """The faces in ascending order of id.

        Raises:
            NotFoundError: one of them is not in the gallery.
        """
        places = self.places_of(face_ids)
        decided = self.decided(list(places))
        return [Subject(face_id, place, decided.get(face_id, Decided())) for face_id, place in places.items()]

    def _decide(
        self,
        op: str,
        face_ids: Sequence[int],
        change: Callable[[Decided], Decided],
        person_id: Callable[[Subject], str | None] = lambda _: None,
    ) -> list[Subject]:
        """Change what is decided about faces and record it. Returns those that it is new for, as they were before.

        Raises:
            NotFoundError: one of them is not in the gallery.
        """
        pairs = [(one, change(one.decided)) for one in self._subjects(face_ids)]
        pairs = [(one, after) for one, after in pairs if after != one.decided]
        self._put_decided([(one.face_id, one.decided, after) for one, after in pairs])
        self._record(Draft(op, person_id(one), difference(one.decided, after), place=one.place) for one, after in pairs)
        return [one for one, _ in pairs]

    def _put_decided(self, changes: Iterable[tuple[int, Decided, Decided]]) -> None:
        """Write what is decided about faces: id, what the rows say now, what they are to say."""
        held = list(changes)
        moved = [(face_id, after) for face_id, before, after in held if before.enrolment != after.enrolment]
        if moved:
            self._work.enrolments_changed = True
        self._delete(EnrolmentRow, [face_id for face_id, after in moved if after.person_id is None])
        rows = [
            {"face_id": face_id, "person_id": one.person_id, "source": one.source, "confirmed": one.confirmed}
            for face_id, one in moved
            if one.person_id is not None
        ]
        self._upsert(EnrolmentRow, ("face_id",), rows)
        rejected = [
            (face_id, after)
            for face_id, before, after in held
            if (before.rejected, before.no_face) != (after.rejected, after.no_face)
        ]
        self._delete(RejectionRow, [face_id for face_id, _ in rejected])
        people = [(i, person) for i, one in rejected for person in (*sorted(one.rejected), *[None][: one.no_face])]
        self._write(insert(RejectionRow), [{"face_id": i, "person_id": person} for i, person in people])
        ignored = [(face_id, after.ignored) for face_id, before, after in held if before.ignored != after.ignored]
        self._delete(IgnoredRow, [face_id for face_id, on in ignored if not on])
        self._write(insert(IgnoredRow), [{"face_id": face_id} for face_id, on in ignored if on])
        apart = [(face_id, after.apart) for face_id, before, after in held if before.apart != after.apart]
        self._delete(ApartRow, [face_id for face_id, _ in apart])
        self._write(insert(ApartRow), [{"face_id": i, "other": one} for i, others in apart for one in sorted(others)])

    def _delete(
        self, table: type[EnrolmentRow | RejectionRow | IgnoredRow | ApartRow], face_ids: Sequence[int]
    ) -> None:
        for some in chunks(face_ids):
            self._write(delete(table).where(table.face_id.in_(some)))


def difference(before: Decided, after: Decided) -> Payload:
    """The payload of an event that changed what is decided about a face."""
    return {"before": before.as_payload(), "after": after.as_payload()}


def _tell(told: dict[str, Any], what: str, whom: str | None) -> None:
    """Add to what is known of a face: that something is so, or so of somebody."""
    told[what] = True if whom is None else told.get(what, frozenset()) | {whom}
