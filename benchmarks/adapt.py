"""FaceNet's last blocks adapted to faces of 20 pixels in grey: what that gains there, and costs elsewhere.

    python benchmarks/adapt.py DIR --seeds 101 102 103 --json adapt.json

DIR holds a folder of photos for each person. Faces are found in the photos as they are; then the crops are shrunk and
lose their colour, so that the detector is not what is measured. A fifth of the people is kept back by the seed and
never seen by ``train embedder``, which keeps a fifth of the rest back for itself, to choose its best epoch.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gains import say
from PIL import Image

from facesearch.evaluation.bootstrap import compare
from facesearch.models.export import keras_weights
from facesearch.models.facenet_keras import load_keras_model
from facesearch.pipeline import make_front_end
from facesearch.training.augment import Augmentation
from facesearch.training.collecting import faces_of_tree
from facesearch.training.embedder import Plan, train_embedder
from facesearch.training.faces import TrainingFaces, split_by_person
from facesearch.training.settings import TrainSettings
from facesearch.training.sources import CropSource
from facesearch.training.validation import embed_all, embed_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 20
FARS = (1e-2, 1e-3)
EPOCHS = 15
PLAN = Plan(blocks=6, augmentation=Augmentation(blur=0, low_resolution=0))


def degraded(faces: TrainingFaces) -> TrainingFaces:
    """The same faces 20 pixels wide and grey, enlarged again."""
    crops = np.stack([_degraded(crop) for crop in faces.crops])
    return TrainingFaces(crops, faces.people, faces.photos, faces.names)


def _degraded(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = Image.fromarray(crop).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small.resize(crop.shape[:2], Image.Resampling.BILINEAR).convert("RGB"))


def run(normal: TrainingFaces, bad: TrainingFaces, seed: int, epochs: int) -> dict[str, Any]:
    """One adaptation, and what it is worth to the people kept back."""
    import keras

    learn, check = split_by_person(normal.people, 0.2, seed=seed)
    settings = TrainSettings(epochs=epochs, patience=epochs, seed=seed, optimizer="adam", learning_rate=3e-4)
    wall, processor = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        done = train_embedder(bad.of(learn), Path(folder), PLAN, settings, weights=lambda: keras_weights(say))
        minutes, busy = (time.monotonic() - wall) / 60, (time.process_time() - processor) / 60
        models = load_keras_model(keras_weights(say)), keras.saving.load_model(done.result.keras, compile=False)
    found = {
        f"{kind}, FAR {far:g}": asdict(difference)
        for kind, faces in (("degraded", bad.of(check)), ("normal", normal.of(check)))
        for far, difference in _differences(models, faces)
    }
    for what, change in found.items():
        say(
            f"seed {seed}, {what}: TAR {change['a']:.3f} to {change['b']:.3f}: {change['mean']:+.3f} "
            f"({change['low']:+.3f} to {change['high']:+.3f})"
        )
    return {
        "seed": seed,
        "people": [len(np.unique(normal.people[rows])) for rows in (learn, check)],
        "faces": [len(learn), len(check)],
        "best": done.trained.best,
        "minutes": minutes,
        "processor_minutes": busy,
        "tar": found,
    }


def _differences(models: tuple[Any, Any], faces: TrainingFaces) -> list[tuple[float, Any]]:
    before, after = (embed_all(embed_of(model), CropSource(faces)) for model in models)
    labels = np.array(faces.names)[faces.people]
    return [(far, compare(before, after, labels, far)) for far in FARS]


def main() -> None:
    """Run all seeds, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=0, help="of TensorFlow; 0 for one a core")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    normal, skipped = faces_of_tree(args.folder, make_front_end(tell=say), size=160)
    say(f"{len(normal)} faces of {len(normal.names)} people, {len(skipped)} photos unused")
    bad = degraded(normal)
    runs = [run(normal, bad, seed, args.epochs) for seed in args.seeds]
    if args.json:
        args.json.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
