"""A small gallery with obvious content: 4-d vectors, square faces, photos called by a number."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facesearch.store import FileStamp, NewPhoto, Store
from facesearch.types import Box, Face, Landmarks, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path("/photos")


@dataclass(frozen=True)
class Maker:
    """Makes photos and faces with values that a test can foresee."""

    recipe: Recipe = field(default_factory=lambda: Recipe("fake", 4, (("crop", "square"),)))
    other: Recipe = field(default_factory=lambda: Recipe("other", 4, (("crop", "square"),)))

    def face(self, left: float, top: float = 10, size: float = 40) -> Face:
        """A square face whose landmarks lie where a face has them."""
        box = Box(left, top, left + size, top + size)
        points = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
        return Face(box, Landmarks(*((left + x * size, top + y * size) for x, y in points)), 0.9, 0.5)

    def photo(self, number: int, **values: int | str | None) -> NewPhoto:
        """Photo number n, 400 by 200 pixels."""
        return NewPhoto(**{"byte_hash": f"b{number}", "pixel_hash": f"p{number}", "width": 400, "height": 200} | values)

    def stamp(self, number: int, **values: int | str) -> FileStamp:
        """The file of photo number n."""
        return FileStamp(**{"root": ROOT, "relative": f"{number}.jpg", "size": 100, "mtime_ns": 7} | values)

    def vectors(self, count: int, seed: int = 0) -> np.ndarray:
        """Unit rows, shape (count, 4), float32."""
        rows = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def add(
        self, store: Store, number: int, lefts: tuple[float, ...] = (10,), recipe: Recipe | None = None
    ) -> list[int]:
        """Photo number n with a face at each of ``lefts``."""
        faces = [self.face(left) for left in lefts]
        vectors = self.vectors(len(faces), seed=number)
        return store.add_photo(self.photo(number), faces, vectors, recipe or self.recipe, stamp=self.stamp(number))


@pytest.fixture(scope="session")
def make() -> Maker:
    """Makes photos and faces."""
    return Maker()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the gallery of a test lies."""
    return tmp_path / "gallery"


BOTH = {
    *("test_add_photo", "test_changes", "test_files", "test_history", "test_journal", "test_marks", "test_people"),
    *("test_erasure", "test_recipes", "test_schema", "test_transactions"),
}
"""Modules whose tests hold for a gallery in a folder and for one on a server."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is not about the files of SQLite is tested on PostgreSQL too."""
    names = set(metafunc.fixturenames)
    if "store" in names:
        both = metafunc.module.__name__.rpartition(".")[2] in BOTH and not names & {"folder", "start"}
        alone = not both or metafunc.definition.get_closest_marker("sqlite")
        places = ["sqlite"] if alone else ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
        metafunc.parametrize("place", places, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Where the gallery of a test is: its folder, or a URL."""
    if request.param == "sqlite":
        yield tmp_path / "gallery"
        return
    server = request.getfixturevalue("server")
    url = server.place()
    yield url
    server.give_back(url)


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    """A new gallery."""
    with Store.open(place, timeout=5) as opened:
        yield opened


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a real Python process with ``folder`` (the gallery) and ``wait()`` (until told to go on) defined."""
    running: list[subprocess.Popen[str]] = []
    head = """
        import sys
        from pathlib import Path
        from facesearch.store import *
        folder = Path(sys.argv[1])
        def wait():
            print("ready", flush=True)
            sys.stdin.readline()
    """

    def begin(code: str, *args: str) -> subprocess.Popen[str]:
        whole = textwrap.dedent(head) + textwrap.dedent(code)
        process = subprocess.Popen(
            [sys.executable, "-c", whole, str(folder), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def start_ready(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., subprocess.Popen[str]]:
    """Like ``start``, and returns when the process has come to its ``wait()``."""

    def begin(code: str, *args: str) -> subprocess.Popen[str]:
        process = start(code, *args)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "ready\n", process.communicate()[1]
        return process

    return begin
