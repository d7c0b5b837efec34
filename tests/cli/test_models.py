"""``models`` and ``models pull``."""

from __future__ import annotations

import pytest

from facesearch.models import dlib_files, export
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


@pytest.fixture
def fetched(pulled, monkeypatch):
    """Fetching dlib's archive makes empty files; returns a list that grows by its name, each time it is fetched."""
    done = []

    def download(scratch, tell, model):
        done.append(model.distribution.name)
        return scratch

    def unpack(archive, scratch):
        for path in dlib_files.dlib_files():
            path.write_bytes(b"")

    monkeypatch.setattr(dlib_files.fetch, "download", download)
    monkeypatch.setattr(dlib_files, "unpack", unpack)
    return done


def test_pulling_another_model(run, pulled, fetched):
    """`models pull NAME` gets the files of that model and the detector, and no others; the list says what is there."""
    listed = run("models", "pull", "dlib-128", "--json").document["models"]
    paths = {model["name"]: model["paths"] for model in listed}
    assert paths["dlib-128"] == [str(path) for path in dlib_files.dlib_files()]
    assert len(paths["mtcnn"]) == 3
    assert (paths["facenet-128"], paths["facenet+dlib"], pulled) == ([], [], [])
    assert "not fetched yet: facesearch models pull facenet+dlib" in run("models").out
    run("models", "pull", "facenet+dlib")
    assert (pulled, fetched) == ([{"force": False}], ["face_recognition_models"])
    assert "not fetched yet" not in run("models").out
    run("models", "pull", "dlib-128", "--force")
    assert (len(pulled), len(fetched)) == (1, 2)


@pytest.mark.parametrize(
    ("words", "said"), [(["nobody"], "model nobody: unknown"), (["dlib-128", "--weights", "x.h5"], "--weights are")]
)
def test_what_cannot_be_pulled(run, cache, words, said):
    """A model that there is not, or weights that it does not need, are one clear error, and nothing is fetched."""
    shown = run("models", "pull", *words)
    assert (shown.code, shown.out) == (2, "")
    assert said in shown.err
    assert not cache.exists()


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
