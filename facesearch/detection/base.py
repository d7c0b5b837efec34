"""The detector's seam: what finds faces in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facesearch.types import Detection


class Detector(Protocol):
    """**Protocol:** finds faces. Implement this one method and the two attributes to plug in another detector."""

    name: str
    """The name in the registry."""

    settings: dict[str, str | int | float | bool]
    """Everything that changes what is found; goes into the recipe."""

    def detect(self, image: NDArray[np.uint8], *, scale: float = 1.0) -> list[Detection]:
        """Find the faces of one picture.

        Args:
            image: upright RGB, shape (H, W, 3), uint8, C-contiguous.
            scale: size of ``image`` divided by the size of the photo at full resolution, at most 1: what a detector
                needs to know that looks for faces from so many pixels of the photo up.

        Returns:
            Boxes and landmarks in pixels of ``image``, highest confidence first; empty where there is no face.
        """
        ...
