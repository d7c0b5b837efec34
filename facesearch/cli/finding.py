"""``find``: photos by the people in them, as a list or as a folder."""

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import clean, columns, emit, plural, say, tell
from facesearch.cli.session import open_gallery
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from facesearch.cli.documents import Document
    from facesearch.cli.output import Cell
    from facesearch.gallery.finding import Finding, FoundPhoto
    from facesearch.gallery.layout import Layout


def find(
    people: Annotated[
        str,
        typer.Argument(
            metavar="PEOPLE", show_default=False, help="Names, or ids, joined by & (and), | (or), ! (not) and ( )."
        ),
    ],
    *,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", show_default=False, help="Taken then or later: 2019, 2019-07, …"),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", show_default=False, help="Taken then or earlier; 2019 is all of it."),
    ] = None,
    min_quality: Annotated[
        float | None,
        typer.Option(
            "--min-quality",
            metavar="X",
            min=0,
            max=1,
            show_default=False,
            help="Count only faces of the people asked for that are at least this large and sharp, 0 to 1.",
        ),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="With nobody else in the photo, known or unknown.")] = False,
    suggested: Annotated[
        bool, typer.Option("--suggested", help="Count names that were given automatically and never confirmed.")
    ] = False,
    link: Annotated[
        Path | None,
        typer.Option("--link", metavar="DIR", show_default=False, help="Put links to the photos into this folder."),
    ] = None,
    copy: Annotated[
        Path | None,
        typer.Option("--copy", metavar="DIR", show_default=False, help="Put copies of the photos into this folder."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, show_default=False, help="The first N photos only, else all."),
    ] = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find photos by the people in them, oldest first.

    Not is before and, and before or. A name that holds & | ! ( ) stands in "quotes". `anyone` is somebody with a name,
    `unknown` a face that nobody has named. Exits with 1 where there is no such photo. --link and --copy never overwrite
    or delete anything, and can be repeated.

    Examples:
      facesearch find "Ada & Charles & !unknown"
      facesearch find "Ada | Charles" --only --since 2019 --until 2020-06
      facesearch find Ada --min-quality 0.5 --link ada/
    """
    if link is not None and copy is not None:
        raise ConfigError("--link and --copy exclude each other", hint="give one of them")
    with open_gallery(gallery) as opened:
        from facesearch.curate.expression import ExpressionError

        try:
            found = opened.find(
                people,
                since=since,
                until=until,
                min_quality=min_quality,
                only=only,
                suggested=suggested,
                limit=limit,
            )
        except ExpressionError as error:
            if not as_json:
                _point(error.text, error.at)
            raise
    laid = _lay_out(found, link, copy)
    if as_json:
        emit(_document(found, laid))
    else:
        _show(found, laid, "link" if link is not None else "copy")
    raise typer.Exit(0 if found.photos else 1)


def _lay_out(found: "Finding", link: Path | None, copy: Path | None) -> "Layout | None":
    target = copy if link is None else link
    if target is None or not found.photos:
        return None
    from facesearch.gallery.finding import lay_out

    return lay_out(found, target, "copy" if link is None else "link")


def _show(found: "Finding", laid: "Layout | None", what: str) -> None:
    if found.photos:
        columns([_row(photo) for photo in found.photos])
    else:
        say("no such photo")
    if found.total > len(found.photos):
        say(f"and {found.total - len(found.photos):,} more; --limit shows more of them")
    if found.undated:
        are = "is" if found.undated == 1 else "are"
        tell(f"{plural(found.undated, 'photo')} without a date {are} left out")
    if laid is not None:
        tell(f"{plural(len(laid.files), what, 'copies' if what == 'copy' else None)} in {laid.folder}")
        if missing := len(found.photos) - len(laid.files):
            tell(f"{plural(missing, 'photo')} left out: {'its file is' if missing == 1 else 'their files are'} gone")


def _row(photo: "FoundPhoto") -> "tuple[Cell, ...]":
    from facesearch.gallery.places import GONE

    who = list(photo.people.values())
    if photo.unnamed:
        who.append(f"{photo.unnamed} unknown")
    return (photo.taken_at or "")[:10], photo.paths[0] if photo.paths else GONE, (", ".join(who), "bold")


def _document(found: "Finding", laid: "Layout | None") -> "Document":
    return {
        "photos": [
            {
                "path": photo.paths[0] if photo.paths else None,
                "paths": list(photo.paths),
                "taken_at": photo.taken_at,
                "people": [{"id": person_id, "name": name} for person_id, name in photo.people.items()],
                "unknown": photo.unnamed,
            }
            for photo in found.photos
        ],
        "total": found.total,
        "undated": found.undated,
        "laid_out": None
        if laid is None
        else {
            "folder": str(laid.folder),
            "files": [str(path) for path in laid.files],
            "skipped": [str(path) for path in laid.skipped],
        },
    }


def _point(text: str, at: int) -> None:
    """Show an expression with a mark below one place of it, on stderr."""
    before = clean(text[:at])
    tell(f"  {text}")
    tell("  " + "".join(_blank(letter) for letter in before) + "^")


def _blank(letter: str) -> str:
    """Nothing to be seen, as wide as a letter."""
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return ""
    return "\u3000" if unicodedata.east_asian_width(letter) in "WF" else " "
