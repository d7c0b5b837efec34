"""What ``name`` and ``enrol`` say about unnamed faces that look like the person."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.output import hint, plural, say
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from facesearch.cli.documents import Document
    from facesearch.gallery.gallery import Gallery
    from facesearch.gallery.people import Enrolment
    from facesearch.gallery.suggesting import Suggestions

AutoOption = Annotated[
    bool,
    typer.Option(
        "--auto",
        help="Give the person unnamed faces that are very near too. They count for nothing until `review` confirms "
        "them.",
    ),
]

AutoFarOption = Annotated[
    float | None,
    typer.Option(
        "--far",
        metavar="RATE",
        min=0,
        max=1,
        show_default=False,
        help="With --auto: how many pairs of strangers may be as near; 1e-4, one in ten thousand, by default.",
    ),
]


def offer(opened: "Gallery", done: "Enrolment", *, auto: bool, far: float | None) -> "Suggestions":
    """The unnamed faces that look like the person; with ``auto`` the nearest are given."""
    return opened.suggestions(done.person.id, auto=auto, far=far)


def check_auto(*, auto: bool, far: float | None) -> None:
    """Refuse a rate that nothing is done with, before anything is.

    Raises:
        ConfigError: a rate was given without ``auto``.
    """
    if far is not None and not auto:
        raise ConfigError("--far says how near is near enough for --auto", hint="add --auto, or leave --far out")


def suggestions_document(found: "Suggestions") -> "Document":
    """What is added to the document of an enrolment."""
    return {
        "suggested": [str(match.face.id) for match in found.matches],
        "given": found.given,
        "far": found.far,
        "threshold": found.threshold,
    }


def show_suggestions(found: "Suggestions", gallery: str | None) -> None:
    """Say what was given automatically, and how many faces may be looked at."""
    odd = set(found.person.name) & set('"$`\\!')  # a shell looks for these in double quotes
    name = shlex.quote(found.person.name) if odd else f'"{found.person.name}"'
    where = "" if gallery is None else f" --gallery {shlex.quote(gallery)}"
    if found.given:
        say(
            f"{plural(found.given, 'more face')} given automatically, unconfirmed: nearer than {found.threshold:.2f}, "
            f"as {found.far:g} of all pairs of strangers are"
        )
    waiting = found.given + found.count
    if found.count:
        look = "looks" if found.count == 1 else "look"
        say(f"{plural(found.count, 'unnamed face')} {look} like {found.person.name}")
    if waiting:
        hint(f"facesearch review --person {name}{where}")
