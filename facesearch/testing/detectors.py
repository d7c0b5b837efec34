"""The rules of ``check_detector``, each of which the rest of facesearch relies on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.detection.plugged import flaw_of
from facesearch.pipeline.lying import UPRIGHT
from facesearch.pipeline.workers import Workers
from facesearch.testing.fakes import GREY
from facesearch.testing.requiring import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from facesearch.detection.base import Detector
    from facesearch.types import Box, Detection

NEAR = 0.5
"""How far outside its box a landmark may lie, as a share of the box's sides."""

TINY = ((1, 1), (1, 300), (300, 1), (7, 5))
"""Heights and widths of pictures too small for a face, which albums hold too."""


def check_faces(found: list[Detection], image: NDArray[np.uint8], faces: Sequence[Box], min_iou: float) -> None:
    """What is found in a picture: plain values in order, and each of the upright ``faces`` once, its parts in place."""
    height, width = image.shape[:2]
    require(isinstance(found, list), f"detections come as a list, not {type(found).__name__}")
    for face in found:
        wrong = flaw_of(face, width, height)
        require(wrong is None, wrong or "")
    confidences = [face.confidence for face in found]
    require(confidences == sorted(confidences, reverse=True), "detections come in order of falling confidence")
    for box in faces:
        best = max((face.box.iou(box) for face in found), default=0.0)
        require(best >= min_iou, f"the face at {box} is found (best overlap {best:.2f})")
        close = [face for face in found if face.box.iou(box) >= min_iou]
        require(len(close) == 1, f"a face is found once: {len(close)} times at {box}")
        _check_landmarks(close[0])
    sure = max(confidences, default=1.0)
    require(
        not faces or sure >= UPRIGHT,
        f"a clear face has a confidence of {UPRIGHT} or more, not {sure:.2f}: without one, a photo is taken to lie on "
        "its side, and looked at four times",
    )


def look(detector: Detector, image: NDArray[np.uint8], rule: str, *, scale: float = 1.0) -> list[Detection]:
    """What a detector finds; the rule does not hold where it raises anything."""
    try:
        return detector.detect(image, scale=scale)
    except Exception as exc:
        raise AssertionError(f"{rule}: {type(exc).__name__}: {exc}") from exc


def check_sizes(
    detector: Detector, image: NDArray[np.uint8], faces: Sequence[Box], found: list[Detection], min_iou: float
) -> None:
    """Pictures of every size, one after the other: each gets the same answer as before."""
    grey = "a grey picture holds no face"
    require(look(detector, np.full((120, 160, 3), GREY, dtype=np.uint8), grey) == [], grey)
    for height, width in TINY:
        rule = f"a picture of {width} by {height} pixels holds no face"
        require(look(detector, np.zeros((height, width, 3), dtype=np.uint8), rule) == [], rule)
    same = "the same picture gives the same detections, whatever came before"
    require(look(detector, image, same) == found, same)
    rule = "a detector is told the scale of the picture"
    inside = look(detector, image, rule, scale=0.5)
    for box in faces:
        best = max((face.box.iou(box) for face in inside), default=0.0)
        require(best >= min_iou, f"boxes are in pixels of the picture, whatever its scale (best overlap {best:.2f})")


def check_sides(detector: Detector) -> None:
    """The size of pictures that is asked for."""
    for full in (1.0, 640.0, 12_000.0):
        side = detector.side(full)
        require(isinstance(side, int) and side >= 1, f"a side is a whole number of pixels from 1 up, not {side!r}")


def check_worker(detector: Detector, image: NDArray[np.uint8], found: list[Detection]) -> None:
    """What arrives in a worker process is the same detector. Starts one."""
    rule = "a detector can be sent to worker processes"
    try:
        with Workers[object, Any](_Elsewhere(detector), 1, answer=str, lost=lambda _, how: how) as workers:
            ((_, arrived),) = workers.run([image])
    except Exception as exc:
        raise AssertionError(f"{rule}: {exc}") from exc
    same = arrived == (detector.name, detector.settings, found)
    require(same, f"in a worker process, a detector is the same and finds the same, not {arrived}")


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """The task of a worker: say what the detector is called there, how it is set, and what it finds."""

    detector: Detector

    def __call__(self, images: Sequence[NDArray[np.uint8]], _ask: object) -> Iterator[tuple[object, object, object]]:
        for image in images:
            yield self.detector.name, self.detector.settings, self.detector.detect(image)


def _check_landmarks(face: Detection) -> None:
    """Where the parts of an upright face are."""
    points, box = face.landmarks, face.box
    left, right = points.left_eye[0] < points.right_eye[0], points.mouth_left[0] < points.mouth_right[0]
    require(left and right, f"left and right are the viewer's: {points}")
    require(points.quarter_turns == 0, f"the mouth of an upright face is below its eyes: {points}")
    wide, high = NEAR * box.width, NEAR * box.height
    for x, y in points.points:
        near = box.left - wide <= x <= box.right + wide and box.top - high <= y <= box.bottom + high
        require(near, f"landmarks are in the face: {(x, y)} is not in {box}")
    eyes, mouth = points.left_eye[1] + points.right_eye[1], points.mouth_left[1] + points.mouth_right[1]
    require(eyes < 2 * points.nose[1] < mouth, f"the nose is between eyes and mouth: {points}")
