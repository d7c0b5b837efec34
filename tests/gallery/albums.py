"""Albums without pictures: photos, faces and people written straight into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.store import FileStamp, NewAnalysis, NewPhoto
from facesearch.types import Box, Face, Landmarks, Recipe

if TYPE_CHECKING:
    from facesearch.store import Store

ROOT = Path("/photos")
RECIPE = Recipe("fake", 8, (("crop", "square"),))


class Album:
    """A store that is filled photo by photo.

    A face is written as whose it is: "Ada", or "Ada?" where that was given automatically, "" for somebody unknown, "-"
    for no face, "~" for somebody who is ignored.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.people: dict[str, str] = {}
        self._count = 0
        with store.writing():
            store.use_recipe(RECIPE)

    def person(self, name: str) -> str:
        """The id of a person, who is made where there is none."""
        if name not in self.people:
            self.people[name] = self.store.create_person(name).id
        return self.people[name]

    def photo(self, name: str, *faces: str, taken: str | None = None, quality: float = 0.9, **looks: object) -> list:
        """Add a photo with faces from left to right; returns their ids. ``vectors`` are what they look like."""
        self._count += 1
        vectors = looks.get("vectors")
        rows = np.random.default_rng(self._count).normal(size=(len(faces), 8)) if vectors is None else np.array(vectors)
        rows = rows.reshape(-1, 8)
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        stored = NewPhoto(f"b{self._count}", f"p{self._count}", 100 * max(len(faces), 1), 100, taken_at=taken)
        squares = [_square(100 * place, quality) for place in range(len(faces))]
        analysis = NewAnalysis(stored, squares, rows, FileStamp(ROOT, name, 1, 1))
        with self.store.writing():
            ((*ids,),) = self.store.add_photos([analysis], RECIPE)
            for face_id, whose in zip(ids, faces, strict=True):
                self._decide(face_id, whose)
        return ids

    def _decide(self, face_id: int, whose: str) -> None:
        if whose == "-":
            self.store.reject([face_id], None)
        elif whose == "~":
            self.store.ignore([face_id])
        elif whose:
            self.store.enrol([face_id], self.person(whose.rstrip("?")), "auto" if whose.endswith("?") else "user")


def _square(left: float, quality: float) -> Face:
    points = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    landmarks = Landmarks(*((left + 10 + 80 * x, 10 + 80 * y) for x, y in points))
    return Face(Box(left + 10, 10, left + 90, 90), landmarks, confidence=0.99, quality=quality)
