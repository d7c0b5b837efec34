"""Unnamed faces that look like somebody: offered after a naming, and given to them only where that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from facesearch.gallery.likeness import Likeness
from facesearch.gallery.review_pictures import matches_of
from facesearch.identify import knn
from facesearch.identify.calibration import FPIR
from facesearch.identify.decide import decide
from facesearch.images.quality import is_low
from facesearch.store.values import Enrolled

if TYPE_CHECKING:
    from facesearch.gallery.evidence import Evidence, EvidenceCache
    from facesearch.identify.calibration import Calibration
    from facesearch.store.store import Store
    from facesearch.types import Match, Person, Recipe

AUTO_FAR = 1e-4
"""The share of pairs of strangers that may be as near as a face that gets a name by itself."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Unnamed faces that ``who`` would give to a person, nearest first, with the distance to their nearest face.

    ``fpir`` is the share of strangers that would be among them. ``given`` were enrolled by ``give``, unconfirmed, as
    they are nearer than ``threshold``, which belongs to ``far``; all three are None or 0 where nothing was given.
    """

    person: Person
    matches: tuple[Match, ...]
    fpir: float
    given: int = 0
    far: float | None = None
    threshold: float | None = None

    @property
    def count(self) -> int:
        """How many faces there are."""
        return len(self.matches)


def suggestions(
    store: Store,
    person_id: str,
    *,
    evidence: EvidenceCache,
    calibration: Calibration,
    fpir: float = FPIR,
) -> Suggestions:
    """The unnamed faces that look like a person more than like anybody else, and near enough; see ``Suggestions``.

    Faces that are ignored, were said not to be this person, or share a photo with them are left out.

    Raises:
        NotFoundError: there is no such person.
        ConfigError: the calibration does not reach to this rate.
    """
    with store.reading():
        person = store.person(person_id)
        active = store.state().recipe
        recipe = next((one for one in store.recipes() if one.key == active), None)
        if recipe is None:
            return Suggestions(person, (), fpir)
        known = evidence.current(recipe)
        limit = calibration.limit(fpir, known.sizes)
        ids, photos, vectors = _near(store, recipe, person_id, known, limit)
    table = knn.compare(vectors, known.faces, threshold=limit, usual=calibration.usual)
    # In a collage two faces may be one person's; there each face has a photo number of its own.
    decisions = decide(table, photos)
    mine = [
        (decision.distance or 0.0, face_id)
        for decision, face_id in zip(decisions, ids, strict=True)
        if decision.person == person_id
    ]
    mine.sort()
    found = matches_of(store, [face_id for _, face_id in mine])
    matches = tuple(replace(match, distance=apart) for match, (apart, _) in zip(found, mine, strict=True))
    return Suggestions(person, matches, fpir)


def give(store: Store, found: Suggestions, calibration: Calibration, *, far: float = AUTO_FAR) -> Suggestions:
    """Enrol the suggested faces that are near enough, as automatic: they are no evidence until somebody confirms them.

    Faces that cannot be trusted are left.

    Args:
        store: of the gallery.
        found: what was suggested.
        calibration: of the gallery.
        far: the share of pairs of strangers that are as near as the farthest face that is given.

    Returns:
        What is left of the suggestions, and how many were given.

    Raises:
        ConfigError: the calibration does not reach to this rate.
    """
    threshold = calibration.threshold(far)
    near = [match for match in found.matches if match.distance < threshold and not is_low(match.face)]
    ids = [match.face.id for match in near if match.face.id is not None]
    if ids:
        store.enrol(ids, found.person.id, "auto")
    left = tuple(match for match in found.matches if match.face.id not in set(ids))
    return Suggestions(store.person(found.person.id), left, found.fpir, len(ids), far, threshold)


def _near(
    store: Store, recipe: Recipe, person_id: str, known: Evidence, limit: float
) -> tuple[list[int], list[int], np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """Ids, photos and vectors of the unnamed faces that may be the person: those worth comparing with everybody.

    A normalized distance is never less than its evidence, so nobody whose evidence is beyond ``limit`` is within it.
    """
    unnamed = store.unnamed(recipe)
    own = np.array([one == person_id for one in known.stored.person_ids], dtype=bool)
    if not own.any() or not len(unnamed.vectors):
        return [], [], unnamed.vectors[:0]
    mine = Enrolled(
        face_ids=known.stored.face_ids[own],
        photo_ids=known.stored.photo_ids[own],
        vectors=known.stored.vectors[own],
        person_ids=(person_id,) * int(own.sum()),
    )
    _, (apart,) = Likeness(unnamed.vectors).table(mine)
    ignored, rejected, shown = store.ignored(), store.rejections(), store.shown()
    collages = store.marked("collage")
    chosen = [
        row
        for row, (face_id, photo) in enumerate(zip(unnamed.face_ids.tolist(), unnamed.photo_ids.tolist(), strict=True))
        if apart[row] < limit
        and face_id not in ignored
        and person_id not in rejected.get(face_id, frozenset())
        and (photo in collages or person_id not in shown.get(photo, frozenset()))
    ]
    ids = unnamed.face_ids[chosen].tolist()
    photos = [
        -face_id if photo in collages else photo
        for face_id, photo in zip(ids, unnamed.photo_ids[chosen].tolist(), strict=True)
    ]
    return ids, photos, unnamed.vectors[chosen]
