"""The program: its commands in the order in which ``--help`` lists them, and how it is started."""

from collections.abc import Callable
from typing import Annotated

import typer

from facesearch.cli.asking import search, who
from facesearch.cli.bench import bench, bench_app
from facesearch.cli.calibrating import calibrate, mark
from facesearch.cli.clustering import cluster, name
from facesearch.cli.comparing import verify
from facesearch.cli.curating import ignore, merge, not_a_face, reject, rename, split
from facesearch.cli.demo import demo
from facesearch.cli.evaluating import evaluate, evaluate_app
from facesearch.cli.evaluating_calibration import calibration
from facesearch.cli.evaluating_clustering import clustering
from facesearch.cli.evaluating_identification import identification
from facesearch.cli.exporting import export, export_app
from facesearch.cli.finding import find
from facesearch.cli.forgetting import forget
from facesearch.cli.guard import Commands
from facesearch.cli.indexing import index
from facesearch.cli.journal import journal, journal_app, log, redo, undo
from facesearch.cli.models import models, models_app
from facesearch.cli.moving import import_
from facesearch.cli.own_models import add_model, calibrate_model, remove_model, show_one
from facesearch.cli.people import enrol, people, stats
from facesearch.cli.person import person
from facesearch.cli.reindexing import reindex
from facesearch.cli.reporting import report
from facesearch.cli.review import review
from facesearch.cli.teaching import lesson
from facesearch.cli.training import train, train_app
from facesearch.cli.why import why

app = typer.Typer(
    cls=Commands,
    name="facesearch",
    # Help is plain text, the same on a terminal and in a pipe, and needs nothing imported.
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

_SECTIONS: dict[str, tuple[Callable[..., None], ...]] = {
    "Photos and answers": (index, who, verify, why, search, find),
    "Names": (enrol, cluster, name, review, people, person),
    "Putting names right": (rename, merge, split, reject, not_a_face, ignore, log, undo, redo, forget),
    "The whole gallery": (report, stats, mark, calibrate, reindex),
}
for _heading, _commands in _SECTIONS.items():
    for _command in _commands:
        app.command(help=lesson(_command), rich_help_panel=_heading)(_command)
app.add_typer(journal_app, name="journal", help=lesson(journal), rich_help_panel="The whole gallery")
app.add_typer(export_app, name="export", help=lesson(export), rich_help_panel="The whole gallery")
app.command("import", help=lesson(import_), rich_help_panel="The whole gallery")(import_)
app.command(help=lesson(demo), rich_help_panel="Models and measurements")(demo)
for _group, _name, _lesson in (
    (models_app, "models", models),
    (train_app, "train", train),
    (evaluate_app, "evaluate", evaluate),
    (bench_app, "bench", bench),
):
    app.add_typer(_group, name=_name, help=lesson(_lesson), rich_help_panel="Models and measurements")
for _word, _command in (
    ("add", add_model),
    ("calibrate", calibrate_model),
    ("show", show_one),
    ("remove", remove_model),
):
    models_app.command(_word, help=lesson(_command))(_command)
for _measurement in (identification, calibration, clustering):
    evaluate_app.command(help=lesson(_measurement))(_measurement)


def _version(wanted: bool) -> None:
    if wanted:
        from facesearch import __version__

        typer.echo(f"facesearch {__version__}")
        raise typer.Exit


def facesearch(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")] = (
        False
    ),
) -> None:
    """Find people in your own photos, on your own machine.

    Begin like this:
      facesearch index ~/Pictures             find all faces
      facesearch enrol "Ada" ada1.jpg         say who somebody is
      facesearch who party.jpg                who is in a photo
      facesearch cluster                      group the faces nobody has named
      facesearch review                       name them, the fewest questions first

    Distances are squared distances of two faces, 0 to 4; smaller is more alike. Photos never leave this machine.

    Exit codes: 0 done or yes, 1 a clear no, 2 an error, 130 interrupted. Every command takes --json.
    """
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.callback(invoke_without_command=True, help=lesson(facesearch))(facesearch)
