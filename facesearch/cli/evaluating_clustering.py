"""``evaluate clustering``: how well faces without names are grouped."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from facesearch.cli.output import columns, emit, plural, say, table, tell
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import front_end_of

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.evaluation.clustering import ClusteringReport, MethodReport
    from facesearch.evaluation.clustering_scores import Agreement, Scores


def clustering(
    *,
    images: Annotated[
        Path, typer.Option("--images", metavar="DIR", show_default=False, help="The photos, a folder a person.")
    ],
    method: Annotated[
        str,
        typer.Option("--method", metavar="NAME", help="average, dbscan, hdbscan, whispers or rank-order."),
    ] = "average",
    compare: Annotated[
        bool, typer.Option("--compare", help="All methods, each measured on people on whom it was not set.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", metavar="X", min=0, max=4, show_default=False, help="Where average is cut, else as cluster."
        ),
    ] = None,
    splits: Annotated[
        int, typer.Option("--splits", metavar="N", min=1, help="How often --compare splits the people in halves.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Decides the halves.")] = 0,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, show_default=False, help="Photos at once; else a core each."),
    ] = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    weights: WeightsOption = None,
    max_megapixels: MegapixelsOption = 200.0,
    min_face: MinFaceOption = None,
    thorough: ThoroughOption = False,
    device: DeviceOption = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Measure how well faces are grouped when nobody has a name, on a folder of photos, a folder a person.

    Of each photo the face nearest to the middle counts; who it is only the scorer knows. BCubed looks at each face: how
    much of its group is its person (precision), how much of its person is in its group (recall). Pairwise looks at
    pairs of faces, and large groups decide it. F is the harmonic mean of both.

    --compare chooses each method's setting, for the best BCubed F at a pairwise precision of 0.985 or more, on one half
    of the people and measures on the other. No gallery is read or written.

    Examples:
      facesearch evaluate clustering --images lfw/
      facesearch evaluate clustering --images lfw/ --compare --json
    """
    from facesearch.evaluation.clustering import evaluate as measure

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
            images,
            front_end,
            method=method,
            compare=compare,
            threshold=threshold,
            splits=splits,
            seed=seed,
            jobs=jobs,
            progress=shown,
            tell=tell,
        )
    if as_json:
        emit(_document(report))
    else:
        _show(report, images)


def _show(report: "ClusteringReport", images: Path) -> None:
    scores = report.methods[0].scores
    say(
        (f"{plural(scores.faces, 'face')} of {plural(scores.people, 'person', 'people')}", "bold"),
        f", {scores.single_people:,} with one face; {report.seconds:.0f} s",
    )
    say()
    if report.methods[0].halves is None:
        _show_one(report.methods[0])
    else:
        _show_all(report)
    say()
    if report.no_face or report.failed:
        base = [images.expanduser().resolve(), images]
        say(f"{plural(len(report.no_face), 'photo')} without a face, {len(report.failed):,} failed")
        lost = [("no face", short(path, base), "") for path in report.no_face]
        columns([*lost, *(("failed", short(failure.path, base), failure.error) for failure in report.failed)])
    if report.recipe is not None:
        say(("recipe", "dim"), f"  {report.recipe.key}  {report.recipe.model}")


def _show_one(found: "MethodReport") -> None:
    scores = found.scores
    rows: list[tuple[Cell, ...]] = [
        (name, *(f"{value:.4f}" for value in (one.precision, one.recall, one.f)))
        for name, one in (("BCubed", scores.bcubed), ("pairwise", scores.pairwise))
    ]
    table((f"{found.title}, {found.setting}", "precision", "recall", "F"), rows, right={1, 2, 3})
    say(
        f"{plural(scores.clusters, 'cluster')} for {plural(scores.people, 'person', 'people')}, "
        f"{scores.alone:,} of a face alone; the largest, {plural(scores.largest, 'face')}, is {scores.purity:.0%} one "
        "person"
    )
    if found.chosen:
        say("the setting is the best for these very people: --compare measures on others")


def _show_all(report: "ClusteringReport") -> None:
    def row(found: "MethodReport") -> "tuple[Cell, ...]":
        halves, scores = found.halves, found.scores
        if halves is None:
            return (found.title,)
        spreads = (halves.bcubed_f, halves.pairwise_precision, halves.pairwise_f)
        return (
            found.title,
            *(f"{spread.mean:.4f} ({spread.least:.4f} to {spread.most:.4f})" for spread in spreads),
            found.setting if found.reached else f"{found.setting} (below 0.985)",
            f"{scores.bcubed.f:.4f}",
            f"{scores.pairwise.precision:.4f}",
            f"{scores.clusters:,}",
        )

    heads = ("", "BCubed F", "pairwise precision", "pairwise F", "best for all", "BCubed F", "pairwise P", "clusters")
    count = next((found.halves.count for found in report.methods if found.halves), 0)
    say(f"the first three on people on whom the setting was not chosen, mean (least to most) of {count} halves")
    table(heads, [row(found) for found in report.methods], right={5, 6, 7})


def _document(report: "ClusteringReport") -> "Document":
    """The keys of design.md, section 8, and more: those of the method asked for, or the best one of a comparison."""
    first = report.methods[0]
    return {
        **_scores(first.scores),
        "method": first.method,
        "setting": first.setting,
        "methods": {
            found.method: {
                "setting": found.setting,
                "chosen_on_these": found.chosen,
                "reached": found.reached,
                "seconds": found.seconds,
                **_scores(found.scores),
                "halves": None if found.halves is None else asdict(found.halves),
            }
            for found in report.methods
        },
        "photos": report.photos,
        "no_face": len(report.no_face),
        "no_face_photos": list(report.no_face),
        "failed": failures(report.failed),
        "recipe": {"key": report.recipe.key, "model": report.recipe.model} if report.recipe else None,
        "seconds": report.seconds,
    }


def _scores(scores: "Scores") -> "Document":
    return {
        "faces": scores.faces,
        "people": scores.people,
        "clusters": scores.clusters,
        "alone": scores.alone,
        "single_people": scores.single_people,
        "bcubed": _agreement(scores.bcubed),
        "pairwise": _agreement(scores.pairwise),
        "largest": {"faces": scores.largest, "purity": scores.purity},
    }


def _agreement(one: "Agreement") -> "Document":
    return {"precision": one.precision, "recall": one.recall, "f": one.f}
