"""FaceNet in Keras itself: slow, and what the ONNX form is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.embedding.facenet import BATCH
from facesearch.models.registry import DEFAULT_EMBEDDER, model_info
from facesearch.models.standardize import standardize, unit_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class ReferenceEmbedder:
    """Embedder: the Keras graph with the original weights, the same standardization and normalization."""

    def __init__(self, weights: Path) -> None:
        info = model_info(DEFAULT_EMBEDDER)
        self._weights = weights
        self._model: Any = None
        self.name = f"{info.name}-reference"
        self.dim = info.dim
        self.input_size = info.input_size
        self.settings: dict[str, str | int | float | bool] = {
            "weights": info.assets[0].sha256,
            "precision": "fp32-keras",
            "standardization": "per-image",
        }

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch of crops; see ``Embedder``."""
        if self._model is None:
            from facesearch.models.facenet_keras import load_keras_model

            self._model = load_keras_model(self._weights)
        rows = [
            np.asarray(self._model.predict_on_batch(standardize(crops[start : start + BATCH])), np.float32)
            for start in range(0, len(crops), BATCH)
        ]
        return unit_rows(np.concatenate(rows)) if rows else np.empty((0, self.dim), np.float32)
