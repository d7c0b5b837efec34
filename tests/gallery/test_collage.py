"""In a photo that is marked as a collage, two faces may be one person."""

from __future__ import annotations

import pytest

from .pictures import RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def collage(gallery, tmp_path):
    """An indexed photo that shows one person twice."""
    path = painted(tmp_path / "collage.png", RED, RED)
    gallery.index(path)
    return path


@pytest.mark.parametrize("method", ["knn", "svm"])
def test_both_faces_get_the_name(gallery, collage, tmp_path, method):
    """One person twice in one photo is named once, and once the photo is marked twice; without the mark again once."""
    gallery.enrol("Ann", painted(tmp_path / "ann.png", RED))

    def names():
        return sorted(answer.person or "" for answer in gallery.who(collage, method=method))

    assert names() == ["", "Ann"]
    assert gallery.mark(collage, "collage")
    assert names() == ["Ann", "Ann"]
    assert gallery.mark(collage, None)
    assert names() == ["", "Ann"]


def test_both_faces_may_share_a_cluster(gallery, collage):
    """Two faces of a photo stay apart unless it is marked."""
    assert gallery.cluster().clusters == ()
    gallery.mark(collage, "collage")
    (cluster,) = gallery.cluster().clusters
    assert len(cluster.matches) == 2
