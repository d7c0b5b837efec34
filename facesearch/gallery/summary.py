"""What a report card says about an album: how much there is, and how well each person can be told from the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError
from facesearch.gallery import maintenance
from facesearch.gallery.look_alikes import look_alikes
from facesearch.gallery.people_summary import Reading, summarise_people
from facesearch.identify.calibration import FPIR
from facesearch.identify.leaving_out import ask, leave_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.gallery.look_alikes import LookAlikes
    from facesearch.gallery.people_summary import PersonSummary
    from facesearch.identify.calibration import Calibration
    from facesearch.store.store import Store
    from facesearch.store.values import Enrolled, Unnamed
    from facesearch.types import Recipe, Stats

MOST_ASKED = 20_000
"""Unnamed faces that are asked who they might be; of more, so many at equal distances in the order of their ids."""

MOST_PAIRS = 12
"""Pairs of people who look most alike."""


@dataclass(frozen=True, slots=True)
class AlbumSummary:
    """An album in numbers.

    ``unnamed`` faces have no person; ``clusters`` are groups of these, as (id, faces), the largest first, and
    ``alone`` those in none. ``first`` and ``last`` are days, ISO 8601, of the photos with faces; ``dated`` of them are
    ``with_faces``. ``shared`` photos show several faces. ``calibrated`` is when the album was calibrated, None where
    ``calibration`` is the built-in one. ``asked`` unnamed faces were compared with everybody, ``resembling`` of them
    would get a name at ``fpir``. ``pairs`` are the people who look most alike; ``within`` pairs of people in all have
    faces nearer than the default threshold.
    """

    stats: Stats
    unnamed: int
    clusters: tuple[tuple[str, int], ...]
    alone: int
    first: str | None
    last: str | None
    dated: int
    with_faces: int
    shared: int
    recipe: Recipe
    calibration: Calibration
    calibrated: str | None
    fpir: float
    asked: int
    resembling: int
    people: tuple[PersonSummary, ...]
    pairs: tuple[LookAlikes, ...]
    within: int


def summarise(store: Store, calibration: Calibration, *, fpir: float = FPIR) -> AlbumSummary:
    """Describe an album; see ``Gallery.summary``."""
    # Read first, all of one state; the arithmetic then holds nobody up.
    with store.reading():
        recipe = _recipe(store)
        enrolled, every = store.enrolled(recipe), store.enrolled(recipe, low=True)
        unnamed = store.unnamed(recipe)
        ignored = np.isin(unnamed.face_ids, list(store.ignored()))
        waiting = set(unnamed.face_ids[~ignored].tolist())
        clusters = {key: len(waiting.intersection(ids)) for key, ids in store.clusters(recipe.key).items()}
        people = store.people()
        photos = store.photos(np.union1d(every.photo_ids, unnamed.photo_ids).tolist())
        faces = store.faces(every.face_ids.tolist())
        stats, calibrated = maintenance.stats(store), store.calibrated().get(recipe.key)
        rejections = store.rejections()
    held = leave_out(enrolled.vectors, enrolled.person_ids, enrolled.photo_ids, calibration, fpir)
    resembling, asked = _resembling(unnamed, ~ignored, enrolled, rejections, calibration, fpir)
    reading = Reading(people, enrolled, every, faces, photos, held, calibration)
    days = sorted(photo.taken_at[:10] for photo in photos.values() if photo.taken_at)
    per_photo = Counter(every.photo_ids.tolist()) + Counter(unnamed.photo_ids.tolist())
    groups = sorted(
        ((key, size) for key, size in clusters.items() if size), key=lambda one: (-one[1], len(one[0]), one[0])
    )
    return AlbumSummary(
        stats=stats,
        unnamed=len(waiting),
        clusters=tuple(groups),
        alone=len(waiting) - sum(size for _, size in groups),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        dated=len(days),
        with_faces=len(photos),
        shared=sum(count > 1 for count in per_photo.values()),
        recipe=recipe,
        calibration=calibration,
        calibrated=calibrated,
        fpir=fpir,
        asked=asked,
        resembling=sum(resembling.values()),
        people=summarise_people(reading, resembling),
        pairs=look_alikes(reading, MOST_PAIRS),
        within=int(np.sum(held.apart < calibration.threshold())) // 2,
    )


def _recipe(store: Store) -> Recipe:
    active = store.state().recipe
    found = [recipe for recipe in store.recipes() if recipe.key == active]
    if not found:
        raise ConfigError("the gallery holds no faces yet", hint="facesearch index PHOTOS")
    return found[0]


def _resembling(
    unnamed: Unnamed,
    wanted: NDArray[np.bool_],
    enrolled: Enrolled,
    rejections: dict[int, frozenset[str | None]],
    calibration: Calibration,
    fpir: float,
) -> tuple[Counter[str], int]:
    """How many unnamed faces would get each person's name, by person id, and how many were asked.

    A face that was said not to be this person does not count; nor does one that cannot be trusted.
    """
    able = np.flatnonzero(wanted & ~unnamed.low)
    rows = able[np.linspace(0, len(able) - 1, min(len(able), MOST_ASKED)).astype(np.int64)]
    evidence = enrolled.vectors, enrolled.person_ids, enrolled.photo_ids
    names = ask(unnamed.vectors[rows], unnamed.photo_ids[rows], evidence, calibration, fpir)
    found: Counter[str] = Counter()
    for face_id, name in zip(unnamed.face_ids[rows].tolist(), names, strict=True):
        if name is not None and name not in rejections.get(face_id, ()):
            found[name] += 1
    return found, len(rows)
