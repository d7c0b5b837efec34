"""A gallery of painted faces."""

from __future__ import annotations

import pytest

from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder


@pytest.fixture
def gallery(tmp_path, open_gallery):
    """An empty gallery in which a face is a coloured square, a person a colour."""
    return open_gallery(tmp_path / "gallery", FrontEnd(FakeDetector(), FakeEmbedder()))
