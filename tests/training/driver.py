"""A small training; as a program it prints what it gave as JSON, so that it can be killed."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from facesearch.training.augment import Augmentation
from facesearch.training.checkpoint import Checkpoints
from facesearch.training.determinism import seed_everything
from facesearch.training.faces import TrainingFaces
from facesearch.training.precision import set_precision
from facesearch.training.settings import TrainSettings
from facesearch.training.sources import CropSource
from facesearch.training.tensorboard import Events
from facesearch.training.trainer import Trainer


def _faces(noise: float) -> TrainingFaces:
    """60 people with five pictures each: a coarse pattern of their own in noise."""
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(60), 5)
    patterns = random.integers(60, 200, (60, 4, 4, 3))
    clean = np.kron(patterns[people], np.ones((1, 8, 8, 1)))
    crops = np.clip(clean + random.normal(0, noise, clean.shape), 0, 255).astype(np.uint8)
    return TrainingFaces(crops, people, np.arange(len(people)), tuple(map(str, range(60))))


def _network():
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(16, 3, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(16, 3, strides=2),
            layers.ReLU(),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(16),
        ]
    )


def run(*words: object) -> dict:
    """Train as the words say, and tell what that gave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--noise", type=float, default=60)
    parser.add_argument("--mining", default="semi-hard")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--wait-in", type=int)
    parser.add_argument("--patience", type=int, default=20)
    parser.add_argument("--precision", default="float32")
    asked = parser.parse_args([str(word) for word in words])
    seed_everything(5)
    faces = _faces(asked.noise)
    settings = TrainSettings(
        epochs=asked.epochs,
        faces=60,
        mining=asked.mining,
        learning_rate=asked.rate,
        optimizer="sgd",
        seed=5,
        patience=asked.patience,
        precision=asked.precision,
    )
    epochs = []

    def stepped(done: int, _: int) -> None:
        # Midway through the epoch, after a step that a checkpoint does not know of.
        if asked.wait_in is not None and len(epochs) == asked.wait_in and done == 2:
            print("waiting", flush=True)  # noqa: T201
            time.sleep(600)

    def told(epoch: object) -> None:
        epochs.append(epoch)

    model = _network()
    set_precision(model, settings.precision)
    checkpoints = Checkpoints(asked.folder, "test")
    held = np.flatnonzero(faces.people >= 40)
    learnt = np.flatnonzero(faces.people < 40)
    trainer = Trainer(
        model,
        CropSource(faces.of(learnt), Augmentation()),
        CropSource(faces.of(held)),
        settings,
        checkpoints=checkpoints,
        told=told,
        history=Events(asked.folder / "tensorboard").follow,
        stepped=stepped,
    )
    trained = trainer.run()
    weights = hashlib.sha256(b"".join(np.asarray(one).tobytes() for one in model.weights)).hexdigest()
    curve = [{key: value for key, value in asdict(one).items() if key != "seconds"} for one in trained.epochs]
    for one in curve:
        one["tar"] = list(one["tar"].values())
    return {"weights": weights, "epochs": curve, "stopped": trained.stopped}


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:])))  # noqa: T201
