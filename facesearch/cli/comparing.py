"""``verify``: the same person or not. Needs no gallery, and so no database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import verdict_document
from facesearch.cli.options import (
    DeviceOption,
    EngineOption,
    JsonOption,
    MegapixelsOption,
    MinFaceOption,
    StrictFaceOption,
    ThoroughOption,
    ThresholdOption,
    WeightsOption,
)
from facesearch.cli.output import columns, emit, tell, warn
from facesearch.cli.session import use_weights

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.types import Verdict


def verify(
    a: Annotated[Path, typer.Argument(metavar="A", show_default=False, help="A photo.")],
    b: Annotated[Path, typer.Argument(metavar="B", show_default=False, help="Another photo.")],
    *,
    threshold: ThresholdOption = None,
    strict: StrictFaceOption = False,
    min_face: MinFaceOption = None,
    thorough: ThoroughOption = False,
    max_megapixels: MegapixelsOption = None,
    engine: EngineOption = "onnx",
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether two photos show the same person.

    Exits with 0 for the same person, 1 for different people, 2 where a photo cannot be used. Where a photo has several
    faces, the most prominent one is compared, and said so.

    Examples:
      facesearch verify passport.jpg selfie.jpg
      facesearch verify a.jpg b.jpg --threshold 0.8 && echo same
    """
    use_weights(weights)
    from facesearch import pipeline
    from facesearch.gallery import verification
    from facesearch.images.load import MAX_MEGAPIXELS

    scope = pipeline.Scope(min_face, thorough, device, max_megapixels=max_megapixels or MAX_MEGAPIXELS)
    front_end = pipeline.make_front_end(engine=engine, scope=scope, tell=tell)
    verdict = verification.verify(front_end, a, b, threshold=threshold, strict=strict)
    if as_json:
        emit(verdict_document(verdict))
    else:
        _show(verdict)
    raise typer.Exit(0 if verdict.same else 1)


def _show(verdict: "Verdict") -> None:
    for warning in verdict.warnings:
        warn(warning)
    answer: Cell = ("same person", "bold green") if verdict.same else ("different people", "bold yellow")
    rows: list[tuple[Cell, ...]] = [(answer, f"distance {verdict.distance:.2f}, threshold {verdict.threshold:.2f}")]
    if verdict.far is not None:
        rows.append(("", one_in(verdict.far)))
    columns(rows)


def one_in(far: float) -> str:
    """A false accept rate in words."""
    if far <= 0:
        return "no pair of strangers was ever seen this close"
    count = 1 / far
    step = 10 ** max(0, len(str(int(count))) - 1)
    return f"about 1 in {max(1, round(count / step)) * step:,} pairs of strangers are this close"
