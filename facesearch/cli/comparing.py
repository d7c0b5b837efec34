"""``verify``: the same person or not. Needs no gallery, and so no database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import verdict_document
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
from facesearch.cli.output import columns, emit, one_in, warn
from facesearch.cli.session import front_end_of, open_gallery

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.types import Verdict

_SMALL = 0.5
"""A threshold below this is that of a network whose distances are all small: FAR changes tenfold by 0.03 of dlib's."""


def verify(
    a: Annotated[Path, typer.Argument(metavar="A", show_default=False, help="A photo.")],
    b: Annotated[Path, typer.Argument(metavar="B", show_default=False, help="Another photo.")],
    *,
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
    """Say whether two photos show the same person.

    Says how many pairs of strangers are as near, by what was measured on other people's photos: press photos of adults.
    Relatives, children and small faces are taken for each other more often. Exits with 0 for the same person, 1 for
    different people, 2 where a photo cannot be used. Where a photo has several faces, the most prominent one is
    compared, and said so. Needs no gallery; with --gallery, distances mean what `facesearch calibrate` found there.
    With a network of your own that was not calibrated, --threshold alone decides.

    Examples:
      facesearch verify passport.jpg selfie.jpg
      facesearch verify a.jpg b.jpg --far 1e-4 && echo same
    """
    if gallery is not None:
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
            verdict = opened.verify(a, b, far=far, threshold=threshold, strict=strict)
            least = None if verdict.far is None else opened.calibration.least_far
            name = opened.front_end.recipe.model
    else:
        from facesearch.gallery import verification
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
        verdict = verification.verify(front_end, a, b, far=far, threshold=threshold, strict=strict)
        least = None if verdict.far is None else calibration_of(front_end.recipe).least_far
        name = front_end.recipe.model
    if as_json:
        emit(verdict_document(verdict))
    else:
        _show(verdict, least, name)
    raise typer.Exit(0 if verdict.same else 1)


def _show(verdict: "Verdict", least: float | None, model: str) -> None:
    for warning in verdict.warnings:
        warn(warning)
    answer: Cell = ("same person", "bold green") if verdict.same else ("different people", "bold yellow")
    rows: list[tuple[Cell, ...]] = [(answer, beside_threshold(verdict))]
    if verdict.far is None or verdict.tar is None or least is None:
        rows.append(("", f"{model} is not calibrated: how rare that is, nobody knows"))
    else:
        rows.append(("", f"{one_in(verdict.far, least)} pairs of strangers are this close"))
        if not verdict.same:
            rows.append(("", f"{verdict.tar:.1%} of the pairs of one person are closer"))
    columns(rows)


def beside_threshold(verdict: "Verdict") -> str:
    """The distance and the threshold of a verdict."""
    limit = verdict.threshold
    return f"distance {apart(verdict.distance, limit)}, threshold {apart(limit, limit)}"


def apart(distance: float, threshold: float) -> str:
    """A distance, so exactly that it can be told from another one beside this threshold."""
    return f"{distance:.{2 if threshold >= _SMALL else 3}f}"
