"""``report``: the album's report card, a page with pictures."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import columns, emit, plural, say, tell
from facesearch.cli.progress import bar
from facesearch.cli.session import open_gallery

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.report.album import AlbumReport


def report(
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="PAGE",
            show_default=False,
            help="The HTML file to write: album.html by default, with --json none.",
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=0, help="How many people are shown with pictures; the table has all."),
    ] = 60,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a report card of the album: one page with pictures, to be looked at in a browser.

    It says how many photos everybody has, how well they are recognised, which faces look wrong, who looks like whom,
    and which commands help most. The page holds its pictures and loads nothing. It is private: faces and names are in
    it, and only you can read the file.

    Examples:
      facesearch report
      facesearch report --output family.html --limit 200
      facesearch report --json
    """
    target = output if output is not None or as_json else Path("album.html")
    with open_gallery(gallery) as opened:
        from facesearch.report.album import report_album

        where = "" if gallery is None else f" --gallery {shlex.quote(gallery)}"
        with bar("pictures") as shown:
            done = report_album(opened, target, limit=limit, where=where, progress=shown)
    if as_json:
        from facesearch.report.document import album_document

        emit(album_document(done))
        return
    _show(done)


def _show(done: "AlbumReport") -> None:
    album = done.album
    say(
        (f"{plural(album.stats.photos, 'photo')}, {plural(album.stats.faces, 'face')}", "bold"),
        f", {plural(len(album.people), 'person', 'people')}, {plural(album.unnamed, 'unnamed face')}",
    )
    odd = sum(one.odd_faces for one in album.people)
    thin = sum(one.thin is not None for one in album.people)
    facts = [
        (odd, f"{plural(odd, 'face')} to look at first: far from the rest of their person"),
        (thin, f"{plural(thin, 'person', 'people')} with too few, or too poor, photos"),
        (album.within, f"{plural(album.within, 'pair')} of people who look alike"),
    ]
    for count, text in facts:
        if count:
            say(text)
    rows: list[tuple[Cell, ...]] = [((step.command, "cyan"), step.why) for step in done.steps]
    if rows:
        say()
        say(("what to do next", "bold"))
        columns(rows)
    size = f"{done.size / 1e6:.1f} MB" if done.size >= 1e6 else f"{max(done.size // 1000, 1)} kB"
    tell(f"page in {done.page} ({size}, private: it holds faces and names)")
