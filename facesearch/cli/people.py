"""``enrol``, ``people`` and ``stats``: who is known, and how much there is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import enrolment_document, person_document
from facesearch.cli.options import (
    DeviceOption,
    EngineOption,
    GalleryOption,
    JsonOption,
    MegapixelsOption,
    MinFaceOption,
    ModelOption,
    StrictFaceOption,
    ThoroughOption,
    WeightsOption,
)
from facesearch.cli.output import columns, emit, hint, plural, say, table, tell, warn
from facesearch.cli.session import open_gallery
from facesearch.cli.suggesting import (
    AutoFarOption,
    AutoOption,
    check_auto,
    offer,
    show_suggestions,
    suggestions_document,
)

if TYPE_CHECKING:
    from facesearch.gallery.people import Enrolment
    from facesearch.gallery.suggesting import Suggestions
    from facesearch.types import IndexFacts

NAME_HELP = "The person's name; or the id, where several have the name."


def enrol(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help=NAME_HELP)],
    photos: Annotated[
        list[Path] | None, typer.Argument(metavar="[PHOTO]", show_default=False, help="Photos of this person.")
    ] = None,
    *,
    face: Annotated[
        int | None,
        typer.Option(
            "--face",
            metavar="ID",
            show_default=False,
            help="The face that is meant, instead of photos; `facesearch who` shows the ids of an indexed photo.",
        ),
    ] = None,
    auto: AutoOption = False,
    far: AutoFarOption = None,
    strict: StrictFaceOption = False,
    min_face: MinFaceOption = None,
    thorough: ThoroughOption = False,
    max_megapixels: MegapixelsOption = None,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who somebody is: give one face of each photo to a person.

    Photos that are new are indexed first. Where a photo has several faces, the most prominent one is taken, and said
    so; to name another one, index the photo, see the ids with `facesearch who PHOTO`, and use --face.

    Examples:
      facesearch enrol "Ada Lovelace" ada1.jpg ada2.jpg
      facesearch enrol "Charles" --face 17
    """
    check_auto(auto=auto, far=far)
    with open_gallery(
        gallery,
        create=bool(photos),
        weights=weights,
        engine=engine,
        model=model,
        max_megapixels=max_megapixels,
        min_face=min_face,
        thorough=thorough,
        device=device,
    ) as opened:
        done = opened.enrol(name, *(photos or []), face=face, strict=strict)
        alike = offer(opened, done, auto=auto, far=far)
    show_enrolment(done, alike, gallery, as_json=as_json)


def people(
    *,
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="DIR", show_default=False, help="Write a picture of each person's faces there."),
    ] = None,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List everybody who has a name.

    Examples:
      facesearch people
      facesearch people --draw sheets/       one picture a person, to look through for wrong faces
    """
    with open_gallery(gallery, weights=weights, engine=engine, model=model) as opened:
        everybody = opened.people()
        drawn = opened.draw_people(draw) if draw is not None else []
    if as_json:
        emit({"people": [person_document(person) for person in everybody], "pictures": [str(path) for path in drawn]})
        return
    if everybody:
        rows = [((person.name, "bold"), f"{person.faces:,}", f"{person.photos:,}", person.id) for person in everybody]
        table(["name", "faces", "photos", "id"], rows, right={1, 2})
    else:
        say("nobody has a name yet")
        hint('facesearch enrol NAME PHOTO, or facesearch cluster and facesearch name 1 "…"')
    if draw is not None and drawn:
        tell(f"{plural(len(drawn), 'picture')} in {draw}")


def stats(
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how much the gallery holds.

    Example:
      facesearch stats --gallery ~/family.gallery
    """
    with open_gallery(gallery) as opened:
        held, model = opened.stats(), opened.model
    if as_json:
        from dataclasses import asdict

        emit({**asdict(held), "model": model})
        return
    counts = [
        ("photos with faces", held.photos),
        ("photos without", held.no_face),
        ("files", held.files),
        ("files that failed", held.failed),
        ("faces", held.faces),
        ("faces with a name", held.enrolled),
        ("people", held.people),
        ("embeddings", held.embeddings),
    ]
    say("gallery", "  ", held.folder)
    columns([(what, f"{count:,}") for what, count in counts], right={1})
    if model is not None:
        say("model", "    ", model)
    if held.index is not None:
        say("index", "    ", _index_line(held.index))


def _index_line(index: "IndexFacts") -> str:
    """The kind of index, and how much of the truth it finds."""
    kind = index.kind if index.place is None else f"{index.kind} at {index.place}"
    if index.recall is None:
        return f"{kind}: compares with all of {plural(index.vectors, 'face')}"
    lists = f" in {index.lists:,} lists" if index.lists else ""
    return (
        f"{kind}: finds {index.recall:.1%} of the ten nearest among {plural(index.vectors, 'face')}, measured on "
        f"your own; looks at {index.candidates:,} candidates{lists}"
    )


def show_enrolment(done: "Enrolment", alike: "Suggestions", gallery: str | None, *, as_json: bool) -> None:
    """Say who got how many faces, and how many more look like that person."""
    if as_json:
        emit({**enrolment_document(done), **suggestions_document(alike)})
        return
    for warning in done.warnings:
        warn(warning)
    person = done.person
    say(
        (person.name, "bold"),
        f": {plural(len(done.face_ids), 'face')} given, "
        f"{plural(person.faces, 'face')} in {plural(person.photos, 'photo')} now",
    )
    show_suggestions(alike, gallery)
