"""A task on its way to other machines: the models that it needs go along, for they lie elsewhere there."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from facesearch.config import cache_folder
from facesearch.embedding.dlib import DlibEmbedder
from facesearch.errors import ModelError
from facesearch.models.runtime import Network

WITH_FILES = (Network, DlibEmbedder)
"""Parts of a task that are pickled as the paths of the files that they are made from."""


class _Sent(NamedTuple):
    """A file in a packed task, instead of its path."""

    digest: str
    path: str


def pack(task: object) -> tuple[bytes, dict[str, Path]]:
    """A task, pickled, and the model files that it needs by their SHA-256.

    Raises:
        Exception: it cannot be pickled; whatever its parts raise.
    """
    models: dict[str, Path] = {}

    def sent(path: Path) -> _Sent:
        digest = _digest(path)
        models[digest] = path
        return _Sent(digest, str(path))

    def reduced(part: Network | DlibEmbedder) -> tuple[Any, ...]:
        make, arguments = part.__reduce__()
        return _unpacked, (make, *(sent(one) if isinstance(one, Path) else one for one in arguments))

    stream = io.BytesIO()
    pickler = ForkingPickler(stream)
    pickler.dispatch_table = {**pickler.dispatch_table, **dict.fromkeys(WITH_FILES, reduced)}
    pickler.dump(task)
    return stream.getvalue(), models


def find(digest: str, path: str) -> Path | None:
    """Where a model lies on this machine: where it came from, in the cache, or nowhere."""
    for place in (Path(path), _kept(digest, path)):
        if place.is_file() and _digest(place) == digest:
            return place
    return None


def keep(digest: str, path: str, data: bytes) -> None:
    """Put a model that was sent into the cache of this machine.

    Raises:
        ModelError: the cache cannot be written.
    """
    target = _kept(digest, path)
    scratch = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data)
        scratch.replace(target)
    except OSError as exc:
        with suppress(OSError):
            scratch.unlink()
        raise ModelError(Path(path).name, f"cannot store {target}: {exc.strerror or exc}") from exc


def _unpacked(make: Any, *arguments: Any) -> Any:  # noqa: ANN401 - see the ``__reduce__`` of ``WITH_FILES``
    return make(*(_arrived(one) if isinstance(one, _Sent) else one for one in arguments))


def _arrived(file: _Sent) -> Path:
    found = find(file.digest, file.path)
    if found is None:
        raise ModelError(Path(file.path).name, f"{file.path} did not arrive")
    return found


def _kept(digest: str, path: str) -> Path:
    return cache_folder() / "models" / "sent" / f"{digest[:16]}-{Path(path).name}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
