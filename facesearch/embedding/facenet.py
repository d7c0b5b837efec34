"""FaceNet (Schroff et al. 2015) in ONNX Runtime: Inception-ResNet-v1, 160×160 in, 128 numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.models.registry import DEFAULT_EMBEDDER, model_info
from facesearch.models.standardize import standardize, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.models.runtime import Network

BATCH = 16
"""Crops a call: ONNX Runtime reaches its ceiling here, and a batch stays under 200 MB."""


class FacenetEmbedder:
    """Embedder: crops of faces to unit vectors of 128 numbers.

    Results do not depend on how crops are batched: bit for bit for batch sizes 1 to 16 (design.md, section 6).

    Args:
        network: the ONNX form in the precision named.
        precision: "fp32", or "int8", which takes 0.3 of the time.
    """

    def __init__(self, network: Network, *, precision: str = "fp32") -> None:
        info = model_info(DEFAULT_EMBEDDER)
        self._network = network
        self.name = info.name
        self.dim = info.dim
        self.input_size = info.input_size
        self.settings: dict[str, str | int | float | bool] = {
            "weights": info.assets[0].sha256,
            "precision": precision,
            "standardization": "per-image",
        }

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch of crops; see ``Embedder``."""
        rows = [
            self._network(["embedding"], image=standardize(crops[start : start + BATCH]))[0]
            for start in range(0, len(crops), BATCH)
        ]
        return unit_rows(np.concatenate(rows)) if rows else np.empty((0, self.dim), np.float32)
