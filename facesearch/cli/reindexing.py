"""``reindex``: a gallery moves to other models or settings."""

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
    WeightsOption,
)
from facesearch.cli.output import FAILED, complain, emit, hint, labelled, plural, say
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import open_gallery

if TYPE_CHECKING:
    from facesearch.types import ReindexReport


def reindex(
    *,
    drop_missing: Annotated[
        bool,
        typer.Option(
            "--drop-missing",
            help="Move although some photos cannot be read: their faces are not found any more until index comes upon "
            "the photos again. Names stay.",
        ),
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
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed all faces of a gallery anew, by the models and settings of this version.

    A gallery that an earlier version made goes on as it is; this moves it. Faces stay where they were found and keep
    their names; to look for more faces in known photos, use index --reprocess afterwards.

    The gallery can be used all the while. It answers as before until the last face is done, then by the new vectors.
    Ctrl-C stops it; run it again to go on. Where a photo is gone or cannot be read, it is listed and nothing moves. A
    gallery that was made with --thorough goes back to two crops a face, unless --thorough is said here too.

    Examples:
      facesearch reindex
      facesearch reindex --thorough          embed each face from more crops
      facesearch reindex --drop-missing      do without the photos that are gone
    """
    with (
        open_gallery(
            gallery, weights=weights, engine=engine, max_megapixels=max_megapixels, thorough=thorough, device=device
        ) as opened,
        bar() as shown,
    ):
        report = opened.reindex(jobs=jobs, drop_missing=drop_missing, progress=shown)
    if as_json:
        emit(reindex_document(report))
    else:
        _show(report)
    if report.interrupted:
        complain("interrupted; what is done is kept")
        hint("run the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    if not report.switched:
        complain("nothing was moved: the gallery answers as before")
        hint("bring these photos back, or prune them (index --prune), or do without them: reindex --drop-missing")
        raise typer.Exit(ERROR)


def _show(report: "ReindexReport") -> None:
    moved = f"; the gallery answers by recipe {report.recipe}" if report.switched else ""
    dropped = f", {report.dropped:,} dropped" if report.dropped else ""
    failed = f", {plural(len(report.failed), 'photo')} failed" if report.failed else ""
    say(f"{plural(report.faces, 'face')} embedded anew{dropped}{failed}{moved}")
    labelled(FAILED, [(short(failure.path), failure.error) for failure in report.failed])
