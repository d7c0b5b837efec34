"""``evaluate``: error rates on labelled photos, of the whole pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facesearch.cli.documents import Document, failures
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
from facesearch.cli.output import columns, emit, plural, say, table, warn
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import front_end_of
from facesearch.cli.teaching import lesson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.cli.output import Cell
    from facesearch.evaluation.metrics import OperatingPoint
    from facesearch.evaluation.pairs import PairList
    from facesearch.evaluation.rates import Rates, ScoredPair
    from facesearch.evaluation.verification import VerificationReport
    from facesearch.types import Recipe

evaluate_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


def evaluate(context: typer.Context) -> None:
    """Measure how often answers are right, on photos whose people are known.

    Example:
      facesearch evaluate verification --images lfw/ --pairs pairs.txt
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def verification(
    *,
    images: Annotated[
        Path, typer.Option("--images", metavar="DIR", show_default=False, help="The photos, a folder a person.")
    ],
    pairs: Annotated[
        Path,
        typer.Option(
            "--pairs", metavar="FILE", show_default=False, help="LFW's pairs.txt, or a CSV: a,b,label (1 same, 0 not)."
        ),
    ],
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Measure every pair of DIR/<person>/ too, weighted by person.")
    ] = False,
    both_as: Annotated[
        Literal["index", "probe"] | None,
        typer.Option(
            "--both-as", show_default=False, help="Embed both photos alike; else the first as index, the second as who."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", show_default=False, help="Draw ROC, distances and worst pairs there."),
    ] = None,
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
    """Compare pairs of photos, same person or not, by LFW's protocol.

    Detects, crops and embeds as verify does, and takes the large face nearest to the middle. Accuracy is by
    cross-validation: each fold is judged by the threshold that is best on the others. FAR is how often two people pass
    for one, TAR how often one person is accepted. Where no face is found a pair is never accepted. Intervals hold for
    95 %.

    Examples:
      facesearch evaluate verification --images lfw/ --pairs pairs.txt
      facesearch evaluate verification --images lfw/ --pairs pairs.txt --all-pairs --output report/
    """
    from facesearch.evaluation.pairs import read_pairs
    from facesearch.evaluation.verification import evaluate as measure

    listed = read_pairs(pairs, images)
    front_end = front_end_of(
        weights=weights,
        engine=engine,
        model=model,
        max_megapixels=max_megapixels,
        min_face=min_face,
        thorough=thorough,
        device=device,
    )
    folder = images if all_pairs else None
    with bar() as shown:
        report = measure(listed, front_end, folder=folder, both_as=both_as, jobs=jobs, progress=shown)
    pictures: Sequence[Path] = ()
    if output is not None:
        from facesearch.evaluation.pictures import draw_report

        pictures = draw_report(report, output)
    if as_json:
        emit(_document(report, listed, pictures))
    else:
        _show(report, listed, images, pictures)


def _show(report: "VerificationReport", listed: "PairList", images: Path, pictures: "Sequence[Path]") -> None:
    rates = report.listed
    say(
        f"{plural(report.pairs, 'pair')} of {plural(report.photos, 'photo')}: {rates.genuine:,} of one person, "
        f"{rates.impostor:,} of two; {report.seconds:.0f} s"
    )
    folds = "the file's folds" if listed.given else "folds without a person in common"
    if report.accuracy is not None:
        say(
            ("accuracy", "bold"),
            f"  {report.accuracy.mean:.4f} ± {report.accuracy.standard_error:.4f} over "
            f"{len(report.accuracy.accuracies)} {folds}, best threshold {report.threshold:.2f}",
        )
    else:
        warn(f"no accuracy: {report.accuracy_reason}")
    if report.left_out:
        warn(f"{plural(report.left_out, 'pair')} not cross-validated: their two people came into different folds")
    _show_rates(rates)
    if report.everything is not None:
        every = report.everything
        say()
        say(
            ("all pairs", "bold"),
            f"  {every.genuine:,} of one person, {every.impostor:,} of two; {every.people:,} people, weighing the same",
        )
        _show_rates(every)
    _show_photos(report, images)
    for kind, recipe in (("index", report.index_recipe), ("probe", report.probe_recipe)):
        say((f"{kind} recipe", "dim"), f"  {recipe.key}  {recipe.model}")
    for picture in pictures:
        say(("picture", "dim"), f"  {short(picture)}")


def _show_rates(rates: "Rates") -> None:
    say(f"EER {rates.eer:.4f}, AUC {rates.auc:.5f}")
    rows: list[tuple[Cell, ...]] = []
    for point in rates.tar:
        if point.tar is None or point.threshold is None:
            rows.append((f"{point.far:g}", "-", "", "", point.reason or ""))
        else:
            interval = f"{point.low:.4f} to {point.high:.4f}"
            rows.append((f"{point.far:g}", f"{point.tar:.4f}", interval, f"{point.threshold:.3f}", ""))
    table(("FAR", "TAR", "95 % interval", "threshold", ""), rows)


def _show_photos(report: "VerificationReport", images: Path) -> None:
    base = [images.expanduser().resolve(), images]
    if not report.no_face and not report.failed:
        return
    say()
    say(f"{plural(len(report.no_face), 'photo')} without a face, {len(report.failed):,} failed")
    lost = [("no face", short(path, base), "") for path in report.no_face]
    columns([*lost, *(("failed", short(failure.path, base), failure.error) for failure in report.failed)])


def _document(report: "VerificationReport", listed: "PairList", pictures: "Sequence[Path]") -> "Document":
    """The keys of design.md, section 8, and more."""
    accuracy = report.accuracy
    return {
        "pairs": report.pairs,
        "accuracy": accuracy.mean if accuracy else None,
        "accuracy_se": accuracy.standard_error if accuracy else None,
        "accuracy_reason": report.accuracy_reason,
        **_rates(report.listed),
        "threshold": report.threshold,
        "no_face": len(report.no_face),
        "photos": report.photos,
        "no_face_photos": list(report.no_face),
        "failed": failures(report.failed),
        "folds": {
            "given": listed.given,
            "left_out": report.left_out,
            "accuracies": list(accuracy.accuracies) if accuracy else [],
            "thresholds": list(accuracy.thresholds) if accuracy else [],
        },
        "all_pairs": _rates(report.everything) if report.everything else None,
        "recipes": {"index": _recipe(report.index_recipe), "probe": _recipe(report.probe_recipe)},
        "pictures": [str(picture) for picture in pictures],
        "seconds": report.seconds,
    }


def _rates(rates: "Rates") -> "Document":
    points = {f"{point.far:g}": point for point in rates.tar}
    return {
        "genuine": rates.genuine,
        "impostor": rates.impostor,
        "people": rates.people,
        "eer": rates.eer,
        "auc": rates.auc,
        "tar": {far: point.tar for far, point in points.items()},
        "intervals": {far: _interval(point) for far, point in points.items()},
        "thresholds": {far: point.threshold for far, point in points.items()},
        "reasons": {far: point.reason for far, point in points.items() if point.reason},
        "worst": {"genuine": _pairs(rates.worst_genuine), "impostor": _pairs(rates.worst_impostor)},
    }


def _interval(point: "OperatingPoint") -> "list[float | None] | None":
    return None if point.tar is None else [point.low, point.high]


def _pairs(pairs: "Sequence[ScoredPair]") -> "list[Document]":
    return [{"a": pair.a, "b": pair.b, "distance": pair.distance} for pair in pairs]


def _recipe(recipe: "Recipe") -> "Document":
    return {"key": recipe.key, "model": recipe.model, "dim": recipe.dim, "settings": dict(recipe.settings)}


evaluate_app.callback(help=lesson(evaluate))(evaluate)
evaluate_app.command(help=lesson(verification))(verification)
