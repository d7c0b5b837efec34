"""``bench``: measurements that anybody can repeat."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import IndexKindOption, JsonOption
from facesearch.cli.output import Cell, emit, plural, say, table, tell
from facesearch.cli.progress import bar
from facesearch.cli.teaching import lesson

if TYPE_CHECKING:
    from facesearch.bench import Arithmetic, Comparison, SearchSpeed, Stages

bench_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)

RunsOption = Annotated[int, typer.Option("--runs", min=1, help="Counted runs of each side.")]


def bench(context: typer.Context) -> None:
    """Measure how fast it is on this machine: against the reference engine, and stage by stage.

    The reference engine is the mtcnn package and Keras themselves. All sides of a comparison run in turn.

    Examples:
      facesearch bench index
      facesearch bench verify --runs 5
      facesearch bench stages --photos ~/Pictures/2024
      facesearch bench identify
      facesearch bench cluster --faces 20000
      facesearch bench search
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def index(*, runs: RunsOption = 3, as_json: JsonOption = False) -> None:
    """Photos per second of indexing with one worker, against the reference engine.

    Example:
      facesearch bench index --runs 5
    """
    from facesearch.bench import bench_index

    _show(bench_index(runs=runs, tell=tell), as_json=as_json)


def verify(*, runs: RunsOption = 3, as_json: JsonOption = False) -> None:
    """CPU seconds of comparing two photos in a process of its own, against the reference engine.

    Example:
      facesearch bench verify --runs 5
    """
    from facesearch.bench import bench_verify

    _show(bench_verify(runs=runs, tell=tell), as_json=as_json)


def stages(
    *,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos", metavar="DIR", show_default=False, help="A folder of your own photos; else the sample photos."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", metavar="N", min=1, show_default=False, help="Photos at once, against one; else a core each."
        ),
    ] = None,
    runs: RunsOption = 3,
    as_json: JsonOption = False,
) -> None:
    """Where the time of indexing goes, what more jobs bring, and how near the embedder is to this processor's limit.

    Nothing is written to your gallery.

    Examples:
      facesearch bench stages
      facesearch bench stages --photos ~/Pictures/2024 --jobs 4
    """
    from facesearch.bench import bench_stages

    with bar() as shown:
        result = bench_stages(photos.expanduser() if photos else None, jobs=jobs, runs=runs, tell=tell, progress=shown)
    if as_json:
        emit(_stages_document(result))
    else:
        _show_stages(result)


def identify(*, runs: RunsOption = 3, as_json: JsonOption = False) -> None:
    """How long naming takes with 10,000 faces of 500 people enrolled: training the SVM, and one answer.

    The faces are random numbers; no gallery and no photo is touched.

    Example:
      facesearch bench identify --runs 5
    """
    from facesearch.bench import bench_identify

    found = bench_identify(runs=runs, tell=tell)
    if as_json:
        emit(asdict(found))
        return
    say(
        (f"{plural(found.faces, 'face')} of {plural(found.people, 'person', 'people')}", "bold"),
        f"; CPU time, medians of {plural(found.runs, 'run')}",
    )
    table(
        ("", "time"),
        [
            ("training the SVM", f"{found.train_seconds:.1f} s"),
            ("one answer by k-NN", f"{found.answer_ms['knn']:.1f} ms"),
            ("one answer by SVM", f"{found.answer_ms['svm']:.1f} ms"),
        ],
        right={1},
    )


def cluster(
    *,
    faces: Annotated[int, typer.Option("--faces", metavar="N", min=2, help="How many faces are grouped.")] = 100_000,
    as_json: JsonOption = False,
) -> None:
    """How long grouping many faces takes, how much memory, and how right the groups are.

    The faces are random numbers that lie as real embeddings do (facesearch.testing.synthetic_faces); no gallery and no
    photo is touched. 100,000 faces take some minutes.

    Example:
      facesearch bench cluster --faces 20000
    """
    from facesearch.bench import bench_cluster

    found = bench_cluster(faces=faces, tell=tell)
    if as_json:
        document = asdict(found)
        for name, one in (("bcubed", found.scores.bcubed), ("pairwise", found.scores.pairwise)):
            document["scores"][name]["f"] = one.f
        emit(document)
        return
    scores = found.scores
    say(
        (f"{plural(scores.faces, 'face')} of {plural(scores.people, 'person', 'people')}", "bold"),
        f" in {plural(scores.clusters, 'cluster')}: {found.seconds:.0f} s, {found.cpu_seconds:.0f} s of CPU, "
        f"{found.peak_bytes / 1e6:,.0f} MB at most",
    )
    rows = [
        (name, *(f"{value:.4f}" for value in (one.precision, one.recall, one.f)))
        for name, one in (("BCubed", scores.bcubed), ("pairwise", scores.pairwise))
    ]
    table(("", "precision", "recall", "F"), rows, right={1, 2, 3})


def search(
    *,
    vectors: Annotated[
        int, typer.Option("--vectors", metavar="N", min=100, max=100_000_000, help="How many faces are searched.")
    ] = 1_000_000,
    index: IndexKindOption = "auto",
    queries: Annotated[int, typer.Option("--queries", metavar="N", min=10, max=10_000, help="Questions.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """How fast and how exact finding the ten nearest of many faces is, on one thread, beside what memory allows.

    The faces are random numbers that lie as real embeddings do; no gallery and no photo is touched. A million of them
    takes some minutes, 3 GB of memory and 2 GB in the folder for temporary files.

    Examples:
      facesearch bench search
      facesearch bench search --vectors 200000 --index inverted
    """
    from facesearch.bench import bench_search

    found = bench_search(vectors=vectors, kind=index or "auto", queries=queries, tell=tell)
    if as_json:
        emit(asdict(found))
    else:
        _show_search(found)


def _show_search(found: "SearchSpeed") -> None:
    say(
        (f"{found.vectors:,} faces", "bold"),
        f", {plural(found.queries, 'question')}, one thread; every question goes to each kind in turn",
    )
    say(f"reading all vectors once takes {found.floor_ms:.1f} ms; auto is {found.default} here")
    table(
        ("", *(one.kind for one in found.kinds)),
        [
            ("build", *(f"{one.build_seconds:.1f} s" for one in found.kinds)),
            ("write", *(f"{one.save_seconds:.1f} s" for one in found.kinds)),
            ("file", *(f"{one.file_bytes / 1e6:,.0f} MB" for one in found.kinds)),
            ("open to first answer", *(f"{one.open_seconds:.2f} s" for one in found.kinds)),
            ("one question, median", *(f"{one.p50_ms:.2f} ms" for one in found.kinds)),
            ("times reading all", *(f"{one.p50_ms / found.floor_ms:.2f}" for one in found.kinds)),
            ("times flat", *(f"{one.p50_ms / found.kinds[0].p50_ms:.2f}" for one in found.kinds)),
            ("one question, 99 %", *(f"{one.p99_ms:.2f} ms" for one in found.kinds)),
            ("questions/s at once", *(f"{one.per_second:,.0f}" for one in found.kinds)),
            ("recall of ten", *(f"{one.recall:.4f}" for one in found.kinds)),
            ("memory at most", *(f"{one.peak_bytes / 2**20:,.0f} MiB" for one in found.kinds)),
        ],
        right=set(range(1, 1 + len(found.kinds))),
    )


def _show_stages(result: "Stages") -> None:
    say(
        (plural(result.photos, "photo"), "bold"),
        f", {plural(result.faces, 'face')}; CPU time of one photo after another on one core, "
        f"medians of {plural(result.runs, 'run')}",
    )
    total = sum(result.ms.values())
    rows: list[tuple[Cell, ...]] = [
        (stage if stage != "embed" else f"embed ({result.precision})", f"{ms:.1f}", f"{ms / total:.0%}")
        for stage, ms in result.ms.items()
    ]
    table(("stage", "ms a photo", "share"), [*rows, ("all", f"{total:.1f}", "")], right={1, 2})
    say()
    table(
        ("jobs", "photos/s", "faces/s", "memory at most"),
        [
            (
                str(one.jobs),
                f"{one.photos_per_second:.1f}",
                f"{one.faces_per_second:.1f}",
                f"{one.peak_bytes / 1e6:,.0f} MB",
            )
            for one in result.throughput
        ],
        right={0, 1, 2, 3},
    )
    say()
    _show_arithmetic(result.arithmetic)


def _show_arithmetic(result: "Arithmetic") -> None:
    say(
        ("float32 on one core", "bold"),
        f", the embedder in batches of {result.batch}, {result.flop / 1e9:.2f} GFLOP a face",
    )
    rows = [
        (f"product by {one.library}", "×".join(map(str, one.shape)), f"{one.gflops:.1f}") for one in result.products
    ]
    fp32, *others = result.embeddings
    rows.append(("embedder", f"{fp32.ms:.1f} ms a face", f"{result.gflops:.1f}"))
    table(("", "", "GFLOP/s"), rows, right={2})
    say(f"the embedder reaches {result.share:.0%} of the best product")
    for one in others:
        say(f"{one.precision}: {one.ms:.1f} ms a face, {fp32.ms / one.ms:.1f} times as fast as float32")
    if not others:
        say("int8 is not used: this processor has no fast 8-bit arithmetic")


def _stages_document(result: "Stages") -> dict[str, object]:
    limit = result.arithmetic
    return {
        "photos": result.photos,
        "faces": result.faces,
        "runs": result.runs,
        "precision": result.precision,
        "cpu_ms_per_photo": result.ms,
        "throughput": [asdict(one) for one in result.throughput],
        "flop_per_face": limit.flop,
        "batch": limit.batch,
        "products": [asdict(one) for one in limit.products],
        "embeddings": [{"precision": one.precision, "ms_per_face": one.ms} for one in limit.embeddings],
        "embedder_gflops": limit.gflops,
        "share_of_best_product": limit.share,
    }


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
bench_app.command(help=lesson(stages))(stages)
bench_app.command(help=lesson(identify))(identify)
bench_app.command(help=lesson(cluster))(cluster)
bench_app.command(help=lesson(search))(search)
