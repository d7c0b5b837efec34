"""The reference detector, and what both detectors find in the sample photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from facesearch.detection.reference import ReferenceDetector
from facesearch.images.load import load

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.types import Detection


@dataclass(frozen=True)
class Found:
    """A sample photo and its faces, by our cascade and by the package."""

    path: Path
    pixels: NDArray[np.uint8]
    ours: list[Detection]
    theirs: list[Detection]


@pytest.fixture(scope="session")
def reference(models):
    """The ``mtcnn`` package itself."""
    detector = ReferenceDetector()
    detector.model()
    return detector


@pytest.fixture(scope="session")
def found(samples, detector, reference):
    """All 118 sample photos with what is found in them."""
    photos = sorted(samples.rglob("*.jpg"))
    pixels = [load(path).pixels for path in photos]
    return [
        Found(path, image, detector.detect(image), reference.detect(image))
        for path, image in zip(photos, pixels, strict=True)
    ]
