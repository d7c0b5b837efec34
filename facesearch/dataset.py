"""Face crops with labels as arrays: the saved-dataset path of the classic FaceNet tutorials, without pickles."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.prominence import most_prominent
from facesearch.errors import ConfigError, FacesearchError
from facesearch.images.formats import is_photo
from facesearch.pipeline import Analysis, analyse_many, make_front_end
from facesearch.types import Failure

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from facesearch.pipeline import FrontEnd

_ARRAYS = ("crops", "labels", "vectors", "paths")


@dataclass(frozen=True, slots=True, eq=False)
class FaceDataset:
    """Faces of a labelled folder tree, one a photo, in the order of their paths.

    ``crops`` is uint8 RGB, (n, 160, 160, 3); ``labels`` (n,) and ``paths`` (n,) are Unicode strings; ``vectors`` is
    float32, (n, 128), unit rows. n may be 0. ``skipped`` names the photos that gave no face, with the reason; it is
    not saved.
    """

    crops: NDArray[np.uint8]
    labels: NDArray[np.str_]
    vectors: NDArray[np.float32]
    paths: NDArray[np.str_]
    skipped: tuple[Failure, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the arrays as a compressed ``.npz``, whole or not at all.

        Raises:
            FacesearchError: it cannot be written.
        """
        target = Path(path)
        scratch = target.with_name(f".{target.name}.part")
        try:
            with scratch.open("wb") as file:
                np.savez_compressed(file, crops=self.crops, labels=self.labels, vectors=self.vectors, paths=self.paths)
            scratch.replace(target)
        except OSError as exc:
            scratch.unlink(missing_ok=True)
            raise FacesearchError(f"cannot write {target}: {exc.strerror or exc}") from exc

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FaceDataset:
        """Read what ``save`` wrote; pickled objects are refused.

        Raises:
            FacesearchError: the file is missing or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                crops, labels, vectors, paths = (held[name] for name in _ARRAYS)
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            EOFError,
            RuntimeError,
            zipfile.BadZipFile,
            zlib.error,
        ) as exc:
            raise FacesearchError(f"{path} is not a face dataset: {exc}") from exc
        if crops.ndim != 4 or not len(crops) == len(labels) == len(vectors) == len(paths):
            raise FacesearchError(f"{path} is not a face dataset: its arrays do not fit each other")
        return cls(crops, labels, vectors, paths)


def extract_faces(
    folder: str | os.PathLike[str], *, front_end: FrontEnd | None = None, jobs: int | None = None
) -> FaceDataset:
    """The most prominent face of every photo of a ``<folder>/<person>/`` tree, cropped, labelled and embedded.

    Args:
        folder: holds one folder a person; photos beside those folders are not looked at.
        front_end: what analyses the photos; None for the default models.
        jobs: photos at once; None for one a core.

    Raises:
        ConfigError: the folder does not exist.
        ModelError: the models cannot be had.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder", hint="give a folder that holds one folder a person")
    front = front_end or make_front_end()
    photos = [
        path
        for person in sorted(root.iterdir())
        if person.is_dir() and not person.name.startswith(".")
        for path in sorted(person.iterdir())
        if path.is_file() and is_photo(path)
    ]
    crops, vectors, paths = [], [], []
    skipped: list[Failure] = []
    for path, result in analyse_many(front, photos, jobs=jobs, keep_crops=True):
        if not isinstance(result, Analysis):
            skipped.append(Failure(str(path), result.reason))
        elif not result.faces:
            skipped.append(Failure(str(path), "no face found"))
        else:
            place = most_prominent(result.faces, result.photo.width, result.photo.height)
            crops.append(result.crops[place])
            vectors.append(result.vectors[place])
            paths.append(path)
    return FaceDataset(
        crops=np.stack(crops) if crops else np.empty((0, 160, 160, 3), np.uint8),
        labels=np.array([path.parent.name for path in paths], dtype=np.str_),
        vectors=np.stack(vectors) if vectors else np.empty((0, front.recipe.dim), np.float32),
        paths=np.array([str(path) for path in paths], dtype=np.str_),
        skipped=tuple(skipped),
    )
