"""The ``mtcnn`` package itself, in TensorFlow: slow, and what our cascade is held to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.detection.mtcnn import CELL, MtcnnSettings, fit, to_detections
from facesearch.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.types import Detection


class ReferenceDetector:
    """Detector: the package with its own thresholds, on the picture size and smallest face that our cascade uses."""

    name = "mtcnn-reference"

    def __init__(self, settings: MtcnnSettings | None = None) -> None:
        self.options = settings or MtcnnSettings()
        self.settings: dict[str, str | int | float | bool] = {}
        self._model: Any = None

    def side(self, full_side: float) -> int:
        """See ``Detector``."""
        return self.options.side(full_side)

    def detect(self, image: NDArray[np.uint8], *, scale: float = 1.0) -> list[Detection]:
        """Find the faces of one picture; see ``Detector``."""
        picture, shrunk = fit(image, self.options.side(max(image.shape[:2]) / scale))
        if min(picture.shape[:2]) < CELL:
            return []
        try:
            found = self.model().detect_faces(
                picture,
                min_face_size=self.options.smallest(*picture.shape[:2], scale=scale * shrunk),
                output_type="numpy",
                box_format="xyxy",
            )
        except ValueError:
            # The package fails where its first network proposes nothing at all.
            return []
        rows = np.asarray(found, dtype=np.float32).reshape(-1, 16)
        points = rows[:, 6:].reshape(-1, 2, 5).swapaxes(1, 2)
        return to_detections(rows[:, 1:5] / shrunk, rows[:, 5], points / shrunk, image.shape)

    def model(self) -> Any:  # noqa: ANN401 - the package ships no types
        """The package's own object, made on first use.

        Raises:
            ModelError: TensorFlow or the package cannot be imported.
        """
        if self._model is None:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            try:
                from mtcnn import MTCNN
            except ImportError as exc:
                raise ModelError(self.name, f"cannot import it: {exc}", hint="pip install mtcnn tensorflow") from exc
            self._model = MTCNN()
        return self._model
