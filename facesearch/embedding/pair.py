"""Two embedders as one: what one of them mistakes, the other often tells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.models.standardize import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.embedding.base import Embedder


class PairEmbedder:
    """Joins the vectors of two embedders so that distances are weighted sums of theirs.

    Of unit vectors a and b it makes [√(1−w)·a, √w·b], of length 1 again, because (1−w)·|a|² + w·|b|² = 1. Likewise the
    squared distance of two such vectors is (1−w) times that of the first parts plus w times that of the second: index,
    store and decisions need nothing new.

    Each of the two wants faces cut out in its own way and size, so crops come a face, not a crop: the ``first_count``
    crops of the first embedder, then those of the second. All have the larger side of the two; a crop of a smaller one
    has its pixels repeated, which loses nothing, so one side must be a multiple of the other.

    Args:
        name: in the registry.
        first: the embedder of the first part.
        second: that of the second part.
        weight: w, 0 to 1: how much the second counts.
        first_count: how many crops of a face are the first embedder's.

    Raises:
        ValueError: the weight is none, or the sides do not fit.
    """

    def __init__(self, name: str, first: Embedder, second: Embedder, *, weight: float, first_count: int) -> None:
        sides = sorted((first.input_size, second.input_size))
        if not 0 <= weight <= 1 or sides[1] % sides[0]:
            raise ValueError(f"no pair: weight {weight}, crops of {sides[0]} and {sides[1]} pixels")
        self.name = name
        self.first, self.second = first, second
        self.first_count = first_count
        self.dim = first.dim + second.dim
        self.input_size = sides[1]
        self._weight = weight
        self.settings: dict[str, str | int | float | bool] = {
            "weight": weight,
            "first": first.name,
            "second": second.name,
            **{f"first_{key}": value for key, value in first.settings.items()},
            **{f"second_{key}": value for key, value in second.settings.items()},
        }

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch of crops that both embedders can use, one a face; see ``Embedder``."""
        return self.joined(self._one(self.first, crops), self._one(self.second, crops))

    def embed_faces(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed faces by the crops of each.

        Args:
            crops: RGB, (n, k, input_size, input_size, 3), uint8, k more than ``first_count``.

        Returns:
            Unit rows (n, dim), float32; each part is the mean of its crops' vectors, brought to length 1.
        """
        parts = (self.first, crops[:, : self.first_count]), (self.second, crops[:, self.first_count :])
        return self.joined(*(self._mean(embedder, some) for embedder, some in parts))

    def joined(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors of both, (n, first dim) and (n, second dim), unit rows each, as one of (n, dim)."""
        w = self._weight
        return np.hstack([np.float32(np.sqrt(1 - w)) * first, np.float32(np.sqrt(w)) * second]).astype(np.float32)

    def _mean(self, embedder: Embedder, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        count, several = crops.shape[:2]
        rows = self._one(embedder, crops.reshape(count * several, *crops.shape[2:]))
        return rows if several == 1 else unit_rows(rows.reshape(count, several, embedder.dim).sum(axis=1))

    def _one(self, embedder: Embedder, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        step = self.input_size // embedder.input_size
        return embedder.embed(np.ascontiguousarray(crops[:, ::step, ::step]))
