"""Engines that are large to install. Nothing here is skipped for want of them: what is missing is said, and fails."""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facesearch.index.milvus_server import MilvusServer
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
NEEDED = ("pymilvus", "milvus_lite", "ray", "dlib")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder has the mark."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.backends)


@pytest.fixture(autouse=True, scope="session")
def _packages() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        pytest.fail(
            f"not installed: {', '.join(missing)}; `make test-backends` installs them, or leave these tests out"
        )


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where milvus-lite keeps its files: a server inside of this process, spoken to as any other."""
    return str(tmp_path_factory.mktemp("milvus") / "lite.db")


@pytest.fixture(scope="session")
def milvus(milvus_uri: str) -> Iterator[MilvusServer]:
    """A connection to it."""
    server = MilvusServer(milvus_uri)
    yield server
    server.close()


@pytest.fixture(scope="session")
def new_name() -> Callable[[], str]:
    """Names for collections, each once."""
    numbers = itertools.count()
    return lambda: f"c{next(numbers)}"


@pytest.fixture
def fake() -> FrontEnd:
    """A front end of fakes: a face is a coloured square, a person a colour."""
    return FrontEnd(FakeDetector(), FakeEmbedder())
