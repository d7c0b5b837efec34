"""``reindex``: a gallery moves to other models or settings."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import reindex_document
from facesearch.cli.guard import ERROR, INTERRUPTED
from facesearch.cli.options import (
    DeviceOption,
    EngineOption,
    GalleryOption,
    JsonOption,
    MegapixelsOption,
    ModelOption,
    WeightsOption,
)
from facesearch.cli.output import FAILED, columns, complain, emit, hint, labelled, plural, say, table
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import open_gallery
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from facesearch.gallery.disagreeing import Comparison
    from facesearch.types import ReindexReport

MOST_LISTED = 20
"""People that are shown; the most changed."""

# Nothing else beside --back: faces that came since the move are embedded on the way, and their photos may be gone.
_ALONE = {
    "--dry-run": (("drop_missing",), "moves nothing, so that no face is lost"),
    "--back": (("model", "thorough"), "goes back to the model and the settings before"),
    "--forget-old": (
        ("model", "thorough", "drop_missing", "jobs", "max_megapixels", "engine", "device", "weights"),
        "only deletes",
    ),
}
"""What cannot be meant beside an option, and why. Only what is said with the command counts: FACESEARCH_MODEL in the
environment is meant for other commands."""


def reindex(
    context: typer.Context,
    *,
    drop_missing: Annotated[
        bool,
        typer.Option(
            "--drop-missing",
            help="Move although some photos cannot be read: their faces are not found any more until index comes upon "
            "the photos again. Names stay.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Embed, and show where another model disagrees, but answer as before. What was embedded is kept for "
            "the run that moves.",
        ),
    ] = False,
    back: Annotated[
        bool, typer.Option("--back", help="Go back to the model before, whose vectors are kept: only new faces wait.")
    ] = False,
    forget_old: Annotated[
        bool,
        typer.Option("--forget-old", help="Delete the vectors that are kept for --back or from --dry-run, no more."),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, show_default=False, help="Photos at once; else a core each."),
    ] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Embed each face from more crops, for twice the time.")
    ] = False,
    max_megapixels: MegapixelsOption = None,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed all faces of a gallery anew, by the models and settings of this version, or by another model.

    A gallery that an earlier version made goes on as it is; this moves it. Faces stay where they were found and keep
    their names; to look for more faces in known photos, use index --reprocess afterwards.

    The gallery can be used all the while. It answers as before until the last face is done, then by the new vectors.
    Ctrl-C stops it; run it again to go on. Where a photo is gone or cannot be read, it is listed and nothing moves. A
    gallery that was made with --thorough goes back to two crops a face, unless --thorough is said here too.

    With --model it moves to another model. Before it does, it is shown where the two disagree about the faces that have
    names, by how near one in a thousand pairs of strangers is for each; for this both must be calibrated. The old
    vectors stay, for --back, until the gallery moves on or --forget-old.

    Examples:
      facesearch reindex
      facesearch reindex --thorough                   embed each face from more crops
      facesearch reindex --drop-missing               do without the photos that are gone
      facesearch reindex --model school --dry-run     see first what would change
      facesearch reindex --back
    """
    _refuse_what_has_no_meaning(context)
    found: list[Comparison] = []

    def compared(one: "Comparison") -> None:
        found.append(one)
        if not as_json:
            _show_comparison(one)

    with (
        open_gallery(
            gallery,
            weights=weights,
            engine=engine,
            model=None if back or forget_old else model,
            max_megapixels=max_megapixels,
            thorough=thorough,
            device=device,
        ) as opened,
        bar() as shown,
    ):
        if forget_old:
            gone = opened.forget_old_vectors()
            report = None
        else:
            report = opened.reindex(
                jobs=jobs, drop_missing=drop_missing, dry_run=dry_run, back=back, compared=compared, progress=shown
            )
    if report is None:
        if as_json:
            emit({"forgotten": gone})
        else:
            say(f"{plural(gone, 'old vector')} deleted")
        return
    if as_json:
        emit({**reindex_document(report), "comparison": asdict(found[0]) if found else None})
    else:
        _show(report)
    if report.interrupted:
        complain("interrupted; what is done is kept")
        hint("run the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    if not report.switched and not dry_run:
        complain("nothing was moved: the gallery answers as before")
        hint("bring these photos back, or prune them (index --prune), or do without them: reindex --drop-missing")
        raise typer.Exit(ERROR)


def _refuse_what_has_no_meaning(context: typer.Context) -> None:
    """See ``_ALONE``.

    Raises:
        ConfigError: options were given that exclude each other.
    """
    given = [f"--{name}".replace("_", "-") for name in context.params if _was_given(context, name)]
    modes = [option for option in _ALONE if option in given]
    if len(modes) > 1:
        raise ConfigError(f"{' and '.join(modes)} exclude each other", hint="give one of them")
    for mode in modes:
        names, why = _ALONE[mode]
        unfit = [option for option in given if option[2:].replace("-", "_") in names]
        if unfit:
            raise ConfigError(f"{mode} {why}, so {' and '.join(unfit)} cannot be meant", hint="give one or the other")


def _was_given(context: typer.Context, name: str) -> bool:
    """Whether an option was said with the command, and not by the environment or nobody."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _show(report: "ReindexReport") -> None:
    moved = f"; the gallery answers by recipe {report.recipe}" if report.switched else ""
    dropped = f", {report.dropped:,} dropped" if report.dropped else ""
    failed = f", {plural(len(report.failed), 'photo')} failed" if report.failed else ""
    say(f"{plural(report.faces, 'face')} embedded anew{dropped}{failed}{moved}")
    labelled(FAILED, [(short(failure.path), failure.error) for failure in report.failed])
    if report.boxes_by is not None:
        say(f"the boxes are still those of {report.boxes_by}: facesearch index --reprocess PHOTOS finds them anew")


def _show_comparison(found: "Comparison") -> None:
    """Where two models disagree, before the gallery moves."""
    limits = f"{found.thresholds[0]:.2f} and {found.thresholds[1]:.2f}"
    left_out = f"; {found.left_out:,} more not looked at" if found.left_out else ""
    say(f"{plural(found.faces, 'named face')} by {found.before} and by {found.after}, near below {limits}{left_out}")
    columns(
        [
            ("  one person", f"{found.joined:,} pairs come near", f"{found.split:,} go apart", f"of {found.same:,}"),
            (
                "  two people",
                f"{found.mixed:,} pairs come near",
                f"{found.parted:,} go apart",
                f"of {found.others:,}",
            ),
        ]
    )
    if found.people:
        say()
        table(
            ("most changed", "faces", "own: near", "apart", "others: near", "apart"),
            [
                (one.name, *(f"{n:,}" for n in (one.faces, one.joined, one.split, one.mixed, one.parted)))
                for one in found.people[:MOST_LISTED]
            ],
            right=range(1, 6),
        )
        if len(found.people) > MOST_LISTED:
            say((f"and {len(found.people) - MOST_LISTED:,} more people; --json has all", "dim"))
    say()
