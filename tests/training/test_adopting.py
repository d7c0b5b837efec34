"""A network that was trained becomes a model; the network here is one that knows colours, and nothing is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.evaluation import own_model
from facesearch.evaluation.own_model import KnownFaces
from facesearch.identify.calibration import built_in
from facesearch.models import export, local
from facesearch.pipeline.adding import Wishes
from facesearch.testing import FakeDetector
from facesearch.training.adopting import adopt, check_free
from facesearch.training.collecting import Collected, Origin
from facesearch.training.faces import TrainingFaces

from ..trainings import course, finished


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The folder of added models."""
    monkeypatch.setattr("facesearch.detection.mtcnn.MtcnnDetector", lambda *_: FakeDetector())
    monkeypatch.setattr(export, "mtcnn_networks", lambda **_: {})
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


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
    done = finished(tmp_path / "out")
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
    assert not adopt(finished(tmp_path / "out", people=99), collected[0], "mine").calibrated
    assert collected[1] == []


def test_names_that_are_taken(tmp_path, collected):
    """A built-in's name, one that is no folder's and another model's are refused; that of the very training is not."""
    out = tmp_path / "out"
    for name in ("facenet-128", "../mine"):
        with pytest.raises(ConfigError):
            check_free(name, out)
    check_free("mine", out)
    adopt(finished(out, people=20), collected[0], "mine")
    check_free("mine", out)
    finished(tmp_path / "other", key="def")
    for elsewhere in (tmp_path / "other", tmp_path / "new"):
        with pytest.raises(ConfigError, match="there is a model mine already") as caught:
            check_free("mine", elsewhere)
        assert "models remove mine" in caught.value.hint
    with pytest.raises(ConfigError, match="already"):
        adopt(finished(tmp_path / "other", people=20, key="def"), collected[0], "mine")


def test_once_more(tmp_path, collected):
    """The same training again leaves its model as it is, galleries go on with it; but it makes up for a calibration."""
    done = finished(tmp_path / "out")
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
    done = finished(tmp_path / "out")
    broken = replace(collected[0], known=lambda *_: KnownFaces(lambda *_: (np.empty((0, 16), np.float32), [], 9), "x"))
    with pytest.raises(ConfigError, match="too few"):
        adopt(done, broken, "mine")
    assert [*place.iterdir()] == []
    assert adopt(replace(done, checked_people=99), collected[0], "mine") == local.find("mine")


def test_nothing_gained(tmp_path, collected):
    """A training that made nothing better becomes no model; one that somebody made of it all the same stays."""
    done = finished(tmp_path / "out", people=20)
    idle = replace(done, trained=course(0.7, 0.6))
    assert adopt(idle, collected[0], "mine") is None
    assert local.names() == []
    model = adopt(done, collected[0], "mine")
    assert adopt(idle, collected[0], "mine") == model


@pytest.mark.parametrize("wish", [{"align": "eyes"}, {"standardize": "fixed"}, {"color": "bgr"}])
def test_used_in_another_way(tmp_path, collected, wish):
    """The very network that was trained, added by hand to be given other faces than it learnt from, is another."""
    done = finished(tmp_path / "out", people=20)
    own_model.add(done.result.onnx, Wishes("mine", **wish))
    with pytest.raises(ConfigError, match="already"):
        check_free("mine", tmp_path / "out")
    with pytest.raises(ConfigError, match="already"):
        adopt(done, collected[0], "mine")
