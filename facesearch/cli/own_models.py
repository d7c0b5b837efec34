"""``models add``, ``calibrate``, ``show`` and ``remove``: networks of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facesearch.cli.documents import own_model_document
from facesearch.cli.models import show_model
from facesearch.cli.options import DeviceOption, GalleryOption, JsonOption, MegapixelsOption
from facesearch.cli.output import columns, emit, hint, plural, say, tell, warn
from facesearch.cli.progress import bar
from facesearch.errors import ConfigError, ModelError, NotFoundError

if TYPE_CHECKING:
    from facesearch.evaluation.calibration import CalibrationReport
    from facesearch.evaluation.own_model import Known
    from facesearch.models.local import LocalModel
    from facesearch.pipeline import Scope

NameOption = Annotated[str, typer.Option("--name", metavar="NAME", show_default=False, help="What to call it.")]
NAME = typer.Argument(metavar="NAME", show_default=False, help="The name of a model.")
ImagesOption = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", show_default=False, help="The folder of the photos that --pairs names."),
]
PairsOption = Annotated[
    Path | None,
    typer.Option(
        "--pairs", metavar="FILE", show_default=False, help="Measure on the photos of this list: LFW's pairs.txt, CSV."
    ),
]
DataOption = Annotated[
    str | None,
    typer.Option("--data", metavar="TEXT", show_default=False, help="What the photos are; else the folder's name."),
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", metavar="N", min=1, show_default=False, help="Photos at once; else a core each.")
]


def add_model(
    file: Annotated[Path, typer.Argument(metavar="FILE.onnx", show_default=False, help="The network.")],
    *,
    name: NameOption,
    align: Annotated[
        Literal["box", "eyes", "arcface"],
        typer.Option(
            "--align",
            help="How it wants faces cut out: box is the detector's box, as FaceNet; eyes is that with the eyes always "
            "level; arcface puts eyes, nose and mouth where InsightFace's networks want them.",
        ),
    ] = "box",
    standardize: Annotated[
        Literal["per-image", "fixed", "none"],
        typer.Option(
            "--standardize",
            help="What pixels become: per-image has mean 0 and deviation 1, as FaceNet; fixed is (x - 127.5) / 128; "
            "none is 0 to 255.",
        ),
    ] = "per-image",
    color: Annotated[Literal["rgb", "bgr"], typer.Option("--color", help="The order of the colours.")] = "rgb",
    size: Annotated[
        int | None,
        typer.Option(
            "--size", metavar="PIXELS", min=8, max=1024, show_default=False, help="Side of its input, if FILE is open."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="NAME", show_default=False, help="Which output is the embedding, of several."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="TEXT", show_default=False, help="Under which it may be used.")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", show_default=False, help="What it is.")
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            "--calibrate", metavar="DIR", show_default=False, help="Measure on these photos, a folder a person."
        ),
    ] = None,
    pairs: PairsOption = None,
    images: ImagesOption = None,
    data: DataOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a model of this name.")] = False,
    jobs: JobsOption = None,
    max_megapixels: MegapixelsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Add a network of your own: from then on --model NAME is it, everywhere.

    FILE.onnx takes one picture of a face, (n, 3, size, size) or (n, size, size, 3), and gives a vector, of any length.
    It is run once to see whether it does. It is copied; FILE is not needed afterwards.

    Which of its distances are one person's must be measured, on photos of 100 people or more, some hundred to be of
    use, that it did not learn from. Without that verify, who, search and cluster need a --threshold. What
    --standardize, --color and --align have to be, nothing can tell: ask whoever trained it, and compare with
    `facesearch evaluate verification --model NAME`.

    Examples:
      facesearch models add model/model.onnx --name school --calibrate people/
      facesearch models add w600k.onnx --name arc --align arcface --standardize fixed --calibrate people/
      facesearch index ~/Pictures --model school
    """
    known = _known(calibrate, pairs, images, data)
    from facesearch.evaluation import own_model
    from facesearch.pipeline.adding import Wishes

    wishes = Wishes(name, align, standardize, color, size, output, title, licence)
    with bar() as shown:
        told = own_model.Told(shown, tell)
        model, report = own_model.add(
            file, wishes, known, replacing=replace, scope=_scope(device, max_megapixels), jobs=jobs, told=told
        )
    _done(model, report, as_json=as_json)
    if not model.calibrated and not as_json:
        hint(f"measure it, so that it can decide: facesearch models calibrate {name} DIR")


def calibrate_model(
    name: Annotated[str, NAME],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", show_default=False, help="Photos, a folder a person.")
    ] = None,
    *,
    pairs: PairsOption = None,
    images: ImagesOption = None,
    data: DataOption = None,
    jobs: JobsOption = None,
    max_megapixels: MegapixelsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Measure which distances of your own network are one person's, on photos of known people.

    Every photo is compared with every other, as it was for FaceNet, be they a folder a person or those of a list of
    pairs. `facesearch evaluate calibration --model NAME` also checks how well what it says holds for other people.

    Examples:
      facesearch models calibrate school people/
      facesearch models calibrate arc --pairs pairs.txt --images lfw/
    """
    known = _known(folder, pairs, images, data)
    if known is None:
        raise ConfigError("there is nothing to measure on", hint="give a folder that holds one folder a person")
    from facesearch.evaluation import own_model

    with bar() as shown:
        told = own_model.Told(shown, tell)
        model, report = own_model.calibrate(name, known, scope=_scope(device, max_megapixels), jobs=jobs, told=told)
    _done(model, report, as_json=as_json)


def show_one(name: Annotated[str, NAME], *, as_json: JsonOption = False) -> None:
    """Tell all that is known of a model.

    Example:
      facesearch models show facenet-128
    """
    show_model(name, as_json=as_json)


def remove_model(
    name: Annotated[str, NAME],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Also where the gallery was made with it.")] = False,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a network that you added.

    A gallery that was made with it keeps its names and faces, but answers about no photo until the same file is added
    again or the gallery is moved by reindex. Your default gallery, or the one of --gallery, is asked.

    Example:
      facesearch models remove school
    """
    from facesearch.models import local
    from facesearch.models.registry import MODELS

    if name in MODELS:
        raise ConfigError(f"{name} is a built-in model, and stays", hint="facesearch models lists which ones are yours")
    local.check_name(name)
    sha256 = None
    try:
        sha256 = local.find(name).sha256
    except ModelError as error:
        # What cannot be read can be removed all the same.
        if name not in local.names():
            raise
        warn(f"{name} {error.message}")
    used = _uses(name, gallery)
    if used and not yes:
        raise ConfigError(
            f"the gallery {used} was made with the model {name}",
            hint="move it first: facesearch reindex --model facenet-128; or remove the model all the same: --yes",
        )
    local.remove(name)
    if as_json:
        emit({"removed": name, "sha256": sha256, "gallery": used})
        return
    say(f"{name} is removed")
    if used:
        warn(f"the gallery {used} was made with it and answers about no photo now")


def _known(folder: Path | None, pairs: Path | None, images: Path | None, data: str | None) -> "Known | None":
    """The photos to measure on, or None where none are named."""
    if folder is not None and pairs is not None:
        raise ConfigError("a folder of people and --pairs exclude each other", hint="give one of them")
    if (pairs is None) != (images is None):
        raise ConfigError("--pairs and --images go together", hint="--pairs FILE --images DIR")
    source = folder if folder is not None else images
    if source is None:
        return None
    from facesearch.evaluation.own_model import known_people

    return known_people(source.expanduser(), None if pairs is None else pairs.expanduser(), data)


def _scope(device: str, max_megapixels: float | None) -> "Scope":
    from facesearch.images.load import MAX_MEGAPIXELS
    from facesearch.pipeline import Scope

    return Scope(device=device, max_megapixels=MAX_MEGAPIXELS if max_megapixels is None else max_megapixels)


def _uses(name: str, gallery: str | None) -> str | None:
    """The place of the gallery where its vectors are of this model, else None; one that is not there uses none."""
    from facesearch.gallery.gallery import Gallery

    try:
        with Gallery.open(gallery, create=False) as opened:
            used, place = opened.model == name, opened.place
    except NotFoundError:
        if gallery is not None:
            raise
        return None
    return place if used else None


def _done(model: "LocalModel", report: "CalibrationReport | None", *, as_json: bool) -> None:
    from facesearch.identify.calibration import built_in

    found = built_in(model.name) if model.calibrated else None
    if as_json:
        emit({**own_model_document(model, found), "left_out": report.left_out if report else 0})
        return
    if report is not None and report.left_out:
        warn(f"{plural(report.left_out, 'photo')} without a face or unreadable, left out")
    rows = [("numbers a face", str(model.dim)), ("input", f"{model.size} × {model.size}, {model.layout}")]
    if found is not None:
        made, at = found.provenance, found.threshold(1e-3)
        rows += [
            ("measured on", f"{plural(made.photos, 'photo')} of {made.people:,} people"),
            ("", f"1 in 1,000 pairs of strangers is nearer than {at:.2f}, {found.tar(at):.1%} of those of one person"),
        ]
    else:
        rows.append(("not measured", "verify, who, search and cluster need --threshold"))
    say((model.name, "bold"), f"  is there: --model {model.name}")
    columns([(f"  {label}", text) for label, text in rows])
