"""Vectors of two recipes never meet."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.images.align import CropSettings
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder

from .pictures import BLUE, RED, contents, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def other(fake):
    """A front end with another crop."""
    made = FrontEnd(FakeDetector(), FakeEmbedder(), crops=[CropSettings(scale=1.3)])
    assert made.recipe.key != fake.recipe.key
    return made


@pytest.fixture
def album(tmp_path, gallery):
    """Four photos, two of Ann, one of Bob, indexed by the first recipe; the gallery is closed."""
    folder = tmp_path / "album"
    for number in range(3):
        painted(folder / f"red{number}.png", RED, shade=number)
    painted(folder / "blue.png", BLUE)
    gallery.index(folder)
    gallery.enrol("Ann", folder / "red0.png", folder / "red1.png")
    gallery.enrol("Bob", folder / "blue.png")
    gallery.search(folder / "blue.png")
    gallery.close()
    return folder


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda gallery, album: gallery.index(album), id="index"),
        pytest.param(lambda gallery, album: gallery.who(album / "red2.png"), id="who"),
        pytest.param(lambda gallery, album: gallery.who(album / "red2.png", method="svm"), id="svm"),
        pytest.param(lambda gallery, album: gallery.search(album / "red2.png"), id="search"),
        pytest.param(lambda gallery, album: gallery.cluster(), id="cluster"),
        pytest.param(lambda gallery, album: gallery.enrol("Eve", album / "red2.png"), id="enrol"),
    ],
)
def test_another_recipe_is_refused(place, open_gallery, other, album, ask):
    """A gallery made by one recipe neither takes in nor answers photos by another: one clear error, nothing changed."""
    before = contents(place)
    gallery = open_gallery(place, other)
    with pytest.raises(ConfigError, match="made with other models or settings") as caught:
        ask(gallery, album)
    assert "facesearch reindex" in caught.value.hint
    assert contents(place) == before
    assert gallery.stats().recipe != other.recipe.key


def test_what_needs_no_vectors_still_works(place, open_gallery, other, album):
    """Names and counts are told by any recipe, and two photos can be compared."""
    gallery = open_gallery(place, other)
    assert [person.name for person in gallery.people()] == ["Ann", "Bob"]
    assert gallery.stats().faces == 4
    assert gallery.verify(album / "red0.png", album / "red1.png").same


def test_reprocessing_moves_the_gallery_to_the_new_recipe(place, open_gallery, other, album, fake):
    """With ``reprocess`` every photo is analysed by the new recipe: names and face ids stay, answers are its own."""
    old = open_gallery(place, fake)
    ids = {path.name: [face.id for face in old.faces(path)] for path in album.iterdir()}
    old.close()
    gallery = open_gallery(place, other)
    report = gallery.index(album, reprocess=True)
    assert (report.added, report.skipped, report.failed) == (4, 0, ())
    assert {path.name: [face.id for face in gallery.faces(path)] for path in album.iterdir()} == ids
    assert [(person.name, person.faces) for person in gallery.people()] == [("Ann", 2), ("Bob", 1)]
    assert gallery.stats().recipe == other.recipe.key
    for method in ("knn", "svm"):
        (answer,) = gallery.who(album / "red2.png", method=method)
        assert answer.person == "Ann"
    (probe,) = gallery.search(album / "red2.png")
    assert len(probe.matches) == 2
    assert gallery.index(album).skipped == 4


def test_answers_never_mix_two_recipes(place, open_gallery, other, album):
    """After reprocessing, every vector that answers is one of the new recipe."""
    gallery = open_gallery(place, other)
    gallery.index(album, reprocess=True)
    index = gallery._cache(gallery.front_end.recipe).fresh()
    for path in album.iterdir():
        analysis = other.analyse(path)
        hits = index.search(analysis.vectors, 1)
        assert np.allclose(hits.distances[:, 0], 0, atol=1e-5)


def test_the_old_recipe_is_refused_afterwards(place, open_gallery, other, album, fake):
    """Once moved, the gallery is refused by the program that made it before."""
    gallery = open_gallery(place, other)
    gallery.index(album, reprocess=True)
    gallery.close()
    with pytest.raises(ConfigError):
        open_gallery(place, fake).who(album / "red2.png")


def test_the_reference_engine_has_galleries_of_its_own(sample_place, val):
    """A gallery made by ONNX Runtime is refused by the reference engine, and needs no TensorFlow to say so."""
    from facesearch.gallery.gallery import Gallery
    from facesearch.pipeline import make_front_end
    from facesearch.store.store import Store

    reference = Gallery(Store.open(sample_place), lambda: make_front_end(engine="reference"))
    with reference as gallery, pytest.raises(ConfigError, match="other models"):
        gallery.who(val[0])
