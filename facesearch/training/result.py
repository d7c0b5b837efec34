"""What a training leaves behind: a Keras file, its ONNX form, the curve as a picture, and what it was made from."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError
from facesearch.models.export import to_onnx
from facesearch.training.adapting import portable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from facesearch.training.trainer import Epoch, Trained

KERAS = "model.keras"
ONNX = "model.onnx"
CURVE = "curve.png"
ABOUT = "training.json"


@dataclass(frozen=True, slots=True)
class Result:
    """Where everything lies, and the SHA-256 of the ONNX file."""

    keras: Path
    onnx: Path
    curve: Path
    about: Path
    sha256: str


def save_result(
    model: Any,  # noqa: ANN401 - Keras
    size: int,
    trained: Trained,
    folder: Path,
    about: dict[str, Any],
) -> Result:
    """Write all files into the folder, each whole or not at all.

    Those of the same training that are there already stay as they are, for the export gives other bytes each time, and
    galleries go by the hash of the ONNX file.

    Args:
        model: the whole network, with its best weights.
        size: side of its input in pixels.
        trained: how it went.
        folder: exists.
        about: what goes into ``training.json`` beside the epochs; ``key`` says which training it is.

    Raises:
        ConfigError: a file cannot be written.
    """
    keras, onnx, curve, told = (folder / name for name in (KERAS, ONNX, CURVE, ABOUT))
    digest = _kept(folder, about["key"], trained)
    try:
        if digest is None or not keras.exists():
            with _whole(keras) as scratch:
                portable(model).save(scratch)
        if digest is None or not curve.exists():
            with _whole(curve) as scratch:
                curve_plot(trained.epochs, scratch)
        if digest is None:
            # The inner one takes its place first: training.json must never tell of a network that is not there yet.
            with _whole(told) as document, _whole(onnx) as network:
                to_onnx(model, size, str(network))
                digest = _sha256(network)
                said = {**about, "sha256": digest, **_told(trained)}
                document.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"cannot write into {folder}: {exc.strerror or exc}") from exc
    return Result(keras, onnx, curve, told, digest)


class Curve:
    """Draws the curve while a training runs, every few seconds at most; failing to is no reason to stop.

    Args:
        folder: of the result.
        told: takes the epochs too.
    """

    EVERY = 10.0

    def __init__(self, folder: Path, told: Callable[[Sequence[Epoch]], None] = lambda _: None) -> None:
        self._path = folder / CURVE
        self._told = told
        self._drawn = time.monotonic()

    def __call__(self, epochs: Sequence[Epoch]) -> None:
        """Draw, if the last picture is old enough."""
        self._told(epochs)
        if time.monotonic() - self._drawn >= self.EVERY:
            with suppress(OSError), _whole(self._path) as scratch:
                curve_plot(epochs, scratch)
            self._drawn = time.monotonic()


def gain(trained: Trained) -> dict[str, Any]:
    """How the people who were kept back are told apart, by the network before the training and by the one taken.

    ``epoch`` is the one whose weights were taken, for it had the best AUC; ``auc``, and ``tar`` by FAR, have "before"
    and "after".
    """
    first = trained.epochs[0]
    best = next(epoch for epoch in trained.epochs if epoch.number == trained.best)
    return {
        "epoch": best.number,
        "auc": {"before": first.auc, "after": best.auc},
        "tar": {str(far): {"before": first.tar[far], "after": tar} for far, tar in best.tar.items()},
    }


def key_of(folder: Path) -> str | None:
    """The key of the training that ended in this folder (``training.json``); None where none did."""
    key = _said(folder).get("key")
    return None if key is None else str(key)


def curve_plot(epochs: Sequence[Epoch], path: Path) -> None:
    """Loss, and TAR and AUC of the people kept back, by epoch: a PNG of 960 by 600 pixels."""
    from facesearch.images.plots import figure_and_axes

    figure, axes = figure_and_axes()
    numbers = [epoch.number for epoch in epochs]
    axes.plot(numbers, [epoch.auc for epoch in epochs], label="AUC", color="#1b6ca8")
    for far, colour in zip(epochs[0].tar, ("#2f9e44", "#e8590c"), strict=False):
        axes.plot(numbers, [epoch.tar[far] for epoch in epochs], label=f"TAR at FAR {far:g}", color=colour)
    axes.set(xlabel="epoch", ylabel="people kept back", ylim=(0, 1.02))
    losses = axes.twinx()
    losses.plot(
        numbers,
        [math.nan if epoch.loss is None else epoch.loss for epoch in epochs],
        color="#868e96",
        linestyle="--",
        label="loss",
    )
    losses.set_ylabel("loss")
    losses.spines[["top"]].set_visible(False)
    axes.legend(handles=[*axes.get_lines(), *losses.get_lines()], loc="center right", frameon=False)
    figure.savefig(path)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place at the end of the block, unless the block raises."""
    # Keras and matplotlib go by the ending.
    scratch = path.with_name(f".part-{path.name}")
    try:
        yield scratch
        with scratch.open("r+b") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def _kept(folder: Path, key: str, trained: Trained) -> str | None:
    """The SHA-256 of the ONNX file, where it and ``training.json`` are of this training and fit each other."""
    said = _said(folder)
    course = (key, trained.best, [epoch.auc for epoch in trained.epochs])
    with suppress(OSError, KeyError, TypeError):
        if (said["key"], said["best"], [epoch["auc"] for epoch in said["epochs"]]) == course:
            digest = _sha256(folder / ONNX)
            return digest if digest == said["sha256"] else None
    return None


def _said(folder: Path) -> dict[str, Any]:
    """What ``training.json`` holds; nothing where it cannot be read."""
    try:
        said = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told(trained: Trained) -> dict[str, Any]:
    epochs = [{**asdict(epoch), "tar": {str(far): tar for far, tar in epoch.tar.items()}} for epoch in trained.epochs]
    return {"best": trained.best, "stopped": trained.stopped, "epochs": epochs}
