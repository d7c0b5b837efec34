"""MTCNN (Zhang et al. 2016) as a cascade of ONNX Runtime networks, with the weights of the ``mtcnn`` package."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.boxes import calibrated, nms, squared
from facesearch.detection.pyramid import LARGE, SPARE, halve, scales, shrink
from facesearch.types import Box, Detection, Landmarks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from facesearch.detection.boxes import Boxes, Scores
    from facesearch.models.runtime import Network

STRIDE, CELL = 2, 12
"""The first network slides a window of CELL pixels in steps of STRIDE."""

SCOPE = ("max_side", "min_face", "min_pixels")
"""The settings that say which faces are looked for; the box of a face that is found hardly depends on them."""

MOST_SIDE = 4096
"""The longer side of the largest picture that is looked at, whatever was asked for: about 0.5 GB of memory."""


@dataclass(frozen=True, slots=True)
class MtcnnSettings:
    """What the cascade looks for.

    ``max_side``: larger photos are shrunk to about this longer side first, by a whole factor.
    ``min_face``: the smallest face looked for; below
    1 a fraction of the photo's longer side, from 1 on pixels of the photo at full resolution. Where such a face would
    have less than ``min_pixels`` in the shrunk photo, the photo is shrunk less, up to ``MOST_SIDE``. A fraction never
    means faces of less than ``min_pixels``; pixels are taken at their word, down to the 12 that the first network
    needs. ``factor``: step of the pyramid. The thresholds are the networks' probabilities. The package's are 0.6, 0.7
    and 0.8; at 0.7 the second network drops a face of the sample photos by a hair (that is the one the package misses),
    at 0.6 it keeps all 118 for half a percent more detections.
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

    @classmethod
    def thorough(cls) -> MtcnnSettings:
        """For crowds: twice the detail, and faces down to 1/128 of the longer side, for several times the time.

        The thresholds stay: they are not what loses small faces.
        """
        return cls(max_side=2560, min_face=1 / 128)

    def side(self, full_side: float) -> int:
        """The longer side in pixels to which a photo of longer side ``full_side`` is shrunk, if it is larger."""
        face = self.min_face * full_side if self.min_face < 1 else self.min_face
        return min(max(self.max_side, math.ceil(full_side * min(self.min_pixels / face, 1))), MOST_SIDE)

    def smallest(self, height: int, width: int, *, scale: float = 1.0) -> float:
        """Side in pixels of the smallest face looked for in a picture of this size, ``scale`` times the photo's."""
        if self.min_face < 1:
            return max(self.min_face * max(height, width), self.min_pixels)
        return max(self.min_face * scale, CELL)


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
        self.settings: dict[str, str | int | float | bool] = {
            name: value for name, value in asdict(self.options).items() if name not in SCOPE
        }

    def side(self, full_side: float) -> int:
        """See ``Detector``."""
        return self.options.side(full_side)

    def detect(self, image: NDArray[np.uint8], *, scale: float = 1.0) -> list[Detection]:
        """Find the faces of one picture; see ``Detector``."""
        picture, shrunk = fit(image, self.options.side(max(image.shape[:2]) / scale))
        if min(picture.shape[:2]) < CELL:
            return []
        tensor = planar(picture)
        boxes = self._propose(tensor, self.options.smallest(*picture.shape[:2], scale=scale * shrunk))
        boxes = self._refine(tensor, boxes)
        boxes, scores, points = self._output(tensor, boxes)
        return to_detections(boxes / shrunk, scores, points / shrunk, image.shape)

    def _propose(self, tensor: NDArray[np.float32], smallest: float) -> Boxes:
        """First stage: windows of a pyramid that may hold a face of ``smallest`` pixels or more, squared."""
        height, width = tensor.shape[2:]
        levels = scales(height, width, smallest, factor=self.options.factor, cell=CELL)
        if not levels:
            return np.empty((0, 4), np.float32)
        found: list[tuple[Boxes, Scores]] = []
        base, halved = tensor[0], 1.0
        for scale in levels:
            while scale <= halved / SPARE and min(base.shape[1:]) >= LARGE:
                base, halved = halve(base), halved / 2
            level = shrink(base, int(height * scale), int(width * scale))
            scores, offsets = self._pnet(["score", "offset"], image=level[None])
            found.append(windows(scores[0], offsets[0], self.options.threshold_p))
        boxes = np.concatenate([boxes for boxes, _ in found])
        kept = np.concatenate([scores for _, scores in found])
        level_of = np.repeat(np.arange(len(levels)), [len(scores) for _, scores in found])
        stay = nms(boxes, kept, self.options.nms_level, groups=level_of)
        placed: Boxes = np.divide(boxes[stay], np.array(levels, np.float32)[level_of[stay], None])
        return squared(placed[nms(placed, kept[stay], self.options.nms_stage)])

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


def fit(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
    """The picture reduced by the whole factor that brings its longer side nearest to ``side``, and the scale, 1/factor.

    Means of whole blocks of pixels take a tenth of the time of any other resampling, and alias as little.
    """
    factor = round(max(image.shape[:2]) / side)
    if factor < 2:
        return image, 1.0
    from PIL import Image

    return np.asarray(Image.fromarray(image).reduce(factor)), 1 / factor


def windows(scores: NDArray[np.float32], offsets: NDArray[np.float32], threshold: float) -> tuple[Boxes, Scores]:
    """The first network's windows over ``threshold``, moved by their offsets, in pixels of the pyramid level.

    Args:
        scores: shape (h, w), 0 to 1.
        offsets: shape (4, h, w), fractions of the window.
        threshold: windows at or below it are left out.
    """
    places = np.flatnonzero(scores > threshold)
    rows, columns = np.divmod(places, scores.shape[1])
    corner = np.stack([columns, rows], axis=1).astype(np.float32) * STRIDE + 1
    # Inclusive pixels 1 to 12 of the window: its side is 11, as in the package.
    side = np.float32(CELL - 1)
    boxes = np.hstack([corner, corner + side]) + offsets.reshape(4, -1)[:, places].T * side
    return boxes, scores.ravel()[places]


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


def planar(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) to the networks' (1, 3, H, W): float32, 0 to 255, C-contiguous."""
    return picture.transpose(2, 0, 1).astype(np.float32, order="C")[None]
