"""The detector's seam: what finds faces in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facesearch.types import Detection


class Detector(Protocol):
    """**Protocol:** finds faces. Implement the two methods and the two attributes to plug in another detector.

    ``Gallery.open(detector=…)`` takes one; ``facesearch.testing.check_detector`` holds it to this contract. One that
    can be pickled, of a class in a module that can be imported, looks for faces in several processes; any other in one.
    """

    name: str
    """What a recipe calls it; not the name of a built-in one."""

    settings: dict[str, str | int | float | bool]
    """Everything that changes the box of a face; goes into the recipe. Which faces are looked for does not."""

    def side(self, full_side: float) -> int:
        """The longer side in pixels that a picture for ``detect`` should have at least, or the photo's own if smaller.

        Args:
            full_side: longer side of the photo at full resolution, in pixels.
        """
        ...

    def detect(self, image: NDArray[np.uint8], *, scale: float = 1.0) -> list[Detection]:
        """Find the faces of one picture.

        Args:
            image: upright RGB, shape (H, W, 3), uint8, C-contiguous, often read-only; of any size, one pixel too.
            scale: size of ``image`` divided by the size of the photo at full resolution, at most 1: what a detector
                needs to know that looks for faces from so many pixels of the photo up.

        Returns:
            Boxes and landmarks in pixels of ``image``, whatever ``scale`` is, in plain numbers, highest confidence
            first and each face once; empty where there is no face. A confidence of 0.95 or more means that there is no
            doubt: a photo without such a face is looked at in the three other orientations too.
        """
        ...
