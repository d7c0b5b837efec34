"""Shared fixtures: the real models, the sample photos and a gallery of them, and a home of its own for every test."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from facesearch.embedding.facenet import FacenetEmbedder
from facesearch.models import export
from facesearch.pipeline import FrontEnd, make_front_end
from facesearch.store import NewAnalysis, NewPhoto
from facesearch.types import Box, Face, Landmarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facesearch.detection.base import Detector
    from facesearch.embedding.base import Embedder
    from facesearch.gallery.gallery import Gallery
    from facesearch.store import Store
    from facesearch.types import Recipe

    from .postgres import Server

# Other work on the machine must not fail a test.
settings.register_profile("facesearch", deadline=None)
settings.load_profile("facesearch")

REAL = {
    "models",
    "detector",
    "embedder",
    "samples",
    "val",
    "front_end",
    "sample_folder",
    "sample_gallery",
    "sample_copy",
    "server",
}
"""Fixtures that need the real models, the sample photos or a server: every test that asks for one is slow."""


LONG = {
    *("test_crashes.py", "test_server_index.py", "test_bench.py", "test_trainer.py", "test_parity.py", "test_demo.py"),
    *("test_networks.py", "test_facenet.py", "test_facenet_keras.py"),
}
"""Files of few tests that take half a minute or so: first, for as the last ones one of two processes waits for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the real models or a server is slow, so nobody has to mark it; the longest files go first."""
    for item in items:
        if REAL & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's gallery or settings. The cache of models stays: it is what it is for."""
    home = tmp_path_factory.getbasetemp() / "homes" / uuid.uuid4().hex
    monkeypatch.setenv("FACESEARCH_GALLERY", str(home / "gallery"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    for name in ("CONFIG", "INDEX", "MODEL", "MODELS", "MILVUS_URI", "MILVUS_TOKEN"):
        monkeypatch.delenv(f"FACESEARCH_{name}", raising=False)
    monkeypatch.setattr("facesearch.store.server_database.cache_folder", lambda: home / "cache")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running PostgreSQL server with pgvector."""
    from .postgres import running

    with running() as started:
        yield started


@pytest.fixture(scope="session")
def models() -> None:
    """All models are cached, in FACESEARCH_CACHE or the user's cache; the first run on a machine downloads them."""
    export.pull(print)


@pytest.fixture(scope="session")
def samples(models: None) -> Path:
    """The 118 sample photos: ``train/<person>/`` (93) and ``val/<person>/`` (25)."""
    return export.pull_samples(print)


@pytest.fixture(scope="session")
def val(samples: Path) -> list[Path]:
    """The 25 photos of ``val``."""
    return sorted((samples / "val").rglob("*.jpg"))


@pytest.fixture(scope="session")
def front_end(models: None) -> FrontEnd:
    """The default models."""
    return make_front_end()


@pytest.fixture(scope="session")
def detector(front_end: FrontEnd) -> Detector:
    """The default detector."""
    return front_end._detector


@pytest.fixture(scope="session")
def embedder(models: None) -> Embedder:
    """FaceNet in float32, one pass a crop: what Keras can be compared with."""
    return FacenetEmbedder(export.facenet_network(threads=1, tell=print))


@pytest.fixture(scope="session")
def sample_folder(front_end: FrontEnd, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a closed gallery that holds ``train``, with people from folders. Do not write to it."""
    folder = tmp_path_factory.mktemp("sample") / "gallery"
    with _gallery(folder, front_end) as gallery:
        gallery.index(samples / "train", people_from_folders=True)
    return folder


@pytest.fixture(scope="session")
def sample_gallery(front_end: FrontEnd, sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """An open gallery that holds ``train``, with people from folders. For tests that only ask."""
    folder = tmp_path_factory.mktemp("sample-open") / "gallery"
    shutil.copytree(sample_folder, folder)
    return _gallery(folder, front_end)


@pytest.fixture
def sample_copy(front_end: FrontEnd, sample_folder: Path, tmp_path: Path) -> Iterator[Gallery]:
    """A gallery like ``sample_gallery`` that a test may change."""
    shutil.copytree(sample_folder, tmp_path / "sample-gallery")
    with _gallery(tmp_path / "sample-gallery", front_end) as gallery:
        yield gallery


@pytest.fixture
def fill_album() -> Callable[..., dict[int, list[int]]]:
    """Fills a store with simulated photos: people who never were, in photos with each other.

    ``fill_album(store, recipe, people=…, photos=…, faces=…, alike=…, doubled=…)`` returns the ids of each person's
    faces. As many of the photos as ``doubled`` says show everybody twice, as a mirror does.
    """

    def fill(
        store: Store,
        recipe: Recipe,
        *,
        people: int = 60,
        photos: int = 150,
        faces: int = 3,
        alike: float = 0.0,
        doubled: int = 0,
        seed: int = 0,
    ) -> dict[int, list[int]]:
        random = np.random.default_rng(seed)
        # Random directions in 50 dimensions are as far apart as strangers are for FaceNet; what all have in common
        # brings them nearer.
        middles = np.zeros((people, recipe.dim))
        middles[:, :50] = random.normal(size=(people, 50)) / np.sqrt(50)
        middles[:, -1] = alike
        owned: dict[int, list[int]] = {person: [] for person in range(people)}
        analyses, shown = [], []
        for photo in range(photos):
            some = random.choice(people, faces, replace=False).tolist() * (2 if photo < doubled else 1)
            rows = middles[some] + random.normal(scale=0.02, size=(len(some), recipe.dim))
            vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
            held = [_square(100 * place) for place in range(len(some))]
            picture = NewPhoto(f"bytes {photo}", f"pixels {photo}", 100 * len(some), 100)
            analyses.append(NewAnalysis(picture, held, vectors))
            shown.append(some)
        with store.writing():
            store.use_recipe(recipe)
            for some, ids in zip(shown, store.add_photos(analyses, recipe), strict=True):
                for person, face_id in zip(some, ids, strict=True):
                    owned[person].append(face_id)
        return owned

    return fill


def _square(left: float) -> Face:
    """A sharp face of 80 pixels, its landmarks where a face has them."""
    points = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    landmarks = Landmarks(*((left + 10 + 80 * x, 10 + 80 * y) for x, y in points))
    return Face(Box(left + 10, 10, left + 90, 90), landmarks, confidence=0.99, quality=0.9)


@pytest.fixture
def open_gallery() -> Iterator[Callable[..., Gallery]]:
    """Opens galleries: ``open_gallery(folder, front_end, **options)``. They are closed at the end."""
    opened: list[Gallery] = []

    def begin(folder: Path, front_end: FrontEnd, **options: object) -> Gallery:
        opened.append(_gallery(folder, front_end, **options))
        return opened[-1]

    yield begin
    for gallery in opened:
        gallery.close()


def _gallery(folder: Path, front_end: FrontEnd, **options: object) -> Gallery:
    from facesearch.gallery.gallery import Gallery
    from facesearch.store.store import Store

    return Gallery(Store.open(folder), lambda: front_end, **options)  # type: ignore[arg-type]
