"""The gallery's database: the truth. ``Store`` is all that other rooms need, with the values it takes and gives."""

from __future__ import annotations

from facesearch.store.store import Store
from facesearch.store.values import (
    Changes,
    Counts,
    Enrolled,
    Event,
    FaceVectors,
    FileStamp,
    HeldPhoto,
    KnownFile,
    NewAnalysis,
    NewPhoto,
    Region,
    Source,
    State,
)

__all__ = [
    "Changes",
    "Counts",
    "Enrolled",
    "Event",
    "FaceVectors",
    "FileStamp",
    "HeldPhoto",
    "KnownFile",
    "NewAnalysis",
    "NewPhoto",
    "Region",
    "Source",
    "State",
    "Store",
]
