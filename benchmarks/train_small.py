"""The small network from nothing: what it learns about people it has not seen, by rule of mining.

    python benchmarks/train_small.py DIR --seeds 101 102 103 --json small.json --curves small.png

DIR holds a folder of photos for each person. A fifth of the people, drawn by the seed, is kept back. Every run trains
for the same number of epochs on the same batches; only the rule that chooses triplets differs. The network of the
*last* epoch is compared with the untrained one, so nothing is chosen on the people kept back.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gains import gain, say

from facesearch.pipeline import make_front_end
from facesearch.training.augment import Augmentation
from facesearch.training.collecting import faces_of_tree
from facesearch.training.determinism import seed_everything
from facesearch.training.faces import split_by_person
from facesearch.training.networks import build, network_info
from facesearch.training.settings import TrainSettings
from facesearch.training.sources import CropSource
from facesearch.training.trainer import Trainer
from facesearch.training.validation import embed_all, embed_of

if TYPE_CHECKING:
    from facesearch.training.faces import TrainingFaces
    from facesearch.training.mining import Rule
    from facesearch.training.trainer import Epoch

NETWORK = "small"
EPOCHS = 40


def run(faces: TrainingFaces, seed: int, rule: Rule, epochs: int) -> dict[str, Any]:
    """One training, and the gain of its last epoch."""
    learn, check = (faces.of(rows) for rows in split_by_person(faces.people, 0.2, seed=seed))
    seed_everything(seed)
    model = build(NETWORK)
    embed, source = embed_of(model), CropSource(check)
    before = embed_all(embed, source)
    curve: list[Epoch] = []
    # The rate falls to nothing at the last epoch, so no run may end before it.
    settings = TrainSettings(epochs=epochs, patience=epochs, faces=120, optimizer="adam", mining=rule, seed=seed)
    wall, processor = time.monotonic(), time.process_time()
    Trainer(model, CropSource(learn, Augmentation()), source, settings, told=curve.append).run()
    if curve[-1].number < epochs:
        raise SystemExit(f"seed {seed}, {rule}: ended after epoch {curve[-1].number}")
    found = gain(before, embed_all(embed, source), check)
    last = curve[-1]
    say(f"seed {seed}, {rule}: AUC {found}, TAR {last.tar}")
    return {
        "seed": seed,
        "rule": rule,
        "faces": [len(learn), len(check)],
        "people": [len(np.unique(part.people)) for part in (learn, check)],
        "minutes": (time.monotonic() - wall) / 60,
        "processor_minutes": (time.process_time() - processor) / 60,
        "gain": asdict(found),
        "tar": {f"{far:g}": [curve[0].tar[far], tar] for far, tar in last.tar.items()},
        "auc": [epoch.auc for epoch in curve],
        "loss": [epoch.loss for epoch in curve],
    }


def curves(runs: list[dict[str, Any]], path: Path) -> None:
    """AUC of the people kept back by epoch, a line a run."""
    from facesearch.images.plots import figure_and_axes

    figure, axes = figure_and_axes()
    colours = dict(zip(dict.fromkeys(run["rule"] for run in runs), ("#1b6ca8", "#e8590c", "#2f9e44"), strict=False))
    seen: set[str] = set()
    for found in runs:
        rule = found["rule"]
        axes.plot(found["auc"], color=colours[rule], label=None if rule in seen else rule)
        seen.add(rule)
    axes.set(xlabel="epoch", ylabel="AUC, people kept back")
    axes.legend(frameon=False)
    figure.savefig(path)


def main() -> None:
    """Run all seeds and rules, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--rules", nargs="+", default=["semi-hard", "random"])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=0, help="of TensorFlow; 0 for one a core")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--curves", type=Path)
    args = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    faces, skipped = faces_of_tree(args.folder, make_front_end(tell=say), size=network_info(NETWORK).size)
    say(f"{len(faces)} faces of {len(faces.names)} people, {len(skipped)} photos unused")
    runs = [run(faces, seed, rule, args.epochs) for seed in args.seeds for rule in args.rules]
    if args.json:
        args.json.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    if args.curves:
        curves(runs, args.curves)


if __name__ == "__main__":
    main()
