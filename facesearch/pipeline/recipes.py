"""Which front end a recipe stands for: today's, or an older one that a gallery was made by."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, get_args

from facesearch.errors import ConfigError
from facesearch.images.align import DEFAULT_CROPS, THOROUGH_CROPS, CropSettings, crops_for
from facesearch.models import local
from facesearch.models.device import PROVIDERS
from facesearch.models.registry import DEFAULT_EMBEDDER, model_info
from facesearch.models.runtime import cores, precision_for, resolve_device
from facesearch.pipeline.extra import EXTRA, assemble_extra, extra_again
from facesearch.pipeline.front_end import REVISION, FrontEnd
from facesearch.pipeline.own import assemble_own, embedder_named, embedder_of, is_own
from facesearch.pipeline.scope import USUAL, Engine, Scope, detector_for, looked_for, with_detector_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.models.local import LocalModel
    from facesearch.models.runtime import Precision
    from facesearch.types import Recipe

ENGINES: tuple[Engine, ...] = get_args(Engine)

_SAME_VECTORS = {1, REVISION}
"""Revisions whose vectors of a given box this version still makes. Revision 1 knew no faces that lie on their side, and
cut the small faces of photos of more than 2,560 pixels from a reduced picture: those come out a little sharper now."""

_SAID_BY_ALL = {"embedder_standardization": "per-image"}
"""What is the same in every recipe that this version makes."""


def make_front_end(
    *,
    engine: Engine = "onnx",
    model: str | LocalModel | None = None,
    scope: Scope = USUAL,
    tell: Callable[[str], None] = lambda _: None,
) -> FrontEnd:
    """The front end with the default models, or with another embedder; fetches what is missing.

    Args:
        engine: "onnx", or "reference" for the ``mtcnn`` package and Keras themselves.
        model: the embedder: a built-in one, or one that the user added; None for FaceNet.
        scope: which faces are looked for. ``thorough`` also embeds each face from more crops.
        tell: takes a line of progress while models are fetched.

    Raises:
        ConfigError: there is no such engine, or no such device.
        ModelError: there is no such embedder, or the models cannot be had.
    """
    if engine not in ENGINES:
        raise ConfigError(f"no engine {engine!r}", hint=f"engines: {', '.join(ENGINES)}")
    if isinstance(model, str) and model in EXTRA:
        return assemble_extra(model, engine, scope, tell)
    if model not in (None, DEFAULT_EMBEDDER):
        own = embedder_named(model) if isinstance(model, str) else model
        return assemble_own(own, crops_for(own.align, thorough=scope.thorough), engine, scope, tell)
    crops = THOROUGH_CROPS if scope.thorough else DEFAULT_CROPS
    return _assemble(engine, None, crops, scope, tell)


def front_end_for(
    recipe: Recipe,
    *,
    engine: Engine = "onnx",
    model: str | None = None,
    scope: Scope = USUAL,
    tell: Callable[[str], None] = lambda _: None,
) -> FrontEnd:
    """The front end that makes vectors of a recipe, which an earlier version may have written.

    Args:
        recipe: as a gallery holds it.
        engine: what was asked for; "reference" is refused for a recipe of the other engine.
        model: the embedder that was asked for; refused for a recipe of another one.
        scope: which faces are looked for.
        tell: takes a line of progress while models are fetched.

    Raises:
        ConfigError: this version cannot make them.
        ModelError: the models cannot be had, were removed or replaced.
    """
    if model not in (None, embedder_of(recipe)):
        raise ConfigError(
            f"this gallery was made with the model {embedder_of(recipe)}, not with {model}",
            hint="leave --model (and FACESEARCH_MODEL) out, or embed its faces anew: "
            f"facesearch reindex --model {model}",
        )
    scope = with_detector_of(recipe, scope)
    if is_own(recipe):
        return _own_again(recipe, engine, scope, tell)
    if recipe.model in EXTRA:
        again = extra_again(recipe, engine, scope, tell)
        if again is None:
            raise _unknown(recipe)
        return again
    made_by, precision, crops = _read(recipe)
    if engine == "reference" and made_by != engine:
        raise ConfigError(
            f"this gallery was made with other models or settings: by --engine {made_by}",
            hint="leave --engine out, or embed its faces anew: facesearch reindex --engine reference",
        )
    if crops not in (DEFAULT_CROPS, THOROUGH_CROPS):
        tell(
            f"this gallery goes on with the recipe it was made by ({recipe.key[:8]}); "
            "facesearch reindex moves it to this version's"
        )
    made = _assemble(made_by, precision, crops, scope, tell, recipe)
    # Another detector or threshold than ours is another recipe too; revision 1 wrote some names otherwise.
    own = dict(made.own_recipe().settings)
    said = {name: value for name, value in recipe.settings if name in own and name != "revision"}
    if any(own[name] != value for name, value in said.items()):
        raise _unknown(recipe)
    return made


def _own_again(recipe: Recipe, engine: Engine, scope: Scope, tell: Callable[[str], None]) -> FrontEnd:
    settings = dict(recipe.settings)
    own = local.behind(recipe)
    try:
        crops = [_crop(settings, prefix) for prefix in _numbered(settings)]
    except (TypeError, ValueError) as exc:
        raise _unknown(recipe) from exc
    made = assemble_own(own, tuple(crops), engine, scope, tell)
    if made.recipe != recipe:
        raise _unknown(recipe)
    return made


def _assemble(
    engine: Engine,
    precision: Precision | None,
    crops: tuple[CropSettings, ...],
    scope: Scope,
    tell: Callable[[str], None],
    recipe: Recipe | None = None,
) -> FrontEnd:
    from facesearch.models import export

    limit = scope.max_megapixels
    if engine == "reference":
        if scope.device not in ("auto", "cpu"):
            raise ConfigError("the reference engine runs on the processor only", hint="leave --device out")
        from facesearch.detection.reference import ReferenceDetector
        from facesearch.embedding.reference import ReferenceEmbedder

        keras = ReferenceEmbedder(export.keras_weights(tell))
        finds = scope.detector or ReferenceDetector(looked_for(scope))
        return FrontEnd(finds, keras, crops=crops, max_megapixels=limit, recipe=recipe)
    from facesearch.embedding.facenet import FacenetEmbedder

    count = scope.threads or cores()
    device = resolve_device(scope.device, tell)
    precision = precision or precision_for(device)
    # The 8-bit graph is made for the processor's kernels.
    where = device if precision == "fp32" else "cpu"
    if where != device:
        tell(f"{device} finds the faces, but this gallery's recipe embeds them in 8 bits, on the processor")
    network = export.facenet_network(threads=count, tell=tell, precision=precision, device=where)
    detector = detector_for(scope, threads=count, device=device, tell=tell)
    embedder = FacenetEmbedder(network, precision=precision)
    alone = PROVIDERS[device].in_turn
    return FrontEnd(detector, embedder, crops=crops, max_megapixels=limit, recipe=recipe, alone=alone)


def _read(recipe: Recipe) -> tuple[Engine, Precision, tuple[CropSettings, ...]]:
    """What a recipe says: engine, precision and crops."""
    settings = dict(recipe.settings)
    info = model_info(DEFAULT_EMBEDDER)
    engine: Engine = "reference" if recipe.model == f"{info.name}-reference" else "onnx"
    precision: Precision = "int8" if settings.get("embedder_precision") == "int8" else "fp32"
    if (
        recipe.model not in (info.name, f"{info.name}-reference")
        or settings.get("embedder_weights") != info.assets[0].sha256
        or settings.get("revision") not in _SAME_VECTORS
        or any(settings.get(name) != value for name, value in _SAID_BY_ALL.items())
        or settings.get("embedder_precision") not in ("fp32", "int8", "fp32-keras")
    ):
        raise _unknown(recipe)
    # Revision 1 knew one crop, and a mirror image that belonged to the embedder.
    prefixes = ["crop_"] if settings["revision"] == 1 else _numbered(settings)
    try:
        crops = [_crop(settings, prefix) for prefix in prefixes]
    except (TypeError, ValueError) as exc:
        raise _unknown(recipe) from exc
    if settings.get("embedder_mirror"):
        crops.append(_crop({**settings, "crop_mirror": True}, "crop_"))
    if not crops:
        raise _unknown(recipe)
    return engine, precision, tuple(crops)


def _numbered(settings: dict[str, str | int | float | bool]) -> list[str]:
    """The prefixes crop1_, crop2_ and so on that occur."""
    found = {name.split("_")[0] for name in settings if name.startswith("crop")}
    return [f"crop{place}_" for place in range(1, len(found) + 1)]


def _crop(settings: dict[str, str | int | float | bool], prefix: str) -> CropSettings:
    said = {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}
    if not said or set(said) - {one.name for one in fields(CropSettings)}:
        raise ValueError(f"no crop: {said}")
    return CropSettings(**said)  # type: ignore[arg-type]


def _unknown(recipe: Recipe) -> ConfigError:
    return ConfigError(
        f"this gallery was made with models or settings that this version does not know (recipe {recipe.key})",
        hint="move it to this version's: facesearch reindex",
    )
