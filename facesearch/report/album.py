"""The report card of an album: one page that says how it does and what to do next, with faces to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.identify.calibration import FAR
from facesearch.identify.words import one_in
from facesearch.report.page import data_uri, render, write
from facesearch.report.rates import false_rate, miss_rate, percent
from facesearch.report.steps import next_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from facesearch.gallery.gallery import Gallery
    from facesearch.gallery.look_alikes import LookAlikes
    from facesearch.gallery.people_summary import PersonSummary
    from facesearch.gallery.summary import AlbumSummary
    from facesearch.report.rates import Estimate
    from facesearch.report.steps import Step
    from facesearch.types import Match

    Progress = Callable[[int, int, str], None]

LIMIT = 60
"""People who are shown with pictures."""

SIDE = 112
"""Of a picture on the page, in pixels."""


@dataclass(frozen=True, slots=True)
class AlbumReport:
    """An album in numbers, and the page about it: where it was written and its bytes, None and 0 without one."""

    album: AlbumSummary
    steps: tuple[Step, ...]
    page: Path | None = None
    size: int = 0
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """A person on the page; ``anchor`` is empty where only the table names them."""

    one: PersonSummary
    anchor: str
    missed: Estimate
    false: Estimate


def report_album(
    gallery: Gallery,
    target: Path | None,
    *,
    limit: int = LIMIT,
    where: str = "",
    progress: Progress = lambda *_: None,
) -> AlbumReport:
    """Describe an album, and write the page.

    Args:
        gallery: an open one.
        target: the HTML file; None for the numbers only.
        limit: how many people are shown with pictures; those who need it most are.
        where: put after each command that is proposed, as " --gallery DIR" is.
        progress: called with pictures done, pictures to do and a path.

    Raises:
        ConfigError: the gallery holds no faces yet.
        FacesearchError: the page cannot be written.
    """
    album = gallery.summary()
    steps = next_steps(album, where)
    if target is None:
        return AlbumReport(album, steps)
    shown = sorted(album.people, key=_ease)[:limit]
    pictures = _pictures(gallery, _matches(shown, album.pairs), progress)
    size = write(page(album, steps, shown, pictures), target)
    return AlbumReport(album, steps, target, size, len(pictures))


def page(album: AlbumSummary, steps: Sequence[Step], shown: Sequence[PersonSummary], pictures: dict[int, str]) -> str:
    """The page as text; ``pictures`` are data URIs by face id, of the faces of the people ``shown``."""
    anchors = {one.person.id: f"person-{number}" for number, one in enumerate(shown, 1)}
    cards = {
        one.person.id: Card(one, anchors.get(one.person.id, ""), miss_rate(one), false_rate(one))
        for one in album.people
    }
    close = album.calibration.threshold()
    return render(
        "album.html",
        album=album,
        steps=steps,
        cards=list(cards.values()),
        shown=[cards[one.person.id] for one in shown],
        pictures=pictures,
        confusable=[pair for pair in album.pairs if pair.distance < close],
        others=[pair for pair in album.pairs if pair.distance >= close][:3],
        threshold=close,
        far=FAR,
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        one_in=lambda rate: one_in(rate, album.calibration.least_far),
        percent=percent,
        days=_days,
        file_name=lambda path: Path(path).name,
    )


def _ease(one: PersonSummary) -> tuple[bool, bool, float, str]:
    """Sorts those who need a look to the front."""
    right = one.found / one.asked if one.asked else 1.0
    return not one.odd_faces, one.thin is None, right, one.person.name


def _matches(shown: Iterable[PersonSummary], pairs: Iterable[LookAlikes]) -> list[Match]:
    """The faces on the page, each once."""
    faces = [match for one in shown for match in (*one.typical, *(odd.match for odd in one.odd))]
    faces += [match for pair in pairs for match in (pair.face_a, pair.face_b)]
    return list({match.face.id: match for match in faces}.values())


def _pictures(gallery: Gallery, matches: Sequence[Match], progress: Progress) -> dict[int, str]:
    found: dict[int, str] = {}
    progress(0, len(matches), "")
    for done, match in enumerate(matches, 1):
        found[match.face.id or 0] = data_uri(gallery.picture(match), side=SIDE)
        progress(done, len(matches), match.path)
    return found


def _days(first: str | None, last: str | None) -> str:
    if first is None or last is None:
        return "no dates"
    return first if first == last else f"{first} to {last}"
