"""dlib's network, and its pair with FaceNet, with the real weights and faces."""

from __future__ import annotations

import pickle
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from facesearch import Gallery
from facesearch.embedding.dlib import DlibEmbedder
from facesearch.errors import ConfigError, ModelError
from facesearch.models import dlib_files, export
from facesearch.pipeline import front_end_for, make_front_end
from facesearch.pipeline.extra import WEIGHT
from facesearch.testing import check_embedder


def quiet(_line):
    """Nobody is told."""


@pytest.fixture(scope="module")
def embedder():
    """The network, fetched on the first use."""
    return DlibEmbedder(*dlib_files.ready_dlib_files(quiet))


@pytest.fixture(scope="module")
def photos():
    """Two sample photos of one person and one of another."""
    people = sorted((export.pull_samples(quiet) / "train").iterdir())
    return [*sorted(people[0].iterdir())[:2], sorted(people[1].iterdir())[0]]


@pytest.fixture(scope="module")
def pair():
    """The front end of the pair."""
    return make_front_end(model="facenet+dlib")


def test_dlib_is_an_embedder(embedder):
    """The network keeps the contract of an embedder, here and in another process."""
    crops = np.random.default_rng(0).integers(0, 256, (2, 320, 320, 3), np.uint8)
    check_embedder(embedder, crops)
    assert np.array_equal(pickle.loads(pickle.dumps(embedder)).embed(crops), embedder.embed(crops))


@pytest.mark.parametrize("angle", [0, 8])
def test_the_face_is_aligned_within_its_surroundings(embedder, photos, tmp_path, angle):
    """What the network sees of a face hardly changes where the whole photo leans a little."""
    front_end = make_front_end(model="dlib-128")
    straight = front_end.analyse(photos[0])
    Image.open(photos[0]).convert("RGB").rotate(angle, Image.Resampling.BICUBIC).save(tmp_path / "leans.png")
    leans = front_end.analyse(tmp_path / "leans.png")
    assert embedder.aligned(leans.crops[0]).shape == (150, 150, 3)
    assert np.square(straight.vectors[0] - leans.vectors[0]).sum() < 0.03


def test_one_person_is_nearer_than_two(pair, photos):
    """By dlib and by the pair, two photos of one person are nearer than those of two."""
    dlib = make_front_end(model="dlib-128")
    for front_end in (dlib, pair):
        a, b, other = (front_end.analyse(photo).vectors[0] for photo in photos)
        assert np.square(a - b).sum() < 0.7 * np.square(a - other).sum()


def test_the_parts_of_the_pair_are_both_models(pair, photos):
    """The pair's vector holds FaceNet's and dlib's own, scaled by the roots of their weights."""
    found = pair.analyse(photos[0]).vectors
    facenet = make_front_end().analyse(photos[0]).vectors
    dlib = make_front_end(model="dlib-128").analyse(photos[0]).vectors
    assert np.allclose(found, np.hstack([np.sqrt(1 - WEIGHT) * facenet, np.sqrt(WEIGHT) * dlib]), atol=1e-6)


def test_a_gallery_goes_on_with_the_pair(pair, photos, tmp_path):
    """A gallery made with the pair opens with it, decides by its calibration, and refuses another model."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos[0], folder)
    with Gallery.open(tmp_path / "g", model="facenet+dlib") as gallery:
        gallery.use(pair)
        gallery.index(folder)
        assert gallery.calibration.model == "facenet+dlib"
    with Gallery.open(tmp_path / "g") as again:
        assert again.front_end.recipe == pair.recipe
        assert again.verify(photos[0], photos[1]).same
    with (
        Gallery.open(tmp_path / "g", model="facenet-128") as other,
        pytest.raises(ConfigError, match="the model facenet"),
    ):
        _ = other.front_end
    assert front_end_for(pair.recipe).recipe == pair.recipe


def test_without_dlib(monkeypatch):
    """Where dlib is not installed, the error says how to get it, and nothing is fetched."""
    monkeypatch.setattr("facesearch.embedding.dlib.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="dlib is not installed") as caught:
        make_front_end(model="dlib-128")
    assert "facesearch[dlib]" in caught.value.hint


def test_files_that_are_no_networks(tmp_path):
    """A file that dlib cannot read is an error that says what to remove."""
    for name in ("a.dat", "b.dat"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        DlibEmbedder(tmp_path / "a.dat", tmp_path / "b.dat").embed(np.zeros((1, 320, 320, 3), np.uint8))
    assert "a.dat" in caught.value.hint


def test_another_archive(tmp_path, monkeypatch):
    """Files with other bytes than the registry's are not taken into the cache."""
    monkeypatch.setenv("FACESEARCH_CACHE", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for path in dlib_files.dlib_files():
            (tmp_path / path.name).write_bytes(b"other")
            tar.add(tmp_path / path.name, f"top/face_recognition_models/models/{path.name}")
    (tmp_path / "scratch").mkdir()
    with pytest.raises(ModelError, match="holds another"):
        dlib_files.unpack(tmp_path / "a.tar.gz", tmp_path / "scratch")
    assert not any(path.exists() for path in dlib_files.dlib_files())
