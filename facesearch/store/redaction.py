"""What becomes of the journal when somebody, or a photo, is forgotten: the one exception to "nothing is rewritten".

Events about what is erased keep nothing but when they happened. Others lose what they say of it, so that all that is
not erased comes out of the journal as it did before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from facesearch.store.decided import NOTHING, Decided
from facesearch.store.decisions import difference
from facesearch.store.journal import ABOUT_PEOPLE, Draft, Standing, follow, standings
from facesearch.store.region import overlap
from facesearch.store.values import Place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from facesearch.store.values import Event, Region

ERASED = "erased"
"""The op of an event that was redacted."""

_SAME = 0.5
"""Regions that overlap as much (IoU) are one face, as for ``follow``."""


@dataclass(slots=True)
class Redaction:
    """Who and what is erased: people by id, photos by pixel hash, and the places of faces in other photos.

    ``events`` are those to be rewritten, by seq, as they are then. ``drafts`` are to be written after them: they bring
    a face to where it was, where what is left of its events alone would not. ``names`` are all names that the people
    ever had.
    """

    people: frozenset[str]
    photos: frozenset[str] = frozenset()
    places: dict[str, list[Region]] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def covers(self, text: str) -> bool:
        """Whether the text of a ``Place`` is that of a face that is erased."""
        try:
            place = Place.parse(text)
        except (ValueError, TypeError):
            return False
        return place.pixel_hash in self.photos or _among(place.region, self.places.get(place.pixel_hash, ()))

    def cleaned(self, decided: Decided) -> Decided:
        """What is decided about a face that stays, without what is erased."""
        gone = decided.person_id in self.people
        kept = decided.unenrolled() if gone else decided
        apart = frozenset(one for one in decided.apart if not self.covers(one))
        return replace(kept, rejected=decided.rejected - self.people, apart=apart)

    def run(self, events: Sequence[Event]) -> None:
        """Find out what is to be done with a whole journal."""
        by_photo: dict[str, list[Event]] = {}
        for event in events:
            if event.pixel_hash is not None:
                by_photo.setdefault(event.pixel_hash, []).append(event)
            self._redact_plain(event)
        about = {pixel_hash for pixel_hash, told in by_photo.items() if any(self._tells(event) for event in told)}
        doomed = {
            pixel_hash: self._doom(pixel_hash, by_photo.get(pixel_hash, ())) for pixel_hash in about | {*self.places}
        }
        # All places must be known before the first face is cleaned: it may be kept apart from one in another photo.
        for pixel_hash, told in by_photo.items():
            if pixel_hash in doomed or any(_tells_apart(event) for event in told):
                self._redact_faces(pixel_hash, told, doomed.get(pixel_hash, ()))

    def _doom(self, pixel_hash: str, told: Iterable[Event]) -> set[int]:
        """The seqs of the events about faces of a photo that are erased."""
        seqs: dict[int, tuple[Standing, list[Event]]] = {}
        for event, standing, _, _ in follow(told):
            seqs.setdefault(id(standing), (standing, []))[1].append(event)
        found: set[int] = set()
        known = list(self.places.get(pixel_hash, ()))
        for standing, its in seqs.values():
            if standing.decided.person_id in self.people or _among(standing.region, known):
                found.update(event.seq for event in its)
                mine = self.places.setdefault(pixel_hash, [])
                mine += [event.region for event in its if event.region is not None]
        return found

    def _redact_plain(self, event: Event) -> None:
        """Events about people, photos and actions."""
        self.names |= _names_in(event, self.people)
        if event.pixel_hash in self.photos:
            self.events[event.seq] = _blank(event)
        elif event.region is None and event.pixel_hash is None and self._tells(event):
            others = _others(event, self.people)
            kept = event.op == "merge" and event.person_id not in self.people and others["people"]
            self.events[event.seq] = replace(event, payload=others) if kept else _blank(event)

    def _redact_faces(self, pixel_hash: str, told: Sequence[Event], doomed: Collection[int]) -> None:
        if pixel_hash in self.photos:
            return
        wanted: dict[int, Standing] = {}
        for event, standing, before, after in follow(told):
            if event.seq in doomed:
                self.events[event.seq] = _blank(event)
                continue
            wanted[id(standing)] = standing
            was, then = self.cleaned(before), self.cleaned(after)
            if (was, then) != (before, after) or self._tells(event):
                gone = event.person_id in self.people
                # The place of a face that stays must stay too: later events are told apart by it.
                self.events[event.seq] = replace(
                    event,
                    op=ERASED if was == then else "restore" if gone else event.op,
                    person_id=None if gone or was == then else event.person_id,
                    payload=difference(was, then),
                )
        self._correct(pixel_hash, [self.events.get(event.seq, event) for event in told], list(wanted.values()))

    def _correct(self, pixel_hash: str, told: Iterable[Event], wanted: Iterable[Standing]) -> None:
        """Events of several machines may contradict each other; then what is left can come out otherwise."""
        reached = standings(told)
        for standing in wanted:
            best = max(reached, key=lambda one: overlap(one.region, standing.region), default=None)
            same = best is not None and overlap(best.region, standing.region) >= _SAME
            now = best.decided if same and best is not None else NOTHING
            then = self.cleaned(standing.decided)
            if now != then:
                place = Place(pixel_hash, standing.region)
                self.drafts.append(Draft("restore", then.person_id, difference(now, then), place=place))

    def _tells(self, event: Event) -> bool:
        if event.person_id in self.people:
            return True
        text = json.dumps(event.payload)
        return any(person in text for person in self.people)


def with_merged(events: Iterable[Event], people: Collection[str], living: Collection[str]) -> frozenset[str]:
    """The people, and all that became part of them and are nobody of their own any more."""
    found = set(people)
    for event in reversed(list(events)):
        if event.op == "merge" and event.person_id in found:
            found |= {one for one in event.payload.get("people", ()) if one not in living}
    return frozenset(found)


def gone_people(events: Iterable[Event], living: Collection[str]) -> dict[str, set[str]]:
    """People whom only the journal still knows: their names, by id."""
    found: dict[str, set[str]] = {}
    for event in events:
        if event.op in ABOUT_PEOPLE and event.person_id not in {None, *living}:
            names = _names_in(event, {event.person_id})
            found.setdefault(str(event.person_id), set()).update(names)
    return found


def _names_in(event: Event, people: Collection[str | None]) -> set[str]:
    """The names of the people that an event says."""
    said = event.payload
    found: set[str | None] = set()
    if event.op in ABOUT_PEOPLE and event.person_id in people:
        found |= {said.get("name"), said.get("previous")}
    elif event.op == "merge":
        pairs = zip(said.get("people", ()), said.get("names", ()), strict=False)
        found |= {name for person, name in pairs if person in people}
    elif event.op == "split" and not set(said.get("people", ())).isdisjoint(people):
        found.add(said.get("name"))
    return {name for name in found if name is not None}


def _others(event: Event, people: Collection[str]) -> dict[str, list[str]]:
    """The payload of a merge without some people."""
    pairs = zip(event.payload.get("people", ()), event.payload.get("names", ()), strict=False)
    kept: Mapping[str, str] = {person: name for person, name in pairs if person not in people}
    return {"people": list(kept), "names": list(kept.values())}


def _tells_apart(event: Event) -> bool:
    """Whether an event says that a face was, or is, kept apart from another one."""
    return any("apart" in event.payload.get(when, ()) for when in ("before", "after"))


def _blank(event: Event) -> Event:
    """All that is left of an event: that there was one."""
    return replace(event, op=ERASED, pixel_hash=None, region=None, person_id=None, payload={})


def _among(region: Region, regions: Iterable[Region]) -> bool:
    return any(overlap(region, one) >= _SAME for one in regions)
