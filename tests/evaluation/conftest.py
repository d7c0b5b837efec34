"""A small tree of painted people in LFW's naming, and a front end of fakes that knows them by their colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {
    "Ada": (230, 20, 20),
    "Bob": (20, 230, 20),
    "Cyd": (20, 20, 230),
    "Dan": (230, 230, 20),
    "Eve": (20, 230, 230),
    "Fay": (230, 20, 230),
}


@dataclass(frozen=True)
class Tree:
    """``images`` holds two photos of each of six people; ``pairs`` names six pairs of each kind."""

    images: Path
    pairs: Path

    def photo(self, name: str, number: int) -> Path:
        """The file of a photo."""
        return self.images / name / f"{name}_{number:04d}.png"

    def paint(self, name: str, number: int, *boxes: tuple[Box, tuple[int, int, int]]) -> None:
        """Paint a photo."""
        self.photo(name, number).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(paint(boxes)).save(self.photo(name, number))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Photos in which a larger stranger stands at the edge and *the* face in the middle; all pairs are easy."""
    made = Tree(tmp_path / "lfw", tmp_path / "pairs.txt")
    names = list(COLOURS)
    for place, (name, colour) in enumerate(COLOURS.items()):
        for number in (1, 2):
            middle = (Box(110 + number, 70, 210 + number, 170), colour)
            edge = (Box(0, 0, 70, 60), COLOURS[names[place - 1]])
            made.paint(name, number, middle, edge)
    same = [f"{name}\t1\t2" for name in names]
    different = [f"{name}\t1\t{names[place - 1]}\t2" for place, name in enumerate(names)]
    made.pairs.write_text("\n".join(["6", *same, *different]) + "\n")
    return made


@pytest.fixture
def fakes() -> FrontEnd:
    """Finds coloured rectangles and tells people by colour."""
    return FrontEnd(FakeDetector(), FakeEmbedder())
