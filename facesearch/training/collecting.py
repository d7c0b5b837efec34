"""Faces to learn from, out of a folder tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.dataset import extract_faces
from facesearch.images.align import DEFAULT_CROPS
from facesearch.training.faces import TrainingFaces

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.images.align import CropSettings
    from facesearch.pipeline import FrontEnd
    from facesearch.types import Failure


class CropOnly:
    """An embedder that embeds nothing, for a front end that only cuts faces out, ``size`` pixels wide."""

    name = "none"
    dim = 0

    def __init__(self, size: int) -> None:
        self.input_size = size
        self.settings: dict[str, str | int | float | bool] = {}

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Rows of no length, (n, 0)."""
        return np.empty((len(crops), 0), np.float32)


def faces_of_tree(
    folder: str | os.PathLike[str],
    front_end: FrontEnd,
    *,
    size: int,
    crops: Sequence[CropSettings] = DEFAULT_CROPS[:1],
    jobs: int | None = None,
) -> tuple[TrainingFaces, tuple[Failure, ...]]:
    """The most prominent face of every photo of ``folder/<person>/``, and what could not be used.

    The same picture under two names, or twice under one, counts as one photo, so that no face is pushed away from
    itself, or pulled to itself.

    Args:
        folder: holds one folder a person.
        front_end: finds the faces.
        size: side of a crop in pixels.
        crops: how faces are cut out; the first is taken.
        jobs: processes; None for one a core.

    Raises:
        ConfigError: the folder does not exist.
        ModelError: the detector cannot be used.
    """
    found = extract_faces(folder, front_end=front_end.with_embedder(CropOnly(size), crops), jobs=jobs)
    names, people = np.unique(found.labels, return_inverse=True)
    # By the crop itself: copies may differ in their metadata.
    same = {crop.tobytes(): place for place, crop in reversed([*enumerate(found.crops)])}
    photos = np.array([same[crop.tobytes()] for crop in found.crops], np.int64)
    faces = TrainingFaces(found.crops, people.astype(np.int64), photos, tuple(names.tolist()))
    # Of several copies under one name, one.
    _, first = np.unique(np.stack([faces.people, faces.photos], axis=1), axis=0, return_index=True)
    return faces.of(np.sort(first)), found.skipped
