"""Faces to learn from, out of folders and out of a gallery; faces are painted."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.training.collecting import collect_folder, collect_gallery
from facesearch.types import Box

COLOURS = {"ada": (220, 40, 40), "bob": (40, 200, 40), "cem": (40, 40, 220)}


@pytest.fixture
def fake():
    """A front end of fakes."""
    return FrontEnd(FakeDetector(), FakeEmbedder())


@pytest.fixture
def tree(tmp_path):
    """Three people with two photos each."""
    for name, colour in COLOURS.items():
        for number in range(2):
            path = tmp_path / "people" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(paint([(Box(60, 60, 140 + number, 140), colour)])).save(path)
    return tmp_path / "people"


@pytest.fixture
def gallery(tree, tmp_path, fake, open_gallery):
    """They are enrolled."""
    opened = open_gallery(tmp_path / "own.gallery", fake)
    opened.index(tree, people_from_folders=True, jobs=1)
    return opened


def test_a_gallery_gives_what_its_folders_give(gallery, tree, fake):
    """Crops, people, photos and names are those of the folders that everybody was enrolled from."""
    ours, theirs = collect_gallery(gallery, fake, size=64, jobs=1), collect_folder(tree, fake, size=64, jobs=1)
    assert (len(ours.faces), ours.unused, ours.faces.person_count) == (6, (), 3)
    assert sorted(ours.faces.names) == list(theirs.faces.names)
    for name in COLOURS:
        some, others = (one.crops[one.people == one.names.index(name)] for one in (ours.faces, theirs.faces))
        assert sorted(crop.tobytes() for crop in some) == sorted(crop.tobytes() for crop in others)
    assert len(set(ours.faces.photos.tolist())) == 6
    assert (ours.origin.kind, ours.origin.place) == ("gallery", gallery.place)
    assert str(theirs.origin) == f"folder {tree}"


def test_a_new_name_is_the_same_training(gallery, fake):
    """Whose faces they are counts, not what these people are called; two of one name stay two."""
    before = collect_gallery(gallery, fake, size=64, jobs=1).faces
    gallery.rename("ada", "bob")
    after = collect_gallery(gallery, fake, size=64, jobs=1).faces
    np.testing.assert_array_equal(before.people, after.people)
    np.testing.assert_array_equal(before.crops, after.crops)
    assert sorted(after.names) == ["bob", "bob", "cem"]


def test_nobody_has_a_name(tmp_path, fake, open_gallery):
    """A gallery without names is refused, with what to do."""
    with pytest.raises(ConfigError, match="has a name") as caught:
        collect_gallery(open_gallery(tmp_path / "empty.gallery", fake), fake, size=64)
    assert "facesearch enrol" in caught.value.hint


def test_the_way_back(gallery, tree, fake):
    """Chosen faces are embedded again by another front end, with their people; what is gone is counted."""
    found = collect_gallery(gallery, fake, size=64, jobs=1)
    gallery.close()
    rows = np.flatnonzero(found.faces.people != found.faces.names.index("bob"))
    known = found.known(rows, "some faces")
    (tree / "ada" / "0.png").unlink()
    vectors, labels, left_out = known.embed(fake, 1, lambda *_: None)
    assert (known.data, left_out, vectors.shape) == ("some faces", 1, (3, 128))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert sorted(labels.count(one) for one in set(labels)) == [1, 2]
    by_folder = collect_folder(tree, fake, size=64, jobs=1)
    rows = np.flatnonzero(by_folder.faces.people == 1)
    assert by_folder.known(rows, "x").people == {tree / "bob" / f"{number}.png": "bob" for number in range(2)}
