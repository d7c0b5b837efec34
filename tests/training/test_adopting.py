"""A network that was trained becomes a model; the network here is one that knows colours, and nothing is trained."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.evaluation.own_model import KnownFaces
from facesearch.identify.calibration import built_in
from facesearch.models import export, local
from facesearch.testing import FakeDetector
from facesearch.training.adopting import adopt, check_free
from facesearch.training.collecting import Collected, Origin
from facesearch.training.embedder import Plan, TrainedEmbedder
from facesearch.training.faces import TrainingFaces
from facesearch.training.result import Result
from facesearch.training.trainer import Epoch, Trained

from ..onnx_files import network


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The folder of added models."""
    monkeypatch.setattr("facesearch.detection.mtcnn.MtcnnDetector", lambda *_: FakeDetector())
    monkeypatch.setattr(export, "mtcnn_networks", lambda **_: {})
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def trained(folder, *, people=120, key="abc"):
    """A training that ended in this folder, with so many people kept back."""
    folder.mkdir(exist_ok=True)
    onnx = network(folder / "model.onnx", dim=16)
    sha256 = hashlib.sha256(onnx.read_bytes()).hexdigest()
    told = {"network": "small", "people": 30, "key": key, "sha256": sha256, "epochs": [], "settings": {"seed": 3}}
    (folder / "training.json").write_text(json.dumps(told))
    epochs = tuple(Epoch(number, None, None, None, 0.5 + 0.2 * number, {0.01: 0.1}, 1.0) for number in range(2))
    result = Result(folder / "model.keras", onnx, folder / "curve.png", folder / "training.json", sha256)
    rows = np.arange(2 * people)
    plan = Plan("small", None, 0.5)
    return TrainedEmbedder(plan, result, Trained(epochs, 1, None), 60, 30, 2 * people, people, rows, key)


@pytest.fixture
def collected():
    """Faces of people who look like the numbers that they are; asking for them is counted."""
    asked = []

    def known(rows, data):
        asked.append(data)
        people = rows // 2
        random = np.random.default_rng(0)
        vectors = random.normal(size=(people.max() + 1, 16))[people] + 0.3 * random.normal(size=(len(rows), 16))
        units = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return KnownFaces(lambda *_: (units, [str(one) for one in people], 0), data)

    nobody = np.empty(0, np.int64)
    faces = TrainingFaces(np.empty((0, 16, 16, 3), np.uint8), nobody, nobody, ())
    found = Collected(faces, Origin("gallery", "family.gallery"), (), known)
    return found, asked


def test_it_knows_where_it_came_from(tmp_path, collected):
    """The entry tells data, people, seed and hash, and that the calibration is by people who chose the epoch."""
    done = trained(tmp_path / "out")
    model = adopt(done, collected[0], "mine", licence="CC0")
    assert model == local.find("mine")
    assert (model.align, model.standardize, model.color, model.size) == ("box", "per-image", "rgb", 16)
    assert (model.licence, model.sha256, model.training["settings"]) == ("CC0", done.result.sha256, {"seed": 3})
    assert model.title == "small, trained on 30 people of the gallery family.gallery"
    made = built_in("mine").provenance
    assert (made.people, made.photos) == (120, 240)
    assert "family.gallery" in made.data
    assert "kept back from learning and chose the epoch" in made.data


def test_too_few_to_calibrate(tmp_path, collected):
    """With fewer than a hundred people kept back it is added all the same, and nothing is said of its distances."""
    assert not adopt(trained(tmp_path / "out", people=99), collected[0], "mine").calibrated
    assert collected[1] == []


def test_names_that_are_taken(tmp_path, collected):
    """A built-in's name, one that is no folder's and another model's are refused; that of the very training is not."""
    out = tmp_path / "out"
    for name in ("facenet-128", "../mine"):
        with pytest.raises(ConfigError):
            check_free(name, out)
    check_free("mine", out)
    adopt(trained(out, people=20), collected[0], "mine")
    check_free("mine", out)
    trained(tmp_path / "other", key="def")
    for elsewhere in (tmp_path / "other", tmp_path / "new"):
        with pytest.raises(ConfigError, match="there is a model mine already") as caught:
            check_free("mine", elsewhere)
        assert "models remove mine" in caught.value.hint
    with pytest.raises(ConfigError, match="already"):
        adopt(trained(tmp_path / "other", people=20, key="def"), collected[0], "mine")


def test_once_more(tmp_path, collected):
    """The same training again leaves its model as it is, galleries go on with it; but it makes up for a calibration."""
    done = trained(tmp_path / "out")
    first = adopt(replace(done, checked_people=99), collected[0], "mine")
    written = first.path.stat().st_mtime_ns
    assert not first.calibrated
    assert adopt(done, collected[0], "mine").calibrated
    measured = local.calibration("mine")
    assert adopt(done, collected[0], "mine") == first
    assert (first.path.stat().st_mtime_ns, local.calibration("mine")) == (written, measured)
    assert len(collected[1]) == 2


def test_nothing_half_done(tmp_path, collected, place):
    """Where measuring fails nothing is added, and the next run adds it."""
    done = trained(tmp_path / "out")
    broken = replace(collected[0], known=lambda *_: KnownFaces(lambda *_: (np.empty((0, 16), np.float32), [], 9), "x"))
    with pytest.raises(ConfigError, match="too few"):
        adopt(done, broken, "mine")
    assert [*place.iterdir()] == []
    assert adopt(replace(done, checked_people=99), collected[0], "mine") == local.find("mine")
