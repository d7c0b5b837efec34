"""A network of the user's own in ONNX Runtime, as ``models add`` took it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ModelError
from facesearch.models.standardize import standardize, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.models.local import LocalModel
    from facesearch.models.runtime import Network

BATCH = 16
"""Crops a call, where the network takes any number; as ``facenet.BATCH``."""

FORM = "onnx"
"""In the recipe: this model is the user's, not a built-in one."""

_TRIED = 3
_ALIKE = 1e-3
"""By how much a face's vector may change with the faces beside it; rounding changes it by a millionth."""


class OnnxEmbedder:
    """Embedder: crops of faces to unit vectors, by any network that turns one square picture into one vector.

    Args:
        model: what the network takes and gives.
        network: its file.
    """

    def __init__(self, model: LocalModel, network: Network) -> None:
        self._model = model
        self._network = network
        self.name = model.name
        self.dim = model.dim
        self.input_size = model.size
        self.settings: dict[str, str | int | float | bool] = {
            "form": FORM,
            "weights": model.sha256,
            "standardization": model.standardize,
            "color": model.color,
            "output": model.output,
        }

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch of crops; see ``Embedder``.

        Raises:
            ModelError: the network fails, or gives something else than finite vectors.
        """
        rows = self.raw(crops)
        if rows.shape[1:] != (self.dim,) or not np.isfinite(rows).all():
            raise ModelError(self.name, "gave something else than finite vectors for a face")
        return unit_rows(rows)

    def raw(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network gives for crops, (n, …), not normalized; shape (0, dim) for no crops."""
        step = self._model.batch or BATCH
        rows = [self._run(crops[start : start + step]) for start in range(0, len(crops), step)]
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        count = len(crops)
        missing = (self._model.batch or count) - count
        if missing:
            crops = np.concatenate([crops, np.repeat(crops[:1], missing, axis=0)])
        out = self._network([self._model.output], **{self._model.input: self._numbers(crops)})[0]
        if len(out) != len(crops):
            raise ModelError(self.name, f"gave {len(out)} vectors for {len(crops)} faces")
        return np.asarray(out[:count], np.float32)

    def _numbers(self, crops: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Crops as the network wants them."""
        pixels = crops if self._model.color == "rgb" else crops[..., ::-1]
        numbers: NDArray[np.uint8] | NDArray[np.float32] = pixels
        if self._model.standardize == "per-image":
            numbers = standardize(pixels)
        elif self._model.standardize == "fixed":
            numbers = (pixels.astype(np.float32) - np.float32(127.5)) / np.float32(128)
        elif self._model.kind == "float32":
            numbers = pixels.astype(np.float32)
        ordered = numbers.transpose(0, 3, 1, 2) if self._model.layout == "nchw" else numbers
        return np.ascontiguousarray(ordered, dtype=numbers.dtype)


def try_out(embedder: OnnxEmbedder) -> int:
    """Run a network on noise, and see whether it can be an embedder.

    Returns:
        The length of its vectors.

    Raises:
        ModelError: it cannot be loaded or run, or what comes out cannot be compared by distance.
    """
    shape = (_TRIED, embedder.input_size, embedder.input_size, 3)
    crops = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    crops[1:] = crops[1:] // np.array([2, 4], np.uint8)[:, None, None, None]  # darker ones, which are other noise too
    rows = embedder.raw(crops)
    name = embedder.name
    if rows.ndim != 2 or not rows.shape[1]:
        raise ModelError(name, f"gives {rows.shape} for {_TRIED} faces; embeddings are (n, dim)")
    if not np.isfinite(rows).all():
        raise ModelError(name, "gives numbers that are not finite", hint="try another --standardize")
    vectors = unit_rows(rows)
    if not np.abs(vectors).sum(axis=1).all() or np.ptp(vectors, axis=0).max() < 1e-7:
        raise ModelError(name, "gives the same vector whatever it is shown")
    alone = unit_rows(np.concatenate([embedder.raw(crops[place : place + 1]) for place in range(_TRIED)]))
    if np.abs(alone - vectors).max() > _ALIKE:
        raise ModelError(
            name,
            "a face's vector depends on the faces beside it",
            hint="export the network for inference, with its batch normalization frozen",
        )
    return rows.shape[1]
