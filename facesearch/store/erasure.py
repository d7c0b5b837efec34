"""Real deletion: rows, what the journal says, and whatever is left of them in the pages of the database.

In two steps, so that a crash between them is made good by whoever comes next. ``erase_…`` deletes everything in one
transaction and notes what it was about in ``erasure``; ``settle`` rewrites the database file and then drops the note.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections import defaultdict
from dataclasses import astuple, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, exists, select, update

from facesearch.errors import GalleryBusyError
from facesearch.store.connection import chunks, new_token
from facesearch.store.journal import Draft
from facesearch.store.people import fold
from facesearch.store.redaction import Redaction, gone_people, with_merged
from facesearch.store.remnants import RemnantStore
from facesearch.store.schema import (
    ApartRow,
    Base,
    CalibrationRow,
    ChangeRow,
    ClaimRow,
    CommitRow,
    EmbeddingRow,
    EnrolmentRow,
    ErasureRow,
    EventRow,
    FaceRow,
    MetaRow,
    PathRow,
    PersonRow,
    PhotoRow,
    RootRow,
    TombstoneRow,
)
from facesearch.store.tombstones import kept_out, tombstones_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import InstrumentedAttribute

Value = TypeVar("Value")
Key = TypeVar("Key", int, str)

NOTE = "begun"
"""The kind of the row of ``erasure`` that says nothing but that something is being forgotten."""


TABLE = "table"
"""The kind of a row of ``erasure`` that names a table from which something is being forgotten."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, so that it can be looked for; it must not be kept anywhere.

    ``vectors`` are embeddings as they were stored. ``names`` are all that the people ever had. ``hashes`` are those of
    photos, by their bytes and by their pixels. ``paths`` are file names below their roots.
    """

    people: int = 0
    faces: int = 0
    photos: int = 0
    events: int = 0
    tombstones: int = 0
    vectors: tuple[bytes, ...] = field(default=(), repr=False)
    names: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()


class ErasureStore(RemnantStore):
    """The part of the store that forgets for good."""

    def gone_people(self, name: str) -> dict[str, set[str]]:
        """People of this name, or id, whom only the journal still knows: all names that they had, by id."""
        living = {person.id for person in self.people()}
        known = gone_people(self.events(), living)
        wanted = fold(" ".join(name.split()))
        return {one: names for one, names in known.items() if one == name or wanted in map(fold, names)}

    def erase_people(self, person_ids: Sequence[str], *, tombstone: bool = False) -> Erased:
        """Delete people, and every face that was given to them, with all that the journal says of both.

        People who became part of them are erased with them. Photos stay, without these faces.

        Args:
            person_ids: of people; some may be known to the journal only.
            tombstone: keep new faces out of the photos that showed them.
        """
        with self._erasing():
            events = self.events()
            living = {person.id for person in self.people()}
            people = with_merged(events, person_ids, living)
            names = set(self._column(PersonRow.name, PersonRow.id, people))
            face_ids = self._column(EnrolmentRow.face_id, EnrolmentRow.person_id, people)
            redaction = Redaction(people, names=names)
            for place in self.places_of(face_ids).values():
                redaction.places.setdefault(place.pixel_hash, []).append(place.region)
            redaction.run(events)
            erased = Erased(
                people=len(people),
                vectors=tuple(self._column(EmbeddingRow.embedding, EmbeddingRow.face_id, face_ids)),
                names=frozenset(redaction.names),
                ids=people,
            )
            return self._erase(erased, redaction, face_ids, list(redaction.places), tombstone=tombstone)

    def erase_photos(self, photo_ids: Sequence[int], *, tombstone: bool = False) -> Erased:
        """Delete photos with the files, faces and decisions that belong to them.

        Args:
            photo_ids: of photos.
            tombstone: keep faces out of them when they are indexed again.
        """
        with self._erasing():
            ids = [int(photo_id) for photo_id in photo_ids]
            pixels = set(self._column(PhotoRow.pixel_hash, PhotoRow.id, ids))
            hashes = pixels | set(self._column(PhotoRow.byte_hash, PhotoRow.id, ids))
            hashes |= {one for one in self._column(PathRow.byte_hash, PathRow.photo_id, ids) if one}
            face_ids = self._column(FaceRow.id, FaceRow.photo_id, ids)
            redaction = Redaction(frozenset(), photos=frozenset(pixels))
            redaction.run(self.events())
            erased = Erased(
                photos=len(pixels),
                vectors=tuple(self._column(EmbeddingRow.embedding, EmbeddingRow.face_id, face_ids)),
                hashes=frozenset(hashes),
                paths=frozenset(self._column(PathRow.relative, PathRow.photo_id, ids)),
            )
            self._delete_where(PathRow, PathRow.photo_id, ids)
            self._write(delete(RootRow).where(~exists().where(PathRow.root_id == RootRow.id)))
            done = self._erase(erased, redaction, face_ids, pixels, tombstone=tombstone)
            self._delete_where(ClaimRow, ClaimRow.pixel_hash, sorted(pixels))
            self._delete_where(PhotoRow, PhotoRow.id, ids)
        return done

    def erase_everything(self, *, tombstone: bool = False) -> Erased:
        """Delete all there is. What remains is an empty gallery with a new identity.

        Args:
            tombstone: keep faces out of all its photos when they are indexed again; else no tombstone stays either.
        """
        with self._erasing():
            erased = self._all_traces()
            pixels = self._all(PhotoRow.pixel_hash) if tombstone else []
            self._write(update(MetaRow).values(recipe=None, gallery=str(uuid.uuid4()), enrolments=new_token()))
            keep = {MetaRow.__table__, *([TombstoneRow.__table__] if tombstone else [])}
            for table in reversed(Base.metadata.sorted_tables):
                if table not in keep:
                    self._write(delete(table))
            return self._finish_erasing(erased, self._keep_out(pixels) if tombstone else 0)

    def pending_erasure(self) -> Erased | None:
        """What a killed process was about to forget, as far as it can still be told; None where nothing is pending."""
        with self._reader() as connection:
            rows = connection.execute(select(ErasureRow.kind, ErasureRow.value)).all()
        if not rows:
            return None
        held: dict[str, set[str]] = defaultdict(set)
        for kind, value in rows:
            held[kind].add(value)
        return Erased(ids=frozenset(held["person"]), hashes=frozenset(held["photo"]))

    def settle(self) -> int:
        """Rewrite the database so that nothing erased is left in it, then drop the note. Returns its size in bytes.

        Raises:
            GalleryBusyError: another process still reads an old state; the note stays.
            StoreError: it cannot be written; the note stays.
        """
        busy = GalleryBusyError(
            f"{self.name}: another process is reading this gallery, so old pages cannot be overwritten yet",
            hint="close it, then run facesearch forget again: it goes on where it stopped",
        )
        with self.lock(), self._seam():
            if not self._database.rewrite(self._pending_tables()):
                raise busy
            with self.writing():
                self._database.clear(self._work.connection, ErasureRow)
                self._work.changed = True
            if not self._database.empty_log():
                raise busy
        return self._database.size()

    @contextlib.contextmanager
    def _erasing(self) -> Iterator[None]:
        """A transaction that notes which tables lose something."""
        with self.writing():
            # Pages are overwritten in ``settle``; this makes sure of those that no longer belong to a table by then.
            self._database.begin_erasing(self._work.connection)
            self._work.enrolments_changed = True
            yield
            # Claims that were dropped long ago leave their hashes in the file of their table.
            tables = _with_dependants(self._work.tables | {ClaimRow.__tablename__})
            rows = [{"kind": TABLE, "value": name} for name in sorted(tables)]
            self._upsert(ErasureRow, ("kind", "value"), rows)

    def _pending_tables(self) -> set[str]:
        """The tables that hold what is to go; all of them where that was not noted."""
        with self._reader() as connection:
            noted = connection.execute(select(ErasureRow.value).where(ErasureRow.kind == TABLE)).scalars().all()
        return set(noted) or set(Base.metadata.tables)

    def _erase(
        self, erased: Erased, redaction: Redaction, face_ids: Sequence[int], pixels: Iterable[str], *, tombstone: bool
    ) -> Erased:
        """Delete faces, people and what the journal says of them."""
        self._delete_where(FaceRow, FaceRow.id, face_ids)
        self._delete_where(ChangeRow, ChangeRow.face_id, face_ids)
        # An index file of any earlier state must be made anew, for it holds what goes.
        self._write(delete(CommitRow))
        self._delete_where(PersonRow, PersonRow.id, list(redaction.people))
        self._write(delete(CalibrationRow))
        others = {text for text in self._all(ApartRow.other) if redaction.covers(text)}
        self._delete_where(ApartRow, ApartRow.other, sorted(others))
        for event in redaction.events.values():
            self._write(
                update(EventRow)
                .where(EventRow.seq == event.seq)
                .values(
                    op=event.op,
                    pixel_hash=event.pixel_hash,
                    region=None if event.region is None else astuple(event.region),
                    person_id=event.person_id,
                    payload=json.dumps(event.payload, sort_keys=True),
                )
            )
        done = replace(erased, faces=len(face_ids), events=len(redaction.events))
        held = sorted(pixels)
        out = self._keep_out(held) if tombstone else len(kept_out(self._work.connection, held))
        return self._finish_erasing(done, out, redaction.drafts)

    def _finish_erasing(self, erased: Erased, tombstones: int, drafts: Sequence[Draft] = ()) -> Erased:
        """Record how much was erased, never what, and leave the note for whoever must go on."""
        counts = {"people": erased.people, "faces": erased.faces, "photos": erased.photos, "events": erased.events}
        self._record([*drafts, Draft("forget", None, counts)])
        rows = [{"kind": "person", "value": one} for one in sorted(erased.ids)]
        rows += [{"kind": "photo", "value": one} for one in sorted(erased.hashes)]
        self._upsert(ErasureRow, ("kind", "value"), [{"kind": NOTE, "value": ""}, *rows])
        return replace(erased, tombstones=tombstones)

    def _keep_out(self, pixels: Iterable[str]) -> int:
        rows = tombstones_for(self._work.connection, pixels)
        self._upsert(TombstoneRow, ("hash",), rows)
        return len(rows)

    def _all_traces(self) -> Erased:
        events = self.events()
        living: Mapping[str, str] = self.names()
        gone = gone_people(events, ())
        names = {*living.values(), *(name for held in gone.values() for name in held)}
        names |= {name for event in events for name in event.payload.get("names", ())}
        faces = self._all(FaceRow.id)
        hashes = {*self._all(PhotoRow.pixel_hash), *self._all(PhotoRow.byte_hash), *self._all(PathRow.byte_hash)}
        hashes |= {event.pixel_hash for event in events}
        return Erased(
            people=len(living),
            faces=len(faces),
            photos=len(self._all(PhotoRow.id)),
            events=len(events),
            vectors=tuple(self._all(EmbeddingRow.embedding)),
            names=frozenset(names),
            ids=frozenset({*living, *gone}),
            hashes=frozenset(one for one in hashes if one),
            paths=frozenset(self._all(PathRow.relative)),
        )

    def _all(self, column: InstrumentedAttribute[Value]) -> list[Value]:
        return list(self._work.connection.execute(select(column)).scalars())

    def _column(
        self, column: InstrumentedAttribute[Value], key: InstrumentedAttribute[Any], keys: Iterable[Key]
    ) -> list[Value]:
        """The values of a column where another one is among the keys."""
        found: list[Value] = []
        for some in chunks(list(keys)):
            found += self._work.connection.execute(select(column).where(key.in_(some))).scalars()
        return found

    def _delete_where(self, table: type[Base], key: InstrumentedAttribute[Any], keys: Sequence[Key]) -> None:
        for some in chunks(keys):
            self._write(delete(table).where(key.in_(some)))


def _with_dependants(tables: set[str]) -> set[str]:
    """These tables, and those whose rows go with theirs."""
    found = set(tables)
    for table in Base.metadata.sorted_tables:
        if any(key.ondelete and key.column.table.name in found for key in table.foreign_keys):
            found.add(table.name)
    return found
