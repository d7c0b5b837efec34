"""Front ends with an embedder that the user added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.embedding.onnx import FORM, OnnxEmbedder
from facesearch.errors import ConfigError, ModelError
from facesearch.models import local
from facesearch.models.device import PROVIDERS
from facesearch.models.registry import DEFAULT_EMBEDDER, MODELS
from facesearch.models.runtime import Network, cores, resolve_device
from facesearch.pipeline.front_end import FrontEnd
from facesearch.pipeline.scope import detector_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.images.align import CropSettings
    from facesearch.models.local import LocalModel
    from facesearch.pipeline.scope import Engine, Scope
    from facesearch.types import Recipe


def is_own(recipe: Recipe) -> bool:
    """Whether the embedder of a recipe is one that the user added."""
    return dict(recipe.settings).get("embedder_form") == FORM


def embedder_of(recipe: Recipe) -> str:
    """The name of the embedder of a recipe, as ``--model`` takes it."""
    return recipe.model if is_own(recipe) else recipe.model.removesuffix("-reference")


def embedder_named(name: str) -> LocalModel:
    """The embedder of this name that the user added.

    Raises:
        ModelError: there is none.
    """
    if name in MODELS and name != DEFAULT_EMBEDDER:
        raise ModelError(name, f"is a {MODELS[name].kind}, no embedder", hint="the list: facesearch models")
    return local.find(name)


def assemble_own(
    model: LocalModel,
    crops: tuple[CropSettings, ...],
    engine: Engine,
    scope: Scope,
    tell: Callable[[str], None],
) -> FrontEnd:
    """The detector with an embedder that the user added.

    Raises:
        ConfigError: the reference engine was asked for, or a device that is not there.
        ModelError: the network is not the one that was added, or the detector cannot be had.
    """
    if engine != "onnx":
        raise ConfigError(f"the {engine} engine knows FaceNet only", hint="leave --engine out, or --model")
    path = local.checked(model)
    count = scope.threads or cores()
    device = resolve_device(scope.device, tell)
    detector = detector_for(scope, threads=count, device=device, tell=tell)
    again = f"add it again: facesearch models add FILE --name {model.name} --replace"
    embedder = OnnxEmbedder(model, Network(model.name, path, threads=count, device=device, hint=again))
    alone = PROVIDERS[device].in_turn
    return FrontEnd(detector, embedder, crops=crops, max_megapixels=scope.max_megapixels, alone=alone)
