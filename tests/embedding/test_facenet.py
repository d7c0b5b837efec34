"""FaceNet in ONNX Runtime against Keras, against known numbers, and against its contract."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.detection.prominence import most_prominent
from facesearch.embedding.facenet import BATCH, FacenetEmbedder
from facesearch.embedding.reference import ReferenceEmbedder
from facesearch.images.align import CropSettings, crop
from facesearch.images.load import load
from facesearch.models import export
from facesearch.testing import check_embedder
from facesearch.types import Box

pytestmark = pytest.mark.slow

CANONICAL = (
    "train/ben_afflek/httptrwebimgacstanetcxbdddmediasnmediajpg.jpg",
    Box(30.0, 36.0, 116.0, 146.0),
)
"""A sample photo and a box in it that no detector had a say in."""

KNOWN = np.array([-0.0127, 0.0251, -0.1558, -0.057, 0.0076, 0.0517, 0.0651, 0.0086, -0.0833, 0.0069, -0.1075, 0.0807])
"""The first 8 and the last 4 numbers of its embedding, by Keras 3 from the published weights."""


@pytest.fixture(scope="module")
def canonical(samples):
    """The crop of the known vector, (1, 160, 160, 3)."""
    name, box = CANONICAL
    return crop(load(samples / name).pixels, [box], settings=CropSettings(1.1, square=True, margin=0.0))


@pytest.fixture(scope="module")
def crops(samples, front_end):
    """Twenty crops of faces of all five people, (20, 160, 160, 3)."""
    photos = [path for folder in sorted((samples / "train").iterdir()) for path in sorted(folder.iterdir())[:4]]
    seen = [front_end.analyse(path) for path in photos]
    return np.stack([one.crops[most_prominent(one.faces, one.photo.width, one.photo.height)] for one in seen])


@pytest.fixture(scope="module")
def reference(models):
    """Keras itself."""
    return ReferenceEmbedder(export.keras_weights(lambda _: None))


def test_it_agrees_with_keras_on_the_same_crops(embedder, reference, crops):
    """Embeddings of real faces equal those of the original Keras graph within 1e-4."""
    assert np.abs(embedder.embed(crops[::2]) - reference.embed(crops[::2])).max() < 1e-4


def test_it_agrees_with_keras_on_odd_crops(embedder, reference):
    """Black, white, flat and noisy crops give what Keras gives."""
    odd = np.zeros((4, 160, 160, 3), np.uint8)
    odd[1], odd[2] = 255, 128
    odd[3] = np.random.default_rng(0).integers(0, 256, odd[3].shape)
    assert np.abs(embedder.embed(odd) - reference.embed(odd)).max() < 1e-4


def test_a_known_crop_has_its_known_vector(embedder, canonical):
    """The embedding of one sample crop is the one that was written down from the reference."""
    (row,) = embedder.embed(canonical)
    assert np.allclose(np.concatenate([row[:8], row[-4:]]), KNOWN, atol=1e-3)


def test_it_keeps_the_contract(embedder, crops):
    """FaceNet is an embedder as ``facesearch.testing`` defines one."""
    check_embedder(embedder, crops[:5])


def test_the_batch_makes_no_difference_at_all(embedder, crops):
    """Alone, in batches of any size, or in another order: the same bits."""
    whole = embedder.embed(crops)
    for size in (1, 3, BATCH):
        parts = [embedder.embed(crops[start : start + size]) for start in range(0, len(crops), size)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(embedder.embed(crops[::-1].copy())[::-1], whole)


def test_the_number_of_threads_makes_no_difference_at_all(embedder, crops):
    """One thread or two inside a call: the same bits."""
    from facesearch.embedding.facenet import FacenetEmbedder

    single = FacenetEmbedder(export.facenet_network(threads=1, tell=lambda _: None))
    assert np.array_equal(single.embed(crops[:4]), embedder.embed(crops[:4]))


def test_embeddings_are_unit_rows(embedder, crops):
    """Every embedding is float32, of length 1."""
    rows = embedder.embed(crops)
    assert (rows.shape, rows.dtype) == ((20, 128), np.float32)
    assert np.allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("engine", ["embedder", "reference"])
def test_no_crops_give_no_rows(engine, request, embedder, reference):
    """An empty batch gives shape (0, 128), without running the network."""
    one = {"embedder": embedder, "reference": reference}[engine]
    rows = one.embed(np.empty((0, 160, 160, 3), np.uint8))
    assert (rows.shape, rows.dtype) == ((0, 128), np.float32)


def test_the_same_person_is_near_and_others_are_far(embedder, crops):
    """On twenty easy faces every person's nearest neighbour is the same person, and strangers are beyond 0.96."""
    rows = embedder.embed(crops)
    people = np.repeat(np.arange(5), 4)
    apart = 2 - 2 * rows @ rows.T
    np.fill_diagonal(apart, np.inf)
    assert (people[apart.argmin(axis=1)] == people).all()
    assert apart[people[:, None] != people[None, :]].min() > 0.96


def test_the_two_engines_have_different_recipes(embedder, reference):
    """Vectors of the two engines are never compared: name and precision differ."""
    assert embedder.name != reference.name
    assert embedder.settings != reference.settings


def test_int8_stays_near_fp32(embedder, crops):
    """8-bit embeddings of real faces drift little from the float32 ones: median under 0.004, none above 0.03.

    A processor without 8-bit dot products computes them in rounded floats.
    """
    network = export.facenet_network(threads=1, tell=print, precision="int8")
    vectors = FacenetEmbedder(network, precision="int8").embed(crops)
    drift = np.square(vectors - embedder.embed(crops)).sum(axis=1)
    assert np.median(drift) < 0.004
    assert drift.max() < 0.03
