"""``evaluate calibration``: what a model's distances mean, measured on people who are known."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import (
    DeviceOption,
    EngineOption,
    JsonOption,
    MegapixelsOption,
    MinFaceOption,
    ModelOption,
    ThoroughOption,
    WeightsOption,
)
from facesearch.cli.output import emit, plural, say, table, warn
from facesearch.cli.progress import bar
from facesearch.cli.session import front_end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.cli.output import Cell
    from facesearch.evaluation.calibration import Kept
    from facesearch.identify.calibration import Calibration

FARS = (1e-2, 1e-3, 1e-4)
FPIRS = (1e-1, 1e-2, 1e-3)
SIZES = (1, 5, 20, 60, 180)


def calibration(
    *,
    images: Annotated[
        Path, typer.Option("--images", metavar="DIR", show_default=False, help="The photos, a folder a person.")
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="TEXT", show_default=False, help="What the photos are; else the folder's name."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", show_default=False, help="Write the calibration there, as JSON."),
    ] = None,
    splits: Annotated[
        int,
        typer.Option(
            "--splits",
            metavar="N",
            min=0,
            help="Check the promises on other people: N times by halves; 0 for no check.",
        ),
    ] = 20,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, show_default=False, help="Photos at once; else a core each."),
    ] = None,
    min_face: MinFaceOption = None,
    thorough: ThoroughOption = False,
    max_megapixels: MegapixelsOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what distances mean: the table that verify and who answer by.

    FAR is the share of pairs of strangers that are as near, TAR that of pairs of one person. FPIR is the share of
    strangers whose face gets a name with so many people enrolled. Every person weighs the same. Then promises are
    checked: a calibration of one half of the people is held against the other half.

    Examples:
      facesearch evaluate calibration --images lfw/
      facesearch evaluate calibration --images lfw/ --data "LFW, development list" --output facenet-128.json
    """
    from facesearch.evaluation.calibration import measure

    front_end = front_end_of(
        weights=weights,
        engine=engine,
        model=model,
        max_megapixels=max_megapixels,
        min_face=min_face,
        thorough=thorough,
        device=device,
    )
    with bar() as shown:
        report = measure(
            images, front_end, data=data or images.resolve().name, splits=splits, jobs=jobs, progress=shown
        )
    if output is not None:
        output.write_text(report.calibration.as_json(), encoding="utf-8")
    if report.left_out:
        warn(f"{plural(report.left_out, 'photo')} without a face or unreadable, left out")
    if as_json:
        emit(
            {
                "provenance": asdict(report.calibration.provenance),
                "thresholds": {f"{far:g}": report.calibration.threshold(far) for far in FARS},
                "limits": {
                    str(size): {f"{fpir:g}": report.calibration.limit(fpir, [1] * size) for fpir in FPIRS}
                    for size in SIZES
                },
                "kept": [
                    {"what": one.what, "promised": one.promised, "mean": one.mean, "ratios": list(one.ratios)}
                    for one in report.kept
                ],
                "left_out": report.left_out,
            }
        )
        return
    _show(report.calibration, report.kept)


def _show(found: "Calibration", kept: "Sequence[Kept]") -> None:
    made = found.provenance
    say(
        f"{made.data}: {plural(made.photos, 'photo')} of {made.people:,} people, {made.genuine_pairs:,} pairs of one "
        f"person, {made.impostor_pairs:,} of two"
    )
    pairs: list[tuple[Cell, ...]] = [
        (f"{far:g}", f"{found.threshold(far):.3f}", f"{found.tar(found.threshold(far)):.4f}") for far in FARS
    ]
    table(("FAR", "distance", "TAR"), pairs)
    say()
    probes: list[tuple[Cell, ...]] = [
        (str(size), *(f"{found.limit(fpir, [1] * size):.3f}" for fpir in FPIRS)) for size in SIZES
    ]
    table(("people enrolled", *(f"FPIR {fpir:g}" for fpir in FPIRS)), probes)
    say((f"limits of the normalized distance; below FPIR {found.probes.measured_from:g} extrapolated", "dim"))
    if kept:
        say()
        say(f"on other people, {plural(len(kept[0].ratios), 'split')} by halves: measured over promised")
        rows: list[tuple[Cell, ...]] = [
            (one.what, f"{one.promised:g}", f"{one.mean:.2f}", f"{one.ratios[0]:.2f} to {one.ratios[-1]:.2f}")
            for one in kept
        ]
        table(("rate", "promised", "mean ratio", "range"), rows)
