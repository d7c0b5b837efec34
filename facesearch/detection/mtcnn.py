"""MTCNN (Zhang et al. 2016) as a cascade of ONNX Runtime networks, with the weights of the ``mtcnn`` package."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.boxes import calibrated, nms, squared
from facesearch.detection.pyramid import scales, shrink
from facesearch.types import Box, Detection, Landmarks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from facesearch.detection.boxes import Boxes, Scores
    from facesearch.models.runtime import Network

STRIDE, CELL = 2, 12
"""The first network slides a window of CELL pixels in steps of STRIDE."""


@dataclass(frozen=True, slots=True)
class MtcnnSettings:
    """What the cascade looks for.

    ``max_side``: larger photos are shrunk to this longer side first. ``min_face``: the smallest face looked for, as a
    fraction of the photo's longer side, but never under ``min_pixels`` of the shrunk photo. ``factor``: step of the
    pyramid. The thresholds are the networks' probabilities. The package's are 0.6, 0.7 and 0.8; at 0.7 the second
    network drops a face of the sample photos by a hair (that is the one the package misses), at 0.6 it keeps all 118
    for half a percent more detections.
    """

    max_side: int = 1280
    min_face: float = 1 / 25
    min_pixels: int = 20
    factor: float = 0.709
    threshold_p: float = 0.6
    threshold_r: float = 0.6
    threshold_o: float = 0.8
    nms_level: float = 0.5
    nms_stage: float = 0.7

    def smallest(self, height: int, width: int) -> float:
        """Side in pixels of the smallest face looked for in a picture of this size."""
        return max(self.min_face * max(height, width), self.min_pixels)


class MtcnnDetector:
    """Detector: finds faces from ``settings.min_face`` of the longer side up, turned up to about 30° in the plane.

    Args:
        networks: ``pnet``, ``rnet`` and ``onet`` (``models.export.mtcnn_networks`` gives them).
        settings: what to look for.
    """

    name = "mtcnn"

    def __init__(self, networks: Mapping[str, Network], settings: MtcnnSettings | None = None) -> None:
        self._pnet, self._rnet, self._onet = networks["pnet"], networks["rnet"], networks["onet"]
        self.options = settings or MtcnnSettings()
        self.settings: dict[str, str | int | float | bool] = asdict(self.options)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Find the faces of one picture; see ``Detector``."""
        picture, scale = fit(image, self.options.max_side)
        if min(picture.shape[:2]) < CELL:
            return []
        # Resampling is linear, so it may come after the standardization, which then happens once.
        pixels = standardized(picture)
        tensor = _tensor(pixels)
        boxes = self._propose(pixels)
        boxes = self._refine(tensor, boxes)
        boxes, scores, points = self._output(tensor, boxes)
        return to_detections(boxes / scale, scores, points / scale, image.shape)

    def _propose(self, pixels: NDArray[np.float32]) -> Boxes:
        """First stage: windows of a pyramid that may hold a face, squared."""
        height, width = pixels.shape[:2]
        found: list[tuple[Boxes, Scores]] = []
        smallest = self.options.smallest(height, width)
        for scale in scales(height, width, smallest, factor=self.options.factor, cell=CELL):
            level = shrink(pixels, int(height * scale), int(width * scale))
            scores, offsets = self._pnet(["score", "offset"], image=_tensor(level))
            boxes, kept = windows(scores[0], offsets[0], self.options.threshold_p)
            stay = nms(boxes, kept, self.options.nms_level)
            found.append((boxes[stay] / np.float32(scale), kept[stay]))
        if not found:
            return np.empty((0, 4), np.float32)
        boxes = np.concatenate([boxes for boxes, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        return squared(boxes[nms(boxes, scores, self.options.nms_stage)])

    def _refine(self, tensor: NDArray[np.float32], boxes: Boxes) -> Boxes:
        """Second stage: drops most windows and moves the others onto the face, squared."""
        if not len(boxes):
            return boxes
        scores, offsets = self._rnet(["score", "offset"], image=tensor, rois=rois(boxes, tensor.shape))
        sure = scores > self.options.threshold_r
        boxes, scores = calibrated(boxes, offsets)[sure], scores[sure]
        return squared(boxes[nms(boxes, scores, self.options.nms_stage)])

    def _output(self, tensor: NDArray[np.float32], boxes: Boxes) -> tuple[Boxes, Scores, NDArray[np.float32]]:
        """Third stage: final boxes (n, 4), scores (n,) and points (n, 5, 2), best first."""
        if not len(boxes):
            return boxes, np.empty(0, np.float32), np.empty((0, 5, 2), np.float32)
        scores, offsets, fractions = self._onet(
            ["score", "offset", "points"], image=tensor, rois=rois(boxes, tensor.shape)
        )
        sides = (boxes[:, 2:] - boxes[:, :2] + 1)[:, None, :]
        points = fractions.reshape(-1, 2, 5).swapaxes(1, 2) * sides + boxes[:, None, :2] - 1
        sure = scores > self.options.threshold_o
        boxes, scores, points = calibrated(boxes, offsets)[sure], scores[sure], points[sure]
        stay = nms(boxes, scores, self.options.nms_stage, over="smaller")
        return boxes[stay], scores[stay], points[stay]


def fit(image: NDArray[np.uint8], max_side: int) -> tuple[NDArray[np.uint8], float]:
    """The picture shrunk so that its longer side is at most ``max_side``, and the factor by which it was shrunk."""
    longer = max(image.shape[:2])
    if longer <= max_side:
        return image, 1.0
    from PIL import Image

    scale = max_side / longer
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)), scale


def windows(scores: NDArray[np.float32], offsets: NDArray[np.float32], threshold: float) -> tuple[Boxes, Scores]:
    """The first network's windows over ``threshold``, moved by their offsets, in pixels of the pyramid level.

    Args:
        scores: shape (h, w), 0 to 1.
        offsets: shape (4, h, w), fractions of the window.
        threshold: windows at or below it are left out.
    """
    rows, columns = np.nonzero(scores > threshold)
    corner = np.stack([columns, rows], axis=1).astype(np.float32) * STRIDE + 1
    # Inclusive pixels 1 to 12 of the window: its side is 11, as in the package.
    side = np.float32(CELL - 1)
    boxes = np.hstack([corner, corner + side]) + offsets[:, rows, columns].T * side
    return boxes, scores[rows, columns]


def rois(boxes: Boxes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Boxes as the networks take them: (top, left, bottom, right) as fractions of the (1, 3, H, W) tensor's sides."""
    height, width = shape[2:]
    return (boxes[:, [1, 0, 3, 2]] / np.array([height, width, height, width])).astype(np.float32)


def to_detections(boxes: Boxes, scores: Scores, points: NDArray[np.float32], shape: tuple[int, ...]) -> list[Detection]:
    """Plain values, boxes cut off at the picture's edge; ``points`` is (n, 5, 2), ``shape`` (H, W, 3)."""
    height, width = shape[:2]
    inside = np.clip(boxes, 0, np.array([width, height, width, height]))
    return [
        Detection(Box(*box), Landmarks(*(tuple(point) for point in five)), min(max(score, 0.0), 1.0))
        for box, five, score in zip(inside.tolist(), points.tolist(), scores.tolist(), strict=True)
        if box[2] > box[0] and box[3] > box[1]
    ]


def standardized(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels as the networks take them, (x − 127.5) / 128: about −1 to 1, same shape."""
    return (picture.astype(np.float32) - np.float32(127.5)) / np.float32(128)


def _tensor(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) to (1, 3, H, W), contiguous."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
