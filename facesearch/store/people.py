"""People: who is who, and what somebody decided about it. Every method that decides writes to the journal."""

from __future__ import annotations

import unicodedata
import uuid
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete, exists, func, insert, select, update

from facesearch.errors import ConfigError, NotFoundError
from facesearch.images import quality
from facesearch.store.changes import unpack
from facesearch.store.connection import chunks
from facesearch.store.journal import Draft, JournalStore, Subject
from facesearch.store.schema import ClusterRow, EmbeddingRow, EnrolmentRow, FaceRow, PersonRow, RejectionRow
from facesearch.store.values import Enrolled, Unnamed
from facesearch.types import Person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement

    from facesearch.store.values import Payload, Source
    from facesearch.types import Recipe


_MEASURES = FaceRow.quality, FaceRow.right - FaceRow.left, FaceRow.bottom - FaceRow.top
"""What says whether a face can be trusted."""


def _low(measures: Sequence[tuple[float | None, ...]]) -> NDArray[np.bool_]:
    """Which faces cannot be trusted, from their ``_MEASURES``."""
    table = np.array(measures, dtype=np.float64).reshape(-1, 3)
    return quality.low(table[:, 1:].min(axis=1), table[:, 0])


def fold(name: str) -> str:
    """A name as it is looked up: case and the ways to write one accented letter do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())


def _is_unicode(name: str) -> bool:
    """False for lone surrogates, which stand for undecodable bytes of file names and command lines."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _clean(name: str) -> str:
    if not _is_unicode(name):
        raise ConfigError(f"{name!a} is not valid Unicode, so it cannot be a person's name")
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned or not cleaned.isprintable():
        raise ConfigError(f"{name!r} cannot be a person's name", hint="give a name of printable characters")
    return cleaned


class PeopleStore(JournalStore):
    """The part of the store that knows people."""

    def create_person(self, name: str) -> Person:
        """A new person; others may have the same name.

        Raises:
            ConfigError: the name is empty or has unprintable characters.
        """
        cleaned = _clean(name)
        person_id = str(uuid.uuid4())
        with self.writing():
            self._write(insert(PersonRow).values(id=person_id, name=cleaned, folded=fold(cleaned)))
            self._record([Draft("create_person", person_id, {"name": cleaned})])
        return Person(person_id, cleaned, faces=0, photos=0)

    def rename(self, person_id: str, name: str) -> Person:
        """Give a person another name.

        Raises:
            NotFoundError: there is no such person.
            ConfigError: the name is empty or has unprintable characters.
        """
        cleaned = _clean(name)
        with self.writing():
            old = self.person(person_id)
            if old.name != cleaned:
                values = {"name": cleaned, "folded": fold(cleaned)}
                self._write(update(PersonRow).where(PersonRow.id == person_id).values(**values))
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
        if not _is_unicode(name):
            return []
        return self._people(PersonRow.folded == fold(" ".join(name.split())))

    def people(self) -> list[Person]:
        """Everybody, by name, with how many faces and photos they were enrolled with."""
        return self._people(None)

    def enrol(
        self, face_ids: Sequence[int], person_id: str, source: Source = "user", *, confirmed: bool | None = None
    ) -> int:
        """Give faces to a person, taking them from whoever has them, and out of their clusters.

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
        with self.writing():
            self.person(person_id)
            wanted = [
                subject
                for subject in self._subjects(face_ids)
                if subject.person_id != person_id
                or (subject.source != "user" and (subject.source, subject.confirmed) != (source, sure))
            ]
            rows = [
                {"face_id": one.face_id, "person_id": person_id, "source": source, "confirmed": sure} for one in wanted
            ]
            self._upsert(EnrolmentRow, ("face_id",), rows)
            self._settle([one.face_id for one in wanted], person_id)
            self._record(Draft("enrol", person_id, _enrolment_payload(one, source, sure), one) for one in wanted)
        return len(wanted)

    def unenrol(self, face_ids: Sequence[int]) -> int:
        """Take faces from the people they were given to. Returns how many had one.

        Raises:
            NotFoundError: there is no such face.
        """
        with self.writing():
            ended = [subject for subject in self._subjects(face_ids) if subject.person_id is not None]
            self._end_enrolments([one.face_id for one in ended])
            self._record(
                Draft("unenrol", one.person_id, {"source": one.source, "confirmed": one.confirmed}, one)
                for one in ended
            )
        return len(ended)

    def reject(self, face_ids: Sequence[int], person_id: str | None) -> int:
        """Remember that faces are not this person, or, with None, that they are no faces at all.

        An enrolment that says otherwise ends. Returns how many faces that is new for.

        Raises:
            NotFoundError: there is no such person, or no such face.
        """
        same = RejectionRow.person_id.is_(None) if person_id is None else RejectionRow.person_id == person_id
        with self.writing():
            if person_id is not None:
                self.person(person_id)
            known = set(self._work.connection.execute(select(RejectionRow.face_id).where(same)).scalars())
            wanted = [subject for subject in self._subjects(face_ids) if subject.face_id not in known]
            ended = [one for one in wanted if one.person_id is not None and person_id in (None, one.person_id)]
            self._write(insert(RejectionRow), [{"face_id": one.face_id, "person_id": person_id} for one in wanted])
            self._end_enrolments([one.face_id for one in ended])
            if person_id is None:
                for some in chunks([one.face_id for one in wanted]):
                    self._write(delete(ClusterRow).where(ClusterRow.face_id.in_(some)))
            self._record(Draft("reject", person_id, _previous(one if one in ended else None), one) for one in wanted)
        return len(wanted)

    def rejections(self) -> dict[int, frozenset[str | None]]:
        """By face id: the people that it is not; None among them says that it is no face."""
        found: dict[int, set[str | None]] = {}
        with self._reader() as connection:
            for face_id, person_id in connection.execute(select(RejectionRow.face_id, RejectionRow.person_id)):
                found.setdefault(face_id, set()).add(person_id)
        return {face_id: frozenset(people) for face_id, people in found.items()}

    def enrolled(self, recipe: Recipe, *, low: bool = False) -> Enrolled:
        """The evidence: every face with a confirmed person and an embedding by the recipe; n may be 0.

        A face that cannot be trusted (``images.quality``) speaks for a person only where they have no better one, or
        where ``low`` asks for all.
        """
        # The subquery says nothing new, but without it SQLite reads every embedding to find the few that are enrolled.
        few = EmbeddingRow.face_id.in_(select(EnrolmentRow.face_id))
        query = (
            select(
                FaceRow.id,
                FaceRow.photo_id,
                EmbeddingRow.embedding,
                EnrolmentRow.person_id,
                *_MEASURES,
            )
            .join(EnrolmentRow, EnrolmentRow.face_id == FaceRow.id)
            .join(EmbeddingRow, EmbeddingRow.face_id == FaceRow.id)
            .where(EmbeddingRow.recipe == recipe.key, EnrolmentRow.confirmed.is_(True), few)
            .order_by(EmbeddingRow.face_id)
        )
        with self._reader() as connection:
            rows = connection.execute(query).all()
        if not low:
            doubtful = _low([tuple(row[4:]) for row in rows])
            better = {row[3] for row, bad in zip(rows, doubtful, strict=True) if not bad}
            rows = [row for row, bad in zip(rows, doubtful, strict=True) if not bad or row[3] not in better]
        return Enrolled(
            face_ids=np.array([row[0] for row in rows], dtype=np.int64),
            photo_ids=np.array([row[1] for row in rows], dtype=np.int64),
            vectors=unpack([row[2] for row in rows], recipe.dim),
            person_ids=tuple(row[3] for row in rows),
        )

    def unnamed(self, recipe: Recipe) -> Unnamed:
        """Every face with an embedding by the recipe that has no person and was not called "no face"."""
        no_face = exists().where(RejectionRow.face_id == FaceRow.id, RejectionRow.person_id.is_(None))
        query = (
            select(FaceRow.id, FaceRow.photo_id, EmbeddingRow.embedding, *_MEASURES)
            .join(EmbeddingRow, EmbeddingRow.face_id == FaceRow.id)
            .where(EmbeddingRow.recipe == recipe.key, ~exists().where(EnrolmentRow.face_id == FaceRow.id), ~no_face)
            .order_by(FaceRow.id)
        )
        with self._reader() as connection:
            rows = connection.execute(query).all()
        return Unnamed(
            face_ids=np.array([row[0] for row in rows], dtype=np.int64),
            photo_ids=np.array([row[1] for row in rows], dtype=np.int64),
            vectors=unpack([row[2] for row in rows], recipe.dim),
            low=_low([tuple(row[3:]) for row in rows]),
        )

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

    def _settle(self, face_ids: list[int], person_id: str) -> None:
        """Whatever says something else about faces that were given to a person goes."""
        against = RejectionRow.person_id.is_(None) | (RejectionRow.person_id == person_id)
        for some in chunks(face_ids):
            self._work.enrolments_changed = True
            self._write(delete(RejectionRow).where(RejectionRow.face_id.in_(some), against))
            self._write(delete(ClusterRow).where(ClusterRow.face_id.in_(some)))

    def _end_enrolments(self, face_ids: list[int]) -> None:
        for some in chunks(face_ids):
            self._work.enrolments_changed = True
            self._write(delete(EnrolmentRow).where(EnrolmentRow.face_id.in_(some)))


def _enrolment_payload(before: Subject, source: str, confirmed: bool) -> Payload:
    return {"source": source, "confirmed": confirmed, **_previous(before)}


def _previous(before: Subject | None) -> Payload:
    return {
        "previous": before.person_id if before else None,
        "previous_source": before.source if before else None,
        "previous_confirmed": before.confirmed if before else None,
    }
