"""Who is measured: a peer is one entry of data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = "facesearch"

SETUPTOOLS = "setuptools>=80,<81"
"""face_recognition_models needs ``pkg_resources``, which later ones no longer have."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One engine.

    Args:
        title: its name in the table.
        environment: the virtual environment it runs in; peers may share one.
        worker: its script in ``workers/``.
        request: what its worker is told besides the photos.
        variables: environment variables it runs with.
        weights: the file name under which DeepFace looks for its weights, and which of our files it is.
    """

    title: str
    environment: str
    worker: str
    request: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[str, str] | None = None


PEERS: dict[str, Peer] = {
    OURS: Peer("facesearch, default settings", OURS, "ours.py", {"engine": "onnx"}),
    "reference": Peer("reference engine (mtcnn package, Keras)", OURS, "ours.py", {"engine": "reference"}),
    "deepface": Peer(
        "DeepFace, Facenet + mtcnn",
        "deepface",
        "deepface_peer.py",
        variables={"DEEPFACE_BACKEND_ENGINE": "tensorflow"},
        weights=("facenet_weights.h5", "weights"),
    ),
    "deepface-onnx": Peer(
        "DeepFace, same on its ONNX engine",
        "deepface",
        "deepface_peer.py",
        variables={"DEEPFACE_BACKEND_ENGINE": "onnx"},
        weights=("facenet_weights.onnx", "network"),
    ),
    "face_recognition": Peer("face_recognition (dlib HOG + ResNet)", "face_recognition", "face_recognition_peer.py"),
}

INSTALLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "deepface": (
        (
            "deepface==0.0.103",
            "retina-face==0.0.19",
            "opencv-contrib-python-headless==5.0.0.93",
            "mtcnn",
            "tensorflow",
            "tf-keras==2.21.0",
            "werkzeug==3.1.9",
        ),
    ),
    "face_recognition": (
        (SETUPTOOLS, "wheel", "numpy", "pillow"),
        ("--no-deps", "--only-binary=dlib-bin", "dlib-bin==20.0.1.post1", "face_recognition==1.3.0"),
        ("--no-deps", "--no-build-isolation", "face_recognition_models==0.3.0"),
    ),
    "search": (("hnswlib==0.8.0", "usearch==2.26.6", "sqlite-vec==0.1.9", "apsw==3.54.1.0"),),
}
"""Arguments of each ``pip install`` an environment takes; versions not given here are those of .ci/constraints.txt.

DeepFace imports werkzeug without depending on it. facesearch's own environment is made from this checkout.
"""

WITH_CHECKOUT = ("search",)
"""Environments that hold facesearch too, for ``search_peers.py``."""
