"""One photo: decode, detect, crop, embed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from facesearch.errors import ConfigError
from facesearch.images.align import DEFAULT_CROP, CropSettings, crop
from facesearch.images.load import MAX_MEGAPIXELS, load
from facesearch.images.quality import quality
from facesearch.models.runtime import cores
from facesearch.types import Face, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.detection.base import Detector
    from facesearch.embedding.base import Embedder
    from facesearch.images.load import LoadedPhoto
    from facesearch.types import Detection

Engine = Literal["onnx", "reference"]
ENGINES: tuple[Engine, ...] = ("onnx", "reference")

REVISION = 1
"""Raise it when code that changes an embedding changes; it is part of the recipe."""


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """One photo and what was found in it.

    ``faces`` run from left to right, in pixels of the upright photo at full resolution. ``vectors`` is float32,
    (n, dim), unit rows, row i for ``faces[i]``. ``crops`` is uint8, (n, size, size, 3): what the embedder saw. All are
    empty, and ``skipped`` is true, where the caller knew the photo already.
    """

    photo: LoadedPhoto
    faces: tuple[Face, ...]
    vectors: NDArray[np.float32]
    crops: NDArray[np.uint8]
    skipped: bool = False


class FrontEnd:
    """Turns photos into faces with embeddings, by one recipe. Safe to use from several threads.

    Args:
        detector: finds the faces.
        embedder: turns their crops into vectors.
        crop_settings: how a face is cut out.
        max_megapixels: larger photos are refused.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        *,
        crop_settings: CropSettings = DEFAULT_CROP,
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self._crop = crop_settings
        self.max_megapixels = max_megapixels
        settings = {
            "revision": REVISION,
            "detector": detector.name,
            **{f"detector_{name}": value for name, value in detector.settings.items()},
            **{f"embedder_{name}": value for name, value in embedder.settings.items()},
            **dict(crop_settings.as_settings()),
        }
        self.recipe = Recipe(embedder.name, embedder.dim, tuple(sorted(settings.items())))

    def analyse(self, path: Path, known: Callable[[LoadedPhoto], bool] = lambda _: False) -> Analysis:
        """Decode a photo, find its faces and embed them.

        Args:
            path: any photo.
            known: asked once the photo is decoded; where it says true, nothing more is done.

        Raises:
            PhotoError: the photo cannot be used.
            ModelError: the models cannot be used.
        """
        photo = load(path, max_megapixels=self.max_megapixels)
        if known(photo):
            return self._result(photo, [], skipped=True)
        return self._result(photo, self._detector.detect(photo.pixels))

    def _result(self, photo: LoadedPhoto, found: list[Detection], *, skipped: bool = False) -> Analysis:
        ordered = sorted(found, key=lambda detection: (detection.box.center, detection.confidence))
        size = self._embedder.input_size
        crops = crop(photo.pixels, [detection.box for detection in ordered], size=size, settings=self._crop)
        vectors = self._embedder.embed(crops) if ordered else np.empty((0, self.recipe.dim), np.float32)
        up = 1 / photo.scale
        faces = tuple(
            Face(
                detection.box.scaled(up),
                detection.landmarks.scaled(up),
                detection.confidence,
                quality(photo.pixels, detection),
            )
            for detection in ordered
        )
        return Analysis(photo, faces, vectors, crops, skipped)


def make_front_end(
    *,
    engine: Engine = "onnx",
    threads: int | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    tell: Callable[[str], None] = lambda _: None,
) -> FrontEnd:
    """The front end with the default models; fetches them where this machine has none yet.

    Args:
        engine: "onnx", or "reference" for the ``mtcnn`` package and Keras themselves.
        threads: threads inside one network call; None for one a core.
        max_megapixels: larger photos are refused.
        tell: takes a line of progress while models are fetched.

    Raises:
        ConfigError: there is no such engine.
        ModelError: the models cannot be had.
    """
    from facesearch.models import export

    if engine == "reference":
        from facesearch.detection.reference import ReferenceDetector
        from facesearch.embedding.reference import ReferenceEmbedder

        return FrontEnd(
            ReferenceDetector(), ReferenceEmbedder(export.keras_weights(tell)), max_megapixels=max_megapixels
        )
    if engine != "onnx":
        raise ConfigError(f"no engine {engine!r}", hint=f"engines: {', '.join(ENGINES)}")
    from facesearch.detection.mtcnn import MtcnnDetector
    from facesearch.embedding.facenet import FacenetEmbedder

    count = threads or cores()
    best = export.best_precision()
    network = export.facenet_network(threads=count, tell=tell, precision=best)
    embedder = FacenetEmbedder(network, precision=best)
    return FrontEnd(
        MtcnnDetector(export.mtcnn_networks(threads=count, tell=tell)), embedder, max_megapixels=max_megapixels
    )
