"""``train``: learn from the faces that have a name, or from a folder of people."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import FpirOption, GalleryOption, JsonOption
from facesearch.cli.output import Cell, emit, hint, plural, say, table
from facesearch.cli.session import open_gallery
from facesearch.cli.teaching import lesson
from facesearch.cli.training_embedder import embedder

if TYPE_CHECKING:
    from facesearch.gallery.training import Training

train_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)

METHOD_NAMES = {"knn": "k-NN", "svm": "SVM"}
LISTED = 20
"""Lines of a list in text; --json has all."""


def train(context: typer.Context) -> None:
    """Learn from the faces that have a name, or train a network.

    Examples:
      facesearch train svm --report
      facesearch train embedder ./people --output ./model
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def svm(
    *,
    report: Annotated[
        bool, typer.Option("--report", help="Say how well each method knows your people, by cross-validation.")
    ] = False,
    fpir: FpirOption = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the linear machine that `who --method svm` asks, where names changed, and compare it with k-NN.

    The comparison holds faces back, enrols a part of the people and asks about everybody: how many get their own name,
    and how many strangers get one at --fpir. `who` goes by the better method from then on, until names change. The
    report also tells who is found least, and whom they are taken for.

    Examples:
      facesearch train svm
      facesearch train svm --report
      facesearch train svm --report --fpir 1e-3 --json
    """
    from facesearch.identify.calibration import FPIR

    rate = FPIR if fpir is None else fpir
    with open_gallery(gallery) as opened:
        done = opened.train_svm(report=report, fpir=rate)
    if as_json:
        emit(_document(done, rate))
        return
    if not done.faces:
        say("nobody has a name yet")
        hint("facesearch enrol NAME PHOTO")
        return
    state = "up to date" if done.current else "trained"
    say((state, "bold"), f": {plural(done.faces, 'face')} of {plural(done.people, 'person', 'people')}")
    if report:
        _show(done, rate)
    say(("auto", "bold"), f" takes {METHOD_NAMES[done.choice.method]}: {done.choice.reason}")


train_app.callback()(train)
train_app.command(help=lesson(svm))(svm)
train_app.command(help=lesson(embedder))(embedder)


def _show(done: "Training", rate: float) -> None:
    if done.choice.figures:
        probes, strangers = done.choice.figures[0].probes, done.choice.figures[0].strangers
        say()
        say(f"{plural(probes, 'held-out face')}, {plural(strangers, 'face')} of people left out, FPIR {rate:g}")
        table(
            ("method", "right name", "nearest right", "strangers named"),
            [
                (METHOD_NAMES[one.method], f"{one.dir:.1%}", f"{one.rank1:.1%}", f"{one.named:.1%}")
                for one in done.choice.figures
            ],
            right={1, 2, 3},
        )
        _show_people(done)
        _show_confused(done)
        say()


def _show_people(done: "Training") -> None:
    """Everybody's recall by each method, the worst first."""
    recalls = [outcome.recall() for outcome in done.outcomes]
    order = sorted(recalls[0], key=lambda person: min(recall[person][0] / recall[person][1] for recall in recalls))
    rows: list[tuple[Cell, ...]] = [
        (
            (done.names.get(person, "?"), "bold"),
            *(f"{right} of {asked}" for right, asked in (recall[person] for recall in recalls)),
        )
        for person in order[:LISTED]
    ]
    say()
    table(("found", *(METHOD_NAMES[outcome.method] for outcome in done.outcomes)), rows, right={1, 2})
    _say_more(len(order))


def _show_confused(done: "Training") -> None:
    """Who is nearer to somebody else, most often first."""
    rows: list[tuple[Cell, ...]] = [
        (METHOD_NAMES[outcome.method], done.names.get(person, "?"), done.names.get(other, "?"), f"{times:,}")
        for outcome in done.outcomes
        for person, other, times in outcome.confused()
    ]
    if rows:
        say()
        table(("method", "person", "taken for", "times"), rows[:LISTED], right={3})
        _say_more(len(rows))


def _say_more(count: int) -> None:
    if count > LISTED:
        say(f"and {count - LISTED:,} more; --json has them all")


def _document(done: "Training", rate: float) -> dict[str, object]:
    document: dict[str, object] = {"people": done.people, "faces": done.faces, "trained": not done.current}
    recalls = {outcome.method: outcome.recall() for outcome in done.outcomes}
    return {
        **document,
        "fpir": rate,
        "method": done.choice.method,
        "reason": done.choice.reason,
        "figures": [asdict(one) for one in done.choice.figures],
        "recall": {
            method: [
                {"id": person, "person": done.names.get(person, "?"), "right": right, "of": asked}
                for person, (right, asked) in recall.items()
            ]
            for method, recall in recalls.items()
        },
        "confused": {
            outcome.method: [
                {"person": done.names.get(person, "?"), "taken_for": done.names.get(other, "?"), "times": times}
                for person, other, times in outcome.confused()
            ]
            for outcome in done.outcomes
        },
    }
