"""Faces found in group photos whose faces are annotated, by our cascade and by the ``mtcnn`` package.

    python benchmarks/groups.py FOLDER

FOLDER holds photos and ``faces.csv``, with columns ``file`` and ``boxes_left_top_width_height`` (a JSON list of boxes).
A face counts as found where a detection overlaps its box by half (IoU), one detection a face; every other detection is
a false alarm. Each photo is looked at in several sizes as well, because group photos with small faces are rare.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facesearch.detection.mtcnn import MtcnnDetector, MtcnnSettings
from facesearch.detection.reference import ReferenceDetector
from facesearch.images.load import load
from facesearch.models.export import mtcnn_networks
from facesearch.types import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.detection.base import Detector

SIZES = (1.0, 0.5, 0.33)
OVERLAP = 0.5


def annotated(folder: Path) -> list[tuple[NDArray[np.uint8], list[Box]]]:
    """Photos with their faces."""
    with (folder / "faces.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        (
            load(folder / row["file"], detail=100_000).pixels,
            [Box(x, y, x + w, y + h) for x, y, w, h in json.loads(row["boxes_left_top_width_height"])],
        )
        for row in rows
    ]


def count(detector: Detector, photos: list[tuple[NDArray[np.uint8], list[Box]]], size: float) -> tuple[int, int]:
    """Faces found and false alarms in photos shrunk to ``size`` times their size."""
    found = alarms = 0
    for pixels, boxes in photos:
        wanted = round(pixels.shape[1] * size), round(pixels.shape[0] * size)
        picture = np.asarray(Image.fromarray(pixels).resize(wanted, Image.Resampling.HAMMING))
        left = [box.scaled(size) for box in boxes]
        for face in detector.detect(picture):
            best = max(left, key=face.box.iou, default=None)
            if best is not None and best.iou(face.box) >= OVERLAP:
                left.remove(best)
                found += 1
            else:
                alarms += 1
    return found, alarms


def main() -> None:
    """Print one line a detector."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    photos = annotated(parser.parse_args().folder)
    networks = mtcnn_networks(threads=1, tell=print)
    detectors: dict[str, Detector] = {
        "facesearch": MtcnnDetector(networks),
        "facesearch --thorough": MtcnnDetector(networks, MtcnnSettings.thorough()),
        "reference": ReferenceDetector(),
    }
    sys.stdout.write(
        f"{sum(len(boxes) for _, boxes in photos)} faces in {len(photos)} photos; found, false alarms, CPU s" + "\n"
    )
    for name, detector in detectors.items():
        detector.detect(photos[0][0])
        for size in SIZES:
            begun = time.process_time()
            found, alarms = count(detector, photos, size)
            sys.stdout.write(
                f"{name:24} size {size:4.2f}: {found:3} {alarms:3} {time.process_time() - begun:6.2f}" + "\n"
            )


if __name__ == "__main__":
    main()
