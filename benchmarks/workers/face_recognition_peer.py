"""face_recognition: dlib's HOG detector and its 128-number ResNet, everything at its defaults."""

from __future__ import annotations

from contextlib import nullcontext

import dlib
import face_recognition
from measure import Counts, measure, read_request

PACKAGES = ("face_recognition", "face_recognition_models", "dlib-bin", "numpy", "pillow")


def process(paths: list[str]) -> Counts:
    """Embed every face of every photo."""
    counts = Counts()
    for path in paths:
        try:
            vectors = face_recognition.face_encodings(face_recognition.load_image_file(path))
        except (OSError, RuntimeError):
            counts.failed += 1
            continue
        counts.faces += len(vectors)
        counts.no_face += not vectors
    return counts


if __name__ == "__main__":
    measure(
        read_request(),
        lambda: nullcontext(process),
        PACKAGES,
        dlib_avx=dlib.USE_AVX_INSTRUCTIONS,
        dlib_blas=dlib.DLIB_USE_BLAS,
    )
