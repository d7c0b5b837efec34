"""``export gallery`` and ``import``: a whole gallery from a folder to a server, and back."""

from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.exporting import export_app
from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import emit, plural, say, table, tell
from facesearch.cli.progress import bar
from facesearch.cli.session import open_gallery
from facesearch.cli.teaching import lesson

if TYPE_CHECKING:
    from facesearch.gallery.moving import Copied

PLACE = "DIR|URL"
DIGITS = 12
"""Digits of a checksum that are printed; ``--json`` has them all."""


def export_gallery(
    target: Annotated[
        str, typer.Argument(metavar=PLACE, show_default=False, help="A new folder, or the URL of an empty database.")
    ],
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the whole gallery into a database on a server, or into a folder: faces, vectors, names, journal.

    Both sides are read and compared, table by table, before anything is kept; a copy that was cut short leaves an empty
    gallery, so just run it again. The gallery itself stays as it is. Photos stay where they are, and the copy finds
    those of this machine there.

    The copy is a gallery of its own: what is named or forgotten in one from then on does not change the other.

    Examples:
      facesearch export gallery postgresql+psycopg://user@host/photos
      facesearch export gallery ~/again.gallery --gallery postgresql+psycopg://user@host/photos
    """
    with open_gallery(gallery) as opened, bar("rows") as shown:
        done = opened.copy_to(target, progress=shown)
    _show(done, as_json=as_json)


def import_(
    source: Annotated[
        str, typer.Argument(metavar=PLACE, show_default=False, help="The gallery that is copied: a folder, or a URL.")
    ],
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty gallery with all that another one holds; `export gallery`, seen from the other end.

    Examples:
      facesearch import ~/family.gallery --gallery postgresql+psycopg://user@host/photos
      facesearch import postgresql+psycopg://user@host/photos
    """
    from facesearch.config import default_gallery

    with open_gallery(source) as opened, bar("rows") as shown:
        done = opened.copy_to(default_gallery() if gallery is None else gallery, progress=shown)
    _show(done, as_json=as_json)


export_app.command("gallery", help=lesson(export_gallery))(export_gallery)


def _show(done: "Copied", *, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "source": done.source,
                "target": done.target,
                "gallery": done.gallery,
                "rows": done.rows,
                "tables": [{"table": one.name, "rows": one.rows, "sha256": one.sha256} for one in done.tables],
                "seconds": round(done.seconds, 3),
            }
        )
        return
    held = [(one.name, f"{one.rows:,}", one.sha256[:DIGITS]) for one in done.tables if one.rows]
    table(("table", "rows", "sha256"), held, right=(1,))
    say(f"{plural(done.rows, 'row')} are the same in {done.source} and {done.target}")
    tell("they are two galleries now: what is named or forgotten in one does not change the other")
