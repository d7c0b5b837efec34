"""Putting names right: merging, splitting, and saying what a face is not."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError
from facesearch.gallery.people import known_person, person_called, the_person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.store.store import Store
    from facesearch.types import Person


WITNESSES = 3
"""Faces of a group, the most central ones, that a face which was taken out of it is kept apart from."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision did: the person it is about as they are now, how many faces it is new for, and what is odd.

    Nothing is ``recorded`` where everything was so before.
    """

    person: Person | None
    faces: int
    warnings: tuple[str, ...] = ()
    recorded: bool = True


def rename(store: Store, name: str, new: str) -> Change:
    """Give a person another name.

    Raises:
        NotFoundError: there is no such person.
        ConfigError: the name is ambiguous, or the new one cannot be one.
    """
    with store.writing():
        old = the_person(store, name)
        person = store.rename(old.id, new)
        others = [one for one in store.find_people(new) if one.id != person.id]
    warnings = [f"{len(others) + 1} people are called {person.name} now; facesearch merge makes one of them"]
    return Change(person, person.faces, tuple(warnings if others else ()), recorded=old.name != person.name)


def merge(store: Store, into: str, others: Sequence[str]) -> Change:
    """Make people part of the first one.

    Raises:
        NotFoundError: there is no such person.
        ConfigError: a name is ambiguous, or nobody else was named.
    """
    with store.writing():
        kept = the_person(store, into)
        gone = [person.id for person in (the_person(store, name) for name in others) if person.id != kept.id]
        if not gone:
            raise ConfigError("a person cannot be merged with themselves", hint='facesearch merge "Ada" "Ada L."')
        moved = store.merge(kept.id, gone)
        warnings = _twice(store, kept.id)
    return Change(store.person(kept.id), moved, warnings)


def split(store: Store, name: str, face_ids: Sequence[int], new: str | None) -> Change:
    """Take faces from a person, for good: they become somebody else's, or with None nobody's.

    Raises:
        NotFoundError: there is no such person or face.
        ConfigError: a face is not this person's, or a name cannot be used.
    """
    with store.writing():
        old = the_person(store, name)
        held = store.decided(face_ids)
        for face_id in face_ids:
            if face_id not in held or held[face_id].person_id != old.id:
                hint = f"facesearch person {shlex.quote(old.name)} --draw faces.png"
                raise ConfigError(f"face {face_id} is not {old.name}'s", hint=hint)
        if new is None:
            return Change(None, store.reject(face_ids, old.id))
        known = known_person(store, new)
        if known is None:
            return Change(store.split(old.id, face_ids, new), len(set(face_ids)))
        if known.id == old.id:
            raise ConfigError(f"they are {old.name}'s already", hint="give another name with --as")
        store.reject(face_ids, old.id)
        count = store.enrol(face_ids, known.id)
    return Change(store.person(known.id), count)


def split_cluster(store: Store, cluster: str, face_ids: Sequence[int], new: str | None = None) -> Change:
    """Take faces out of a group that nobody has named yet, for good; with ``new`` they become this person's.

    Raises:
        NotFoundError: there is no such group.
        ConfigError: a face is not in it, none would stay, or the name cannot be used.
    """
    with store.writing():
        members = store.cluster_faces(cluster)
        if strange := set(face_ids) - set(members):
            raise ConfigError(f"face {min(strange)} is not in group {cluster}", hint="facesearch cluster --json")
        staying = [face_id for face_id in members if face_id not in face_ids]
        if not staying:
            raise ConfigError(f"these are all faces of group {cluster}: nothing to split")
        # From a few, so that a face does not come back with the others when one of these has left.
        count = max(store.keep_apart(face_ids, other) for other in staying[:WITNESSES])
        if new is None:
            return Change(None, count)
        person = person_called(store, new)
        count = store.enrol(face_ids, person.id)
    return Change(store.person(person.id), count)


def reject(store: Store, face_ids: Sequence[int], name: str | None) -> Change:
    """Say that faces are not a person; None for the one that each was given to.

    Raises:
        NotFoundError: there is no such person or face.
        ConfigError: the name is ambiguous, or a face has no person that could be meant.
    """
    with store.writing():
        if name is not None:
            person = the_person(store, name)
            count = store.reject(face_ids, person.id)
            return Change(store.person(person.id), count, recorded=count > 0)
        store.places_of(face_ids)
        held = store.decided(face_ids)
        count = 0
        for face_id in face_ids:
            owner = held[face_id].person_id if face_id in held else None
            if owner is None:
                raise ConfigError(
                    f"face {face_id} has no name that could be wrong", hint=f'facesearch reject {face_id} "NAME"'
                )
            count += store.reject([face_id], owner)
    return Change(None, count)


def not_a_face(store: Store, face_ids: Sequence[int]) -> Change:
    """Say that detections are no faces: a statue, a poster, a pattern.

    Raises:
        NotFoundError: there is no such face.
    """
    count = store.reject(face_ids, None)
    return Change(None, count, recorded=count > 0)


def ignore(
    store: Store, clusters: Sequence[str], face_ids: Sequence[int], *, smaller_than: int = 0, back: bool = False
) -> Change:
    """Say that nobody wants to name these faces, or with ``back`` that somebody does after all.

    Args:
        store: of the gallery.
        clusters: all faces of these groups.
        face_ids: and these.
        smaller_than: and all groups with fewer faces, and faces in none where it is 2 or more.
        back: the other way round.

    Raises:
        NotFoundError: there is no such group or face.
        ConfigError: nothing was given.
    """
    with store.writing():
        chosen = set(face_ids)
        for cluster in clusters:
            chosen |= set(store.cluster_faces(cluster))
        if smaller_than:
            chosen |= _small(store, smaller_than)
        if not chosen and not smaller_than:
            raise ConfigError("nothing to ignore", hint="give the numbers of groups, or --face ID, or --smaller-than N")
        said = store.unignore if back else store.ignore
        count = said(sorted(chosen))
    return Change(None, count, recorded=count > 0)


def _small(store: Store, size: int) -> set[int]:
    """The unnamed faces of groups of fewer faces, and of none."""
    recipe = store.state().recipe
    if recipe is None:
        return set()
    groups = store.clusters(recipe)
    large = {face_id for members in groups.values() if len(members) >= size for face_id in members}
    small = {face_id for members in groups.values() if len(members) < size for face_id in members}
    return small | (store.nameless() - large if size > 1 else set())


def _twice(store: Store, person_id: str) -> tuple[str, ...]:
    """A warning where a person is in one photo several times."""
    counts = Counter(face.photo_id for face in store.enrolments_of(person_id))
    twice = [photo for photo, count in counts.items() if count > 1]
    if not twice:
        return ()
    paths = store.paths_of(twice[:1])[twice[0]]
    where = Path(paths[0]).name if paths else "a photo"
    number = "one photo shows" if len(twice) == 1 else f"{len(twice)} photos show"
    return (f"{number} this person twice now ({where}): a mirror, a collage, or not the same person after all",)
