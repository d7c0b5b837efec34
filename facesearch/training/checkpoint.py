"""The state of a training on disk: written whole or not at all, and refused where it is of another training."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.errors import ConfigError
from facesearch.training.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.training.trainer import Epoch

STATE = "checkpoint.npz"
BEST = "best.npz"

_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a file that was cut short or overwritten may raise."""


class Checkpoints:
    """Keeps the newest and the best weights in a folder.

    Args:
        folder: made where it is missing.
        key: says which training it is: a text that differs wherever settings, network or faces differ.

    Raises:
        ConfigError: the folder cannot be made, or holds another training, or a damaged one.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ConfigError(f"cannot make the folder {folder}: {exc.strerror or exc}") from exc
        self._check_key(folder / STATE)

    def save(
        self,
        model: Any,  # noqa: ANN401 - Keras
        optimizer: Any,  # noqa: ANN401
        epochs: list[Epoch],
        *,
        steps: int,
        watch: Watch,
        best: bool,
    ) -> None:
        """Keep the state after an epoch; ``best`` keeps its weights as the best ones too.

        Raises:
            ConfigError: it cannot be written.
        """
        # Not only the weights: dropout keeps the state of its random numbers in a variable.
        weights = _numbered("w", model.variables)
        if best:
            self._write(BEST, weights)
        told = [{**asdict(epoch), "tar": [*map(list, epoch.tar.items())]} for epoch in epochs]
        about = {"key": self._key, "steps": steps, "watch": asdict(watch), "epochs": told}
        # In one file, so that weights and history are never of two epochs.
        self._write(STATE, {**weights, **_numbered("o", optimizer.variables), "about": np.array(json.dumps(about))})

    def load(self, model: Any, optimizer: Any) -> tuple[list[Epoch], int, Watch] | None:  # noqa: ANN401
        """Bring model and optimizer into the state that was kept; None where nothing was.

        Raises:
            ConfigError: it is damaged.
        """
        from facesearch.training.trainer import Epoch

        path = self._folder / STATE
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as held:
                about = json.loads(str(held["about"]))
                _assign(held, "w", model.variables)
                _assign(held, "o", optimizer.variables)
            epochs = [Epoch(**{**one, "tar": dict(one["tar"])}) for one in about["epochs"]]
            return epochs, int(about["steps"]), Watch(**about["watch"])
        except _DAMAGE as exc:
            raise _damaged(path, exc) from exc

    def take_best(self, model: Any) -> None:  # noqa: ANN401
        """Give the model the weights of its best epoch.

        Raises:
            ConfigError: the file is missing or damaged.
        """
        path = self._folder / BEST
        try:
            with np.load(path, allow_pickle=False) as held:
                _assign(held, "w", model.variables)
        except _DAMAGE as exc:
            raise _damaged(path, exc) from exc

    def _check_key(self, path: Path) -> None:
        if not path.exists():
            return
        try:
            with np.load(path, allow_pickle=False) as held:
                same = json.loads(str(held["about"]))["key"] == self._key
        except _DAMAGE as exc:
            raise _damaged(path, exc) from exc
        if not same:
            raise ConfigError(
                f"{self._folder} holds another training: other photos, network or settings",
                hint="give another --output, the --faces of then if the memory chose them, or delete that folder",
            )

    def _write(self, name: str, arrays: dict[str, Any]) -> None:
        scratch = self._folder / f".{name}.part"
        try:
            with scratch.open("wb") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self._folder / name)
        except OSError as exc:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise ConfigError(f"cannot write {self._folder / name}: {exc.strerror or exc}") from exc


def _damaged(path: Path, reason: Exception) -> ConfigError:
    return ConfigError(
        f"{path} is missing or damaged: {reason}", hint=f"delete {path.parent} to begin anew, or give another --output"
    )


def _numbered(prefix: str, variables: list[Any]) -> dict[str, Any]:
    return {f"{prefix}{place}": np.asarray(one) for place, one in enumerate(variables)}


def _assign(held: Any, prefix: str, variables: list[Any]) -> None:  # noqa: ANN401
    count = sum(name[:1] == prefix and name[1:].isdigit() for name in held)
    if count != len(variables):
        raise ValueError(f"{count} arrays for {len(variables)} variables")
    for place, one in enumerate(variables):
        one.assign(held[f"{prefix}{place}"])
