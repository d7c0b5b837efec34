"""``bench``: measurements that anybody can repeat."""

from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import JsonOption
from facesearch.cli.output import emit, say, tell
from facesearch.cli.teaching import lesson

if TYPE_CHECKING:
    from facesearch.bench import Comparison

bench_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)

RunsOption = Annotated[int, typer.Option("--runs", min=1, help="Counted runs of each side.")]


def bench(context: typer.Context) -> None:
    """Measure against the reference engine: the mtcnn package and Keras themselves.

    Both sides run in turn on the sample photos, and the medians are compared.

    Examples:
      facesearch bench index
      facesearch bench verify --runs 5
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def index(*, runs: RunsOption = 3, as_json: JsonOption = False) -> None:
    """Photos per second of indexing with one worker.

    Example:
      facesearch bench index --runs 5
    """
    from facesearch.bench import bench_index

    _show(bench_index(runs=runs, tell=tell), as_json=as_json)


def verify(*, runs: RunsOption = 3, as_json: JsonOption = False) -> None:
    """CPU seconds of comparing two photos in a process of its own.

    Example:
      facesearch bench verify --runs 5
    """
    from facesearch.bench import bench_verify

    _show(bench_verify(runs=runs, tell=tell), as_json=as_json)


def _show(result: "Comparison", *, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "what": result.what,
                "unit": result.unit,
                "ours": result.ours,
                "reference": result.reference,
                "ratio": result.ratio,
                "runs": result.runs,
            }
        )
        return
    say((result.what, "bold"), f", medians of {result.runs} runs in turn")
    say(f"facesearch {result.ours:.2f} {result.unit}, reference {result.reference:.2f}, ratio {result.ratio:.1f}")


bench_app.callback()(bench)
bench_app.command(help=lesson(index))(index)
bench_app.command(help=lesson(verify))(verify)
