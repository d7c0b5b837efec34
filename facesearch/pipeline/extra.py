"""Front ends with the built-in embedders that need more than facesearch itself: dlib's, and its pair with FaceNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.errors import ConfigError
from facesearch.images.align import DEFAULT_CROPS, DLIB_CROPS, THOROUGH_CROPS
from facesearch.models.device import PROVIDERS
from facesearch.models.registry import DLIB, PAIR
from facesearch.models.runtime import cores, precision_for, resolve_device
from facesearch.pipeline.front_end import FrontEnd
from facesearch.pipeline.scope import detector_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.models.runtime import Precision
    from facesearch.pipeline.scope import Engine, Scope
    from facesearch.types import Recipe

EXTRA = (DLIB, PAIR)
"""The embedders that are made here."""

WEIGHT = 0.7
"""How much dlib counts in the pair; its distances between strangers are a sixth of FaceNet's. Chosen by half of the
people of lfw-dev, of 0, 0.1 … 1, by the mean of TAR at pair FAR 1e-3 and 1e-4 (weighted by person, FaceNet in int8):

===========  ======  ======  ======  ======  ======  ======
weight       0       0.5     0.6     0.7     0.8     1
===========  ======  ======  ======  ======  ======  ======
1e-3         0.9811  0.9892  0.9895  0.9896  0.9852  0.9474
1e-4         0.9180  0.9198  0.9268  0.9275  0.9279  0.8681
other half,
1e-3         0.9743  0.9764  0.9764  0.9766  0.9770  0.9343
1e-4         0.9364  0.9433  0.9434  0.9451  0.9482  0.8219
===========  ======  ======  ======  ======  ======  ======
"""


def assemble_extra(
    name: str,
    engine: Engine,
    scope: Scope,
    tell: Callable[[str], None],
    *,
    precision: Precision | None = None,
    thorough: bool | None = None,
) -> FrontEnd:
    """The detector with one of ``EXTRA``.

    Args:
        name: which.
        engine: "onnx"; there is no other.
        scope: which faces are looked for, and by what.
        tell: takes a line of progress while models are fetched.
        precision: of FaceNet in the pair; None for what this processor likes best.
        thorough: give FaceNet in the pair its thorough crops; None for what the scope says.

    Raises:
        ConfigError: dlib is not installed, the reference engine was asked for, or a device that is not there.
        ModelError: the models cannot be had.
    """
    if engine != "onnx":
        raise ConfigError(f"the {engine} engine knows FaceNet only", hint="leave --engine out, or --model")
    from facesearch.embedding.dlib import DlibEmbedder, require_dlib
    from facesearch.models import export
    from facesearch.models.dlib_files import ready_dlib_files

    require_dlib()
    dlib = DlibEmbedder(*ready_dlib_files(tell))
    count = scope.threads or cores()
    device = resolve_device(scope.device, tell)
    detector = detector_for(scope, threads=count, device=device, tell=tell)
    alone, limit = PROVIDERS[device].in_turn, scope.max_megapixels
    if name == DLIB:
        return FrontEnd(detector, dlib, crops=DLIB_CROPS, max_megapixels=limit, alone=alone)
    from facesearch.embedding.facenet import FacenetEmbedder
    from facesearch.embedding.pair import PairEmbedder
    from facesearch.pipeline.paired import PairedFrontEnd

    precision = precision or precision_for(device)
    where = device if precision == "fp32" else "cpu"
    network = export.facenet_network(threads=count, tell=tell, precision=precision, device=where)
    first = THOROUGH_CROPS if (scope.thorough if thorough is None else thorough) else DEFAULT_CROPS
    facenet = FacenetEmbedder(network, precision=precision)
    pair = PairEmbedder(PAIR, facenet, dlib, weight=WEIGHT, first_count=len(first))
    return PairedFrontEnd(detector, pair, crops=(*first, *DLIB_CROPS), max_megapixels=limit, alone=alone)


def extra_again(recipe: Recipe, engine: Engine, scope: Scope, tell: Callable[[str], None]) -> FrontEnd | None:
    """The front end of a recipe of one of ``EXTRA``; None where this version cannot make it. Raises as the other."""
    said = dict(recipe.settings)
    count = sum(name.startswith("crop") and name.endswith("_mirror") for name in said)
    thorough = recipe.model == PAIR and count == len(THOROUGH_CROPS) + len(DLIB_CROPS)
    precision: Precision = "int8" if said.get("embedder_first_precision") == "int8" else "fp32"
    made = assemble_extra(recipe.model, engine, scope, tell, precision=precision, thorough=thorough)
    return made if made.recipe == recipe else None
