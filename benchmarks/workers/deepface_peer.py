"""DeepFace: its ``Facenet`` model behind its ``mtcnn`` detector, everything else at its defaults."""

from __future__ import annotations

from contextlib import nullcontext

from deepface import DeepFace
from deepface.commons.backend_utils import get_backend_engine
from deepface.modules.exceptions import FaceNotDetected
from measure import Counts, measure, read_request

PACKAGES = ("deepface", "mtcnn", "tensorflow", "keras", "onnxruntime", "opencv-contrib-python-headless", "numpy")


def process(paths: list[str]) -> Counts:
    """Embed every face of every photo."""
    counts = Counts()
    for path in paths:
        try:
            counts.faces += len(DeepFace.represent(path, model_name="Facenet", detector_backend="mtcnn"))
        except FaceNotDetected:
            counts.no_face += 1
        except ValueError:
            counts.failed += 1
    return counts


if __name__ == "__main__":
    measure(read_request(), lambda: nullcontext(process), PACKAGES, backend=get_backend_engine())
