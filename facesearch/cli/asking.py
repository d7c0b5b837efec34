"""``who`` and ``search``: who is in a photo, and where else is this face."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facesearch.cli.documents import search_document, who_document
from facesearch.cli.guard import ERROR
from facesearch.cli.options import (
    DeviceOption,
    EngineOption,
    FpirOption,
    GalleryOption,
    IndexKindOption,
    JsonOption,
    MegapixelsOption,
    MemoryBudgetOption,
    MinFaceOption,
    ModelOption,
    ThoroughOption,
    ThresholdOption,
    WeightsOption,
)
from facesearch.cli.output import columns, complain, emit, hint, one_in, plural, say, tell, warn
from facesearch.cli.places import short
from facesearch.cli.session import open_gallery
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facesearch.cli.output import Cell
    from facesearch.types import Answer, Probe, ProbePhoto


def who(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO", show_default=False, help="Photos to ask about.")],
    *,
    method: Annotated[
        Literal["auto", "knn", "svm"],
        typer.Option(
            "--method",
            help="knn: the nearest enrolled faces vote; svm: a linear machine trained on them; auto: the one that "
            "`facesearch train svm` found to be better here.",
        ),
    ] = "auto",
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Let svm be trained where names changed; else knn answers.")
    ] = True,
    votes: Annotated[
        int | None, typer.Option("-k", metavar="N", min=1, show_default=False, help="How many faces vote, with knn.")
    ] = None,
    fpir: FpirOption = None,
    threshold: ThresholdOption = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            "--draw",
            metavar="OUT",
            show_default=False,
            help="Write the photo with boxes and names: OUT.png for one photo. For several photos OUT is a folder, "
            "and each picture in it is called like its photo.",
        ),
    ] = None,
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
    """Say who is in photos, face by face, from left to right.

    The photos need not be in the gallery and are not added. A photo is never its own evidence. Beside a name stands how
    many strangers would get one too if this face does, by what was measured on other people's photos. Exits with 0 if
    somebody is known, 1 if nobody is, 2 if a photo cannot be read (after the answers for the others). Faces that the
    gallery holds are shown with their id, for `facesearch enrol NAME --face ID`.

    Examples:
      facesearch who party.jpg
      facesearch who party.jpg --draw named.png --fpir 1e-3
      facesearch who *.jpg --method svm --draw named/
    """
    from facesearch.identify.calibration import FPIR

    targets = _targets(photos, draw)
    answered: list[ProbePhoto] = []
    drawn: list[Path] = []
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
        least = cache(lambda: opened.calibration.least_fpir)
        for photo in opened.who_many(photos, method=method, fpir=fpir, threshold=threshold, k=votes, train=train):
            answered.append(photo)
            for odd in photo.warnings:
                warn(f"{photo.path}: {odd}")
            if not as_json:
                _show_answers(photo, least)
            if targets and photo.error is None:
                drawn.append(targets[len(answered) - 1])
                opened.draw(photo, drawn[-1])
    answers = [answer for photo in answered for answer in photo.answers]
    uncalibrated = any(answer.fpir is None and answer.nearest is not None for answer in answers)
    if as_json:
        rate = FPIR if fpir is None and threshold is None else fpir
        document = who_document(answered, fpir=rate, threshold=threshold)
        emit({**document, "pictures": [str(path) for path in drawn]})
    elif answers and all(answer.nearest is None for answer in answers):
        hint("there is no enrolled face to compare with: facesearch enrol NAME PHOTO")
    if uncalibrated and not as_json:
        hint("the model is not calibrated: what a name is worth, nobody knows; facesearch models calibrate NAME DIR")
    if drawn:
        tell(f"drawn: {drawn[0]}" if len(drawn) == 1 else f"{len(drawn):,} pictures in {drawn[0].parent}")
    if method == "auto" and any(answer.method == "svm" for answer in answers):
        tell("answered by the SVM, which `facesearch train svm` found to be better here")
    if method == "svm" and any(answer.method == "knn" for answer in answers):
        hint("svm is not trained for the names as they are now, knn answered: facesearch train svm")
    for photo in answered:
        if photo.error is not None:
            complain(f"error: {photo.path}: {photo.error}")
    if any(photo.error is not None for photo in answered):
        raise typer.Exit(ERROR)
    raise typer.Exit(0 if any(answer.person_id for answer in answers) else 1)


def search(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", show_default=False, help="A photo of the face to look for.")
    ],
    *,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many photos a face.")] = 20,
    threshold: ThresholdOption = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every face, also where a large gallery is searched by codes.")
    ] = False,
    min_face: MinFaceOption = None,
    thorough: ThoroughOption = False,
    max_megapixels: MegapixelsOption = None,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    index: IndexKindOption = None,
    memory_budget: MemoryBudgetOption = None,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the photos that hold the same face.

    Nearest first, one face a photo, whether the face has a name or not. The photo itself is left out.

    Examples:
      facesearch search stranger.jpg
      facesearch search party.jpg --limit 5 --json
    """
    with open_gallery(
        gallery,
        weights=weights,
        engine=engine,
        model=model,
        max_megapixels=max_megapixels,
        min_face=min_face,
        thorough=thorough,
        device=device,
        index=index,
        memory_budget=memory_budget,
    ) as opened:
        within = opened.threshold if threshold is None else threshold
        probes = opened.search(photo, limit=limit, threshold=threshold, exact=exact)
    if as_json:
        emit(search_document(probes))
        return
    say((_heading(str(photo), len(probes)), "bold"))
    for number, probe in enumerate(probes, 1):
        _show_matches(probe, f"{number}  " if len(probes) > 1 else "", within)


def _targets(photos: "Sequence[Path]", draw: Path | None) -> dict[int, Path]:
    """Where each photo is drawn to, by its place.

    Raises:
        ConfigError: several photos, and one picture; or not a PNG.
    """
    if draw is None:
        return {}
    if draw.suffix and not draw.is_dir():
        if len(photos) > 1:
            raise ConfigError(f"--draw {draw}: one picture for {len(photos)} photos", hint="give a folder instead")
        if draw.suffix.lower() != ".png":
            raise ConfigError(f"--draw {draw}: pictures are written as PNG", hint=f"name it {draw.stem}.png")
        return {0: draw}
    targets: dict[int, Path] = {}
    for place, photo in enumerate(photos):
        stem, number = photo.stem, 1
        while (target := draw / f"{stem}{'' if number == 1 else f'-{number}'}.png") in targets.values():
            number += 1
        targets[place] = target
    return targets


def _heading(path: str, faces: int) -> str:
    if faces == 0:
        return f"{path}, no face found"
    return f"{path}, {plural(faces, 'face')}{', left to right' if faces > 1 else ''}"


def _show_answers(photo: "ProbePhoto", least: "Callable[[], float]") -> None:
    """``least`` gives the least FPIR that can be told."""
    if photo.error is not None:
        say((f"{photo.path}, cannot be read", "bold"))
        return
    say((_heading(photo.path, len(photo.answers)), "bold"))
    columns(
        [
            (
                str(number),
                _name(answer),
                "" if answer.person is None or answer.distance is None else f"{answer.distance:.2f}",
                "" if answer.doubt is None else (f"({answer.doubt})", "yellow"),
                _beside(answer, least),
                "" if answer.face.id is None else (f"face {answer.face.id}", "dim"),
            )
            for number, answer in enumerate(photo.answers, 1)
        ],
        right={0},
    )


def _name(answer: "Answer") -> "Cell":
    if answer.person is not None:
        return answer.person, "bold green"
    return ("unknown" if answer.doubt is None else "too poor to say"), "dim"


def _beside(answer: "Answer", least: "Callable[[], float]") -> str:
    """What the name is worth and who comes next; for an unknown face, who is nearest and why that is not the answer."""
    close = "" if answer.fpir is None else f"{one_in(answer.fpir, least())} strangers are this close, "
    other = answer.runner_up if answer.person is not None else answer.nearest
    if other is None:
        return close.removesuffix(", ")
    if answer.person is not None:
        return f"{close}next: {other.person} {other.distance:.2f}"
    reason = "who is another face here" if answer.displaced == other.person else close.removesuffix(", ")
    return f"nearest: {other.person} {other.distance:.2f}{', ' if reason else ''}{reason}"


def _show_matches(probe: "Probe", number: str, within: float) -> None:
    if not probe.matches:
        say(number, ("no other photo", "dim"), f" within {within:.2f}")
        return
    if number:
        say(number, plural(len(probe.matches), "photo"))
    rows: list[tuple[Cell, ...]] = [
        (
            " " * len(number) + f"{match.distance:.2f}",
            (match.face.person, "bold green") if match.face.person is not None else ("unnamed", "dim"),
            (f"face {match.face.id}", "dim"),
            short(match.path),
        )
        for match in probe.matches
    ]
    columns(rows)
