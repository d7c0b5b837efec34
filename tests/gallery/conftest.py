"""Galleries of painted faces, and front ends that count."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Counting:
    """A detector and an embedder in one, that count what they are asked."""

    def __init__(self, detector, embedder):
        self._detector, self._embedder = detector, embedder
        self.name, self.settings = embedder.name, embedder.settings
        self.dim, self.input_size = embedder.dim, embedder.input_size
        self.seen: Counter[str] = Counter()

    def side(self, full_side: float) -> int:
        """What the detector says."""
        return self._detector.side(full_side)

    def detect(self, image: NDArray[np.uint8], **options: float):
        """Detect, and count a picture."""
        self.seen["pictures"] += 1
        return self._detector.detect(image)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed, and count the crops."""
        self.seen["crops"] += len(crops)
        return self._embedder.embed(crops)


@pytest.fixture
def counting_fake():
    """Counts what ``fake`` is asked."""
    return Counting(FakeDetector(), FakeEmbedder())


@pytest.fixture
def fake(counting_fake):
    """A front end of fakes: a face is a coloured square, a person a colour."""
    return FrontEnd(counting_fake, counting_fake)


BOTH = {"test_indexing", "test_people", "test_journal", "test_curating", "test_prune", "test_clusters", "test_finding"}
"""Modules whose tests hold for a gallery in a folder and for one on a server."""


def pytest_generate_tests(metafunc):
    """What is not about the files of SQLite is tested on PostgreSQL too."""
    if "place" in metafunc.fixturenames:
        both = metafunc.module.__name__.rpartition(".")[2] in BOTH
        alone = not both or metafunc.definition.get_closest_marker("sqlite")
        places = ["sqlite"] if alone else ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
        metafunc.parametrize("place", places, indirect=True)


@pytest.fixture
def place(request, tmp_path):
    """Where the gallery of a test is: its folder, or a URL."""
    return tmp_path / "gallery" if request.param == "sqlite" else request.getfixturevalue("server").new_place()


@pytest.fixture
def gallery(place, fake, open_gallery):
    """An empty gallery with the fakes."""
    return open_gallery(place, fake)


@pytest.fixture
def counting(detector, front_end):
    """Counts what the real models are asked. Has the recipe of the real ones."""
    counter = Counting(detector, front_end._embedder)
    counter.name, counter.settings = detector.name, detector.settings
    return counter


@pytest.fixture
def counting_front_end(counting, front_end):
    """The real models, counted by ``counting``; the recipe is the usual one."""
    embedder = front_end._embedder

    class Embeds:
        name, dim, input_size, settings = embedder.name, embedder.dim, embedder.input_size, embedder.settings
        embed = counting.embed

    made = FrontEnd(counting, Embeds())
    assert made.recipe.key == front_end.recipe.key
    return made
