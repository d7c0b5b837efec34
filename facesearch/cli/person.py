"""``person``: what is known of one person, and which of their faces may be somebody else's."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import face_document, person_document
from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import columns, emit, hint, labelled, one_in, plural, say, tell
from facesearch.cli.people import NAME_HELP
from facesearch.cli.session import open_gallery

if TYPE_CHECKING:
    from facesearch.cli.documents import Document
    from facesearch.cli.output import Cell
    from facesearch.gallery.portrait import Confusable, Outlier, PersonFace, Portrait
    from facesearch.identify.calibration import Calibration
    from facesearch.types import Candidate, Match

_SOURCES = {"user": "you", "folder": "folders", "region": "regions in files", "auto": "automatic"}
_BARS = "▁▂▃▄▅▆▇█"
_YEARS = 8
"""More years than this become a picture of bars."""


def person(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help=NAME_HELP)],
    *,
    draw: Annotated[
        Path | None,
        typer.Option(
            "--draw", metavar="FILE.png", show_default=False, help="Write a picture of all faces, with dates."
        ),
    ] = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is known of a person: photos by year, where the names come from, and what to look at.

    The nearest other people are those whom the person may be taken for. Faces that are far from the person's others may
    have the wrong name: look at them first.

    Examples:
      facesearch person "Ada Lovelace"
      facesearch person Ada --draw ada.png
    """
    with open_gallery(gallery) as opened:
        portrait = opened.person(name)
        calibration = opened.calibration
        if draw is not None:
            opened.draw_person(portrait, draw)
    if as_json:
        emit({**_document(portrait), "picture": None if draw is None else str(draw)})
        return
    _show(portrait, calibration)
    if draw is not None:
        tell(f"a picture of {plural(len(portrait.faces), 'face')} in {draw}")


def _show(portrait: "Portrait", calibration: "Calibration") -> None:
    who, dates = portrait.person, portrait.dates
    when = f", {dates[0][:10]} to {dates[-1][:10]}" if dates else ""
    say((who.name, "bold"), f": {plural(who.faces, 'face')} in {plural(who.photos, 'photo')}{when}")
    if not portrait.faces:
        hint("facesearch enrol NAME PHOTO gives a face to a person")
        return
    sources = ", ".join(f"{_SOURCES[source]} {count:,}" for source, count in portrait.sources.items())
    unconfirmed = f" ({portrait.unconfirmed:,} not confirmed)" if portrait.unconfirmed else ""
    photos = {face.match.face.photo_id for face in portrait.faces}
    facts: list[tuple[Cell, ...]] = [
        ("names from", sources + unconfirmed),
        ("poor faces", f"{portrait.poor:,} of {len(portrait.faces):,}"),
    ]
    if dates:
        facts.insert(0, ("photos by year", _years(portrait.years)))
    if without := len(photos) - len(dates):
        facts.append(("without a date", plural(without, "photo")))
    columns(facts)
    if portrait.confusables:
        least, threshold = calibration.least_far, calibration.threshold()
        labelled(("nearest others", ""), [_near(one, least, threshold) for one in portrait.confusables])
    if portrait.outliers:
        labelled(("check the name", "bold yellow"), [_odd(one) for one in portrait.outliers])


def _years(years: dict[str, int]) -> str:
    """Photos by year; where there are many years, as bars from the first to the last."""
    if len(years) <= _YEARS:
        return ", ".join(f"{year}: {count:,}" for year, count in years.items())
    first, last, most = min(years), max(years), max(years.values())
    counts = [years.get(f"{year:04}", 0) for year in range(int(first), int(last) + 1)]
    bars = "".join(_BARS[round(count / most * (len(_BARS) - 1))] if count else " " for count in counts)
    return f"{first} {bars} {last}, at most {most:,}"


def _near(one: "Confusable", least: float, threshold: float) -> "tuple[Cell, ...]":
    rate = f"{one_in(one.far, least)} pairs of strangers are this close ({plural(one.pairs, 'pair')} here)"
    warning = ("as near as one person's faces", "yellow") if one.other.distance < threshold else ""
    return (one.other.person, "bold"), f"{one.other.distance:.2f}", rate, warning


def _odd(one: "Outlier") -> "tuple[Cell, ...]":
    face = one.face
    return (
        f"face {face.match.face.id}",
        f"{face.match.distance:.2f} from the other faces",
        "" if one.nearest is None else f"nearest: {one.nearest.person} {one.nearest.distance:.2f}",
        face.doubt or "",
        face.match.path,
    )


def _document(portrait: "Portrait") -> "Document":
    dates = portrait.dates
    return {
        "person": person_document(portrait.person),
        "first": dates[0] if dates else None,
        "last": dates[-1] if dates else None,
        "years": portrait.years,
        "sources": portrait.sources,
        "unconfirmed": portrait.unconfirmed,
        "poor": portrait.poor,
        "faces": [_face(face) for face in portrait.faces],
        "confusables": [
            {**_candidate(one.other), "far": one.far, "pairs": one.pairs, "a": _match(one.a), "b": _match(one.b)}
            for one in portrait.confusables
        ],
        "outliers": [
            {**_face(one.face), "nearest": None if one.nearest is None else _candidate(one.nearest)}
            for one in portrait.outliers
        ],
    }


def _face(face: "PersonFace") -> "Document":
    distance = face.match.distance  # NaN where there is no other face, which JSON does not know
    return {
        **_match(face.match),
        "taken_at": face.taken_at,
        "source": face.source,
        "confirmed": face.confirmed,
        "doubt": face.doubt,
        "apart": None if math.isnan(distance) else distance,
    }


def _match(match: "Match") -> "Document":
    return {"path": match.path, "face": face_document(match.face)}


def _candidate(one: "Candidate") -> "Document":
    return {"person": one.person, "person_id": one.person_id, "distance": one.distance}
