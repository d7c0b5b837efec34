"""facesearch: a local face search engine.

::

    from facesearch import Gallery

    with Gallery.open("family.gallery") as gallery:
        gallery.index("Pictures/")
        for answer in gallery.who("party.jpg"):
            print(answer.person or "unknown", answer.distance)

Importing this package imports nothing heavy: what needs NumPy, a database or a network is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from facesearch.errors import (
    AmbiguousFaceError,
    ConfigError,
    DimensionMismatchError,
    FacesearchError,
    GalleryBusyError,
    IndexFileError,
    ModelError,
    NoFaceError,
    NotFoundError,
    PhotoError,
    SchemaTooNewError,
    StoreError,
    TooLargeError,
    UnreadableError,
    UnsupportedError,
)
from facesearch.gallery.grouped import Alike, Cluster, Clustering
from facesearch.types import (
    Answer,
    Box,
    Candidate,
    Detection,
    Explanation,
    Face,
    Failure,
    IndexReport,
    Landmarks,
    Match,
    Person,
    Photo,
    Probe,
    ProbePhoto,
    Recipe,
    ReindexReport,
    Remark,
    Stats,
    Verdict,
)

if TYPE_CHECKING:
    from facesearch.dataset import FaceDataset, extract_faces
    from facesearch.detection.base import Detector
    from facesearch.gallery.gallery import Gallery
    from facesearch.models.runtime import Network

__version__ = "0.1.0"

_LAZY = {
    "Detector": "facesearch.detection.base",
    "FaceDataset": "facesearch.dataset",
    "Gallery": "facesearch.gallery.gallery",
    "Network": "facesearch.models.runtime",
    "extract_faces": "facesearch.dataset",
}
"""Public names whose modules import NumPy and more: they are loaded when first asked for."""

__all__ = [
    "Alike",
    "AmbiguousFaceError",
    "Answer",
    "Box",
    "Candidate",
    "Cluster",
    "Clustering",
    "ConfigError",
    "Detection",
    "Detector",
    "DimensionMismatchError",
    "Explanation",
    "Face",
    "FaceDataset",
    "FacesearchError",
    "Failure",
    "Gallery",
    "GalleryBusyError",
    "IndexFileError",
    "IndexReport",
    "Landmarks",
    "Match",
    "ModelError",
    "Network",
    "NoFaceError",
    "NotFoundError",
    "Person",
    "Photo",
    "PhotoError",
    "Probe",
    "ProbePhoto",
    "Recipe",
    "ReindexReport",
    "Remark",
    "SchemaTooNewError",
    "Stats",
    "StoreError",
    "TooLargeError",
    "UnreadableError",
    "UnsupportedError",
    "Verdict",
    "__version__",
    "extract_faces",
]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
