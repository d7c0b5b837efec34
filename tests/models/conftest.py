"""A cache of its own for every test, and an archive that stands in for the download."""

from __future__ import annotations

import pytest

from . import archive as archives


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder that all functions use."""
    monkeypatch.setenv("FACESEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FACESEARCH_WEIGHTS", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def archive(tmp_path):
    """A stand-in for the source archive."""
    return archives.build(tmp_path)


@pytest.fixture
def fake(cache, archive, monkeypatch):
    """``pull`` works with the stand-in; the list says what it did."""
    return archives.pretend(archive, monkeypatch.setattr)
