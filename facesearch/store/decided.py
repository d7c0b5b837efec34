"""What somebody decided about a face, as one value, and how one decision changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from facesearch.store.values import Source

if TYPE_CHECKING:
    from collections.abc import Container

    from facesearch.store.values import Payload


@dataclass(frozen=True, slots=True)
class Decided:
    """All that is decided about one face; the default is nothing.

    ``rejected`` are people that it is not. ``apart`` are faces that it must not be grouped with, each as the text of a
    ``Place``. A face that is enrolled has no ``no_face`` and no ``ignored``, and its person is not among ``rejected``.
    """

    person_id: str | None = None
    source: Source | None = None
    confirmed: bool = False
    rejected: frozenset[str] = frozenset()
    no_face: bool = False
    ignored: bool = False
    apart: frozenset[str] = frozenset()

    def enrolled(self, person_id: str, source: Source, *, confirmed: bool) -> Decided:
        """After it was given to a person."""
        rejected = self.rejected - {person_id}
        return Decided(person_id, source, confirmed, rejected, apart=self.apart)

    def unenrolled(self) -> Decided:
        """After it was taken from its person."""
        return replace(self, person_id=None, source=None, confirmed=False)

    def without(self, person_id: str | None) -> Decided:
        """After it was said not to be this person, or, with None, no face at all; an enrolment that says so ends."""
        kept = self.unenrolled() if person_id in (None, self.person_id) else self
        if person_id is None:
            return replace(kept, no_face=True)
        return replace(kept, rejected=self.rejected | {person_id})

    def left_out(self) -> Decided:
        """After it was said that nobody wants to name it; a face that has a person stays as it is."""
        return self if self.person_id is not None else replace(self, ignored=True)

    def let_in(self) -> Decided:
        """After that was taken back."""
        return replace(self, ignored=False)

    def kept_from(self, other: str) -> Decided:
        """After it was said not to belong into a group with another face, given as the text of its ``Place``."""
        return replace(self, apart=self.apart | {other})

    def moved(self, old: str, new: str) -> Decided:
        """After one person became part of another: whatever was said of the old one is said of the new one."""
        owner = new if self.person_id == old else self.person_id
        rejected = frozenset(new if one == old else one for one in self.rejected) - {owner}
        return replace(self, person_id=owner, rejected=rejected)

    def limited(self, people: Container[str]) -> Decided:
        """Without what is said about anybody else."""
        kept = self if self.person_id is None or self.person_id in people else self.unenrolled()
        return replace(kept, rejected=frozenset(one for one in self.rejected if one in people))

    def changed(self, before: Decided, after: Decided) -> Decided:
        """This, with the difference of two others applied to it; the rest stays.

        Decisions of two machines may contradict each other; then the one that is applied wins.
        """
        added = after.rejected - before.rejected
        moved = replace(
            self,
            rejected=(self.rejected - (before.rejected - after.rejected)) | added,
            apart=(self.apart - (before.apart - after.apart)) | (after.apart - before.apart),
            no_face=self.no_face if before.no_face == after.no_face else after.no_face,
            ignored=self.ignored if before.ignored == after.ignored else after.ignored,
        )
        if before.enrolment != after.enrolment:
            moved = replace(moved, person_id=after.person_id, source=after.source, confirmed=after.confirmed)
            if moved.person_id is not None:
                moved = replace(moved, rejected=moved.rejected - {moved.person_id}, no_face=False, ignored=False)
        elif moved.person_id in added or moved.no_face or moved.ignored:
            moved = moved.unenrolled()
        return moved

    def shows(self, before: Decided, after: Decided) -> bool:
        """Whether the difference of two others is still to be seen here, so that it can be taken back."""
        return self.changed(before, after) == self

    @property
    def enrolment(self) -> tuple[str | None, Source | None, bool]:
        """Person, source and whether it counts as evidence."""
        return self.person_id, self.source, self.confirmed

    def as_payload(self) -> Payload:
        """As JSON can hold it; what is not decided is left out."""
        said: Payload = {}
        if self.person_id is not None:
            said |= {"person": self.person_id, "source": self.source, "confirmed": self.confirmed}
        said |= {name: True for name in ("no_face", "ignored") if getattr(self, name)}
        return said | {name: sorted(held) for name in ("rejected", "apart") if (held := getattr(self, name))}

    @classmethod
    def from_payload(cls, said: Payload) -> Decided:
        """The inverse of ``as_payload``.

        Raises:
            ValueError: this is not what ``as_payload`` gives.
        """
        person, source = said.get("person"), said.get("source")
        lists = [said.get(name, []) for name in ("rejected", "apart")]
        words = [one for held in lists if isinstance(held, list) for one in held]
        if (
            not all(isinstance(one, str) for one in (*words, *([] if person is None else [person, source])))
            or not all(isinstance(held, list) for held in lists)
            or source not in (None, *get_args(Source))
        ):
            raise ValueError("this does not say what was decided about a face")
        return cls(
            person_id=person,
            source=source,
            confirmed=bool(said.get("confirmed", False)),
            rejected=frozenset(lists[0]),
            no_face=bool(said.get("no_face", False)),
            ignored=bool(said.get("ignored", False)),
            apart=frozenset(lists[1]),
        )


NOTHING = Decided()
"""Of a face about which nothing was decided."""
