"""``rename``, ``merge``, ``split``, ``reject``, ``not-a-face`` and ``ignore``: names put right."""

from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import change_document
from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import emit, plural, say, tell, warn
from facesearch.cli.session import open_gallery

if TYPE_CHECKING:
    from facesearch.gallery.curating import Change

PERSON_HELP = "The person's name; or the id, where several have the name."
FACES_HELP = "Numbers of faces, as `who`, `person --draw` and `cluster --draw` show them."
BACK = "facesearch undo takes it back"

FacesArgument = Annotated[list[int], typer.Argument(metavar="FACE...", show_default=False, help=FACES_HELP)]


def rename(
    person: Annotated[str, typer.Argument(metavar="PERSON", show_default=False, help=PERSON_HELP)],
    new: Annotated[str, typer.Argument(metavar="NEW", show_default=False, help="The name from now on.")],
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a person another name.

    Example:
      facesearch rename "Ada Byron" "Ada Lovelace"
    """
    with open_gallery(gallery) as opened:
        change = opened.rename(person, new)
    _show(change, f"called {change.person.name if change.person else new} now", as_json=as_json)


def merge(
    person: Annotated[str, typer.Argument(metavar="PERSON", show_default=False, help=PERSON_HELP)],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", show_default=False, help="Who becomes part of that person.")
    ],
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make one person of several: the first one keeps the name and gets all faces.

    Example:
      facesearch merge "Ada Lovelace" "Ada Byron" "Aunt Ada"
    """
    with open_gallery(gallery) as opened:
        change = opened.merge(person, *others)
    _show(change, f"{plural(change.faces, 'face')} more", as_json=as_json)


def split(
    whom: Annotated[
        str, typer.Argument(metavar="PERSON|GROUP", show_default=False, help="A person, or the number of a group.")
    ],
    faces: FacesArgument,
    *,
    new: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", show_default=False, help="Whose they are; else they have no name."),
    ] = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take faces out of a person, or out of a group nobody has named, for good.

    They are never again offered as that person, or put into a group with the faces that stay.

    Examples:
      facesearch split "Ada" 17 23 --as "Grace"
      facesearch split 4 31
    """
    with open_gallery(gallery) as opened:
        group = whom.isdecimal() and all(whom not in (one.name, one.id) for one in opened.people())
        change = (opened.split_cluster if group else opened.split)(whom, faces, new=new)
    _show(change, f"{plural(len(faces), 'face')} taken out", as_json=as_json)


def reject(
    words: Annotated[
        list[str],
        typer.Argument(metavar="FACE... [PERSON]", show_default=False, help=f"{FACES_HELP} Last, who they are not."),
    ],
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that faces are not a person: the one they have been given to, or another one.

    It is remembered: they are not given to that person again by folders, suggestions or `review`.

    Examples:
      facesearch reject 17
      facesearch reject 17 23 "Ada"
    """
    from facesearch.errors import ConfigError

    *first, last = words
    name = None if last.isdecimal() and last.isascii() else last
    numbers = words if name is None else first
    if not numbers or not all(one.isdecimal() and one.isascii() for one in numbers):
        raise ConfigError("give numbers of faces, and last the name", hint='facesearch reject 17 23 "Ada"')
    with open_gallery(gallery) as opened:
        change = opened.reject([int(one) for one in numbers], name)
    _show(change, f"{plural(change.faces, 'face')} not {name or 'the person they were given to'}", as_json=as_json)


def not_a_face(faces: FacesArgument, *, gallery: GalleryOption = None, as_json: JsonOption = False) -> None:
    """Say that detections are no faces: a statue, a poster, a pattern. They are never shown or grouped again.

    Example:
      facesearch not-a-face 17 23
    """
    with open_gallery(gallery) as opened:
        change = opened.not_a_face(faces)
    _show(change, f"{plural(change.faces, 'detection')} not a face", as_json=as_json)


def ignore(
    groups: Annotated[
        list[str] | None,
        typer.Argument(metavar="[GROUP...]", show_default=False, help="Numbers of groups from `cluster`."),
    ] = None,
    *,
    faces: Annotated[
        list[int] | None,
        typer.Option("--face", metavar="ID", show_default=False, help="A single face; may be given several times."),
    ] = None,
    smaller_than: Annotated[
        int,
        typer.Option(
            "--smaller-than",
            metavar="N",
            min=0,
            show_default=False,
            help="All groups of fewer faces, and from 2 on the faces in no group.",
        ),
    ] = 0,
    back: Annotated[bool, typer.Option("--back", help="The other way round: they shall be shown again.")] = False,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leave strangers alone: faces that nobody wants to name are not shown in groups or asked about any more.

    New photos of an ignored stranger are left out as well. Photos and answers of `who` stay as they are.

    Examples:
      facesearch ignore 3 5 8
      facesearch ignore --smaller-than 3        everybody who is in one or two photos
    """
    with open_gallery(gallery) as opened:
        change = opened.ignore(*(groups or []), faces=faces or [], smaller_than=smaller_than, back=back)
    _show(change, f"{plural(change.faces, 'face')} {'shown again' if back else 'ignored'}", as_json=as_json)


def _show(change: "Change", what: str, *, as_json: bool) -> None:
    """Say what a decision did, and how it is taken back where there is something to take back."""
    if as_json:
        emit(change_document(change))
        return
    for warning in change.warnings:
        warn(warning)
    if change.person is None:
        say(what)
    else:
        person = change.person
        count = f"{plural(person.faces, 'face')} in {plural(person.photos, 'photo')} now"
        say((person.name, "bold"), f": {what}, {count}")
    if change.recorded:
        tell(BACK)
