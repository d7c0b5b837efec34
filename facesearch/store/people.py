"""People: who is who, and what somebody decided about it. Every method that decides writes to the journal."""

from __future__ import annotations

import unicodedata
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import aliased

from facesearch.errors import ConfigError, NotFoundError
from facesearch.store.connection import chunks
from facesearch.store.decided import Decided
from facesearch.store.decisions import DecisionStore
from facesearch.store.journal import Draft
from facesearch.store.schema import ClusterRow, EnrolmentRow, FaceRow, IgnoredRow, PersonRow, RejectionRow
from facesearch.types import Person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from facesearch.store.values import Source


MAX_NAME = 255
"""Letters of a person's name at most; as many as a folder's name has on most file systems."""


def fold(name: str) -> str:
    """A name as it is looked up: case and the ways to write one accented letter do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())


def _is_unicode(name: str) -> bool:
    """False for lone surrogates, which stand for undecodable bytes of file names and command lines."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def clean_name(name: str) -> str:
    """A name as it is kept: without superfluous space.

    Raises:
        ConfigError: the name is empty or too long, or has unprintable characters.
    """
    if not _is_unicode(name):
        raise ConfigError(f"{name!a} is not valid Unicode, so it cannot be a person's name")
    if len(name) > MAX_NAME:
        raise ConfigError(f"{len(name):,} letters are too long for a name", hint=f"give one of {MAX_NAME} at most")
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned or not cleaned.isprintable():
        raise ConfigError(f"{name!r} cannot be a person's name", hint="give a name of printable characters")
    return cleaned


class PeopleStore(DecisionStore):
    """The part of the store that knows people."""

    def create_person(self, name: str) -> Person:
        """A new person; others may have the same name.

        Raises:
            ConfigError: the name is empty or has unprintable characters.
        """
        cleaned = clean_name(name)
        person_id = str(uuid.uuid4())
        with self.writing():
            self._put_person(person_id, cleaned)
            self._record([Draft("create_person", person_id, {"name": cleaned})])
        return Person(person_id, cleaned, faces=0, photos=0)

    def rename(self, person_id: str, name: str) -> Person:
        """Give a person another name.

        Raises:
            NotFoundError: there is no such person.
            ConfigError: the name is empty or has unprintable characters.
        """
        cleaned = clean_name(name)
        with self.writing():
            old = self.person(person_id)
            if old.name != cleaned:
                self._put_person(person_id, cleaned)
                self._record([Draft("rename", person_id, {"name": cleaned, "previous": old.name})])
        return Person(person_id, cleaned, old.faces, old.photos)

    def person(self, person_id: str) -> Person:
        """One person.

        Raises:
            NotFoundError: there is no such person.
        """
        found = self._people(PersonRow.id == person_id)
        if not found:
            raise NotFoundError("person", person_id)
        return found[0]

    def find_people(self, name: str) -> list[Person]:
        """Everybody of this name, whatever its case; empty where there is nobody."""
        if not _is_unicode(name) or "\0" in name:
            return []
        return self._people(PersonRow.folded == fold(" ".join(name.split())))

    def names(self) -> dict[str, str]:
        """Everybody's name, by id."""
        with self._reader() as connection:
            return dict(connection.execute(select(PersonRow.id, PersonRow.name)).all())

    def people(self) -> list[Person]:
        """Everybody, by name, with how many faces and photos they were enrolled with."""
        return self._people(None)

    def enrol(
        self, face_ids: Sequence[int], person_id: str, source: Source = "user", *, confirmed: bool | None = None
    ) -> int:
        """Give faces to a person, taking them from whoever has them.

        What a user said about the same face and person is not overwritten by a weaker source.

        Args:
            face_ids: any number of faces.
            person_id: whose they are.
            source: where this comes from.
            confirmed: whether it counts as evidence; None for "unless it is automatic".

        Returns:
            How many faces had another person, or another source, before.

        Raises:
            NotFoundError: there is no such person, or no such face.
        """
        sure = source != "auto" if confirmed is None else confirmed

        def give(now: Decided) -> Decided:
            if now.person_id == person_id and now.source == "user":
                return now
            return now.enrolled(person_id, source, confirmed=sure)

        with self.writing():
            self.person(person_id)
            return len(self._decide("enrol", face_ids, give, lambda _: person_id))

    def unenrol(self, face_ids: Sequence[int]) -> int:
        """Take faces from the people they were given to. Returns how many had one.

        Raises:
            NotFoundError: there is no such face.
        """
        with self.writing():
            return len(self._decide("unenrol", face_ids, Decided.unenrolled, lambda one: one.decided.person_id))

    def reject(self, face_ids: Sequence[int], person_id: str | None) -> int:
        """Remember that faces are not this person, or, with None, that they are no faces at all.

        An enrolment that says otherwise ends. Returns how many faces that is new for.

        Raises:
            NotFoundError: there is no such person, or no such face.
        """
        with self.writing():
            if person_id is not None:
                self.person(person_id)
            return len(self._decide("reject", face_ids, lambda now: now.without(person_id), lambda _: person_id))

    def ignore(self, face_ids: Sequence[int]) -> int:
        """Remember that nobody wants to name these faces; those that have a person keep it.

        Returns how many faces that is new for.

        Raises:
            NotFoundError: there is no such face.
        """
        with self.writing():
            return len(self._decide("ignore", face_ids, Decided.left_out))

    def unignore(self, face_ids: Sequence[int]) -> int:
        """Take ``ignore`` back. Returns how many faces that is new for.

        Raises:
            NotFoundError: there is no such face.
        """
        with self.writing():
            return len(self._decide("unignore", face_ids, Decided.let_in))

    def ignored(self) -> set[int]:
        """The ids of the faces that nobody wants to name."""
        with self._reader() as connection:
            return set(connection.execute(select(IgnoredRow.face_id)).scalars())

    def merge(self, into: str, others: Sequence[str]) -> int:
        """Make people part of one: their faces, and what was rejected for them, go over, and they are gone.

        A face that was said not to be the one, and is another's that becomes part of it, is the one's now.

        Returns:
            How many faces went over.

        Raises:
            NotFoundError: there is no such person.
        """
        moved = 0
        with self.writing():
            self.person(into)
            gone = {other: self.person(other).name for other in others if other != into}
            if gone:
                self._record([Draft("merge", into, {"people": list(gone), "names": list(gone.values())})])
            for other, name in gone.items():
                owned = select(EnrolmentRow.face_id).where(EnrolmentRow.person_id == other)
                said = select(RejectionRow.face_id).where(RejectionRow.person_id == other)
                face_ids = list(self._work.connection.execute(owned.union(said)).scalars())
                changed = self._decide("enrol", face_ids, lambda now, old=other: now.moved(old, into), lambda _: into)  # type: ignore[misc]
                moved += sum(1 for one in changed if one.decided.person_id == other)
                self._drop_person(other)
                self._record([Draft("delete_person", other, {"name": name})])
        return moved

    def split(self, person_id: str, face_ids: Sequence[int], name: str) -> Person:
        """Give some faces of a person to a new one, and remember that they are not the old one.

        Raises:
            NotFoundError: there is no such person, or no such face.
            ConfigError: a face is not this person's, or the name cannot be one.
        """
        with self.writing():
            old = self.person(person_id)
            held = self.decided(face_ids)
            for face_id in face_ids:
                if face_id not in held or held[face_id].person_id != person_id:
                    raise ConfigError(f"face {face_id} is not {old.name}'s", hint=f"facesearch person {old.id}")
            new = self.create_person(name)
            self._record([Draft("split", new.id, {"name": old.name, "people": [person_id]})])

            def give(now: Decided) -> Decided:
                return now.without(person_id).enrolled(new.id, "user", confirmed=True)

            self._decide("enrol", face_ids, give, lambda _: new.id)
            return self.person(new.id)

    def keep_apart(self, face_ids: Sequence[int], other: int) -> int:
        """Take faces out of the group of another one, and remember that they must not be grouped with it.

        Returns how many faces that is new for.

        Raises:
            NotFoundError: there is no such face.
        """
        with self.writing():
            place = str(self.places_of([other])[other])
            some = [face_id for face_id in face_ids if face_id != other]
            there = aliased(ClusterRow)
            same = exists().where(
                there.face_id == other, there.recipe == ClusterRow.recipe, there.cluster == ClusterRow.cluster
            )
            for piece in chunks(some):
                self._write(delete(ClusterRow).where(ClusterRow.face_id.in_(piece), same))
            return len(self._decide("apart", some, lambda now: now.kept_from(place)))

    def rejections(self) -> dict[int, frozenset[str | None]]:
        """By face id: the people that it is not; None among them says that it is no face."""
        found: dict[int, set[str | None]] = {}
        with self._reader() as connection:
            for face_id, person_id in connection.execute(select(RejectionRow.face_id, RejectionRow.person_id)):
                found.setdefault(face_id, set()).add(person_id)
        return {face_id: frozenset(people) for face_id, people in found.items()}

    def _people(self, which: ColumnElement[bool] | None) -> list[Person]:
        query = (
            select(
                PersonRow.id,
                PersonRow.name,
                func.count(EnrolmentRow.face_id),
                func.count(FaceRow.photo_id.distinct()),
            )
            .join(EnrolmentRow, EnrolmentRow.person_id == PersonRow.id, isouter=True)
            .join(FaceRow, FaceRow.id == EnrolmentRow.face_id, isouter=True)
            .group_by(PersonRow.id, PersonRow.name, PersonRow.folded)
            .order_by(PersonRow.folded, PersonRow.id)
        )
        if which is not None:
            query = query.where(which)
        with self._reader() as connection:
            return [Person(*row) for row in connection.execute(query)]

    def _put_person(self, person_id: str, name: str) -> None:
        self._upsert(PersonRow, ("id",), [{"id": person_id, "name": name, "folded": fold(name)}])

    def _drop_person(self, person_id: str) -> None:
        self._write(delete(PersonRow).where(PersonRow.id == person_id))
