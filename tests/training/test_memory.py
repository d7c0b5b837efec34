"""Mini-batches that a machine holds, and a curve that grows while it trains."""

from __future__ import annotations

import pytest
from PIL import Image

from facesearch.training import memory
from facesearch.training.embedder import FACENET, Plan
from facesearch.training.memory import LEAST, USUAL, faces_a_person_of, faces_at_once
from facesearch.training.result import CURVE, Curve
from facesearch.training.trainer import Epoch

LARGE = Plan("inception-resnet-v1", None)
LAST_BLOCKS = Plan(FACENET, 2)


@pytest.fixture
def gigabytes(monkeypatch):
    """Lets the machine have so many."""
    return lambda count: monkeypatch.setattr(memory, "_memory", lambda: count and int(count * 10**9))


@pytest.mark.parametrize(
    ("size", "plan", "chunk", "faces"),
    [
        (64, LARGE, 0, USUAL),
        (16, LARGE, 0, 162),
        (2, LARGE, 0, LEAST),
        (16, LAST_BLOCKS, 0, USUAL),
        (16, Plan(FACENET, None), 32, USUAL),
        (None, LARGE, 0, USUAL),
    ],
)
def test_usual_mini_batches(gigabytes, size, plan, chunk, faces):
    """If nobody says how many, half of the memory holds a mini-batch; less than usual is told."""
    gigabytes(size)
    said = []
    assert faces_at_once(plan, None, chunk=chunk, tell=said.append) == faces
    assert bool(said) == (faces < USUAL)


def test_too_large_mini_batches(gigabytes):
    """What is asked for is taken, with a warning where the memory cannot hold it at once."""
    gigabytes(16)
    said = []
    assert faces_at_once(LARGE, 300, tell=said.append) == 300
    assert not said
    assert faces_at_once(LARGE, 1800, tell=said.append) == 1800
    assert "73.5 GB, and there are 16.0" in said[0]
    assert faces_at_once(Plan(FACENET, None), 1800, chunk=60, tell=said.append) == 1800
    assert len(said) == 1


@pytest.mark.parametrize(("size", "told"), [(1.8, True), (2.0, False)])
def test_the_warning_is_true(gigabytes, size, told):
    """There is no warning of what fits: 200 faces of the last blocks take 1.9 GB."""
    gigabytes(size)
    said = []
    faces_at_once(LAST_BLOCKS, 200, tell=said.append)
    assert bool(said) == told


@pytest.mark.parametrize(("faces", "each"), [(1800, 40), (360, 40), (120, 13), (24, 2), (4, 2)])
def test_a_small_mini_batch_has_several_people(faces, each):
    """Nobody fills a mini-batch alone, however many photos there are of them."""
    assert faces_a_person_of(faces) == each


def test_this_machine_has_memory():
    """The machine that runs this says how much it has."""
    assert memory._memory() > 10**9


def test_the_curve_grows(tmp_path, monkeypatch):
    """While a training runs its curve is drawn now and then; a folder that is gone does not stop it."""
    epochs = [Epoch(number, None, None, None, 0.5, {1e-2: 0.1}, 1.0) for number in range(3)]
    told = []
    monkeypatch.setattr(Curve, "EVERY", 0.0)
    curve = Curve(tmp_path, told.append)
    curve(epochs)
    assert Image.open(tmp_path / CURVE).size == (960, 600)
    Curve(tmp_path / "gone", told.append)(epochs)
    monkeypatch.setattr(Curve, "EVERY", 1e9)
    (tmp_path / CURVE).unlink()
    curve(epochs)
    assert not (tmp_path / CURVE).exists()
    assert len(told) == 3
