"""Shared fixtures: the real models, the sample photos and a gallery of them, and a home of its own for every test."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from facesearch.embedding.facenet import FacenetEmbedder
from facesearch.models import export
from facesearch.pipeline import FrontEnd, make_front_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facesearch.detection.base import Detector
    from facesearch.embedding.base import Embedder
    from facesearch.gallery.gallery import Gallery

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
}
"""Fixtures that need the real models or the sample photos: every test that asks for one is slow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nobody has to remember the mark: whatever uses the real models is slow."""
    for item in items:
        if REAL & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's gallery. The cache of models stays: it is what it is for."""
    home = tmp_path_factory.getbasetemp() / "homes" / uuid.uuid4().hex
    monkeypatch.setenv("FACESEARCH_GALLERY", str(home / "gallery"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))


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
