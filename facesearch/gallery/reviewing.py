"""Review: one question after the other about who is who; every answer is kept, and journaled, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.curate.questions import plan
from facesearch.errors import ConfigError, NotFoundError
from facesearch.gallery import review_pictures
from facesearch.gallery.people import known_person, person_called
from facesearch.gallery.pictures import face_crop
from facesearch.gallery.review_groups import Groups
from facesearch.gallery.review_open import read_open, stands
from facesearch.store.people import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.curate.questions import Plan, Question
    from facesearch.gallery.review_pictures import Row
    from facesearch.identify.calibration import Calibration
    from facesearch.store.store import Store
    from facesearch.types import Match, Person, Recipe


@dataclass(frozen=True, slots=True)
class Memory:
    """What only this review knows: questions that were put off, and how many groups a question may be about."""

    skipped: frozenset[str] = frozenset()
    most: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: the id of its action in the journal (None where it decided nothing) and the memory before it."""

    action: str | None
    before: Memory


class Review:
    """A conversation about the faces that nobody has named, or confirmed; see ``Gallery.review``.

    ``question`` is what to ask now, None at the end. Each answer below is one transaction and one action of the
    journal; then there is another ``question``. Nothing is lost where a review just ends.
    """

    def __init__(self, store: Store, recipe: Recipe, calibration: Calibration, *, person: str | None = None) -> None:
        self._store, self._recipe = store, recipe
        self._only = self._known(person).id if person is not None else None
        self._opened = read_open(store, recipe)
        self._groups = Groups(self._opened, calibration)
        self._memory = Memory()
        self._answers: list[Answered] = []
        self._plan: Plan | None = None
        self._first = frozenset(self._opened.face_ids.tolist())

    @property
    def plan(self) -> Plan:
        """All that could be asked now, and what it will come to."""
        if self._plan is None:
            groups = self._groups.groups(self._opened, dict(self._memory.most))
            pairs = self._groups.pairs(self._opened)
            skipped = self._memory.skipped
            kept = [place for place, group in enumerate(groups) if group.key not in skipped]
            moved = {place: now for now, place in enumerate(kept)}
            some = [
                type(pair)(moved[pair.one], moved[pair.other], pair.chance, pair.distance)
                for pair in pairs
                if pair.one in moved
                and pair.other in moved
                and pair_key(groups[pair.one].key, groups[pair.other].key) not in skipped
            ]
            self._plan = plan([groups[place] for place in kept], some, person=self._only)
        return self._plan

    @property
    def question(self) -> Question | None:
        """What to ask now."""
        questions = self.plan.questions
        return questions[0] if questions else None

    @property
    def answers(self) -> int:
        """How many answers were given and not taken back."""
        return len(self._answers)

    @property
    def settled(self) -> int:
        """How many of the faces that were open at the beginning are not any more."""
        return len(self._first.difference(self._opened.face_ids.tolist()))

    @property
    def left(self) -> int:
        """How many faces are open, those that were put off too."""
        return len(self._opened.face_ids)

    def person(self, person_id: str) -> Person:
        """Somebody whom a question is about."""
        return self._store.person(person_id)

    def rows(self, question: Question) -> list[Row]:
        """What is to be seen of a question: the suggested person's faces, and those that are asked about."""
        return review_pictures.rows_of(self._store, question, self._opened.enrolled)

    def matches(self, question: Question) -> list[Match]:
        """The faces of a question and where they are, in its order."""
        return review_pictures.matches_of(self._store, question.faces)

    def picture(self, match: Match) -> NDArray[np.uint8]:
        """A square picture of a face, upright, (160, 160, 3), uint8; grey where its file cannot be read."""
        return face_crop(self._store, match)

    def draw(self, question: Question, target: Path) -> None:
        """Write the picture of a question as PNG that its owner alone can read.

        Raises:
            FacesearchError: it cannot be written.
        """
        review_pictures.draw_question(self._store, self.rows(question), target)

    def private_picture(self) -> AbstractContextManager[Path]:
        """A file for ``draw`` in the gallery's folder that is deleted at the end of the context."""
        return review_pictures.private_picture(self._store.folder)

    def yes(self) -> Person:
        """The faces are the person that was suggested.

        Raises:
            ConfigError: nobody was suggested: a name is needed.
        """
        asked = self._asked()
        if asked.person is None:
            raise ConfigError("who is it?", hint="type a name, or ? for what else can be said")
        person_id = asked.person
        self._decide(lambda: self._store.enrol(asked.faces, person_id, "user", confirmed=True))
        return self._store.person(person_id)

    def called(self, name: str) -> Person:
        """The faces are somebody of this name (or id); a new person where nobody is called so.

        A name that ends in "*" is the beginning of one person's name.

        Raises:
            ConfigError: the name is ambiguous or cannot be one.
        """
        asked = self._asked()
        found: list[Person] = []

        def give() -> None:
            found.append(self._begun(name) if name.endswith("*") else person_called(self._store, name))
            self._store.enrol(asked.faces, found[0].id, "user", confirmed=True)

        self._decide(give)
        return self._store.person(found[0].id)

    def no(self) -> None:
        """Not the suggested person, or not the same person.

        Of several groups it only says that not all are the person: they are asked about again, half as many at once.

        Raises:
            ConfigError: "who is it?" has no such answer.
        """
        asked = self._asked()
        if asked.kind == "who":
            raise ConfigError("nobody was suggested", hint="type a name, i for strangers, or s to go on")
        if asked.kind == "faces":
            most = dict(self._memory.most) | dict.fromkeys(asked.parts, max(1, len(asked.parts) // 2))
            self._remember(Memory(self._memory.skipped, tuple(most.items())))
        elif asked.kind == "same":
            self._decide(lambda: self._store.keep_apart([asked.faces[0]], asked.faces[asked.sizes[0]]))
        else:
            self._decide(lambda: self._store.reject(asked.faces, asked.person))

    def out(self, numbers: Sequence[int]) -> int:
        """Some faces, by their number in the question from 1 on, do not belong with the others. Returns how many.

        Where somebody is suggested they are not that person; else they are kept out of the group. The question is asked
        again about the rest.

        Raises:
            ConfigError: there is no such face, or none would be left.
        """
        asked = self._asked()
        if any(not 1 <= number <= len(asked.faces) for number in numbers):
            raise ConfigError(f"the faces are 1 to {len(asked.faces)}")
        odd = [asked.faces[number - 1] for number in sorted(set(numbers))]
        rest = [face_id for face_id in asked.faces if face_id not in odd]
        if not odd or not rest:
            raise ConfigError("name at least one face, and not all", hint="n says that none of them is")
        if asked.person is not None:
            self._decide(lambda: self._store.reject(odd, asked.person))
        else:
            self._decide(lambda: self._part(odd, rest))
        return len(odd)

    def ignore(self) -> None:
        """Strangers: nobody wants to name these faces, and they are not asked about again."""
        asked = self._asked()

        def leave_out() -> None:
            self._store.unenrol([face_id for face_id in asked.faces if face_id in self._opened.given])
            self._store.ignore(asked.faces)

        self._decide(leave_out)

    def no_face(self) -> None:
        """No faces at all."""
        asked = self._asked()
        self._decide(lambda: self._store.reject(asked.faces, None))

    def skip(self) -> None:
        """Ask something else; the faces come again in another review."""
        asked = self._asked()
        put_off = {pair_key(*asked.parts)} if asked.kind == "same" else set(asked.parts)
        self._remember(Memory(self._memory.skipped | put_off, self._memory.most))

    def undo(self) -> bool:
        """Take the last answer of this review back. Returns whether there was one.

        Raises:
            ConfigError: what it decided was decided anew since, somewhere else.
        """
        if not self._answers:
            return False
        last = self._answers[-1]
        if last.action is not None:
            self._store.undo(last.action)
        self._answers.pop()
        self._memory = last.before
        self._renew()
        return True

    def _asked(self) -> Question:
        if self.question is None:
            raise ConfigError("there is nothing to ask")
        return self.question

    def _known(self, name: str) -> Person:
        found = known_person(self._store, name)
        if found is None:
            raise NotFoundError("person", name, hint="facesearch people lists everybody")
        return found

    def _begun(self, name: str) -> Person:
        start = fold(name.rstrip("*").strip())
        found = [person for person in self._store.people() if start and fold(person.name).startswith(start)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(person.name for person in found[:5])
        raise ConfigError(
            f"{len(found) or 'no'} people have a name that begins so" + (f": {names}" if found else ""),
            hint="type more of the name, or all of it",
        )

    def _part(self, odd: Iterable[int], rest: Sequence[int]) -> None:
        """Keep faces out of the cluster that they are in."""
        self._store.keep_apart(list(odd), rest[0])

    def _decide(self, change: Callable[[], object]) -> None:
        """Do something in one transaction that is one action of the journal.

        Raises:
            ConfigError: another program has decided about these faces since they were shown.
        """
        with self._store.writing():
            if fresh := stands(self._store, self._asked(), self._opened):
                change()
                action = self._store.action()
        if not fresh:
            self._renew()
            raise ConfigError("these faces were decided about elsewhere meanwhile", hint="here is what is open now")
        self._answers.append(Answered(action, self._memory))
        self._renew()

    def _remember(self, memory: Memory) -> None:
        self._answers.append(Answered(None, self._memory))
        self._memory = memory
        self._renew()

    def _renew(self) -> None:
        self._opened = read_open(self._store, self._recipe, self._opened.known)
        self._plan = None


def pair_key(one: str, other: str) -> str:
    """How the memory calls a question about two groups."""
    return "+".join(sorted((one, other)))
