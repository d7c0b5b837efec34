"""One photo: decode, detect, crop, embed."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.plugged import DetectionError, PluggedDetector
from facesearch.errors import ModelError
from facesearch.images.align import DEFAULT_CROPS, crop
from facesearch.images.detail import large_enough, sharp_enough
from facesearch.images.load import MAX_MEGAPIXELS, load, without_pixels
from facesearch.images.quality import quality
from facesearch.models.standardize import unit_rows
from facesearch.pipeline.lying import in_every_orientation
from facesearch.types import Face, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.detection.base import Detector
    from facesearch.embedding.base import Embedder
    from facesearch.images.align import CropSettings
    from facesearch.images.load import LoadedPhoto

REVISION = 2
"""Raise it when code that changes an embedding changes; it is part of the recipe."""

STAGES = ("decode", "detect", "crop", "embed")
"""What ``Analysis.seconds`` tells apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Cropped:
    """One photo and its faces, cut out but not embedded yet.

    ``faces`` run from left to right, in pixels of the upright photo at full resolution; ``crops`` is uint8,
    (n, crops a face, size, size, 3). ``photo`` carries no pixels. ``seconds`` is CPU time by stage. There are no faces,
    and ``skipped`` is true, where the caller knew the photo already.
    """

    photo: LoadedPhoto
    faces: tuple[Face, ...]
    crops: NDArray[np.uint8]
    skipped: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """One photo and what was found in it.

    ``faces`` run from left to right, in pixels of the upright photo at full resolution. ``vectors`` is float32,
    (n, dim), unit rows, row i for ``faces[i]``. ``crops`` is uint8, (n, size, size, 3): what the embedder saw, the
    first crop of each face, or none of them where ``analyse_many`` was not told to keep them. All are empty, and
    ``skipped`` is true, where the caller knew the photo already. ``photo`` carries no pixels. ``seconds`` is CPU time
    by stage (``STAGES``).
    """

    photo: LoadedPhoto
    faces: tuple[Face, ...]
    vectors: NDArray[np.float32]
    crops: NDArray[np.uint8]
    skipped: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


class FrontEnd:
    """Turns photos into faces with embeddings, by one recipe. Safe to use from several threads.

    A face's embedding is the mean of the unit vectors of its crops, brought to length 1.

    Args:
        detector: finds the faces.
        embedder: turns their crops into vectors.
        crops: how a face is cut out, once or more.
        max_megapixels: larger photos are refused.
        recipe: what this makes, where it is an older one that is made anew; None for what the parts say.
        alone: do not run it in several processes, because they would only wait for one card.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        *,
        crops: Sequence[CropSettings] = DEFAULT_CROPS,
        max_megapixels: float = MAX_MEGAPIXELS,
        recipe: Recipe | None = None,
        alone: bool = False,
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self.crops = tuple(crops)
        self.max_megapixels = max_megapixels
        self.alone = alone
        self.recipe = recipe or self.own_recipe()

    def with_embedder(self, embedder: Embedder, crops: Sequence[CropSettings]) -> FrontEnd:
        """The same detector and limits with another embedder, by a recipe of its own."""
        return FrontEnd(self._detector, embedder, crops=crops, max_megapixels=self.max_megapixels, alone=self.alone)

    def analyse(self, path: Path, known: Callable[[LoadedPhoto], bool] = lambda _: False) -> Analysis:
        """Decode a photo, find its faces and embed them; see ``look``."""
        return self.embed([self.look(path, known)])[0]

    def look(self, path: Path, known: Callable[[LoadedPhoto], bool] = lambda _: False) -> Cropped:
        """Decode a photo, find its faces and cut them out.

        A photo that shows no face, or none for sure, is looked at in the three other orientations as well, because
        many pictures lie on their side and do not say so.

        Args:
            path: any photo.
            known: asked once the photo is decoded; where it says true, nothing more is done.

        Raises:
            PhotoError: the photo cannot be used; a DetectionError where it is a detector of the user's own that fails.
            ModelError: the models cannot be used.
        """
        seconds: dict[str, float] = {}
        with _timed(seconds, "decode"):
            photo = load(path, max_megapixels=self.max_megapixels)
        if known(photo):
            return Cropped(without_pixels(photo), (), self._no_crops(), skipped=True, seconds=seconds)
        with self._named(path), _timed(seconds, "decode"):
            photo = large_enough(photo, self._detector.side(max(photo.width, photo.height)))
        with self._named(path), _timed(seconds, "detect"):
            found = in_every_orientation(self._detector, photo)
        up = 1 / photo.scale
        faces = sorted(
            (Face(one.box.scaled(up), one.landmarks.scaled(up), one.confidence) for one in found),
            key=lambda face: (face.box.center, face.confidence),
        )
        with _timed(seconds, "decode"):
            photo = self._sharp_enough(photo, faces)
        with _timed(seconds, "crop"):
            crops = self._cut(photo, faces, self.crops)
            judged = tuple(replace(face, quality=quality(photo.pixels, _within(photo, face))) for face in faces)
        return Cropped(without_pixels(photo), judged, crops, seconds=seconds)

    def embed(self, seen: Sequence[Cropped]) -> list[Analysis]:
        """Embed the faces of several photos in one go, which takes less than photo by photo and gives the same.

        Raises:
            ModelError: the models cannot be used.
        """
        counts = [len(one.faces) for one in seen]
        seconds: dict[str, float] = {}
        with _timed(seconds, "embed"):
            vectors = self.embed_crops(np.concatenate([one.crops for one in seen]) if seen else self._no_crops())
        a_face = seconds["embed"] / max(sum(counts), 1)
        results, start = [], 0
        for one, count in zip(seen, counts, strict=True):
            spent = {**one.seconds, "embed": a_face * count}
            rows = vectors[start : start + count]
            results.append(Analysis(one.photo, one.faces, rows, one.crops[:, 0], one.skipped, spent))
            start += count
        return results

    def embed_faces(self, path: Path, where: Callable[[LoadedPhoto], Sequence[Face]]) -> NDArray[np.float32]:
        """Embed faces that are known already, without looking for any.

        Args:
            path: their photo.
            where: says of the decoded photo where they are, in pixels of the upright photo at full resolution. What it
                raises ends the call.

        Returns:
            Unit rows (n, dim), float32, row i for face i.

        Raises:
            PhotoError: the photo cannot be used.
            ModelError: the models cannot be used.
        """
        return self.embed_crops(self.cut(path, where))

    def cut(
        self, path: Path, where: Callable[[LoadedPhoto], Sequence[Face]], crops: Sequence[CropSettings] | None = None
    ) -> NDArray[np.uint8]:
        """Cut out faces that are known already; see ``embed_faces``.

        Args:
            path: their photo.
            where: says of the decoded photo where they are.
            crops: how, k times; None for the crops that embeddings are made of.

        Returns:
            RGB, (n, k, size, size, 3), uint8, every face upright.

        Raises:
            PhotoError: the photo cannot be used.
        """
        photo = load(path, max_megapixels=self.max_megapixels)
        faces = where(photo)
        return self._cut(self._sharp_enough(photo, faces), faces, self.crops if crops is None else crops)

    def embed_crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed what was cut out already.

        Args:
            crops: RGB, (n, k, size, size, 3), uint8: the k crops of each of n faces, in the order of ``crops``.

        Returns:
            Unit rows (n, dim), float32, row i for face i; shape (0, dim) for no faces.

        Raises:
            ModelError: the models cannot be used.
        """
        count, several = crops.shape[:2]
        if not count:
            return np.empty((0, self.recipe.dim), np.float32)
        rows = self._embedder.embed(crops.reshape(count * several, *crops.shape[2:]))
        return rows if several == 1 else unit_rows(rows.reshape(count, several, self.recipe.dim).sum(axis=1))

    def own_recipe(self) -> Recipe:
        """What the parts say, whatever ``recipe`` is called."""
        settings = {
            "revision": REVISION,
            "detector": self._detector.name,
            **{f"detector_{name}": value for name, value in self._detector.settings.items()},
            **{f"embedder_{name}": value for name, value in self._embedder.settings.items()},
            **{
                f"crop{place}_{name}": value
                for place, one in enumerate(self.crops, start=1)
                for name, value in one.as_settings()
            },
        }
        return Recipe(self._embedder.name, self._embedder.dim, tuple(sorted(settings.items())))

    def _cut(
        self,
        photo: LoadedPhoto,
        faces: Sequence[Face],
        settings_of: Sequence[CropSettings],
        size: int | None = None,
    ) -> NDArray[np.uint8]:
        """The crops of every face, (n, k, size, size, 3), each turned so that the face is upright."""
        size = size or self._embedder.input_size
        cut = np.empty((len(faces), len(settings_of), size, size, 3), np.uint8)
        boxes = [face.box.scaled(photo.scale) for face in faces]
        tilts = [face.landmarks.tilt for face in faces]
        landmarks = [face.landmarks.scaled(photo.scale) for face in faces]
        for place, settings in enumerate(settings_of):
            crops = crop(photo.pixels, boxes, tilts=tilts, landmarks=landmarks, size=size, settings=settings)
            for row, (face, one) in enumerate(zip(faces, crops, strict=True)):
                # Where landmarks say what is shown, it is upright already.
                turns = face.landmarks.quarter_turns if settings.align == "box" else 0
                # In a mirrored crop a turn goes the other way round.
                cut[row, place] = np.rot90(one, turns if settings.mirror else -turns)
        return cut

    @contextmanager
    def _named(self, path: Path) -> Iterator[None]:
        """A detector of the user's own that fails, fails on this photo and maybe on no other."""
        try:
            yield
        except ModelError as error:
            if not isinstance(self._detector, PluggedDetector):
                raise
            raise DetectionError(path, error.name, error.reason, hint=error.hint) from error

    def _sharp_enough(self, photo: LoadedPhoto, faces: Sequence[Face]) -> LoadedPhoto:
        boxes = (face.box for face in faces)
        return sharp_enough(photo, boxes, size=self._embedder.input_size, settings=self.crops[0])

    def _no_crops(self) -> NDArray[np.uint8]:
        size = self._embedder.input_size
        return np.empty((0, len(self.crops), size, size, 3), np.uint8)


def _within(photo: LoadedPhoto, face: Face) -> Face:
    """A face in pixels of the decoded picture."""
    return replace(face, box=face.box.scaled(photo.scale), landmarks=face.landmarks.scaled(photo.scale))


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the CPU time of this thread to a stage."""
    begun = time.thread_time()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.thread_time() - begun
