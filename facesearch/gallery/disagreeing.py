"""Where two embedders disagree about the people of a gallery: pairs of faces near enough for one, not for the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError, ModelError
from facesearch.gallery import calibrating
from facesearch.identify.calibration import calibration_of
from facesearch.pipeline import embedder_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facesearch.store.store import Store
    from facesearch.types import Recipe

MOST_FACES = 20_000
"""Faces that are compared; of more, everybody's share is taken. All pairs of so many take some 10 s."""

_ROWS = 1024


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What changes for one person, in pairs of faces.

    ``joined`` and ``split`` pairs are both theirs: near enough to be one person's now and not before, and the other way
    round. Of ``mixed`` and ``parted`` pairs one face is theirs and one somebody else's: taken for one person's now and
    not before, and the other way round.
    """

    person_id: str
    name: str
    faces: int
    joined: int
    split: int
    mixed: int
    parted: int

    @property
    def pairs(self) -> int:
        """How many pairs change."""
        return self.joined + self.split + self.mixed + self.parted


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two embedders on the named faces of a gallery that both have embedded.

    ``before`` and ``after`` are their names, ``thresholds`` the squared distances at which each takes one in a thousand
    pairs of strangers for one person. ``same`` and ``others`` count pairs of one person's and of two people's faces,
    the four others those that change, as in ``PersonChange``; a pair of two people's counts once here. ``left_out``
    faces were too many to look at. ``people`` are those for whom something changes, the most changed first.
    """

    before: str
    after: str
    thresholds: tuple[float, float]
    faces: int
    left_out: int
    same: int
    others: int
    joined: int
    split: int
    mixed: int
    parted: int
    people: tuple[PersonChange, ...]


def compare(store: Store, before: Recipe, after: Recipe, *, most: int = MOST_FACES) -> Comparison:
    """Hold all pairs of named faces against both embedders.

    Args:
        store: of the gallery; ``before`` is its active recipe, and faces have vectors of ``after`` beside.
        before: the recipe that answers now.
        after: the recipe that would.
        most: faces to look at.

    Raises:
        ModelError: one of the embedders is not calibrated.
    """
    limits = calibrating.current(store).threshold(), calibration_of(after).threshold()
    with store.reading():
        old, new = store.enrolled(before, low=True), store.enrolled(after, low=True)
        names = {person.id: person.name for person in store.people()}
    both, first, second = np.intersect1d(old.face_ids, new.face_ids, assume_unique=True, return_indices=True)
    ids = [old.person_ids[place] for place in first.tolist()]
    held, people = np.unique(np.array(ids, dtype=np.str_), return_inverse=True)
    rows = _some(people, most)
    people = people[rows]
    changed = _changes(old.vectors[first[rows]], new.vectors[second[rows]], people, limits, len(held))
    counts = np.bincount(people, minlength=len(held))
    found = [
        PersonChange(person, names.get(person, "?"), int(counts[place]), *(int(n) for n in changed[:, place]))
        for place, person in enumerate(held.tolist())
    ]
    joined, split, mixed, parted = changed.sum(axis=1).tolist()
    same = int((counts * (counts - 1) // 2).sum())
    return Comparison(
        before=embedder_of(before),
        after=embedder_of(after),
        thresholds=limits,
        faces=len(rows),
        left_out=len(both) - len(rows),
        same=same,
        others=len(rows) * (len(rows) - 1) // 2 - same,
        joined=joined,
        split=split,
        mixed=mixed // 2,
        parted=parted // 2,
        people=tuple(
            sorted((one for one in found if one.pairs), key=lambda one: (-one.pairs, one.name, one.person_id))
        ),
    )


def tell(store: Store, after: Recipe, compared: Callable[[Comparison], None], odd: Callable[[str], None]) -> None:
    """Compare the embedder of a recipe with the gallery's, where it is another one, and pass on what was found.

    Args:
        store: of the gallery.
        after: whose vectors are there beside those of the active recipe.
        compared: takes the comparison.
        odd: takes the reason why there is none.
    """
    before = _active(store)
    if before is None or embedder_of(before) == embedder_of(after):
        return
    try:
        found = compare(store, before, after)
    except ModelError as error:
        odd(f"the two models are not compared: {error.message}")
        return
    compared(found)


def before(store: Store) -> Recipe:
    """The recipe that the gallery can move back to.

    Raises:
        ConfigError: there is none, or more than one.
    """
    keys = store.earlier_recipes()
    found = [recipe for recipe in store.recipes() if recipe.key in keys]
    if not found:
        raise ConfigError(
            "there is nothing to go back to: no vectors of an earlier model are kept",
            hint="facesearch reindex --model NAME moves to another",
        )
    if len(found) > 1:
        models = ", ".join(sorted(embedder_of(recipe) for recipe in found))
        raise ConfigError(f"vectors of several models are kept: {models}", hint="say which: facesearch reindex --model")
    return found[0]


def to_keep(store: Store, after: Recipe) -> str | None:
    """The recipe whose vectors stay when the gallery moves to another: the present one where the embedder changes."""
    now = _active(store)
    if now is None:
        return None
    if now.key == after.key:
        earlier = store.earlier_recipes()
        return earlier[0] if len(earlier) == 1 else None
    return now.key if embedder_of(now) != embedder_of(after) else None


def _active(store: Store) -> Recipe | None:
    active = store.state().recipe
    return next((one for one in store.recipes() if one.key == active), None)


def _some(people: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The rows to look at, in order: all, or of everybody the same share, spread evenly."""
    if len(people) <= most:
        return np.arange(len(people))
    by_person = np.argsort(people, kind="stable")
    return np.sort(by_person[np.linspace(0, len(people) - 1, most).astype(np.int64)])


def _changes(
    old: NDArray[np.float32],
    new: NDArray[np.float32],
    people: NDArray[np.int64],
    limits: tuple[float, float],
    count: int,
) -> NDArray[np.int64]:
    """Pairs that change, (4, people): joined, split, mixed and parted; the latter two count for both people."""
    total = np.zeros((4, count), np.int64)
    # Squared distances of unit vectors are 2 − 2 · their product.
    least = [1 - limit / 2 for limit in limits]
    for start in range(0, len(people), _ROWS):
        stop = min(start + _ROWS, len(people))
        near = [
            vectors[start:stop] @ vectors[start:].T > bound for vectors, bound in zip((old, new), least, strict=True)
        ]
        after_it = np.triu(np.ones(near[0].shape, np.bool_), 1)
        one, other = np.nonzero((near[0] != near[1]) & after_it)
        a, b = people[start + one], people[start + other]
        near_now = near[1][one, other]
        for place, wanted in enumerate((near_now & (a == b), ~near_now & (a == b))):
            total[place] += np.bincount(a[wanted], minlength=count)
        for place, wanted in enumerate((near_now & (a != b), ~near_now & (a != b)), start=2):
            total[place] += np.bincount(a[wanted], minlength=count) + np.bincount(b[wanted], minlength=count)
    return total
