"""The embedder's seam: what turns face crops into unit vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """**Protocol:** turns face crops into embeddings that can be compared by distance."""

    name: str
    """The name in the registry."""

    dim: int
    """Length of one embedding."""

    input_size: int
    """Side of the square crop in pixels."""

    settings: dict[str, str | int | float | bool]
    """Everything that changes a vector; goes into the recipe."""

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch of crops.

        Args:
            crops: RGB, shape (n, input_size, input_size, 3), uint8; n may be 0.

        Returns:
            Unit rows, shape (n, dim), float32, row i for crop i; shape (0, dim) for no crops.
        """
        ...
