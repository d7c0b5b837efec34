"""``why``: what a match rests on, and what it is worth."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facesearch.cli.comparing import apart, beside_threshold
from facesearch.cli.documents import face_document, verdict_document
from facesearch.cli.options import (
    DeviceOption,
    EngineOption,
    FarOption,
    GalleryOption,
    JsonOption,
    MegapixelsOption,
    MinFaceOption,
    ModelOption,
    StrictFaceOption,
    ThoroughOption,
    ThresholdOption,
    WeightsOption,
)
from facesearch.cli.output import columns, emit, one_in, tell, warn
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import front_end_of, open_gallery
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.identify.calibration import Calibration
    from facesearch.types import Explanation, Face, Grid, Verdict


def why(
    a: Annotated[Path, typer.Argument(metavar="A", show_default=False, help="A photo.")],
    b: Annotated[
        Path | None, typer.Argument(metavar="B", show_default=False, help="Another photo; else --person.")
    ] = None,
    *,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="NAME",
            show_default=False,
            help="Compare with the nearest enrolled face of this person, by name or id, in another photo than A.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="OUT.png", show_default=False, help="Write the picture of it there."),
    ] = None,
    far: FarOption = None,
    threshold: ThresholdOption = None,
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
    """Say why two faces match, or do not.

    Hides one part of each face after the other, and sees how the distance changes. A part without which the faces are
    farther apart makes them alike, one without which they are nearer tells them apart: orange and blue in the picture
    of --output. Also says how rare such a distance is, and what may be wrong with the photos.

    The answer is that of `verify`. With --gallery, it says too who else in it is near to A, and compares as the gallery
    does; --person looks in the usual gallery without that. Exits with 0 for the same person, 1 for different people, 2
    where a photo cannot be used.

    Examples:
      facesearch why passport.jpg selfie.jpg --output why.png
      facesearch why party.jpg --person Ada --output why.png
    """
    _check(b, person, output)
    wanted: dict[str, Any] = {"far": far, "threshold": threshold, "strict": strict}
    if person is not None or gallery is not None:
        with open_gallery(
            gallery,
            weights=weights,
            engine=engine,
            model=model,
            max_megapixels=max_megapixels,
            min_face=min_face,
            thorough=thorough,
            device=device,
        ) as opened:
            meaning = opened.calibration
            with bar("parts") as shown:
                made = opened.why(a, b, person=person, progress=shown, **wanted)
            if output is not None:
                opened.draw_why(made, output)
    else:
        from facesearch.gallery import explaining
        from facesearch.identify.calibration import calibration_of

        front_end = front_end_of(
            weights=weights,
            engine=engine,
            model=model,
            max_megapixels=max_megapixels,
            min_face=min_face,
            thorough=thorough,
            device=device,
        )
        meaning = calibration_of(front_end.recipe)
        with bar("parts") as shown:
            made = explaining.explain(front_end, a, b or a, progress=shown, **wanted)
        if output is not None:
            explaining.draw_explanation(front_end, made, output, calibration=meaning)
    if as_json:
        emit(_document(made, output))
    else:
        _show(made, meaning)
    if output is not None:
        tell(f"drawn: {output}")
    raise typer.Exit(0 if made.verdict.same else 1)


def _check(b: Path | None, person: str | None, output: Path | None) -> None:
    """Say before the long work what would only be said after it.

    Raises:
        ConfigError: not one of photo and person was given, or the picture is not to be a PNG.
    """
    if (b is None) == (person is None):
        raise ConfigError(
            "compare with one thing: a second photo or a person",
            hint="facesearch why A B, or facesearch why A --person NAME",
        )
    if output is not None and output.suffix.lower() != ".png":
        raise ConfigError(f"--output {output}: pictures are written as PNG", hint=f"name it {output.stem}.png")


def _show(made: "Explanation", meaning: "Calibration") -> None:
    verdict = made.verdict
    for warning in verdict.warnings:
        warn(warning)
    answer: Cell = ("same person", "bold green") if verdict.same else ("different people", "bold yellow")
    rows: list[tuple[Cell, ...]] = [
        (answer, beside_threshold(verdict)),
        ("", f"{one_in(meaning.far(verdict.distance), meaning.least_far)} pairs of strangers are this close"),
        ("", f"{_share(1 - meaning.tar(verdict.distance))} of the pairs of one person are farther apart"),
    ]
    names = ("A", "B" if made.person is None else made.person.person)
    faces = ((made.a, made.notes_a, made.map_a), (made.b, made.notes_b, made.map_b))
    for name, (path, said, grid) in zip(names, faces, strict=True):
        rows += [(name, short(path)), ("", ", ".join(said)), ("", _rests_on(verdict, grid))]
    if made.nearest is not None:
        rows.append(("nearest other", f"{made.nearest.person} {apart(made.nearest.distance, verdict.threshold)}"))
    columns(rows)


def _share(share: float) -> str:
    return "fewer than 0.1%" if share < 0.001 else f"{share:.1%}"


def _rests_on(verdict: "Verdict", grid: "Grid") -> str:
    """The part that the answer rests on, whichever it is."""
    from facesearch.images.occlusion import strongest

    found = strongest(grid, alike=verdict.same)
    if found is None:
        return "no part of it speaks for the answer alone"
    part, rise = found
    does = "rests most on" if verdict.same else "told apart most by"
    hidden = apart(max(verdict.distance + rise, 0), verdict.threshold)
    return f"{does} {part}: hidden, the distance would be {hidden}"


def _document(made: "Explanation", output: Path | None) -> dict[str, Any]:
    """The explanation as a JSON document: the one of ``verify``, and more."""
    verdict = made.verdict

    def face(face: "Face", path: str, said: tuple[str, ...], grid: "Grid") -> dict[str, Any]:
        return {**face_document(face), "path": path, "notes": list(said), "occlusion": [list(row) for row in grid]}

    return {
        **verdict_document(verdict),
        "a": face(verdict.a, made.a, made.notes_a, made.map_a),
        "b": face(verdict.b, made.b, made.notes_b, made.map_b),
        "person": None if made.person is None else asdict(made.person),
        "nearest": None if made.nearest is None else asdict(made.nearest),
        "picture": None if output is None else str(output),
    }
