"""``models`` and ``models pull``."""

from __future__ import annotations

import pytest

from facesearch.models import export
from facesearch.models.registry import MODELS
from facesearch.pipeline import EXTRA


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of models."""
    monkeypatch.setenv("FACESEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pulled(cache, monkeypatch):
    """Pulling makes empty files; returns the options of each call."""
    calls = []

    def pull(tell, **options):
        calls.append(options)
        tell("making models")
        for path in (export.facenet_file(), *map(export.mtcnn_file, export.NETWORKS)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")

    monkeypatch.setattr(export, "pull", pull)
    return calls


def test_models_before_they_are_there(run, cache):
    """Models are listed with licence and limits, and as not fetched yet; listing fetches nothing."""
    shown = run("models")
    assert shown.code == 0
    for model in MODELS.values():
        assert model.name in shown.out
        assert model.licence in shown.out
        assert model.limits in shown.out
    assert shown.out.count("not fetched yet") == len(MODELS)
    assert "facesearch models pull" in shown.err
    assert not cache.exists()


def test_pulling_lists_them(run, pulled):
    """`models pull` tells what it does on stderr and ends with the list."""
    shown = run("models", "pull", "--force")
    assert (shown.code, shown.err) == (0, "making models\n")
    assert str(export.facenet_file()) in shown.out
    assert shown.out.count("not fetched yet") == len(EXTRA)
    assert shown.err.count("facesearch models pull") == 0
    assert pulled == [{"force": True}]


def test_the_document_of_models(run, pulled):
    """The JSON document has the fields of design.md; a path is null where the model is not there."""
    before = run("models", "--json").document["models"]
    assert {model["path"] for model in before} == {None}
    after = run("models", "pull", "--json").document["models"]
    dims = {"facenet-128": 128, "dlib-128": 128, "facenet+dlib": 256, "mtcnn": 0}
    assert {model["name"]: model["dim"] for model in after} == dims
    named = {model["name"]: model for model in after}
    assert named["facenet-128"]["path"] == str(export.facenet_file())
    assert len(named["mtcnn"]["paths"]) == 3
    assert all(model["licence"] for model in after)
    assert [model["name"] for model in after if model["path"] is None] == [*EXTRA]


def test_an_incomplete_model_is_not_there(run, pulled):
    """A detector of which one network is missing counts as not fetched."""
    run("models", "pull")
    export.mtcnn_file("onet").unlink()
    paths = {model["name"]: model["path"] for model in run("models", "--json").document["models"]}
    assert paths["mtcnn"] is None
    assert paths["facenet-128"] is not None


def test_own_weights_that_are_wrong(run, cache, tmp_path):
    """A file that is not the weights is refused by its hash, in one line."""
    (tmp_path / "own.h5").write_bytes(b"no weights")
    shown = run("models", "pull", "--weights", tmp_path / "own.h5")
    assert shown.code == 2
    assert "own.h5 is not facenet_keras.h5" in shown.err
