"""The journal: every decision, append-only, written in the transaction of its effect.

An event names its face by the photo's pixel hash and a box in fractions of the stored picture, so it survives a
deleted photo, another detector and another machine. One about a whole photo has no box. Operations and their payloads:

=============== ======= =====================================================================
op              face    payload
=============== ======= =====================================================================
create_person           name
rename                  name, previous
enrol           yes     source, confirmed; previous, previous_source, previous_confirmed
unenrol         yes     source, confirmed (what was taken back)
reject          yes     previous, previous_source, previous_confirmed: of the enrolment that it
                        ended, else null. ``person_id`` null means: not a face
mark            photo   mark, previous
unmark          photo   previous
=============== ======= =====================================================================
"""

from __future__ import annotations

import json
import uuid
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from facesearch.errors import NotFoundError
from facesearch.store.connection import chunks
from facesearch.store.faces import FaceStore
from facesearch.store.files import now
from facesearch.store.region import overlap, to_stored
from facesearch.store.schema import EnrolmentRow, EventRow, FaceRow, PhotoRow
from facesearch.store.values import Event, Region
from facesearch.types import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facesearch.store.values import Payload

_EVENT = select(
    EventRow.seq,
    EventRow.id,
    EventRow.action,
    EventRow.at,
    EventRow.op,
    EventRow.pixel_hash,
    EventRow.region,
    EventRow.person_id,
    EventRow.payload,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A face as the journal speaks of it, and the enrolment that it has before the decision."""

    face_id: int
    pixel_hash: str
    region: Region
    person_id: str | None
    source: str | None
    confirmed: bool | None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is not written yet; ``pixel_hash`` is of a photo that it is about as a whole."""

    op: str
    person_id: str | None
    payload: Payload
    subject: Subject | None = None
    pixel_hash: str | None = None


@dataclass(slots=True)
class Standing:
    """What the journal says of one face of a photo after all its events."""

    region: Region
    person_id: str | None
    source: str
    confirmed: bool
    rejected: set[str | None]


class JournalStore(FaceStore):
    """The part of the store that remembers decisions."""

    def events(self, *, after_seq: int = 0) -> list[Event]:
        """Decisions in the order they were taken; only those after ``after_seq``."""
        with self._reader() as connection:
            rows = connection.execute(_EVENT.where(EventRow.seq > after_seq).order_by(EventRow.seq)).all()
        return [_event(row) for row in rows]

    def events_of(self, pixel_hashes: Sequence[str]) -> dict[str, list[Event]]:
        """Decisions about photos and their faces, by pixel hash, in the order they were taken; none, no entry."""
        found: dict[str, list[Event]] = {}
        with self._reader() as connection:
            for some in chunks(pixel_hashes):
                query = _EVENT.where(EventRow.pixel_hash.in_(some)).order_by(EventRow.seq)
                for event in (_event(row) for row in connection.execute(query)):
                    found.setdefault(str(event.pixel_hash), []).append(event)
        return found

    def _record(self, drafts: Iterable[Draft]) -> None:
        at = now()
        rows = [
            {
                "id": str(uuid.uuid4()),
                "action": self._work.action,
                "at": at,
                "op": draft.op,
                "pixel_hash": draft.subject.pixel_hash if draft.subject else draft.pixel_hash,
                "region": astuple(draft.subject.region) if draft.subject else None,
                "person_id": draft.person_id,
                "payload": json.dumps(draft.payload, sort_keys=True),
            }
            for draft in drafts
        ]
        self._write(insert(EventRow), rows)

    def _subjects(self, face_ids: Sequence[int]) -> list[Subject]:
        """The faces in ascending order of id.

        Raises:
            NotFoundError: one of them is not in the gallery.
        """
        wanted = sorted({int(face_id) for face_id in face_ids})
        found: list[Subject] = []
        for some in chunks(wanted):
            query = (
                select(
                    FaceRow.id,
                    PhotoRow.pixel_hash,
                    PhotoRow.orientation,
                    PhotoRow.width,
                    PhotoRow.height,
                    FaceRow.left,
                    FaceRow.top,
                    FaceRow.right,
                    FaceRow.bottom,
                    EnrolmentRow.person_id,
                    EnrolmentRow.source,
                    EnrolmentRow.confirmed,
                )
                .join(PhotoRow, FaceRow.photo_id == PhotoRow.id)
                .join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id, isouter=True)
                .where(FaceRow.id.in_(some))
                .order_by(FaceRow.id)
            )
            for row in self._work.connection.execute(query):
                region = to_stored(
                    Box(row.left, row.top, row.right, row.bottom), row.orientation, row.width, row.height
                )
                found.append(Subject(row.id, row.pixel_hash, region, row.person_id, row.source, row.confirmed))
        if len(found) < len(wanted):
            missing = set(wanted) - {subject.face_id for subject in found}
            raise NotFoundError("face", min(missing))
        return found


def standings(events: Iterable[Event]) -> list[Standing]:
    """What the events of one photo come to, one entry a face that they speak of."""
    found: list[Standing] = []
    for event in events:
        if event.region is None:
            continue
        region = event.region
        known = max(found, key=lambda one: overlap(one.region, region), default=None)
        if known is None or overlap(known.region, region) < 0.5:
            known = Standing(region, None, "user", confirmed=True, rejected=set())
            found.append(known)
        _apply(known, event)
    return found


def _apply(known: Standing, event: Event) -> None:
    # The box may have moved a little since; the latest one is nearest to what a detector finds now.
    known.region = event.region or known.region
    if event.op == "enrol":
        known.person_id = event.person_id
        known.source = str(event.payload["source"])
        known.confirmed = bool(event.payload["confirmed"])
        known.rejected -= {event.person_id, None}
    elif event.op == "unenrol":
        known.person_id = None
    elif event.op == "reject":
        known.rejected.add(event.person_id)
        if event.person_id in (None, known.person_id):
            known.person_id = None


def _event(row: Any) -> Event:  # noqa: ANN401
    *facts, region, person_id, payload = row
    seq, event_id, action, at, op, pixel_hash = facts
    where = Region(*region) if region is not None else None
    return Event(seq, event_id, action, at, op, pixel_hash, where, person_id, json.loads(payload))
