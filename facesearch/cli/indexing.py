"""``index``: photos into the gallery."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facesearch.cli.documents import index_document
from facesearch.cli.guard import ERROR, INTERRUPTED
from facesearch.cli.options import (
    DeviceOption,
    EngineOption,
    GalleryOption,
    IndexKindOption,
    JsonOption,
    MegapixelsOption,
    MemoryBudgetOption,
    MinFaceOption,
    ModelOption,
    ThoroughOption,
    WeightsOption,
)
from facesearch.cli.output import FAILED, complain, emit, hint, labelled, plural, say
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import open_gallery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.gallery.gallery import Gallery
    from facesearch.types import IndexReport


def index(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", show_default=False, help="Photos, or folders with everything below.")
    ],
    *,
    people_from_folders: Annotated[
        bool,
        typer.Option(
            "--people-from-folders",
            help="Each folder below PATH is called like a person: enrol, in each of its photos, the face that fits.",
        ),
    ] = False,
    read_regions: Annotated[
        bool,
        typer.Option(
            "--read-regions",
            help="Take over names that other programs wrote on faces, in the photos or in sidecars, MWG's, Microsoft's "
            "and Picasa's; what you decided stays. Known photos are looked at too. Tried with exiftool; the others' "
            "formats are read after their documentation.",
        ),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Then forget photos whose files below PATH are gone; they are listed first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --prune: also where more than 20 % are gone.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, show_default=False, help="Photos at once; else a core each."),
    ] = None,
    runner: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--runner",
            help="What analyses photos: local is this machine; ray is a Ray cluster (facesearch[ray], on every node), "
            "whose workers must see the photos at the same paths. Everything is written from here.",
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            show_default=False,
            help="With --runner ray: the cluster. auto or HOST:6379 on a machine that belongs to it, ray://HOST:10001 "
            "on any other; else Ray is started on this machine alone.",
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try photos again that could not be read.")] = False,
    reprocess: Annotated[
        bool,
        typer.Option("--reprocess", help="Analyse known photos anew too, with another --min-face say; names stay."),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 if a photo could not be read.")] = False,
    min_face: MinFaceOption = None,
    thorough: ThoroughOption = False,
    max_megapixels: MegapixelsOption = None,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    index: IndexKindOption = None,
    memory_budget: MemoryBudgetOption = None,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the faces in your photos and remember them.

    What is known already is skipped, also when a file was moved or renamed, so run it as often as you like. Ctrl-C
    stops it; what is done is kept. A photo that cannot be read is listed at the end and stops nothing.

    Examples:
      facesearch index ~/Pictures
      facesearch index people/ --people-from-folders     with people/Ada/1.jpg, people/Bob/2.jpg …
      facesearch index ~/Pictures --prune                also forget deleted photos
      facesearch index /nas/photos --runner ray --address head:6379     on many machines
      facesearch index ~/Pictures --read-regions         names from digiKam, Lightroom, Windows or Picasa
    """
    with open_gallery(
        gallery,
        create=True,
        weights=weights,
        engine=engine,
        model=model,
        max_megapixels=max_megapixels,
        min_face=min_face,
        thorough=thorough,
        device=device,
        index=index,
        memory_budget=memory_budget,
    ) as opened:
        if prune:
            opened.missing(*paths)  # a folder that cannot be pruned is said before the work, not after it
        with bar() as shown:
            report = opened.index(
                *paths,
                people_from_folders=people_from_folders,
                read_regions=read_regions,
                jobs=jobs,
                runner=runner,
                address=address,
                retry=retry,
                reprocess=reprocess,
                progress=shown,
            )
        if not as_json:
            _show(report, _base(paths), rate=not shown.shown)
            if read_regions:
                _show_regions(report, _base(paths))
        missing: list[str] = []
        if prune and not report.interrupted:
            missing, pruned = _prune(opened, paths, yes=yes, quiet=as_json)
            report = replace(report, pruned=pruned)
        if as_json:
            emit(index_document(report, missing))
    if report.interrupted:
        complain("interrupted; what is done is kept")
        hint("run the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    if strict and report.failed:
        raise typer.Exit(ERROR)


def _base(paths: "Sequence[Path]") -> list[Path]:
    """The one folder that is indexed: paths are shown relative to it."""
    folders = [path.expanduser().resolve() for path in paths]
    return folders if len(folders) == 1 and folders[0].is_dir() else []


def _show(report: "IndexReport", base: "Sequence[Path]", *, rate: bool) -> None:
    worked = report.added + report.no_face + len(report.failed)
    if not worked and not report.skipped and not report.kept_out:
        say("no photos found" if not report.interrupted else "nothing was done yet")
        return
    if rate and worked:
        say(f"{plural(worked, 'photo')} in {report.seconds:.1f} s, {report.photos_per_second:.1f} photos/s")
    people = f", {report.people:,} people" if report.people != 1 else ", 1 person"
    say(
        f"{report.added:,} added, {report.skipped:,} unchanged, {report.no_face:,} without a face, "
        f"{len(report.failed):,} failed; {plural(report.faces, 'face')}{people if report.people else ''}"
    )
    if report.kept_out:
        say(f"kept out: {plural(report.kept_out, 'photo')} that {'was' if report.kept_out == 1 else 'were'} forgotten")
    labelled(("odd", "yellow"), [(short(remark.path, base), remark.warning) for remark in report.warnings])
    labelled(FAILED, [(short(failure.path, base), failure.error) for failure in report.failed])


def _show_regions(report: "IndexReport", base: "Sequence[Path]") -> None:
    say(
        f"{plural(report.named, 'face')} named from regions, {len(report.unplaced):,} without a face, "
        f"{len(report.conflicts):,} in conflict"
    )
    labelled("no face", [(short(remark.path, base), remark.warning) for remark in report.unplaced])
    labelled(("conflict", "yellow"), [(short(remark.path, base), remark.warning) for remark in report.conflicts])


def _prune(opened: "Gallery", paths: "Sequence[Path]", *, yes: bool, quiet: bool) -> tuple[list[str], int]:
    """List what is gone, then forget it."""
    missing = opened.missing(*paths)
    if not quiet:
        labelled("gone", [(short(path, _base(paths)),) for path in missing])
    pruned = opened.prune(*paths, yes=yes)
    if not quiet:
        say(f"{plural(len(missing), 'file')} gone, {plural(pruned, 'photo')} forgotten")
    return missing, pruned
