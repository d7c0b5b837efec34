"""dlib's network and its landmark predictor: fetched as the FaceNet weights are, from the one archive that holds them.

The archive's own folder also holds a predictor of 68 points, whose training data forbids commercial use, and a face
detector; neither is taken out.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from facesearch.errors import ModelError
from facesearch.models import fetch
from facesearch.models.registry import DLIB, model_info

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[str], None]

_IN_ARCHIVE = PurePosixPath("face_recognition_models/models")


def dlib_files() -> tuple[Path, Path]:
    """Where the network and the predictor of five points are cached."""
    network, predictor = (fetch.models_folder() / asset.name for asset in model_info(DLIB).assets)
    return network, predictor


def ready_dlib_files(tell: Tell, *, force: bool = False) -> tuple[Path, Path]:
    """The same, fetched where they are missing, or with ``force`` in any case.

    Raises:
        ModelError: no pip, no network, a wrong hash, no room on the disk; the cache is as it was before.
        ConfigError: the cache folder cannot be written.
    """
    files = dlib_files()
    if force or not all(path.exists() for path in files):
        with fetch.exclusive(tell):
            if force or not all(path.exists() for path in files):
                _pull(tell)
    return files


def _pull(tell: Tell) -> None:
    info = model_info(DLIB)
    folder = fetch.models_folder()
    fetch.check_room(folder, DLIB)
    with fetch.os_errors(DLIB), tempfile.TemporaryDirectory(dir=folder, prefix=fetch.SCRATCH) as name:
        scratch = Path(name)
        archive = fetch.download(scratch, tell, info)
        tell("unpacking the weights")
        unpack(archive, scratch)


def unpack(archive: Path, scratch: Path) -> None:
    """Take both files out of the archive, check them, and put them into the cache.

    Args:
        archive: a ``.tar.gz``.
        scratch: a folder on the cache's file system.

    Raises:
        ModelError: a file is missing, or another one.
    """
    wanted = {asset.name: asset for asset in model_info(DLIB).assets}
    with tarfile.open(archive) as tar:
        for member in tar:
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            stream = tar.extractfile(member) if inside.parent == _IN_ARCHIVE and inside.name in wanted else None
            if stream is not None:
                fetch.write(stream, scratch / inside.name)
    for name, asset in wanted.items():
        path = scratch / name
        if not path.exists():
            raise ModelError(DLIB, f"the archive does not hold {name}")
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != asset.sha256:
                raise ModelError(DLIB, f"the archive holds another {name}")
    for name in wanted:
        (scratch / name).replace(fetch.models_folder() / name)
