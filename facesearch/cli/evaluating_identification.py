"""``evaluate identification``: how often people are named rightly, and strangers not at all."""

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
from facesearch.cli.output import columns, emit, plural, say, table, tell, warn
from facesearch.cli.places import short
from facesearch.cli.progress import bar
from facesearch.cli.session import front_end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.cli.output import Cell
    from facesearch.evaluation.identification import IdentificationReport, MethodReport, Setting
    from facesearch.evaluation.outcomes import Share, Spread

_LABELS = {"knn": "k-NN", "svm": "SVM"}
_HEADS = ("", "per probe", "95 % interval", "least to most", "per person", "95 % interval", "threshold")


def identification(
    *,
    images: Annotated[
        Path, typer.Option("--images", metavar="DIR", show_default=False, help="The photos, a folder a person.")
    ],
    enrol: Annotated[int, typer.Option("--enrol", metavar="N", min=1, help="Random photos that a person gets.")] = 3,
    least: Annotated[
        int, typer.Option("--least", metavar="N", min=2, help="Enrol people with so many photos; others are strangers.")
    ] = 4,
    draws: Annotated[int, typer.Option("--draws", metavar="N", min=1, help="Random enrolments.")] = 20,
    strangers: Annotated[
        float,
        typer.Option("--strangers", metavar="SHARE", min=0, max=0.99, help="Leave this share of people out, too."),
    ] = 0.0,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Enrol all photos but the one that is asked about.")
    ] = False,
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", metavar="FILE", show_default=False, help="Enrol these photos, a CSV: path,person."),
    ] = None,
    probes: Annotated[
        Path | None,
        typer.Option("--probes", metavar="FILE", show_default=False, help="Ask about these: path,person or path."),
    ] = None,
    halves: Annotated[
        bool,
        typer.Option("--halves", help="Measure on one half of the people, too, at thresholds from the other half."),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Decides all that is random.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", show_default=False, help="Draw CMC and DET there.")
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
    """Enrol people and ask who is in their other photos, and in photos of strangers.

    Detects, crops and embeds as who does, and takes the large face nearest to the middle. The terms are those of NIST's
    FRVT 1:N. FPIR is how often a stranger's photo gets any name, DIR how often an enrolled person's photo gets the
    right one. DIR at a FPIR takes the threshold that lets so many of these very strangers through; "as who does it"
    takes the threshold of who --fpir 0.01, which knows none of them. Where no face is found nobody is named.

    By default everybody with 4 photos is enrolled with 3 random ones; their other photos are asked about, and all
    photos of everybody else. Near-duplicates of an enrolled photo are not asked about, and with --leave-one-out they
    are no evidence for each other. Intervals hold for 95 %, and least and most are over the random enrolments.

    With --gallery and --probes you choose. Without a column person, a photo's folder names its person; who is not
    enrolled is a stranger.

    Examples:
      facesearch evaluate identification --images lfw/ --output report/
      facesearch evaluate identification --images lfw/ --enrol 1 --least 2 --strangers 0.2
      facesearch evaluate identification --images lfw/ --halves --json
      facesearch evaluate identification --images lfw/ --leave-one-out
      facesearch evaluate identification --images album/ --gallery enrolled.csv --probes asked.csv
    """
    if (gallery is None) != (probes is None):
        raise typer.BadParameter("--gallery and --probes go together")
    if gallery is not None and (leave_one_out or halves or strangers):
        raise typer.BadParameter("--gallery and --probes leave nothing to --leave-one-out, --halves or --strangers")
    from facesearch.evaluation.identification import evaluate as measure
    from facesearch.evaluation.protocols import Plan

    plan = Plan(enrol, least, draws, strangers, leave_one_out, halves, seed)
    plan.check()
    front_end = front_end_of(
        weights=weights,
        engine=engine,
        model=model,
        max_megapixels=max_megapixels,
        min_face=min_face,
        thorough=thorough,
        device=device,
    )
    lists = None if gallery is None or probes is None else (gallery, probes)
    with bar() as shown:
        report = measure(images, front_end, plan, lists=lists, jobs=jobs, progress=shown, step=_step)
    pictures: Sequence[Path] = ()
    if output is not None:
        from facesearch.evaluation.pictures_identification import draw_report

        pictures = draw_report(report, output)
    if as_json:
        emit(_document(report, pictures))
    else:
        _show(report, images, pictures)


def _step(done: int, total: int) -> None:
    """Say from time to time how far it is: training takes a second or two a draw."""
    if total > 1 and done % 10 == 0 and done < total:
        tell(f"enrolling and asking, {done + 1} of {total}")


def _show(report: "IdentificationReport", images: Path, pictures: "Sequence[Path]") -> None:
    say(
        f"{plural(report.enrolled, 'person', 'people')} enrolled, {plural(report.draws, 'enrolment')}; "
        f"{plural(report.probes, 'probe')} of them, {report.strangers:,} of "
        f"{plural(report.strangers_people, 'stranger')}; {report.seconds:.0f} s"
    )
    if report.near_duplicates:
        aside = f"; {report.set_aside:,} an enrolment are not asked about, as theirs is enrolled"
        copies = f"{plural(report.near_duplicates, 'photo')} with a near-duplicate of the same person"
        say(copies + (aside if report.set_aside else ""))
    say()
    table(_HEADS, [row for found in report.methods for row in _rates(found)])
    for point in report.methods[0].points:
        if point.reason:
            say(f"no DIR at FPIR {point.fpir:g}: {point.reason}")
    _show_settings(report)
    _show_photos(report, images)
    if report.recipe is not None:
        say(("recipe", "dim"), f"  {report.recipe.key}  {report.recipe.model}")
    for picture in pictures:
        say(("picture", "dim"), f"  {short(picture)}")


def _rates(found: "MethodReport") -> "list[tuple[Cell, ...]]":
    """The lines of one method: ranks, and DIR at each FPIR."""
    label = _LABELS[found.method]
    ranks = [_row(f"{label}  rank 1", found.rank1), _row(f"{label}  rank 5", found.rank5)]
    rates = [
        _row(f"{label}  DIR at FPIR {point.fpir:g}", point.dir, f"{point.threshold.mean:.3f}")
        for point in found.points
        if point.dir is not None and point.threshold is not None
    ]
    return [*ranks, *rates]


def _row(name: str, share: "Share", threshold: str = "") -> "tuple[Cell, ...]":
    probe, person = share.per_probe, share.per_person
    return (
        name,
        f"{probe.mean:.4f}",
        f"{probe.low:.4f} to {probe.high:.4f}",
        f"{probe.least:.4f} to {probe.most:.4f}",
        f"{person.mean:.4f}",
        f"{person.low:.4f} to {person.high:.4f}",
        threshold,
    )


def _show_settings(report: "IdentificationReport") -> None:
    """What happens at thresholds that were set without these strangers."""
    if report.product_reason:
        warn(f"who's own threshold was not tried: {report.product_reason}")
    parts = (
        ("as who does it", [(found, found.product) for found in report.methods if found.product]),
        (
            "thresholds from one half of the people, measured on the other",
            [(found, setting) for found in report.methods for setting in found.halves],
        ),
    )
    for title, settings in parts:
        if settings:
            say()
            say((title, "bold"))
            table(_HEADS, [row for found, setting in settings for row in _setting(found, setting)])


def _setting(found: "MethodReport", setting: "Setting") -> "list[tuple[Cell, ...]]":
    name, threshold = f"{_LABELS[found.method]}  --fpir {setting.promised:g}", f"{setting.threshold[0]:.3f}"
    rows = [_row(f"{name}  DIR", setting.dir, threshold)]
    return [_row(f"{name}  strangers named", setting.named, threshold), *rows] if setting.named else rows


def _show_photos(report: "IdentificationReport", images: Path) -> None:
    say()
    if not report.no_face and not report.failed:
        return
    base = [images.expanduser().resolve(), images]
    say(f"{plural(len(report.no_face), 'photo')} without a face, {len(report.failed):,} failed")
    lost = [("no face", short(path, base), "") for path in report.no_face]
    columns([*lost, *(("failed", short(failure.path, base), failure.error) for failure in report.failed)])


def _document(report: "IdentificationReport", pictures: "Sequence[Path]") -> "Document":
    """The keys of design.md, section 8, and more; ``rank1`` and ``rank5`` are those of k-NN."""
    first = report.methods[0]
    return {
        "probes": report.probes,
        "strangers": report.strangers,
        "rank1": first.rank1.per_probe.mean,
        "rank5": first.rank5.per_probe.mean,
        "dir": {found.method: _means(found, per_person=False) for found in report.methods},
        "dir_per_person": {found.method: _means(found, per_person=True) for found in report.methods},
        "reasons": {f"{point.fpir:g}": point.reason for point in first.points if point.reason},
        "methods": {found.method: _method(found) for found in report.methods},
        "product_reason": report.product_reason,
        "draws": report.draws,
        "people": report.people,
        "enrolled": report.enrolled,
        "strangers_people": report.strangers_people,
        "near_duplicates": report.near_duplicates,
        "set_aside": report.set_aside,
        "photos": report.photos,
        "no_face": len(report.no_face),
        "no_face_photos": list(report.no_face),
        "failed": failures(report.failed),
        "recipe": {"key": report.recipe.key, "model": report.recipe.model} if report.recipe else None,
        "pictures": [str(picture) for picture in pictures],
        "seconds": report.seconds,
    }


def _means(found: "MethodReport", *, per_person: bool) -> "Document":
    shares = {f"{point.fpir:g}": point.dir for point in found.points}
    return {
        fpir: None if share is None else (share.per_person if per_person else share.per_probe).mean
        for fpir, share in shares.items()
    }


def _method(found: "MethodReport") -> "Document":
    return {
        "rank1": _share(found.rank1),
        "rank5": _share(found.rank5),
        "dir": {f"{point.fpir:g}": _share(point.dir) for point in found.points},
        "thresholds": {f"{point.fpir:g}": _spread(point.threshold) for point in found.points},
        "who": _setting_document(found.product) if found.product else None,
        "halves": {f"{setting.promised:g}": _setting_document(setting) for setting in found.halves},
        "cmc": found.cmc.tolist(),
        "det": [{"fpir": fpir, "fnir": fnir} for fpir, fnir in found.det],
    }


def _setting_document(setting: "Setting") -> "Document":
    mean, least, most = setting.threshold
    return {
        "fpir": setting.promised,
        "threshold": {"mean": mean, "least": least, "most": most},
        "strangers_named": _share(setting.named),
        "dir": _share(setting.dir),
    }


def _share(share: "Share | None") -> "Document | None":
    return None if share is None else {"per_probe": _spread(share.per_probe), "per_person": _spread(share.per_person)}


def _spread(spread: "Spread | None") -> "Document | None":
    if spread is None:
        return None
    return {
        "mean": spread.mean,
        "least": spread.least,
        "most": spread.most,
        "interval": [spread.low, spread.high],
    }
