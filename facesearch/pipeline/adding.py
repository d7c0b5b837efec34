"""Look at a user's network before it is added: what it takes, whether it runs, and how it is to be used."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesearch.embedding.onnx import OnnxEmbedder, try_out
from facesearch.errors import ModelError
from facesearch.models import onnx_file
from facesearch.models.local import NETWORK, LocalModel, check_name
from facesearch.models.runtime import Network

if TYPE_CHECKING:
    from facesearch.models.local import Align, Color, Standardize

PORTABLE = "export it again, with ONNX's own operators, opset 13 or later"

TRAINING = "training.json"
"""What ``train embedder`` writes beside a network."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says of a network; see ``LocalModel``. ``size`` and ``output`` only where the file leaves it open.

    ``title`` and ``licence`` are for people to read.
    """

    name: str
    align: Align = "box"
    standardize: Standardize = "per-image"
    color: Color = "rgb"
    size: int | None = None
    output: str | None = None
    title: str | None = None
    licence: str | None = None


def examine(file: Path, wishes: Wishes) -> tuple[LocalModel, bytes]:
    """Read a network, run it, and say how it is to be used.

    Args:
        file: ONNX; weights in other files beside it are taken in.
        wishes: what the user says of it.

    Returns:
        The model, in no folder yet, and the bytes of its file.

    Raises:
        ConfigError: no model may have this name.
        ModelError: the file is no network that turns one picture of a face into one vector.
    """
    check_name(wishes.name)
    network, data, whole = onnx_file.read(wishes.name, file)
    found = onnx_file.signature(wishes.name, network, wishes.output)
    del network
    if found.kind == "uint8" and wishes.standardize != "none":
        raise ModelError(
            wishes.name, "takes pixels as they are, uint8, so it standardizes them itself", hint="--standardize none"
        )
    digest = hashlib.sha256(data).hexdigest()
    training = _training(file.parent / TRAINING, digest)
    model = LocalModel(
        name=wishes.name,
        title=wishes.title or file.name,
        dim=found.dim or 0,
        size=_size(wishes, found.size),
        align=wishes.align,
        standardize=wishes.standardize,
        color=wishes.color,
        input=found.input,
        output=found.output,
        layout=found.layout,
        kind=found.kind,
        batch=found.batch,
        licence=wishes.licence or "not stated",
        sha256=digest,
        added=datetime.now(UTC).date().isoformat(),
        source=str(file.absolute()),
        training=training,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = file if whole else Path(folder) / NETWORK
        if not whole:
            path.write_bytes(data)
        dim = try_out(OnnxEmbedder(model, Network(model.name, path, hint=PORTABLE)))
    return replace(model, dim=dim), data


def _size(wishes: Wishes, size: int | None) -> int:
    if size is None and wishes.size is None:
        raise ModelError(wishes.name, "leaves the size of its pictures open", hint="say it: --size 112, in pixels")
    if size is not None and wishes.size not in (None, size):
        raise ModelError(wishes.name, f"takes pictures of {size} pixels, not {wishes.size}", hint="leave --size out")
    return size or wishes.size or 0


def _training(file: Path, digest: str) -> dict[str, Any] | None:
    """What was written of the training of this very network, without the course of it; None where there is nothing."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["sha256"] != digest:
            return None
        return {name: value for name, value in said.items() if name not in ("epochs", "sha256")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
