"""``forget``: real deletion, with a receipt."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.guard import ERROR
from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import columns, complain, emit, on_terminal, plural, say, tell, warn
from facesearch.cli.session import open_gallery
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.cli.output import Cell
    from facesearch.gallery.forgetting import Doomed
    from facesearch.gallery.receipt import Receipt, Search

NO = 1
SHOWN_PATHS = 10


def forget(
    person: Annotated[
        str | None,
        typer.Argument(metavar="[PERSON]", show_default=False, help="The person's name, or id; never a file."),
    ] = None,
    *,
    photo: Annotated[
        Path | None,
        typer.Option("--photo", metavar="PHOTO", show_default=False, help="Forget this photo, with all its faces."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget everything: an empty gallery is left.")] = False,
    tombstone: Annotated[
        bool,
        typer.Option(
            "--tombstone",
            help="Keep salted hashes of the photos, so that index takes no new face from these very photos again.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a person, a photo or everything for good, and prove it. This cannot be undone.

    A person goes with every face that was given to them, their vectors, and what the journal says of them; their
    photos stay. The vector index is made anew; the SVM, the calibration of the album and the backup are removed; the
    database is written anew. Then every file of the gallery is searched for the vectors, the names and the ids, and a
    receipt says what was searched and what is left: at most paths of photos with the name in them. Of a gallery on a
    server every value is searched, and the server's own files where its user may read them.

    What it does not do: faces that nobody has named stay, also those that show the same person; find them first with
    `facesearch review --person NAME`. The photos are never touched, so index finds the faces in a photo again that it
    has to look at again (--reprocess, a photo that was forgotten), unless you say --tombstone. That keeps these photos
    out and no others: to know the person in new photos, one would have to keep their face.

    A run that is cut short is completed by the next command that opens the gallery.

    Examples:
      facesearch forget "Ada Lovelace"
      facesearch forget --photo holidays/beach.jpg --tombstone
      facesearch forget --all --yes
    """
    if (person is not None) + (photo is not None) + everything != 1:
        raise typer.BadParameter("say one of these: PERSON, --photo PHOTO, --all")
    with open_gallery(gallery) as opened:
        doomed = opened.to_forget(person, photo=photo, everything=everything)
        if doomed is None:
            warn(f"{person or photo} is not in the gallery (any more)")
        elif not yes and not _agreed(doomed, as_json=as_json):
            say("nothing was forgotten")
            raise typer.Exit(NO)
        receipt = opened.forget(person, photo=photo, everything=everything, tombstone=tombstone)
    if as_json:
        emit(_document(receipt))
    else:
        _show(receipt, photo=photo, tombstone=tombstone)
    if not receipt.clean:
        raise typer.Exit(ERROR)


def _agreed(doomed: "Doomed", *, as_json: bool) -> bool:
    """Ask, where somebody is there to answer.

    Raises:
        ConfigError: nobody is.
    """
    if as_json or not on_terminal(sys.stdin):
        raise ConfigError("forgetting cannot be undone, and there is nobody to ask", hint="say --yes to go on")
    faces, photos = plural(doomed.faces, "face"), plural(doomed.photos, "photo")
    whose = "" if doomed.everything else f" of {doomed.name}"
    tell(f"{faces}{whose} in {photos} will be gone for good")
    answer = typer.prompt(f"type {doomed.name} to go on", default="", show_default=False, err=True)
    return bool(answer.strip() == doomed.name)


def _show(receipt: "Receipt", *, photo: Path | None, tombstone: bool) -> None:
    found = receipt.search
    rows: list[tuple[Cell, Cell]] = [(("forgotten", "bold"), _counts(receipt))]
    rows += _block("derived", [f"{what}: {fate}" for what, fate in receipt.derived.items()])
    rows += _block("searched", _searched(found))
    rows += _block("for", _sought(found))
    if receipt.clean:
        rows.append(("left", ("the name in the paths of photos that stay" if found.kept_paths else "nothing", "bold")))
    rows += _block("not searched", [(one, "bold") for one in found.unsearched])
    rows += _block(("left", "bold red"), [f"{one.kind}: {one.count:,} in {one.path}" for one in found.remnants])
    more = len(found.kept_paths) - SHOWN_PATHS
    rows += _block(
        "", [*found.kept_paths[:SHOWN_PATHS], *([f"and {more:,} more; --json lists all"] if more > 0 else [])]
    )
    rows += _block("note", _notes(receipt, photo=photo, tombstone=tombstone))
    rows += _block("beyond reach", receipt.out_of_reach)
    columns(rows)
    if not receipt.clean:
        complain("error: something is left; the receipt says where")


def _searched(found: "Search") -> list[str]:
    where = [f"{plural(found.files, 'file')}, {found.bytes:,} bytes"]
    if found.columns:
        files = f" and {plural(found.server_files, 'file')}" if found.server_files else ""
        where.append(f"{plural(found.columns, 'column')}{files} of the server, {found.server_bytes:,} bytes")
    return where


def _block(label: "Cell", lines: "Sequence[Cell]") -> "list[tuple[Cell, Cell]]":
    """Lines with a label before the first one."""
    return [(label if place == 0 else "", line) for place, line in enumerate(lines)]


def _counts(receipt: "Receipt") -> str:
    counts = [
        f"{receipt.people:,} {'person' if receipt.people == 1 else 'people'}" if receipt.people else "",
        plural(receipt.photos, "photo") if receipt.photos else "",
        plural(receipt.faces, "face"),
        plural(receipt.vectors, "vector"),
        f"{plural(receipt.events, 'event')} of the journal",
    ]
    return ", ".join(count for count in counts if count)


def _sought(found: "Search") -> list[str]:
    sought = found.sought
    counts = [
        (
            sought["vectors"],
            f"{plural(sought['vectors'], 'vector')}, in {plural(sought['pieces'], 'piece')} of 16 bytes",
        ),
        (sought["spellings"], f"{plural(sought['spellings'], 'spelling')} of names, in UTF-8, UTF-16 and JSON"),
        (sought["ids"], f"{plural(sought['ids'], 'id')} of people"),
        (sought["hashes"], f"hashes of photos: {sought['hashes']:,}"),
        (sought["paths"], f"{plural(sought['paths'], 'path')} of photos"),
    ]
    return [line for count, line in counts if count]


def _notes(receipt: "Receipt", *, photo: Path | None, tombstone: bool) -> list[str]:
    """What must be said beside."""
    found = receipt.search
    notes = []
    if receipt.earlier:
        notes.append(
            "something that had been cut short was completed; of that, only ids and hashes could be looked for"
        )
    if found.other_names:
        notes.append("somebody else has this name, or one that contains it, and keeps it")
    if found.kept_paths:
        notes.append("index --people-from-folders would name people by these folders again")
    if found.shared:
        notes.append(f"vectors of faces that stay and are the same bit by bit: {found.shared:,}")
    if found.too_short:
        notes.append(f"spellings that are too short to be looked for: {found.too_short:,}")
    if receipt.tombstones:
        photos = plural(receipt.tombstones, "photo")
        notes.append(f"{photos} will give no new faces; a person in new photos cannot be told without keeping the face")
    elif photo is not None and not tombstone:
        notes.append("the file was not touched: index takes it in again, unless you say --tombstone")
    return notes


def _document(receipt: "Receipt") -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(receipt), "clean": receipt.clean}
