"""Galleries of painted faces, and front ends that count."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from facesearch.gallery.gallery import Gallery
from facesearch.pipeline import FrontEnd
from facesearch.store import server_database
from facesearch.store.store import Store
from facesearch.testing import FakeDetector, FakeEmbedder

from ..postgres import copy_gallery

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


def pytest_generate_tests(metafunc):
    """Whatever opens a gallery holds in a folder and on a server, unless the mark ``sqlite`` says why it does not."""
    if "kind" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("sqlite")
        kinds = ["sqlite"] if alone else ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
        metafunc.parametrize("kind", kinds)


@pytest.fixture
def new_place(kind, request, tmp_path):
    """Makes places for galleries: ``new_place("other")`` is a folder of this name, or the URL of an empty gallery."""
    if kind == "sqlite":
        yield tmp_path.joinpath
        return
    server, given = request.getfixturevalue("server"), []

    def make(name):
        given.append(server.place())
        return given[-1]

    yield make
    for url in given:
        server.give_back(url)


@pytest.fixture
def own_environment():
    """Of a process that needs no models: what it keeps of a gallery on a server lies where this test keeps it."""
    return {**os.environ, "FACESEARCH_CACHE": str(server_database.cache_folder())}


@pytest.fixture
def place(new_place):
    """Where the gallery of a test is: its folder, or a URL."""
    return new_place("gallery")


@pytest.fixture
def gallery(place, fake, open_gallery):
    """An empty gallery with the fakes."""
    return open_gallery(place, fake)


@pytest.fixture(scope="session")
def sample_database(server, sample_folder):
    """The URL of a database that nobody is using: the gallery of ``sample_folder``."""
    url = server.new_database()
    copy_gallery(sample_folder, url)
    return url


@pytest.fixture
def sample_place(kind, request, sample_folder, tmp_path):
    """Where a gallery is that holds ``train``, with people from folders; a test may change it."""
    if kind == "sqlite":
        yield shutil.copytree(sample_folder, tmp_path / "sample-gallery")
        return
    server = request.getfixturevalue("server")
    url = server.new_database(request.getfixturevalue("sample_database"))
    yield url.render_as_string(hide_password=False)
    server.drop_database(url)


@pytest.fixture
def sample_copy(sample_place, front_end, open_gallery):
    """The gallery in ``sample_place``."""
    return open_gallery(sample_place, front_end)


@pytest.fixture(scope="session")
def sample_in_sqlite(front_end, sample_folder, tmp_path_factory):
    """See ``sample_gallery``."""
    folder = shutil.copytree(sample_folder, tmp_path_factory.mktemp("sample-open") / "gallery")
    return Gallery(Store.open(folder), lambda: front_end)


@pytest.fixture(scope="session")
def sample_in_postgresql(front_end, server, sample_database):
    """See ``sample_gallery``."""
    return Gallery(Store.open(server.new_database(sample_database)), lambda: front_end)


@pytest.fixture
def sample_gallery(kind, request):
    """An open gallery that holds ``train``, with people from folders. For tests that only ask."""
    return request.getfixturevalue(f"sample_in_{kind}")


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
