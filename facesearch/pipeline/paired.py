"""Front ends whose embedder is a pair: each of the two sees the face cut out in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.images.load import MAX_MEGAPIXELS
from facesearch.pipeline.front_end import FrontEnd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.detection.base import Detector
    from facesearch.embedding.pair import PairEmbedder
    from facesearch.images.align import CropSettings
    from facesearch.images.load import LoadedPhoto
    from facesearch.types import Face


class PairedFrontEnd(FrontEnd):
    """A front end that gives each embedder of a pair the crops that it alone would get.

    Its first part is therefore, number for number, what the first embedder makes of the face, and so is the second.

    Args:
        detector: finds the faces.
        pair: turns their crops into vectors.
        crops: how a face is cut out: ``pair.first_count`` times for the first embedder, then for the second.
        max_megapixels: larger photos are refused.
        alone: see ``FrontEnd``.
    """

    def __init__(
        self,
        detector: Detector,
        pair: PairEmbedder,
        *,
        crops: Sequence[CropSettings],
        max_megapixels: float = MAX_MEGAPIXELS,
        alone: bool = False,
    ) -> None:
        self._pair = pair
        super().__init__(detector, pair, crops=crops, max_megapixels=max_megapixels, alone=alone)

    def embed_crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed what was cut out already; see ``FrontEnd``."""
        return self._pair.embed_faces(crops)

    def _cut(
        self,
        photo: LoadedPhoto,
        faces: Sequence[Face],
        settings_of: Sequence[CropSettings],
        size: int | None = None,
    ) -> NDArray[np.uint8]:
        """As ``FrontEnd`` does, but crops of the smaller embedder in its own size, every pixel repeated."""
        if tuple(settings_of) != self.crops:
            return super()._cut(photo, faces, settings_of, size)
        count = self._pair.first_count
        parts = (self._pair.first, settings_of[:count]), (self._pair.second, settings_of[count:])
        cut = []
        for embedder, some in parts:
            step = self._pair.input_size // embedder.input_size
            own = super()._cut(photo, faces, some, embedder.input_size)
            cut.append(own.repeat(step, axis=2).repeat(step, axis=3))
        return np.concatenate(cut, axis=1)
