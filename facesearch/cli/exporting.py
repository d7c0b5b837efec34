"""``export``: what the gallery knows, for other programs; the whole of it is in ``moving``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.guard import ERROR
from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import FAILED, columns, emit, labelled, plural, say
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import open_gallery
from facesearch.cli.teaching import lesson

if TYPE_CHECKING:
    from facesearch.cli.documents import Document
    from facesearch.gallery.region_export import RegionsExport, Sidecar

export_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


def export(context: typer.Context) -> None:
    """Write what the gallery knows for other programs, or all of it into another place.

    Examples:
      facesearch export regions --dry-run      which photos would get a sidecar with names
      facesearch export gallery URL            the whole gallery into a database on a server
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def regions(
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="DIR",
            show_default=False,
            help="Put the sidecars into this folder, laid out as the photos are; else beside the photos.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which sidecars would be written.")] = False,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the names of faces into XMP sidecars, a photo.jpg.xmp for each photo with a name. Photos are not touched.

    Everything else in a sidecar that is there already stays, also the regions of people who are not in this gallery; a
    new one begins as a copy of the XMP inside the photo. Run it again after more names; `facesearch index
    --read-regions` reads the names back. Names that were given automatically and never confirmed are left out.

    Faces are MWG regions (mwg-rs), names also keywords (dc:subject, digiKam's People/NAME) and IPTC's PersonInImage.
    Tried with exiftool, both ways; for digiKam, Lightroom, Windows and Picasa only written after their documentation.

    Examples:
      facesearch export regions --dry-run
      facesearch export regions
      facesearch export regions --output ~/sidecars
    """
    with open_gallery(gallery) as opened, bar() as shown:
        done = opened.export_regions(output, dry_run=dry_run, progress=shown)
    if as_json:
        emit(_document(done, dry_run=dry_run))
    else:
        _show(done, dry_run=dry_run)
    if done.failed:
        raise typer.Exit(ERROR)


export_app.callback()(export)
export_app.command(help=lesson(regions))(regions)


def _show(done: "RegionsExport", *, dry_run: bool) -> None:
    columns([(short(one.path), _changes(one)) for one in done.written])
    would = "would be " if dry_run else ""
    gone = f", {plural(done.missing, 'photo')} gone" if done.missing else ""
    say(f"{plural(len(done.written), 'sidecar')} {would}written, {done.unchanged:,} unchanged{gone}")
    labelled(FAILED, [(short(failure.path), failure.error) for failure in done.failed])


def _changes(one: "Sidecar") -> str:
    """Such as "Ada, Bob, not Carol"; where a name was there, but not among the keywords, "keywords"."""
    names = [*one.added, *(f"not {name}" for name in one.removed if name not in one.added)]
    return ", ".join(names) or "keywords"


def _document(done: "RegionsExport", *, dry_run: bool) -> "Document":
    return {
        "dry_run": dry_run,
        "written": [
            {"path": one.path, "photo": one.photo, "added": list(one.added), "removed": list(one.removed)}
            for one in done.written
        ],
        "unchanged": done.unchanged,
        "missing": done.missing,
        "failed": [{"path": failure.path, "error": failure.error} for failure in done.failed],
    }
