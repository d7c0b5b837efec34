"""The fewest questions first: what to ask about unnamed faces, and in which order.

Every question is about groups of faces that one answer settles together. There are four kinds:

======= ==================================== ============================ ==========================
kind    asks                                 yes, or a name               no
======= ==================================== ============================ ==========================
person  is this group that person?           all faces are the person's   none of them is
faces   are all these groups that person?    likewise                     asked again in two halves
who     who is this group?                   all faces are the person's   there is no "no"
same    are these two groups one person?     with a name, both are theirs they are kept apart
======= ==================================== ============================ ==========================

An answer is worth the faces that it is expected to settle,

    expected = P(yes) · faces settled by yes + P(no) · faces settled by no.

How likely a suggestion is right the caller says (``Group.chance``, ``Pair.chance``). Where a question is about several
groups, the chances multiply, as if the groups were independent, and a "no" settles nobody. So a batch grows as long as
another group makes it worth more, and one doubtful group is asked about alone. Where it is about one group, whoever
knows better than the suggestion types the name instead of "no": P(no) counts with ``ANSWERED``, as do "who" and "same",
which need a name, or "strangers".

Questions are ordered by that, and the list is made anew after each answer, because each answer moves the chances.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Kind = Literal["person", "faces", "who", "same"]

SURE = 0.5
"""Who is less likely than this is not suggested: "who is this?" is the better question then."""

ANSWERED = 0.9
"""How often somebody knows who a face is, or that nobody needs to. An assumption, not a measurement; below 1, so that
of two groups of one size the one that somebody is suggested for goes first."""

BATCH = 24
"""Faces of several groups in one question: as many as one looks through at a glance."""

WORTH = 1.5
"""From how many expected faces an answer counts as settling several; the others are about single faces."""


@dataclass(frozen=True, slots=True)
class Group:
    """Faces that one answer settles: a cluster, or a face alone.

    ``faces`` are ids, the most central first. ``photos`` are those that hold them: two groups that share one are two
    people. ``poor`` says that none of the faces can be trusted. ``person`` is who they most likely are, ``chance`` how
    likely, 0 to 1, and ``distance`` how far they are from that person; without a person nobody is near. A question has
    at most ``most`` groups with this one in it.
    """

    key: str
    faces: tuple[int, ...]
    photos: frozenset[int]
    poor: bool = False
    person: str | None = None
    chance: float = 0.0
    distance: float | None = None
    most: int = BATCH


@dataclass(frozen=True, slots=True)
class Pair:
    """Two groups, by their places, that may be one person; ``chance`` and ``distance`` as for ``Group``."""

    one: int
    other: int
    chance: float
    distance: float


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``parts`` are the keys of its groups, ``sizes`` how many of ``faces`` belong to each, in order.

    ``person`` is None for "who" and "same". ``expected`` is how many faces an answer settles on average.
    """

    kind: Kind
    person: str | None
    faces: tuple[int, ...]
    parts: tuple[str, ...]
    sizes: tuple[int, ...]
    chance: float
    distance: float | None
    expected: float
    poor: bool = False

    @property
    def id(self) -> str:
        """A short name, which stays the same as long as the question does."""
        return "-".join((self.kind, *(self.parts if self.kind != "faces" else (self.parts[0], str(len(self.parts))))))


@dataclass(frozen=True, slots=True)
class Plan:
    """What lies ahead. The first ``answers`` questions are worth several faces each and settle about ``settles``.

    ``questions`` are all of them, in order, each face in one only; ``faces`` is how many faces wait for an answer.
    """

    questions: tuple[Question, ...]
    answers: int
    settles: int
    faces: int


def plan(groups: Sequence[Group], pairs: Iterable[Pair] = (), *, person: str | None = None) -> Plan:
    """The questions to ask, most faces settled first, and what they will come to.

    What cannot be trusted is asked about last. The estimate is greedy: it takes the questions in their order, without
    those that are about faces of earlier ones.

    Args:
        groups: all groups that are not settled.
        pairs: which two of them may be one person.
        person: ask only whether somebody is this person.
    """
    asked = [*_batches(groups), *([] if person is not None else [*_who(groups), *_same(groups, pairs)])]
    wanted = [question for question in asked if person is None or question.person == person]
    order: dict[Kind, int] = {"faces": 0, "person": 1, "same": 2, "who": 3}
    wanted.sort(key=lambda one: (one.poor, -round(one.expected, 6), order[one.kind], one.faces))
    taken: set[str] = set()
    chosen = []
    for question in wanted:
        if taken.isdisjoint(question.parts):
            taken.update(question.parts)
            chosen.append(question)
    several = [question.expected for question in chosen if question.expected >= WORTH]
    counted = several or [question.expected for question in chosen]
    waiting = sum(len(group.faces) for group in groups if person in (None, group.person if _suggested(group) else ""))
    return Plan(tuple(chosen), len(counted), round(sum(counted)), waiting)


def _batches(groups: Sequence[Group]) -> list[Question]:
    """The groups of each suggested person, the surest first, in batches."""
    of_person: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if group.person is not None and group.chance >= SURE:
            of_person[group.person].append(group)
    found = []
    for person, held in of_person.items():
        waiting = sorted(held, key=lambda group: (group.poor, -group.chance, -len(group.faces), group.faces))
        while waiting:
            batch = _batch(waiting)
            keys = {group.key for group in batch}
            waiting = [group for group in waiting if group.key not in keys]
            found.append(_about("faces" if len(batch) > 1 else "person", person, batch, batch[0].distance))
    return found


def _batch(waiting: Sequence[Group]) -> list[Group]:
    """The first group and those after it that make the question worth more; no two of one photo."""
    first = waiting[0]
    batch, photos, count, chance, most = [first], set(first.photos), len(first.faces), first.chance, first.most
    for group in waiting[1:]:
        if len(batch) >= most or count >= BATCH:
            break
        if group.poor != first.poor or len(batch) >= group.most or not photos.isdisjoint(group.photos):
            continue
        more = count + len(group.faces)
        if more <= BATCH and _worth(more, chance * group.chance, len(batch) + 1) > _worth(count, chance, len(batch)):
            batch.append(group)
            photos |= group.photos
            count, chance, most = more, chance * group.chance, min(most, group.most)
    return batch


def _who(groups: Sequence[Group]) -> list[Question]:
    return [_about("who", None, [group], group.distance) for group in groups if not _suggested(group)]


def _same(groups: Sequence[Group], pairs: Iterable[Pair]) -> list[Question]:
    found = []
    for pair in pairs:
        both = sorted((groups[pair.one], groups[pair.other]), key=lambda group: (-len(group.faces), group.faces))
        apart = both[0].photos.isdisjoint(both[1].photos)
        if apart and pair.chance >= SURE and not any(_suggested(group) for group in both):
            found.append(_about("same", None, both, pair.distance, pair.chance))
    return found


def _suggested(group: Group) -> bool:
    return group.person is not None and group.chance >= SURE


def _worth(faces: int, chance: float, groups: int) -> float:
    """How many faces an answer to whether these are a person settles on average."""
    return faces * (chance + (1 - chance) * ANSWERED) if groups == 1 else faces * chance


def _about(
    kind: Kind, person: str | None, groups: Sequence[Group], distance: float | None, chance: float | None = None
) -> Question:
    faces = tuple(face for group in groups for face in group.faces)
    if person is None:
        likely = 1.0 if chance is None else chance
        expected = len(faces) * likely * ANSWERED
    else:
        likely = math.prod(group.chance for group in groups)
        expected = _worth(len(faces), likely, len(groups))
    return Question(
        kind=kind,
        person=person,
        faces=faces,
        parts=tuple(group.key for group in groups),
        sizes=tuple(len(group.faces) for group in groups),
        chance=likely,
        distance=distance,
        expected=expected,
        poor=any(group.poor for group in groups),
    )
