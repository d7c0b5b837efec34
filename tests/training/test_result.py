"""The files of a training: written once, whole, and fitting each other."""

from __future__ import annotations

import hashlib
import json
import warnings

import pytest

from facesearch.errors import ConfigError
from facesearch.training.result import key_of, save_result

from ..trainings import course

keras = pytest.importorskip("keras")


@pytest.fixture
def save(tmp_path):
    """Saves a small network as the result of a training; gives its files and their bytes."""
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(image)))

    def call(key="abc", trained=course(0.5, 0.7)):  # noqa: B008 - a constant
        result = save_result(model, 16, trained, tmp_path, {"key": key, "size": 16})
        about = json.loads(result.about.read_text())
        assert about["sha256"] == result.sha256 == hashlib.sha256(result.onnx.read_bytes()).hexdigest()
        assert (key_of(tmp_path), about["best"]) == (key, trained.best)
        assert keras.models.load_model(result.keras).input_shape == (None, 16, 16, 3)
        assert len([*tmp_path.iterdir()]) == 4
        return result, {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    return call


def test_the_same_training_again(save, tmp_path):
    """A finished training leaves its files as they are; what is missing or damaged is written anew, and fits again."""
    with warnings.catch_warnings():
        # What Keras' export is warned of is nothing to a user.
        warnings.simplefilter("error", FutureWarning)
        result, first = save()
    assert save()[1] == first
    result.keras.unlink()
    result.curve.unlink()
    again = save()[1]
    assert (again["model.onnx"], again["training.json"]) == (first["model.onnx"], first["training.json"])
    result.onnx.write_bytes(first["model.onnx"][:-100])
    assert len(save()[1]["model.onnx"]) == pytest.approx(len(first["model.onnx"]), abs=100)
    result.about.write_text("[]")
    save()


def test_another_course(save):
    """Files of another training, or of another course of this one, are no reason to keep them."""
    save()
    save(trained=course(0.5, 0.7, 0.8))
    save(key="def")


def test_a_kill_in_between(save, tmp_path, monkeypatch):
    """Where writing ends halfway the old files are there as before, and nothing else is."""
    _, first = save()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("facesearch.training.result.to_onnx", fail)
    with pytest.raises(ConfigError, match="No space left"):
        save(trained=course(0.5, 0.6, 0.8))
    now = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert now.keys() == first.keys()
    assert (now["model.onnx"], now["training.json"]) == (first["model.onnx"], first["training.json"])
