"""``train embedder``: from photos to a model, and what is refused."""

from __future__ import annotations

import shutil
from itertools import count

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facesearch.cli.app import app
from facesearch.cli.trained import training_facts
from facesearch.identify.calibration import built_in
from facesearch.models import export, local
from facesearch.testing import FakeDetector, paint
from facesearch.training import precision, trainer
from facesearch.training.validation import Validation
from facesearch.types import Box

from ..onnx_files import network
from ..trainings import finished
from .conftest import Outcome


@pytest.fixture
def album(samples, tmp_path):
    """Twelve people out of the five of the sample, each with photos of one of them, some mirrored."""
    folder = tmp_path / "people"
    photos = {
        person.name: sorted(person.glob("*.jpg"))[:6]
        for person in sorted((samples / "train").iterdir())
        if person.is_dir()
    }
    for copy in range(3):
        for name, some in photos.items():
            (folder / f"{name}-{copy}").mkdir(parents=True)
            for path in some[2 * copy : 2 * copy + 2]:
                shutil.copy(path, folder / f"{name}-{copy}")
    return folder


@pytest.fixture
def gaining(monkeypatch):
    """The people kept back are told apart better after each epoch, whatever a few photos teach."""
    given = count(1)
    monkeypatch.setattr(trainer, "validate", lambda *_: Validation(1 - 0.5 / next(given), {0.01: 0.5, 0.001: 0.5}))


def test_a_network_of_ones_own(run, album, tmp_path, gaining):
    """The command gives a model, a curve and figures, and going on with it does nothing anew."""
    asked = ("train", "embedder", album, "--output", tmp_path / "model", "--network", "small", "--epochs", "1")
    asked = (*asked, "--validation", "0.7", "--faces", "8", "--faces-a-person", "2", "--name", "mine", "--json")
    shown = run(*asked, "--tensorboard")
    assert shown.code == 0, shown.err
    assert f"tensorboard --logdir {tmp_path / 'model' / 'tensorboard'}" in shown.err.replace("\n", "")
    assert len([*(tmp_path / "model" / "tensorboard").iterdir()]) == 1
    told = shown.document
    assert [epoch["number"] for epoch in told["epochs"]] == [0, 1]
    assert told["faces"] + told["validation"]["faces"] + told["unused"] == 30
    assert told["people"] + told["validation"]["people"] == 15
    assert set(told["epochs"][0]["tar"]) == {"0.01", "0.001"}
    for name in ("model.onnx", "model.keras", "training.json", "checkpoint.npz"):
        assert (tmp_path / "model" / name).stat().st_size > 0
    assert np.asarray(Image.open(told["curve"])).std() > 0
    assert "epoch   1" in shown.err
    assert (told["added"]["name"], told["added"]["threshold"]) == ("mine", None)
    files = ("model.onnx", "training.json", "curve.png")
    before, added = [(tmp_path / "model" / name).read_bytes() for name in files], local.find("mine")
    plain = [word for word in asked if word not in ("--name", "mine", "--json")]
    for words, advice in (
        ((*plain, "--name", "mine"), "models calibrate mine DIR"),
        (plain, f"models add {tmp_path / 'model' / 'model.onnx'}"),
    ):
        again = run(*words)
        assert again.code == 0, again.err
        assert "AUC" in again.out
        assert "epoch   1" not in again.err
        assert advice in again.err.replace("\n", "")
        assert [(tmp_path / "model" / name).read_bytes() for name in files] == before
        assert local.find("mine") == added
    taken = run(*asked[:3], "--output", tmp_path / "elsewhere", *asked[5:])
    assert taken.code == 2
    assert "there is a model mine already" in taken.document["error"]["message"]
    assert not (tmp_path / "elsewhere").exists()
    other = run(*asked, "--margin", "0.3")
    assert other.code == 2
    assert "another training" in other.document["error"]["message"]


def test_a_handful_of_people(run, samples, tmp_path):
    """Five people are too few to keep some of them back."""
    shown = run("train", "embedder", samples / "val", "--output", tmp_path / "o", "--network", "small")
    assert (shown.code, shown.out) == (2, "")
    assert "5 people are too few" in shown.err


def test_no_folder(run, samples, tmp_path):
    """A folder that is not there is named."""
    shown = run("train", "embedder", tmp_path / "none", "--output", tmp_path / "o")
    assert shown.code == 2
    assert "none is not a folder" in shown.err


@pytest.fixture
def run_really(tmp_path, monkeypatch):
    """Runs a command with the real front end but for the detector: squares are faces."""
    monkeypatch.setattr("facesearch.detection.mtcnn.MtcnnDetector", lambda *_: FakeDetector())
    monkeypatch.setattr(export, "mtcnn_networks", lambda **_: {})
    monkeypatch.setattr(export, "facenet_network", lambda **_: None)
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))

    def call(*words):
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="facesearch")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def family(run_really, tmp_path):
    """A gallery of 113 people with two photos each; the vectors are another network's, which does not matter."""
    levels = [20, 90, 160, 230]
    colours = [(r, g, b) for r in levels for g in levels for b in levels if max(r, g, b) - min(r, g, b) > 60]
    colours += [(r + 9, g, max(b - 14, 0)) for r, g, b in colours]
    for number, colour in enumerate([*colours, (200, 10, 20), (20, 200, 10), (10, 20, 200)][:113]):
        (tmp_path / "family" / f"p{number:03}").mkdir(parents=True)
        for shot in range(2):
            picture = paint([(Box(20, 20, 60, 60), colour)], 80, 80 + shot)
            Image.fromarray(picture).save(tmp_path / "family" / f"p{number:03}" / f"{shot}.png")

    path = network(tmp_path / "colours.onnx", dim=3, weights=np.eye(3))
    assert run_really("models", "add", path, "--name", "colours", "--standardize", "none").code == 0
    words = ("--people-from-folders", "--model", "colours", "--jobs", "1", "--gallery", tmp_path / "family.gallery")
    assert run_really("index", tmp_path / "family", *words).code == 0
    return tmp_path / "family.gallery"


@pytest.mark.slow  # TensorFlow
def test_from_a_gallery_to_a_model(run_really, family, tmp_path, gaining):
    """What a gallery's people taught is a model that is calibrated on others and says where it came from."""
    (tmp_path / "family" / "p007" / "1.png").unlink()
    said = "--network small --epochs 1 --faces 22 --validation 0.9 --licence CC0 --name mine --jobs 1"
    words = ("train", "embedder", "--gallery", family, "--output", tmp_path / "out", *said.split())
    shown = run_really(*words)
    assert shown.code == 0, shown.err
    assert "225 faces of 113 people, 1 photo unused" in shown.err
    assert "calibrated on the 102 people kept back, who also chose the epoch" in shown.out
    assert "p007/1.png" in shown.out
    document = run_really("models", "show", "mine", "--json").document
    assert (document["licence"], document["calibration"]["people"]) == ("CC0", 102)
    assert document["threshold"] == built_in("mine").threshold()
    came = document["training"]
    assert (came["network"], came["people"], came["settings"]["seed"]) == ("small", 11, 0)
    assert came["data"] == {"kind": "gallery", "place": str(family)}
    assert set(came["validation"]) == {"faces", "people", "epoch", "auc", "tar"}
    text = run_really("models", "show", "mine").out
    for said in ("learnt from", "11 people, gallery", "102 people kept back", "AUC ", "before", "CC0", "seed 0"):
        assert said in text
    alike = run_really("verify", *sorted((tmp_path / "family" / "p003").iterdir()), "--model", "mine", "--json")
    assert alike.document["threshold"] == document["threshold"]


@pytest.fixture
def train(run_really, photo, tmp_path, monkeypatch):
    """Runs the command, where the training itself is over and gave these AUCs."""
    photo("people/ada/1.png", "red")

    def call(*words, aucs):
        done = finished(tmp_path / "out", people=20, aucs=aucs)
        monkeypatch.setattr("facesearch.training.embedder.train_embedder", lambda *_, **__: done)
        return run_really("train", "embedder", tmp_path / "people", "--output", tmp_path / "out", *words)

    return call


@pytest.mark.slow  # TensorFlow
def test_nothing_gained(train, tmp_path):
    """Where no epoch was better there is a warning; a model that was wished for is a no, with the way to it."""
    said, idle = "no epoch was better than the network before", (0.6, 0.5)
    plain = train(aucs=idle)
    assert (plain.code, "best: epoch 0 of 1" in plain.out, said in plain.err) == (0, True, True)
    assert f"to use it: facesearch models add {tmp_path / 'out' / 'model.onnx'}" in plain.err
    for words in ((), ("--json",)):
        named = train("--name", "mine", *words, aucs=idle)
        assert (named.code, said in named.err, "mine was not added" in named.err) == (1, True, True)
        assert f"facesearch models add {tmp_path / 'out' / 'model.onnx'} --name mine" in named.err
        assert named.err.count("models add") == 1
    assert (named.document["best"], named.document["added"], local.names()) == (0, None, [])
    better = train("--name", "mine", aucs=(0.5, 0.6))
    assert (better.code, said in better.err, local.names()) == (0, False, ["mine"])


@pytest.mark.slow  # TensorFlow
def test_another_licence(train):
    """A licence that is said of a model that is there already changes nothing, and that is told."""
    words, gained = ("--name", "mine", "--licence"), (0.5, 0.6)
    for licence, warned in (("CC0", False), ("CC0", False), ("MIT", True)):
        shown = train(*words, licence, aucs=gained)
        assert (shown.code, "keeps its licence: CC0" in shown.err) == (0, warned)
        assert ("facesearch models remove mine" in shown.err) == warned
    assert local.find("mine").licence == "CC0"


def test_mixed_is_refused_at_once(run, photo, tmp_path, monkeypatch):
    """A machine without 16 bits says so before it reads a photo."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    monkeypatch.setattr(precision, "_CARDS", ())
    photo("people/ada/1.png", "red")
    shown = run("train", "embedder", tmp_path / "people", "--output", tmp_path / "o", "--precision", "mixed")
    assert (shown.code, "no bfloat16" in shown.err, "1 face" in shown.err) == (2, True, False)


def test_a_folder_or_a_gallery(run, photo, tmp_path, monkeypatch):
    """One of both, and FACESEARCH_GALLERY does not count; a licence is a model's; a name is looked at first."""
    monkeypatch.setenv("FACESEARCH_GALLERY", str(tmp_path / "some.gallery"))
    photo("people/ada/1.png", "red")
    out, people = ("--output", tmp_path / "o", "--network", "small"), tmp_path / "people"
    cases = [
        (out, "nothing to learn from"),
        ((people, *out, "--gallery", tmp_path / "g"), "exclude each other"),
        ((people, *out, "--licence", "CC0"), "--name"),
        ((people, *out, "--name", "facenet-128"), "built-in"),
        (("--gallery", tmp_path / "none", *out), "none"),
        ((people, *out), "too few"),
    ]
    for words, said in cases:
        shown = run("train", "embedder", *words)
        assert (shown.code, shown.out) == (2, ""), words
        assert said in shown.err


def test_facts_of_another_version():
    """A model's entry that says less of its training, or nonsense, is shown as far as it goes."""
    assert training_facts({}) == []
    assert training_facts({"network": "nn2", "faces": 3, "data": 1, "validation": [2]}) == [("trained", "nn2")]
    said = {
        "faces": 9,
        "people": 3,
        "validation": {"people": 2, "faces": 4, "auc": {"before": 0.5}, "tar": {"1": None}},
    }
    assert training_facts(said) == [
        ("learnt from", "9 faces of 3 people"),
        ("checked on", "4 faces of 2 people kept back"),
    ]
