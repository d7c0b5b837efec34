"""``forget``: real deletion, with a receipt."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.guard import ERROR
from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import columns, complain, emit, labelled, on_terminal, plural, say, tell, warn
from facesearch.cli.session import open_gallery
from facesearch.errors import ConfigError

if TYPE_CHECKING:
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
    receipt says what was searched and what is left: at most paths of photos with the name in them.

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
    if receipt.earlier:
        say("what had been begun to be forgotten was completed; its vectors and names are not known any more, so only")
        say("its ids and hashes were looked for")
    what = [plural(receipt.faces, "face"), plural(receipt.vectors, "vector"), plural(receipt.events, "event")]
    what = [
        f"{receipt.people:,} {'person' if receipt.people == 1 else 'people'}",
        plural(receipt.photos, "photo"),
        *what,
    ]
    say(("forgotten", "bold"), "  ", ", ".join(what))
    labelled("derived", list(receipt.derived.items()))
    found = receipt.search
    say("searched  ", f"{plural(found.files, 'file')}, {found.bytes:,} bytes")
    labelled("for", [(line,) for line in _sought(found)])
    labelled(("left", "bold red"), [(one.kind, f"{one.count:,} in {one.path}") for one in found.remnants])
    if receipt.clean:
        say(
            "left      ",
            ("nothing", "bold"),
            " but the name in the paths of photos that stay:" if found.kept_paths else "",
        )
    shown = [(path,) for path in found.kept_paths[:SHOWN_PATHS]]
    columns([("  ", *row) for row in shown])
    if len(found.kept_paths) > SHOWN_PATHS:
        say(f"  and {len(found.kept_paths) - SHOWN_PATHS:,} more; --json lists them all")
    for note in _notes(receipt, photo=photo, tombstone=tombstone):
        say(note)
    labelled("beyond reach", [(line,) for line in receipt.out_of_reach])
    if not receipt.clean:
        complain("error: something is left; see above where")


def _sought(found: "Search") -> list[str]:
    sought = found.sought
    lines = [
        f"{plural(sought['vectors'], 'vector')}, whole and in {plural(sought['pieces'], 'piece')} of 16 bytes",
        f"{plural(sought['spellings'], 'spelling')} of names, in UTF-8, UTF-16 and JSON",
    ]
    others = [plural(sought[kind], name) for kind, name in (("ids", "id"), ("hashes", "hash"), ("paths", "path"))]
    return [*lines, ", ".join(others).replace("hashs", "hashes")]


def _notes(receipt: "Receipt", *, photo: Path | None, tombstone: bool) -> list[str]:
    """What must be said beside."""
    found = receipt.search
    notes = []
    if found.other_names:
        notes.append("somebody else has this name, or one that contains it, and keeps it")
    if found.shared:
        notes.append(
            f"{plural(found.shared, 'face')} that stays has the very vector of one that went: the same picture"
        )
    if found.too_short:
        notes.append(f"{plural(found.too_short, 'spelling')} too short to be looked for in raw bytes")
    if receipt.tombstones:
        notes.append(f"{plural(receipt.tombstones, 'photo')} will give no new faces; new photos of the person will")
    elif photo is not None and not tombstone:
        notes.append("the file was not touched: index takes it in again, unless you say --tombstone")
    return notes


def _document(receipt: "Receipt") -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(receipt), "clean": receipt.clean}
