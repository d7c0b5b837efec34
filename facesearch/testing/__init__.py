"""For tests of your own: fakes with obvious answers, contracts for the three seams, and faces that nobody has."""

from facesearch.testing.contracts import check_detector, check_embedder, check_vector_index
from facesearch.testing.fakes import COLOURFUL, GREY, FakeDetector, FakeEmbedder, paint
from facesearch.testing.synthetic import random_units, synthetic_blocks, synthetic_faces

__all__ = [
    "COLOURFUL",
    "GREY",
    "FakeDetector",
    "FakeEmbedder",
    "check_detector",
    "check_embedder",
    "check_vector_index",
    "paint",
    "random_units",
    "synthetic_blocks",
    "synthetic_faces",
]
