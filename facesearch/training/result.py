"""What a training leaves behind: a Keras file, its ONNX form, the curve as a picture, and what it was made from."""

from __future__ import annotations

import hashlib
import json
import math
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError
from facesearch.models.export import to_onnx
from facesearch.training.adapting import portable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
    """Write all files into the folder.

    Args:
        model: the whole network, with its best weights.
        size: side of its input in pixels.
        trained: how it went.
        folder: exists.
        about: what goes into ``training.json`` beside the epochs.

    Raises:
        ConfigError: a file cannot be written.
    """
    result = Result(folder / KERAS, folder / ONNX, folder / CURVE, folder / ABOUT, "")
    try:
        portable(model).save(result.keras)
        to_onnx(model, size, str(result.onnx))
        digest = hashlib.sha256(result.onnx.read_bytes()).hexdigest()
        curve_plot(trained.epochs, result.curve)
        document = {**about, "sha256": digest, **_told(trained)}
        result.about.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"cannot write into {folder}: {exc.strerror or exc}") from exc
    return Result(result.keras, result.onnx, result.curve, result.about, digest)


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
            with suppress(OSError):
                curve_plot(epochs, self._path)
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
    try:
        said = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return str(said["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


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


def _told(trained: Trained) -> dict[str, Any]:
    epochs = [{**asdict(epoch), "tar": {str(far): tar for far, tar in epoch.tar.items()}} for epoch in trained.epochs]
    return {"best": trained.best, "stopped": trained.stopped, "epochs": epochs}
