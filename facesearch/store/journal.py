"""The journal: every decision, append-only, written in the transaction of its effect.

An event names its face by the photo's pixel hash and a box in fractions of the stored picture, so it survives a
deleted photo, another detector and another machine. One about a whole photo has no box. Events about a face say what
was decided about it ``before`` and ``after`` (``Decided``), so that any of them can be repeated and taken back:

=============== ======= =====================================================================
op              about   payload
=============== ======= =====================================================================
create_person   person  name
rename          person  name, previous
delete_person   person  name
enrol, unenrol, face    before, after; ``person_id`` is whom it is about, null in ``reject`` for
reject, ignore,         "not a face"
unignore, apart,
restore
mark            photo   mark, previous
unmark          photo   previous
merge           action  people and their names, that became part of ``person_id``
split           action  name of the person, or cluster, that faces were taken out of
undo, redo      action  of: the action that was taken back, or repeated
forget          action  how much was erased, never what
erased                  an event whose content was forgotten
=============== ======= =====================================================================

Those about an action only say what its other events are for. Before migration 0003 events had no ``before`` and
``after`` and said less; ``follow`` reads those too.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import func, insert, select

from facesearch.store.connection import chunks
from facesearch.store.decided import NOTHING, Decided
from facesearch.store.faces import FaceStore
from facesearch.store.files import now
from facesearch.store.region import overlap
from facesearch.store.schema import EventRow
from facesearch.store.values import Event, Place, Region, Source
from facesearch.types import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement

    from facesearch.store.values import Payload

ABOUT_PEOPLE = ("create_person", "rename", "delete_person")
ABOUT_ACTIONS = ("merge", "split", "undo", "redo", "forget")

ABOUT_FACES = ("enrol", "unenrol", "reject", "ignore", "unignore", "apart", "restore")
OPERATIONS = (*ABOUT_PEOPLE, *ABOUT_FACES, *ABOUT_ACTIONS, "mark", "unmark", "erased")

_NAMES = {"create_person": ("name",), "rename": ("name", "previous"), "delete_person": ("name",)}

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
    # Events of another machine come in later than they were taken; here the clock never goes back (``_record``).
).order_by(EventRow.at, EventRow.seq)

_SAME = 0.5
"""Regions that overlap as much (IoU) are one face."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is not written yet; ``place`` of a face, or ``pixel_hash`` of a photo as a whole."""

    op: str
    person_id: str | None
    payload: Payload
    place: Place | None = None
    pixel_hash: str | None = None


@dataclass(slots=True)
class Standing:
    """What the journal says of one face of a photo after all its events."""

    region: Region
    decided: Decided = NOTHING


class JournalStore(FaceStore):
    """The part of the store that remembers decisions."""

    def events(self, *, after_seq: int = 0) -> list[Event]:
        """Decisions in the order they were taken; only those that were written after ``after_seq``."""
        return self._events(EventRow.seq > after_seq)

    def events_of(self, pixel_hashes: Sequence[str]) -> dict[str, list[Event]]:
        """Decisions about photos and their faces, by pixel hash, in the order they were taken; none, no entry."""
        found: dict[str, list[Event]] = {}
        with self._reader():
            for some in chunks(pixel_hashes):
                for event in self._events(EventRow.pixel_hash.in_(some)):
                    found.setdefault(str(event.pixel_hash), []).append(event)
        return found

    def _events(self, which: ColumnElement[bool]) -> list[Event]:
        with self._reader() as connection:
            return [_event(row) for row in connection.execute(_EVENT.where(which))]

    def _record(self, drafts: Iterable[Draft]) -> None:
        held = list(drafts)
        if not held:
            return
        # A clock that was set back must not bring an event before those that it builds on.
        at = max(now(), self._work.connection.execute(select(func.max(EventRow.at))).scalar_one() or "")
        rows = [
            {
                "id": str(uuid.uuid4()),
                "action": self._work.action,
                "at": at,
                "op": draft.op,
                "pixel_hash": draft.place.pixel_hash if draft.place else draft.pixel_hash,
                "region": astuple(draft.place.region) if draft.place else None,
                "person_id": draft.person_id,
                "payload": json.dumps(draft.payload, sort_keys=True),
            }
            for draft in held
        ]
        self._write(insert(EventRow), rows)


def standings(events: Iterable[Event]) -> list[Standing]:
    """What the events of one photo come to, one entry a face that they speak of."""
    found: dict[int, Standing] = {}
    for _, standing, _, _ in follow(events):
        found[id(standing)] = standing
    return list(found.values())


def follow(events: Iterable[Event]) -> Iterator[tuple[Event, Standing, Decided, Decided]]:
    """The events about faces of one photo: each with its face as it stands then, and what it changed from and to."""
    known: list[Standing] = []
    for event in events:
        region = event.region
        if region is None:
            continue
        one = max(known, key=lambda one: overlap(one.region, region), default=None)
        if one is None or overlap(one.region, region) < _SAME:
            one = Standing(region)
            known.append(one)
        before, after = _difference(event, one.decided)
        one.decided = one.decided.changed(before, after)
        # The box may have moved a little since; the latest one is nearest to what a detector finds now.
        one.region = region
        yield event, one, before, after


def _difference(event: Event, now: Decided) -> tuple[Decided, Decided]:
    """What an event changed from and to; ``now`` is what stood before it, for events that do not say so themselves."""
    said = event.payload
    if "after" in said:
        return Decided.from_payload(said["before"]), Decided.from_payload(said["after"])
    if event.op == "enrol" and event.person_id is not None:
        return now, now.enrolled(event.person_id, said["source"], confirmed=bool(said["confirmed"]))
    if event.op == "unenrol":
        return now, now.unenrolled()
    if event.op == "reject":
        return now, now.without(event.person_id)
    return now, now


def check_payload(op: str, payload: Any) -> None:  # noqa: ANN401
    """Whether an event of this operation can be repeated from this payload, which came from outside.

    Raises:
        ValueError: it cannot.
        KeyError: something is missing in it.
        TypeError: something in it is of another kind.
    """
    if not isinstance(payload, dict):
        raise TypeError("a payload is an object")
    if op in ABOUT_PEOPLE and not all(isinstance(payload[name], str) for name in _NAMES[op]):
        raise ValueError("a name is text")
    if op in ABOUT_FACES and "after" in payload:
        for said in (payload["before"], payload["after"]):
            for place in Decided.from_payload(said).apart:
                Place.parse(place)
    elif op == "enrol" and (payload["source"] not in get_args(Source) or payload["confirmed"] not in (True, False)):
        raise ValueError("an enrolment has a source")
    if op == "mark" and payload["mark"] not in get_args(Mark):
        raise ValueError(f"{payload['mark']!r} is no mark")


def _event(row: Any) -> Event:  # noqa: ANN401
    *facts, region, person_id, payload = row
    seq, event_id, action, at, op, pixel_hash = facts
    where = Region(*region) if region is not None else None
    return Event(seq, event_id, action, at, op, pixel_hash, where, person_id, json.loads(payload))
