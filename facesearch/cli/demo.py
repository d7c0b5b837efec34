"""``demo``: the main job on real photos."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import JsonOption, WeightsOption
from facesearch.cli.output import columns, emit, plural, say, table, tell
from facesearch.cli.progress import bar
from facesearch.cli.session import use_weights

if TYPE_CHECKING:
    from facesearch.demo import DemoReport


def demo(
    *,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where the two galleries and the pictures go.")
    ] = Path("facesearch-demo"),
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch it work on photos of five celebrities.

    Fetches 118 sample photos together with the models (the first time), indexes 93 of them with their names, answers
    the other 25 by both methods, compares pairs, groups the 25 without names, and writes pictures of all that. Exits
    with 1 if a photo was answered wrong.

    Example:
      facesearch demo --output /tmp/demo
    """
    use_weights(weights)
    from facesearch.demo import run_demo

    with bar() as shown:
        report = run_demo(output, tell=tell, progress=shown)
    if as_json:
        emit(_document(report))
    else:
        _show(report)
    raise typer.Exit(0 if report.passed else 1)


def _show(report: "DemoReport") -> None:
    say(("who is in the photos of val/ that it never saw", "bold"))
    headings = ["person", "method", "photos", "right", "wrong", "unknown", "unknown when left out"]
    table(
        headings,
        [
            (
                score.person,
                score.method,
                *(str(count) for count in (score.photos, score.right, score.wrong, score.unknown, score.left_out)),
            )
            for score in report.scores
        ],
        right={2, 3, 4, 5, 6},
    )
    say(("the same person?", "bold"))
    columns(
        [
            (
                "same" if pair.verdict.same else "different",
                f"{pair.verdict.distance:.2f}",
                "right" if pair.verdict.same == pair.expected else ("wrong", "bold red"),
                _name(pair.a),
                _name(pair.b),
            )
            for pair in report.comparisons
        ]
    )
    say((f"{plural(len(report.clusters.clusters), 'group')} of faces without a name", "bold"))
    columns([(group, plural(size, "face"), people) for group, size, people in report.purity], right={0, 1})
    say(f"{plural(len(report.pictures), 'picture')} in ", (str(report.output), "bold"))


def _name(path: str) -> str:
    photo = Path(path)
    stem = photo.stem if len(photo.stem) <= 24 else f"{photo.stem[:12]}…{photo.stem[-11:]}"
    return f"{photo.parent.name}/{stem}{photo.suffix}"


def _document(report: "DemoReport") -> dict[str, object]:
    return {
        "passed": report.passed,
        "scores": [
            {
                "person": score.person,
                "method": score.method,
                "photos": score.photos,
                "right": score.right,
                "wrong": score.wrong,
                "unknown": score.unknown,
                "left_out": score.left_out,
            }
            for score in report.scores
        ],
        "comparisons": [
            {
                "a": pair.a,
                "b": pair.b,
                "expected": pair.expected,
                "same": pair.verdict.same,
                "distance": pair.verdict.distance,
            }
            for pair in report.comparisons
        ],
        "clusters": [{"id": group, "faces": size, "people": people} for group, size, people in report.purity],
        "unclustered": report.clusters.unclustered,
        "output": str(report.output),
        "pictures": [str(path) for path in report.pictures],
    }
