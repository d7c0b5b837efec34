"""The journal as a list of actions, as people see it, and events that come from another gallery."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from facesearch.store.connection import chunks
from facesearch.store.history import HistoryStore
from facesearch.store.journal import ABOUT_ACTIONS, ABOUT_PEOPLE
from facesearch.store.schema import EventRow
from facesearch.store.values import Action, Deed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.store.values import Event

_TOLD = (*ABOUT_ACTIONS, *ABOUT_PEOPLE, "mark")
"""Operations whose payload belongs into the list."""


class ActionStore(HistoryStore):
    """The part of the store that tells what was done, and takes in what was done elsewhere."""

    def actions(self) -> list[Action]:
        """Everything that was decided, one entry a transaction, oldest first."""
        grouped = (EventRow.action, EventRow.op, EventRow.person_id)
        deeds = (
            select(*grouped, func.count(), func.min(EventRow.seq), func.min(EventRow.at))
            .where(EventRow.op.not_in(_TOLD))
            .group_by(*grouped)
        )
        single = select(*grouped, EventRow.seq, EventRow.at, EventRow.payload).where(EventRow.op.in_(_TOLD))
        with self._reader() as connection:
            rows = [(*row, "{}") for row in connection.execute(deeds)]
            rows += [(*row[:3], 1, *row[3:]) for row in connection.execute(single)]
        found: dict[str, Action] = {}
        for action, op, person_id, count, seq, at, said in sorted(rows, key=lambda row: (row[5], row[4])):
            known = found.setdefault(action, Action(action, seq, at, []))
            known.deeds.append(Deed(op, person_id, count, json.loads(said)))
        return list(found.values())

    def import_events(self, events: Sequence[Event]) -> int:
        """Take in decisions of another gallery; ``replay`` makes them count. Returns how many are new."""
        with self.writing():
            given = {event.id: event for event in events}
            known = {
                one
                for some in chunks(list(given))
                for one in self._work.connection.execute(select(EventRow.id).where(EventRow.id.in_(some))).scalars()
            }
            rows = [
                {
                    "id": event.id,
                    "action": event.action,
                    "at": event.at,
                    "op": event.op,
                    "pixel_hash": event.pixel_hash,
                    "region": astuple(event.region) if event.region else None,
                    "person_id": event.person_id,
                    "payload": json.dumps(event.payload, sort_keys=True),
                }
                for event in given.values()
                if event.id not in known
            ]
            self._write(insert(EventRow), rows)
            return len(rows)
