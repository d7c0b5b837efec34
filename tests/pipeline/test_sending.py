"""Models travel with a task to machines that do not have them."""

from __future__ import annotations

import hashlib
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest

from facesearch.embedding.dlib import DlibEmbedder
from facesearch.embedding.pair import PairEmbedder
from facesearch.errors import ModelError
from facesearch.models.runtime import Network
from facesearch.pipeline import sending
from facesearch.testing import FakeEmbedder


@pytest.fixture
def model(tmp_path):
    """A file that is taken for a model, and its SHA-256."""
    path = tmp_path / "here" / "pnet.onnx"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path, hashlib.sha256(b"weights").hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache of the other machine, empty."""
    monkeypatch.setenv("FACESEARCH_CACHE", str(tmp_path / "there"))
    return tmp_path / "there"


def test_a_task_says_which_models_it_needs(model, cache):
    """Each file is listed once; where it lies at the same path with the same bytes, it is used from there."""
    path, digest = model
    packed, models = sending.pack([Network("one", path), Network("two", path, device="openvino")])
    assert models == {digest: path}
    one, two = ForkingPickler.loads(packed)
    assert (one._name, one._path, one._device) == ("one", path, "cpu")
    assert (two._name, two._path, two._device) == ("two", path, "openvino")


def test_a_model_that_was_sent_is_kept_and_found(model, cache):
    """On a machine without the file, the one that came along is used, now and the next time."""
    path, digest = model
    packed, _ = sending.pack(Network("one", path))
    path.unlink()
    assert sending.find(digest, str(path)) is None
    sending.keep(digest, str(path), b"weights")
    arrived = ForkingPickler.loads(packed)
    assert arrived._path == sending.find(digest, str(path))
    assert cache in arrived._path.parents
    assert arrived._path.read_bytes() == b"weights"
    assert [file.name for file in arrived._path.parent.iterdir()] == [f"{digest[:16]}-pnet.onnx"]


def test_the_files_of_dlib_travel_too(tmp_path, cache):
    """What no ONNX file makes, alone or in a pair, arrives with both of its files."""
    files = tmp_path / "network.dat", tmp_path / "predictor.dat"
    digests = [hashlib.sha256(path.name.encode()).hexdigest() for path in files]
    for path in files:
        path.write_bytes(path.name.encode())
    alone = DlibEmbedder(*files)
    for task in (alone, PairEmbedder("pair", FakeEmbedder(), alone, weight=0.5, first_count=1)):
        packed, models = sending.pack(task)
        assert models == dict(zip(digests, files, strict=True))
        assert getattr(ForkingPickler.loads(packed), "second", alone)._files == files
    for path, digest in zip(files, digests, strict=True):
        path.unlink()
        with pytest.raises(ModelError, match="did not arrive"):
            ForkingPickler.loads(packed)
        sending.keep(digest, str(path), path.name.encode())
    arrived = ForkingPickler.loads(packed).second._files
    assert [path.read_bytes() for path in arrived] == [path.name.encode() for path in files]
    assert all(cache in path.parents for path in arrived)


def test_another_file_at_the_same_path_is_not_taken_for_it(model, cache):
    """A model of another version, or a kept one that is damaged, does not count."""
    path, digest = model
    packed, _ = sending.pack(Network("one", path))
    path.write_bytes(b"other weights")
    sending.keep(digest, str(path), b"weigh")
    assert sending.find(digest, str(path)) is None
    with pytest.raises(ModelError, match="did not arrive"):
        ForkingPickler.loads(packed)
    sending.keep(digest, str(path), b"weights")
    assert ForkingPickler.loads(packed)._path.read_bytes() == b"weights"


def test_a_cache_that_cannot_be_written_is_said(model, cache):
    """The error names the file."""
    path, digest = model
    cache.write_text("a file")
    with pytest.raises(ModelError, match=f"cannot store {Path(cache)}"):
        sending.keep(digest, str(path), b"weights")
