"""Who is enrolled, read once a change of the gallery."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify.table import Enrolled
from facesearch.store.values import Enrolled as EnrolledFaces

if TYPE_CHECKING:
    from collections.abc import Collection

    from facesearch.store.store import Store
    from facesearch.types import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The enrolled faces of one state of the gallery: as stored, and as probes are compared with them.

    ``mark`` names the state of the enrolments, None where some people are left out; ``names`` are people's by id.
    """

    stored: EnrolledFaces
    faces: Enrolled
    names: dict[str, str]
    mark: str | None

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many faces each person has."""
        return tuple(Counter(self.stored.person_ids).values())

    def without(self, people: Collection[str]) -> Evidence:
        """The same, as if these people were not enrolled."""
        if not people:
            return self
        kept = np.array([person not in people for person in self.stored.person_ids], dtype=bool)
        stored = EnrolledFaces(
            face_ids=self.stored.face_ids[kept],
            photo_ids=self.stored.photo_ids[kept],
            vectors=self.stored.vectors[kept],
            person_ids=tuple(person for person in self.stored.person_ids if person not in people),
        )
        return Evidence(stored, Enrolled.of(stored.vectors, stored.person_ids), self.names, None)


class EvidenceCache:
    """The evidence as it was last read, for as long as the gallery stays what it was."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: tuple[tuple[str, str], Evidence] | None = None

    def current(self, recipe: Recipe) -> Evidence:
        """The evidence by a recipe, in the state that ``Store.reading`` holds, where it is called in one."""
        with self._store.reading():
            state = self._store.state()
            key = recipe.key, state.token
            held = self._held
            if held is not None and held[0] == key:
                return held[1]
            stored = self._store.enrolled(recipe)
            names = self._store.names()
        found = Evidence(stored, Enrolled.of(stored.vectors, stored.person_ids), names, state.enrolments)
        self._held = key, found
        return found
