"""What commands need before their one call: a gallery, and the weights that the user named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from facesearch.cli.output import tell
from facesearch.config import WEIGHTS_VARIABLE
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.cli.options import Engine
    from facesearch.gallery.gallery import Gallery
    from facesearch.pipeline import FrontEnd


def use_weights(path: Path | None) -> None:
    """Let the models be made from a file of the user's, should they have to be made.

    Raises:
        ConfigError: there is no such file.
    """
    if path is None:
        return
    path = path.expanduser()
    if not path.is_file():
        raise ConfigError(f"--weights {path}: no such file", hint="give the path of a facenet_keras.h5")
    os.environ[WEIGHTS_VARIABLE] = str(path)


def front_end_of(
    *,
    weights: Path | None,
    engine: Engine,
    model: str | None = None,
    max_megapixels: float | None,
    min_face: float | None,
    thorough: bool,
    device: str,
) -> FrontEnd:
    """What analyses photos for a command that needs no gallery; arguments as for ``open_gallery``.

    Raises:
        ConfigError: there are no such weights, or no such device.
        ModelError: the models cannot be had.
    """
    use_weights(weights)
    from facesearch import pipeline
    from facesearch.images.load import MAX_MEGAPIXELS

    limit = MAX_MEGAPIXELS if max_megapixels is None else max_megapixels
    scope = pipeline.Scope(min_face, thorough, device, max_megapixels=limit)
    return pipeline.make_front_end(engine=engine, model=model, scope=scope, tell=tell)


def open_gallery(
    folder: str | None,
    *,
    create: bool = False,
    weights: Path | None = None,
    engine: Engine = "onnx",
    model: str | None = None,
    max_megapixels: float | None = None,
    min_face: float | None = None,
    thorough: bool = False,
    device: str = "auto",
    index: str | None = None,
    memory_budget: int | None = None,
) -> Gallery:
    """The gallery that a command works on; progress with the models goes to stderr.

    Args:
        folder: as given with ``--gallery``; None for the default one.
        create: make it where there is none.
        weights: as given with ``--weights``.
        engine: as given with ``--engine``.
        model: as given with ``--model``.
        max_megapixels: as given with ``--max-megapixels``.
        min_face: as given with ``--min-face``.
        thorough: as given with ``--thorough``.
        device: as given with ``--device``.
        index: as given with ``--index``; None for what is settled elsewhere.
        memory_budget: as given with ``--memory-budget``, in bytes.

    Raises:
        NotFoundError: there is no gallery, and none was to be made.
        StoreError: it cannot be opened.
        ConfigError: there are no such weights.
    """
    use_weights(weights)
    from facesearch.gallery.gallery import Gallery
    from facesearch.images.load import MAX_MEGAPIXELS

    limit = MAX_MEGAPIXELS if max_megapixels is None else max_megapixels
    return Gallery.open(
        folder,
        create=create,
        engine=engine,
        model=model,
        max_megapixels=limit,
        min_face=min_face,
        thorough=thorough,
        device=device,
        index=index,
        memory_budget=memory_budget,
        tell=tell,
    )
