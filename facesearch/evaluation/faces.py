"""The face and the vector of every photo that an evaluation needs, in the role of ``index`` and in that of a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.prominence import CENTRAL, most_prominent
from facesearch.errors import ConfigError
from facesearch.images.formats import is_photo
from facesearch.pipeline import Analysis, analyse_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence, Set
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.pipeline import FrontEnd
    from facesearch.types import Box


class EmbeddedPhotos:
    """One vector a photo, NaN where it has none, and the box of that face; by one front end."""

    def __init__(self, front_end: FrontEnd) -> None:
        self.front_end = front_end
        self.vectors: dict[Path, NDArray[np.float32]] = {}
        self.boxes: dict[Path, Box] = {}
        self.no_face: set[Path] = set()
        self.failed: dict[Path, str] = {}

    def add(self, photos: Sequence[Path], jobs: int | None, step: Callable[[Path], None]) -> None:
        """Analyse photos and keep the face that is meant; ``step`` is told each one.

        Raises:
            ModelError: the models cannot be used.
        """
        nothing = np.full(self.front_end.recipe.dim, np.nan, np.float32)
        for path, result in analyse_many(self.front_end, photos, jobs=jobs):
            self.vectors[path] = nothing
            if not isinstance(result, Analysis):
                self.failed[path] = result.reason
            elif not result.faces:
                self.no_face.add(path)
            else:
                size = result.photo.width, result.photo.height
                place = most_prominent(result.faces, *size, offset_weight=CENTRAL)
                self.vectors[path] = result.vectors[place]
                self.boxes[path] = result.faces[place].box
            step(path)

    def rows(self, photos: Iterable[Path]) -> NDArray[np.float32]:
        """Vectors (n, dim), NaN for photos without a face."""
        return np.stack([self.vectors[photo] for photo in photos])


def embed(
    front_ends: tuple[FrontEnd, FrontEnd],
    photos: tuple[Set[Path], Set[Path]],
    *,
    jobs: int | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> tuple[EmbeddedPhotos, EmbeddedPhotos]:
    """Embed photos in both roles, each photo once a role; once only where both roles have one front end.

    Args:
        front_ends: of the index role and of the probe role.
        photos: needed in the index role and in the probe role.
        jobs: photos at once; None for one a core.
        progress: takes photos done, photos to do and a path.

    Returns:
        The photos in both roles; one and the same object where both have one front end.
    """
    index = EmbeddedPhotos(front_ends[0])
    probe = index if front_ends[1] is front_ends[0] else EmbeddedPhotos(front_ends[1])
    needed = [(index, photos[0] | photos[1])] if probe is index else [(index, photos[0]), (probe, photos[1])]
    total, done = sum(len(paths) for _, paths in needed), 0
    progress(0, total, "")

    def step(path: Path) -> None:
        nonlocal done
        done += 1
        progress(done, total, str(path))

    for side, paths in needed:
        side.add(sorted(paths), jobs, step)
    return index, probe


def people_tree(folder: Path) -> dict[Path, str]:
    """All photos of ``folder/<person>/`` and who is in them, in the order of their paths.

    Raises:
        ConfigError: it is no folder, or holds fewer than two people, or nobody with two photos.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder", hint="give a folder that holds one folder a person")
    photos = {
        photo: person.name
        for person in sorted(folder.iterdir())
        if person.is_dir() and not person.name.startswith(".")
        for photo in sorted(person.iterdir())
        if photo.is_file() and is_photo(photo)
    }
    names = list(photos.values())
    if len(set(names)) < 2 or len(set(names)) == len(names):
        raise ConfigError(
            f"{folder} holds fewer than two people, or nobody with two photos",
            hint="all pairs need one folder of photos a person",
        )
    return photos
