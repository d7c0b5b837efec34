"""What the journal allows to do: take actions back, repeat them, and give everybody their names again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from facesearch.errors import ConfigError, NotFoundError
from facesearch.store.connection import chunks
from facesearch.store.decided import NOTHING, Decided
from facesearch.store.decisions import difference
from facesearch.store.journal import ABOUT_PEOPLE, Draft, Standing, follow, standings
from facesearch.store.marks import MarkStore
from facesearch.store.region import pair_up, to_stored
from facesearch.store.schema import (
    ApartRow,
    ClusterRow,
    EnrolmentRow,
    EventRow,
    IgnoredRow,
    PersonRow,
    PhotoRow,
    RejectionRow,
)
from facesearch.store.values import Place, Unplaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facesearch.store.values import Event, Region


@dataclass(slots=True)
class _Net:
    """What an action came to: names of people, decisions about faces and marks of photos, each before and after.

    ``now`` is what is decided about a face by all that came later.
    """

    people: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    faces: list[tuple[Place, Decided, Decided, Decided]] = field(default_factory=list)
    marks: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)

    def turned(self) -> _Net:
        """The way back."""
        return _Net(
            {person: (after, before) for person, (before, after) in self.people.items()},
            [(place, after, before, now) for place, before, after, now in self.faces],
            {photo: (after, before) for photo, (before, after) in self.marks.items()},
        )


class HistoryStore(MarkStore):
    """The part of the store that reads the journal forwards and backwards."""

    def undo(self, action: str) -> None:
        """Take an action back, as a new action; nothing in the journal is rewritten.

        Args:
            action: the id that its events share.

        Raises:
            NotFoundError: there is no such action.
            ConfigError: what it decided was decided anew since, or it is older than something that was erased.
        """
        self._turn(action, "undo")

    def redo(self, action: str) -> None:
        """Repeat an action that was taken back.

        Raises:
            NotFoundError: there is no such action.
            ConfigError: what it decides was decided otherwise since, or it is older than something that was erased.
        """
        self._turn(action, "redo")

    def replay(self) -> list[Unplaced]:
        """Forget who is who, and find it out again from the journal alone; no new decision is recorded.

        Returns:
            Decisions about faces that are not in the gallery (any more): they wait for their photos to be indexed.
        """
        with self.writing():
            everything = self.events()
            names = _names(everything)
            for table in (EnrolmentRow, RejectionRow, IgnoredRow, ApartRow, PersonRow):
                self._write(delete(table))
            self._write(update(PhotoRow).where(PhotoRow.mark.is_not(None)).values(mark=None))
            self._work.enrolments_changed = True
            for person_id, name in names.items():
                self._put_person(person_id, name)
            by_photo: dict[str, list[Event]] = {}
            for event in everything:
                if event.pixel_hash is not None:
                    by_photo.setdefault(event.pixel_hash, []).append(event)
            self._mark_again(list(by_photo))
            held = [
                (Place(pixel_hash, one.region), one.decided)
                for pixel_hash, events in by_photo.items()
                for one in standings(events)
                if one.decided != NOTHING
            ]
            found = self.faces_at([place for place, _ in held])
            rows = [(found[place], NOTHING, decided.limited(names)) for place, decided in held if place in found]
            self._put_decided(rows)
            return [
                Unplaced(place, names.get(decided.person_id or ""), decided.person_id)
                for place, decided in held
                if place not in found
            ]

    def faces_at(self, places: Sequence[Place]) -> dict[Place, int]:
        """The faces that are where the journal says, by half of the box or more (IoU); each is one place's at most."""
        wanted: dict[str, list[Region]] = {}
        for place in places:
            wanted.setdefault(place.pixel_hash, []).append(place.region)
        found: dict[Place, int] = {}
        with self._reader():
            for some in chunks(list(wanted)):
                photos = {photo.id: photo for photo in self._photos(PhotoRow.pixel_hash.in_(some))}
                for photo_id, faces in self.faces_of_photos(list(photos)).items():
                    photo = photos[photo_id]
                    regions = [to_stored(one.box, photo.orientation, photo.width, photo.height) for one in faces]
                    mine = wanted[photo.pixel_hash]
                    for new, old in pair_up(mine, regions).items():
                        found[Place(photo.pixel_hash, mine[old])] = faces[new].id or 0
        return found

    def apart(self) -> list[tuple[int, int]]:
        """Pairs of faces that must not be grouped, by id."""
        with self._reader() as connection:
            rows = [
                (face_id, Place.parse(other))
                for face_id, other in connection.execute(select(ApartRow.face_id, ApartRow.other))
            ]
            found = self.faces_at(list(dict.fromkeys(other for _, other in rows)))
        return [(face_id, found[other]) for face_id, other in rows if other in found]

    def _restore(self, faces: Iterable[tuple[int, Standing]]) -> None:
        """Give faces that are new what the journal says of them; no new decision is recorded."""
        held = [(face_id, one.decided) for face_id, one in faces if one.decided != NOTHING]
        if held:
            names = self.names()
            self._put_decided([(face_id, NOTHING, decided.limited(names)) for face_id, decided in held])

    def _turn(self, action: str, op: str) -> None:
        with self.writing():
            events = self._events(EventRow.action == action)
            if not events:
                raise NotFoundError("action", action, hint="facesearch log lists them")
            erased = select(func.max(EventRow.seq)).where(EventRow.op == "forget")
            if max(event.seq for event in events) <= (self._work.connection.execute(erased).scalar_one() or 0):
                raise ConfigError(
                    "what came before something was forgotten cannot be taken back or repeated",
                    hint="decide it anew",
                )
            net = self._net(events)
            self._apply(net.turned() if op == "undo" else net)
            self._record([Draft(op, None, {"of": action})])

    def _net(self, events: Sequence[Event]) -> _Net:
        net = _Net()
        action = events[0].action
        for event in events:
            if event.op in ABOUT_PEOPLE and event.person_id is not None:
                before, after = _renamed(event)
                net.people[event.person_id] = net.people.get(event.person_id, (before, after))[0], after
            elif event.op in ("mark", "unmark") and event.pixel_hash is not None:
                before, after = event.payload["previous"], event.payload.get("mark")
                net.marks[event.pixel_hash] = net.marks.get(event.pixel_hash, (before, after))[0], after
        hashes = sorted({event.pixel_hash for event in events if event.pixel_hash and event.region})
        for pixel_hash, told in self.events_of(hashes).items():
            touched: dict[int, tuple[Standing, Decided, Decided]] = {}
            for event, standing, was, then in follow(told):
                if event.action == action:
                    first = touched[id(standing)][1] if id(standing) in touched else was
                    touched[id(standing)] = standing, first, then
            net.faces += [
                (Place(pixel_hash, one.region), was, then, one.decided) for one, was, then in touched.values()
            ]
        return net

    def _apply(self, net: _Net) -> None:
        """Go the way of ``net``, where its beginning still is how things are, and record each step."""
        connection = self._work.connection
        names = self.names()
        for person_id, (before, after) in net.people.items():
            if names.get(person_id) != before:
                raise _conflict(f"the name of {before or after!r} was changed since")
            if after is not None and before != after:
                self._put_person(person_id, after)
                names[person_id] = after
                said = {"name": after} if before is None else {"name": after, "previous": before}
                self._record([Draft("create_person" if before is None else "rename", person_id, said)])
        self._apply_faces(net, names)
        for pixel_hash, (before, after) in net.marks.items():
            held = connection.execute(select(PhotoRow.mark).where(PhotoRow.pixel_hash == pixel_hash)).one_or_none()
            if held is not None and held[0] != before:
                raise _conflict("a photo was marked anew since")
            self._write(update(PhotoRow).where(PhotoRow.pixel_hash == pixel_hash).values(mark=after))
            payload = {"previous": before} if after is None else {"mark": after, "previous": before}
            self._record([Draft("unmark" if after is None else "mark", None, payload, pixel_hash=pixel_hash)])
        for person_id, (before, after) in net.people.items():
            if after is None and before is not None:
                for table in (EnrolmentRow, RejectionRow):
                    used = select(table.face_id).where(table.person_id == person_id).limit(1)
                    if connection.execute(used).first() is not None:
                        raise _conflict(f"more was said about {before} since")
                self._drop_person(person_id)
                self._record([Draft("delete_person", person_id, {"name": before})])

    def _apply_faces(self, net: _Net, names: dict[str, str]) -> None:
        found = self.faces_at([place for place, *_ in net.faces])
        rows, drafts = [], []
        decided = self.decided(list(found.values()))
        for place, before, after, now in net.faces:
            if not now.shows(after, before):
                raise _conflict("something else was said about one of its faces since")
            then = now.changed(before, after)
            if missing := [one for one in ({then.person_id} - {None}) | then.rejected if one not in names]:
                raise _conflict(f"a person ({missing[0]}) is gone since")
            drafts.append(Draft("restore", then.person_id or now.person_id, difference(now, then), place=place))
            if place in found:
                rows.append((found[place], decided.get(found[place], NOTHING), then))
        self._put_decided(rows)
        # A face that may be with another one again leaves the group that it came into meanwhile, to be grouped anew.
        freed = [face_id for face_id, before, then in rows if before.apart - then.apart]
        for some in chunks(freed):
            self._write(delete(ClusterRow).where(ClusterRow.face_id.in_(some)))
        self._record(drafts)


def _conflict(what: str) -> ConfigError:
    return ConfigError(f"this cannot be done any more: {what}", hint="take back later actions first: facesearch log")


def _renamed(event: Event) -> tuple[str | None, str | None]:
    """The name of a person before and after an event about them."""
    name = str(event.payload["name"])
    if event.op == "create_person":
        return None, name
    return (name, None) if event.op == "delete_person" else (str(event.payload["previous"]), name)


def _names(events: Iterable[Event]) -> dict[str, str]:
    """Who is there after all events, by id."""
    names: dict[str, str] = {}
    for event in events:
        if event.op in ABOUT_PEOPLE and event.person_id is not None:
            after = _renamed(event)[1]
            if after is None:
                names.pop(event.person_id, None)
            else:
                names[event.person_id] = after
    return names
