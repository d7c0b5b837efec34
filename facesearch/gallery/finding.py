"""Photos by the people in them: who is asked for, when, and alone or not."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.curate.expression import Name, Word, leaves, parse, select
from facesearch.errors import ConfigError
from facesearch.gallery import layout
from facesearch.gallery.people import the_person

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from facesearch.curate.expression import Leaf
    from facesearch.gallery.layout import How, Layout
    from facesearch.store.finding import ShownFace
    from facesearch.store.store import Store

_DAY = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FoundPhoto:
    """A photo that was found.

    ``paths`` are sorted, and empty where no known file holds it any more. ``taken_at`` is ISO 8601 or None. ``faces``
    are from left to right, without those that were called "not a face" or ignored.
    """

    id: int
    paths: tuple[str, ...]
    taken_at: str | None
    faces: tuple[ShownFace, ...]

    @property
    def people(self) -> dict[str, str]:
        """Names by person id, from left to right."""
        return {face.person_id: face.person or "" for face in self.faces if face.person_id is not None}

    @property
    def unnamed(self) -> int:
        """How many faces nobody has named."""
        return sum(1 for face in self.faces if face.person_id is None)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: the first photos by date and path, how many there are in all, and how many had no date.

    ``undated`` counts photos that would have been found, had they a date; 0 where no dates were asked for.
    """

    photos: tuple[FoundPhoto, ...]
    total: int
    undated: int


def find(
    store: Store,
    text: str,
    *,
    since: str | None = None,
    until: str | None = None,
    min_quality: float | None = None,
    only: bool = False,
    suggested: bool = False,
    limit: int | None = None,
) -> Finding:
    """The photos that a people expression speaks of; see ``GalleryCuration.find``.

    Raises:
        ConfigError: it is no expression, a name is ambiguous, or a date is none.
        NotFoundError: nobody has one of the names; the hint lists those that are spelt alike.
    """
    expression = parse(text)
    _check_period(since, until)
    with store.reading():
        people: dict[Leaf, str] = {
            leaf: the_person(store, leaf.text).id for leaf, _ in leaves(expression) if isinstance(leaf, Name)
        }

        def photos_of(leaf: Leaf, /, *, wanted: bool, within: Set[int] | None) -> Set[int]:
            # A poor face of somebody still is that person: who does not want them in the photo gets none.
            least = min_quality if wanted else None
            if leaf == Word("unknown"):
                return store.photos_with_unnamed(least=least, suggested=suggested, within=within)
            return store.photos_with(people.get(leaf), least=least, suggested=suggested, within=within)

        selection = select(expression, photos_of)
        taken = store.dates_of(None if selection.inverted else selection.ids)
        ids = taken.keys() - selection.ids if selection.inverted else taken.keys()
        if only:
            wanted = {people.get(leaf, leaf.text) for leaf, wanted in leaves(expression) if wanted}
            ids = _alone(store, ids, wanted, suggested=suggested)
        dated = {photo_id for photo_id in ids if _within(taken[photo_id], since, until)}
        undated = sum(1 for photo_id in ids - dated if taken[photo_id] is None)
        return Finding(_first(store, dated, taken, limit, suggested=suggested), len(dated), undated)


def lay_out(found: Finding, target: Path, how: How) -> Layout:
    """Lay found photos out as a folder of links or copies; see ``layout.lay_out``. Of several files the first counts.

    Raises:
        ConfigError: ``target`` is a file.
        FacesearchError: something cannot be written.
    """
    held = [[Path(path) for path in photo.paths] for photo in found.photos if photo.paths]
    return layout.lay_out({"": [_there(paths) for paths in held]}, target, how)


def _check_period(since: str | None, until: str | None) -> None:
    for day in (since, until):
        if day is not None and not _is_day(day):
            raise ConfigError(f"{day!r} is no date", hint="say 2019, 2019-07 or 2019-07-14")
    if since and until and since[: len(until)] > until[: len(since)]:
        raise ConfigError(f"{since} is after {until}", hint="give the earlier date first: --since, then --until")


def _is_day(text: str) -> bool:
    with suppress(ValueError):
        if _DAY.fullmatch(text):
            date.fromisoformat(text + "-01-01"[len(text) - 4 :])
            return True
    return False


def _within(taken_at: str | None, since: str | None, until: str | None) -> bool:
    """Whether a time is from the beginning of ``since`` to the end of ``until``; None never is, but where both are."""
    if since is None and until is None:
        return True
    if taken_at is None:
        return False
    return (since is None or taken_at[: len(since)] >= since) and (until is None or taken_at[: len(until)] <= until)


def _alone(store: Store, ids: Set[int], wanted: Set[str], *, suggested: bool) -> set[int]:
    """The photos in which everybody is wanted: person ids, "anyone" or "unknown"."""

    def fits(face: ShownFace) -> bool:
        if face.person_id is None:
            return "unknown" in wanted
        return face.person_id in wanted or "anyone" in wanted

    shown = store.who_is_in(sorted(ids), suggested=suggested)
    return {photo_id for photo_id, faces in shown.items() if all(fits(face) for face in faces)}


def _first(
    store: Store, ids: Iterable[int], taken: dict[int, str | None], limit: int | None, *, suggested: bool
) -> tuple[FoundPhoto, ...]:
    def age(photo_id: int) -> tuple[bool, str]:
        return taken[photo_id] is None, taken[photo_id] or ""

    ordered = sorted(ids, key=age)
    if limit is not None and len(ordered) > limit:
        # Paths decide among photos of one time only: those of later photos need not be read.
        last = age(ordered[limit - 1])
        ordered = [photo_id for photo_id in ordered if age(photo_id) <= last]
    paths = store.paths_of(ordered)
    ordered = sorted(ordered, key=lambda photo_id: (age(photo_id), paths[photo_id], photo_id))[:limit]
    shown = store.who_is_in(ordered, suggested=suggested)
    return tuple(FoundPhoto(one, paths[one], taken[one], tuple(shown[one])) for one in ordered)


def _there(paths: list[Path]) -> Path:
    """The first file that is there, or just the first."""
    return next((path for path in paths if os.path.exists(path)), paths[0])  # noqa: PTH110 - which raises
