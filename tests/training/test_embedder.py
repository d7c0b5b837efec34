"""From a folder of people to a model that ONNX Runtime runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facesearch.errors import ConfigError
from facesearch.models.runtime import Network
from facesearch.models.standardize import standardize, unit_rows
from facesearch.training.collecting import faces_of_tree
from facesearch.training.embedder import Plan, train_embedder
from facesearch.training.faces import TrainingFaces, split_by_person, split_faces
from facesearch.training.precision import has_bfloat16
from facesearch.training.settings import TrainSettings


def _painted(people=14, each=4, size=64):
    """People as coarse patterns in noise."""
    random = np.random.default_rng(1)
    owners = np.repeat(np.arange(people), each)
    clean = np.kron(random.integers(0, 255, (people, 8, 8, 3))[owners], np.ones((1, size // 8, size // 8, 1)))
    crops = np.clip(clean + random.normal(0, 40, clean.shape), 0, 255).astype(np.uint8)
    return TrainingFaces(crops, owners, np.arange(len(owners)), tuple(map(str, range(people))))


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_split_by_person(share):
    """Nobody is on both sides, everybody is on one, and the same seed draws the same people."""
    people = np.repeat(np.arange(100), 3)
    learn, check = split_by_person(people, share, seed=4)
    assert not set(people[learn]) & set(people[check])
    assert len(learn) + len(check) == len(people)
    assert len(set(people[check])) == round(100 * share)
    assert (split_by_person(people, share, seed=4)[1] == check).all()
    assert (split_by_person(people, share, seed=5)[1].tolist()) != check.tolist()


@given(st.lists(st.tuples(st.integers(0, 119), st.integers(0, 119), st.booleans()), max_size=20))
def test_a_picture_with_two_names(pairs):
    """No picture is on both sides; the people are those of before, and nothing else is left out, no group photo."""
    people, photos = np.repeat(np.arange(40), 3), np.arange(120)
    crops = np.stack([photos, photos, photos], 1).astype(np.uint8).reshape(-1, 1, 1, 3)
    for first, second, copy in pairs:
        photos[second] = photos[first]
        if copy:
            crops[second] = crops[first]
    faces = TrainingFaces(crops, people, photos, tuple(map(str, range(40))))
    (learn, back), (before, same) = split_faces(faces, 0.3, seed=4), split_by_person(people, 0.3, seed=4)
    held = {(photos[row], crops[row].tobytes()) for row in back}
    assert back.tolist() == same.tolist()
    assert learn.dtype == back.dtype
    assert learn.tolist() == [row for row in before if (photos[row], crops[row].tobytes()) not in held]


def test_too_few_to_split():
    """Where the people kept back would be a handful, training is refused."""
    with pytest.raises(ConfigError, match="too few"):
        split_by_person(np.repeat(np.arange(20), 3), 0.2, seed=0)


def test_the_model_is_whole(tmp_path):
    """Both files give the same in float32, also after mixed precision; training.json tells what they were made from."""
    import keras

    faces = _painted(people=40)
    # Without products of its own a processor takes twenty times as long.
    precision = "mixed_bfloat16" if has_bfloat16() else "float32"
    settings = TrainSettings(epochs=1, faces=40, precision=precision)
    done = train_embedder(faces, tmp_path, Plan("small", None, 0.3), settings, weights=lambda: tmp_path)
    images = standardize(faces.crops[:3])
    model = keras.models.load_model(done.result.keras)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    by_keras = unit_rows(np.asarray(model(images, training=False)))
    by_onnx = unit_rows(Network("own", done.result.onnx, threads=1)(["embedding"], image=images)[0])
    np.testing.assert_allclose(by_onnx, by_keras, atol=1e-4)
    about = json.loads(done.result.about.read_text())
    assert about["settings"]["precision"] == precision
    assert (about["size"], about["dim"], about["sha256"]) == (64, 128, done.result.sha256)
    assert [epoch["number"] for epoch in about["epochs"]] == [0, 1]
    assert Image.open(done.result.curve).size == (960, 600)
    assert set(faces.people[done.kept_back].tolist()).isdisjoint(np.delete(faces.people, done.kept_back).tolist())
    assert (about["validation"]["people"], about["key"]) == (done.checked_people, done.key)
    assert about["validation"]["auc"]["after"] == about["epochs"][about["best"]]["auc"]


def test_one_photo_in_two_folders(front_end, samples, tmp_path):
    """The same picture under two names counts as one photo; twice under one name it counts once."""
    source = sorted((samples / "val" / "madonna").iterdir())[0]
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(source.read_bytes())
    faces, unused = faces_of_tree(tmp_path, front_end, size=64, jobs=1)
    assert faces.crops.shape == (2, 64, 64, 3)
    assert faces.people.tolist() == [0, 1]
    assert len(set(faces.photos.tolist())) == 1
    assert unused == ()
