"""Networks of the user's: kept whole, found by name, and checked when they are used."""

from __future__ import annotations

import json

import pytest

from facesearch.errors import ConfigError, ModelError
from facesearch.models import local
from facesearch.pipeline.adding import Wishes, examine

from ..onnx_files import network


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder of added models."""
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def added(path, name="mine", replacing=False, **wishes):
    """A network, added."""
    model, data = examine(path, Wishes(name, **wishes))
    with local.staged(model, data, replacing=replacing):
        pass
    return local.find(name)


def test_what_was_said_is_read_back(place, tmp_path):
    """Everything that was said of a network is there afterwards, with its hash; the file is a copy."""
    path = network(tmp_path / "a.onnx", dim=9)
    model = added(path, align="arcface", standardize="fixed", color="bgr", licence="CC0", title="of colours")
    assert local.names() == ["mine"]
    assert (model.dim, model.size, model.layout, model.batch, model.kind) == (9, 16, "nchw", None, "float32")
    assert (model.align, model.standardize, model.color) == ("arcface", "fixed", "bgr")
    assert (model.licence, model.title, model.source) == ("CC0", "of colours", str(path))
    assert local.checked(model).read_bytes() == path.read_bytes()
    assert not model.calibrated


def test_no_folder_no_models(place):
    """Where nothing was added there are no models, and the error for one lists those that there are."""
    assert local.names() == []
    with pytest.raises(ModelError, match="unknown") as caught:
        local.find("mine")
    assert "facenet-128" in caught.value.hint


@pytest.mark.parametrize("name", ["", "..", ".", "../x", "a/b", "a\\b", "A", "-a", ".a", "a" * 61, "ä", "a\n", "a."])
def test_names_that_could_be_paths(place, tmp_path, name):
    """A name is a folder's, and never a way out of the folder of models."""
    with pytest.raises(ConfigError, match="no model can be called"):
        local.check_name(name)
    with pytest.raises(ModelError, match="unknown"):
        local.find(name)
    with pytest.raises(ConfigError):
        local.remove(name)
    assert local.calibration(name) is None


def test_all_or_nothing(place, tmp_path):
    """Where the measurement fails, nothing of the network stays, and one that it would replace is as it was."""
    path = network(tmp_path / "a.onnx")
    model, data = examine(path, Wishes("mine"))
    seen = []

    def fail(here):
        seen.append((here.path.exists(), local.names()))
        raise RuntimeError

    with pytest.raises(RuntimeError), local.staged(model, data) as here:
        fail(here)
    assert seen == [(True, [])]
    assert list(place.iterdir()) == []
    first = added(path)
    with pytest.raises(RuntimeError), local.staged(model, data, replacing=True) as here:
        fail(here)
    assert local.find("mine") == first
    assert [one.name for one in place.iterdir()] == ["mine"]


def test_one_of_the_same_name(place, tmp_path):
    """A name that is taken is refused, until the user says that the other is to be replaced: calibration and all."""
    first = added(network(tmp_path / "a.onnx"))
    local.keep_calibration(first, "measured")
    model, data = examine(network(tmp_path / "b.onnx", seed=1), Wishes("mine"))
    with pytest.raises(ConfigError, match="already") as caught, local.staged(model, data):
        pass
    assert "--replace" in caught.value.hint
    assert local.find("mine") == first
    assert local.find("mine").calibrated
    second = added(tmp_path / "b.onnx", replacing=True)
    assert second.sha256 != first.sha256
    assert not second.calibrated
    assert [one.name for one in place.iterdir()] == ["mine"]


def test_a_calibration_added_with_it(place, tmp_path):
    """What is written beside a network before it is there is there with it."""
    model, data = examine(network(tmp_path / "a.onnx"), Wishes("mine"))
    with local.staged(model, data) as here:
        local.keep_calibration(here, "measured")
    assert local.find("mine").calibrated
    assert local.calibration("mine") == "measured"


def test_a_file_that_was_changed(place, tmp_path):
    """A file that is not the one that was added, or is gone, is never run."""
    model = added(network(tmp_path / "a.onnx"))
    assert local.checked(model) == model.path
    model.path.write_bytes(model.path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="not the file that was added") as caught:
        local.checked(model)
    assert "--replace" in caught.value.hint
    model.path.unlink()
    with pytest.raises(ModelError, match="cannot read"):
        local.checked(model)


@pytest.mark.parametrize(
    "change",
    [
        {"align": "nose"},
        {"dim": 0},
        {"name": "other"},
        {"format": 2},
        {"more": 1},
        {"size": "wide"},
        {"training": ["x"]},
        {"title": 3},
    ],
)
def test_a_description_that_cannot_be_read(place, tmp_path, change):
    """What is written of a network is checked when it is read."""
    model = added(network(tmp_path / "a.onnx"))
    about = model.folder / local.ABOUT
    about.write_text(json.dumps({**json.loads(about.read_text()), **change}))
    with pytest.raises(ModelError, match=r"model\.json cannot be read") as caught:
        local.find("mine")
    assert "models add" in caught.value.hint
    about.write_text("[]")
    with pytest.raises(ModelError):
        local.find("mine")


def test_removed(place, tmp_path):
    """A model that was removed is gone with its folder; one that is not there, or built in, is an error."""
    added(network(tmp_path / "a.onnx"))
    local.remove("mine")
    assert list(place.iterdir()) == []
    with pytest.raises(ModelError, match="unknown"):
        local.remove("mine")
    with pytest.raises(ConfigError, match="built-in"):
        local.remove("facenet-128")


def test_facts_of_the_training(place, tmp_path):
    """What `train embedder` wrote of this very file is kept, without its course; of another file it is not."""
    path = network(tmp_path / "model.onnx")
    plain = added(path)
    assert plain.training is None
    told = {"network": "small", "faces": 300, "sha256": plain.sha256, "epochs": [1, 2, 3]}
    (tmp_path / "training.json").write_text(json.dumps(told))
    assert added(path, replacing=True).training == {"network": "small", "faces": 300}
    (tmp_path / "training.json").write_text(json.dumps({**told, "sha256": "0" * 64}))
    assert added(path, replacing=True).training is None
