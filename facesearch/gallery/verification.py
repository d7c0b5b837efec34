"""1:1: are these the same person? Needs no gallery, so it imports no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.prominence import most_prominent
from facesearch.errors import AmbiguousFaceError, ConfigError, NoFaceError
from facesearch.identify.calibration import FAR, calibration_if_any, calibration_of
from facesearch.images.quality import doubt
from facesearch.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.identify.calibration import Calibration
    from facesearch.pipeline import Analysis, FrontEnd
    from facesearch.types import Face


def the_face(path: Path, analysis: Analysis, *, strict: bool) -> tuple[int, str | None]:
    """The place of the one face that is meant, and a warning where there was a choice.

    Raises:
        NoFaceError: there is none.
        AmbiguousFaceError: there are several, and ``strict`` asks for exactly one.
    """
    count = len(analysis.faces)
    if count == 0:
        raise NoFaceError(
            path, hint="smaller ones than 1/25 of the longer side are found with --min-face 1% or --thorough"
        )
    if count == 1:
        return 0, None
    if strict:
        raise AmbiguousFaceError(path, f"{count} faces found, exactly one was asked for", hint="crop the photo first")
    place = most_prominent(analysis.faces, analysis.photo.width, analysis.photo.height)
    return place, f"{path}: {count} faces found, the most prominent one is used (number {place + 1} from the left)"


def verify(
    front_end: FrontEnd,
    a: Path,
    b: Path,
    *,
    far: float | None = None,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    strict: bool = False,
) -> Verdict:
    """Compare the faces of two photos.

    Args:
        front_end: what analyses them.
        a: a photo.
        b: another photo.
        far: the share of pairs of strangers that may pass for one person; None for 1e-3.
        threshold: squared distance, 0 to 4, below which they are the same person, instead of a rate; it decides also
            where the embedder was not calibrated.
        calibration: what distances mean; None for what comes with the embedder.
        strict: refuse a photo with several faces instead of taking the most prominent one.

    Raises:
        PhotoError: a photo cannot be used.
        NoFaceError: a photo has no face, or with ``strict`` several.
        ConfigError: the rate is beyond the calibration, or both a rate and a threshold are given.
        ModelError: the embedder was not calibrated, and no threshold is given.
    """
    find = calibration_of if threshold is None else calibration_if_any
    meaning = calibration or find(front_end.recipe)
    limit = limit_of(meaning, far, threshold)
    results = [front_end.analyse(path) for path in (a, b)]
    places, warnings = faces_meant((a, b), results, strict=strict)
    rows = [result.vectors[place] for result, place in zip(results, places, strict=True)]
    faces = [result.faces[place] for result, place in zip(results, places, strict=True)]
    return judge(faces, rows, limit=limit, calibration=meaning, warnings=warnings)


def faces_meant(paths: Sequence[Path], results: Sequence[Analysis], *, strict: bool) -> tuple[list[int], list[str]]:
    """``the_face`` of each of several photos, and all that was odd about them."""
    places: list[int] = []
    warnings: list[str] = []
    for path, result in zip(paths, results, strict=True):
        place, warning = the_face(path, result, strict=strict)
        places.append(place)
        warnings += [f"{path}: {odd}" for odd in result.photo.warnings]
        warnings += [warning] if warning else []
        if reason := doubt(result.faces[place]):
            warnings.append(f"{path}: a poor face ({reason}), the answer cannot be trusted much")
    return places, warnings


def limit_of(calibration: Calibration | None, far: float | None, threshold: float | None) -> float:
    """The squared distance below which two faces are one person's, by a rate or as it was given.

    Without a calibration there must be a threshold.

    Raises:
        ConfigError: the rate is beyond the calibration, or both a rate and a threshold are given.
        ValueError: there is neither a calibration nor a threshold.
    """
    if far is not None and threshold is not None:
        raise ConfigError("give either a FAR or a threshold: each decides the other")
    if threshold is not None:
        return threshold
    if calibration is None:
        raise ValueError("a rate needs a calibration")
    return calibration.threshold(FAR if far is None else far)


def judge(
    faces: Sequence[Face],
    vectors: Sequence[NDArray[np.float32]],
    *,
    limit: float,
    calibration: Calibration | None,
    warnings: Sequence[str] = (),
) -> Verdict:
    """Compare two faces by their embeddings, unit rows (dim,); they are one person's below ``limit``."""
    distance = float(np.clip(np.sum(np.square(vectors[0].astype(np.float64) - vectors[1])), 0, 4))
    return Verdict(
        same=distance < limit,
        distance=distance,
        threshold=limit,
        a=faces[0],
        b=faces[1],
        far=None if calibration is None else calibration.far(distance),
        tar=None if calibration is None else calibration.tar(distance),
        warnings=tuple(warnings),
    )
