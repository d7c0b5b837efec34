"""Networks of one's own on the command line; faces are painted, the networks are real ones that know colours."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facesearch.cli.app import app
from facesearch.identify.calibration import built_in
from facesearch.models import export, local
from facesearch.models.registry import MODELS
from facesearch.testing import FakeDetector, paint
from facesearch.types import Box

from ..onnx_files import network
from .conftest import Outcome

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in this process, with the real front end but for the detector, and a gallery of its own."""
    monkeypatch.setattr(FakeDetector, "name", "mtcnn")  # in whose place it stands
    monkeypatch.setattr("facesearch.detection.mtcnn.MtcnnDetector", lambda *_: FakeDetector())
    monkeypatch.setattr(export, "mtcnn_networks", lambda **_: {})
    monkeypatch.setattr(export, "facenet_network", lambda **_: None)
    monkeypatch.setenv("FACESEARCH_GALLERY", str(tmp_path / "own.gallery"))
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))

    def call(*words):
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="facesearch")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def file(tmp_path):
    """A network that gives the mean colour."""
    return network(tmp_path / "colours.onnx", dim=3, weights=np.eye(3))


@pytest.fixture
def mine(run, file):
    """It is added as "mine", with FaceNet's calibration."""
    assert run("models", "add", file, "--name", "mine", "--standardize", "fixed").code == 0
    local.keep_calibration(local.find("mine"), replace(built_in(), model="mine").as_json())


def person(folder, name, colour, photos=2):
    """Photos of one colour, in a folder of this name."""
    for number in range(photos):
        path = folder / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(paint([(Box(20, 20, 60, 60), colour)], 80, 80 + number)).save(path)


@pytest.fixture
def album(tmp_path):
    """Two photos of ada, two of bob."""
    person(tmp_path / "album", "ada", (220, 40, 40))
    person(tmp_path / "album", "bob", (40, 40, 220))
    return tmp_path / "album"


def test_add_show_list_remove(run, file, tmp_path):
    """What is added is listed and shown with its licence, until it is removed."""
    words = (
        "models",
        "add",
        file,
        "--name",
        "mine",
        "--standardize",
        "fixed",
        "--licence",
        "CC0",
        "--title",
        "colours",
    )
    shown = run(*words)
    assert (shown.code, shown.err.splitlines()[0][:11]) == (0, "hint: measu")
    assert "mine  is there: --model mine" in shown.out
    assert "3" in shown.out
    listed = run("models")
    assert "CC0" in listed.out
    assert "models calibrate mine DIR" in listed.out
    document = run("models", "show", "mine", "--json").document
    assert (document["dim"], document["licence"], document["threshold"]) == (3, "CC0", None)
    assert run("models", "--json").document["models"][-1] == document
    assert document["sha256"]["model.onnx"] in run("models", "show", "mine").out
    assert run("models", "show", "facenet-128", "--json").document["name"] == "facenet-128"
    assert run("models", "remove", "mine", "--json").document["removed"] == "mine"
    assert run("models", "show", "mine").code == 2
    assert len(run("models", "--json").document["models"]) == len(MODELS)


def test_refusals(run, file, tmp_path):
    """One clear error and exit code 2, with --json as a document; nothing is added."""
    cases = [
        (("add", tmp_path / "nothing.onnx", "--name", "x"), "no such file"),
        (("add", file, "--name", "facenet-128"), "built-in"),
        (("add", file, "--name", "../x"), "no model can be called"),
        (("add", file, "--name", "x", "--pairs", file), "go together"),
        (("add", file, "--name", "x", "--calibrate", tmp_path, "--pairs", file, "--images", tmp_path), "exclude"),
        (("add", file, "--name", "x", "--calibrate", tmp_path / "none"), "is not a folder"),
        (("show", "x"), "unknown"),
        (("remove", "mtcnn"), "built-in"),
        (("remove", "facenet+dlib"), "built-in"),
        (("calibrate", "x"), "nothing to measure on"),
    ]
    for words, said in cases:
        shown = run("models", *words)
        assert (shown.code, shown.out) == (2, ""), words
        assert said in shown.err
        assert run("models", *words, "--json").document["error"]["message"]
    assert local.names() == []


def test_it_works_everywhere(run, mine, album, monkeypatch):
    """--model, or FACESEARCH_MODEL, decides for a new gallery, which goes on with it; verify needs no gallery."""
    assert run("index", album, "--people-from-folders", "--model", "mine").code == 0
    assert run("who", album / "ada" / "0.png").code == 0
    same = run("verify", album / "ada" / "0.png", album / "ada" / "1.png", "--model", "mine", "--json")
    assert (same.code, same.document["same"]) == (0, True)
    monkeypatch.setenv("FACESEARCH_MODEL", "mine")
    assert run("verify", album / "ada" / "0.png", album / "bob" / "1.png").code == 1
    assert run("search", album / "ada" / "0.png").code == 0
    monkeypatch.setenv("FACESEARCH_MODEL", "facenet-128")
    refused = run("who", album / "ada" / "0.png")
    assert refused.code == 2
    assert "made with the model mine, not with facenet-128" in refused.err
    assert "facesearch reindex --model facenet-128" in refused.err
    assert run("who", album / "ada" / "0.png", "--model", "nobody").code == 2


def test_one_engine_knows_facenet_only(run, mine, album):
    """--engine reference has no other networks."""
    shown = run("verify", album / "ada" / "0.png", album / "ada" / "1.png", "--model", "mine", "--engine", "reference")
    assert shown.code == 2
    assert "knows FaceNet only" in shown.err


def test_not_calibrated(run, file, album):
    """Without a measurement verify decides nothing and says how to measure."""
    assert run("models", "add", file, "--name", "mine", "--standardize", "fixed").code == 0
    shown = run("verify", album / "ada" / "0.png", album / "ada" / "1.png", "--model", "mine")
    assert shown.code == 2
    assert "is not calibrated" in shown.err
    assert "facesearch models calibrate mine DIR" in shown.err


def test_a_threshold_decides_without_a_calibration(run, file, album):
    """By --threshold alone verify and who answer, and say that nobody knows what that is worth: null in JSON."""
    assert run("models", "add", file, "--name", "mine", "--standardize", "fixed").code == 0
    assert run("index", album, "--people-from-folders", "--model", "mine").code == 0
    photo, other = album / "ada" / "0.png", album / "bob" / "1.png"
    for words in (["--model", "mine"], ["--gallery", album.parent / "own.gallery"]):
        shown = run("verify", photo, album / "ada" / "1.png", "--threshold", "0.2", *words)
        assert shown.code == 0
        assert "mine is not calibrated" in shown.out
        assert "strangers" not in shown.out
        document = run("verify", photo, other, "--threshold", "0.2", *words, "--json")
        assert (document.code, document.document["far"], document.document["tar"]) == (1, None, None)
    named = run("who", photo, "--threshold", "0.2")
    assert (named.code, "ada" in named.out, "strangers" in named.out) == (0, True, False)
    assert "not calibrated" in named.err
    (face,) = run("who", photo, "--threshold", "0.2", "--json").document["photos"][0]["faces"]
    assert (face["person"], face["fpir"]) == ("ada", None)
    unknown = run("who", photo, "--threshold", "0")
    assert unknown.code == 1
    assert "nearest: ada 0.00  face" in unknown.out
    assert run("who", photo).code == 2


def test_a_gallery_that_uses_it(run, mine, album):
    """A network that made the gallery is not removed without --yes."""
    assert run("index", album, "--model", "mine").code == 0
    shown = run("models", "remove", "mine")
    assert shown.code == 2
    assert "was made with the model mine" in shown.err
    assert "--yes" in shown.err
    gone = run("models", "remove", "mine", "--yes")
    assert (gone.code, "answers about no photo" in gone.err) == (0, True)
    photo = album / "ada" / "0.png"
    for words in (["index", album], ["index", album, "--reprocess"], ["search", photo], ["cluster"], ["reindex"]):
        refused = run(*words)
        assert (refused.code, refused.out) == (2, ""), words
        assert "is not there any more" in refused.err
        assert "facesearch reindex --model facenet-128" in refused.err
    for words in (["stats"], ["people"], ["models"], ["reindex", "--forget-old"]):
        assert run(*words).code == 0, words


def test_measured_when_it_is_added(run, file, tmp_path):
    """Photos of a hundred people calibrate it at once; too few people add nothing; a list of pairs does as well."""
    folder = tmp_path / "people"
    levels = [20, 90, 160, 230]
    colours = [(r, g, b) for r in levels for g in levels for b in levels if max(r, g, b) - min(r, g, b) > 60]
    colours += [(r + 9, g, max(b - 14, 0)) for r, g, b in colours]
    for number, colour in enumerate(colours[:101]):
        person(folder, f"p{number:03}", colour)
    person(tmp_path / "few", "a", colours[0])
    few = run("models", "add", file, "--name", "mine", "--calibrate", tmp_path / "few")
    assert few.code == 2
    assert local.names() == []
    words = ("--standardize", "fixed", "--jobs", "1", "--json")
    added = run("models", "add", file, "--name", "mine", "--calibrate", folder, *words).document
    assert (added["calibration"]["people"], added["calibration"]["photos"], added["left_out"]) == (101, 202, 0)
    assert built_in("mine").threshold() == added["threshold"]
    assert built_in("mine").model == "mine"
    assert run("verify", folder / "p000/0.png", folder / "p000/1.png", "--model", "mine").code == 0
    assert run("verify", folder / "p000/0.png", folder / "p040/1.png", "--model", "mine").code == 1
    pairs = [f"p{n:03}/0.png,p{n:03}/1.png,1\np{n:03}/0.png,p{n + 1:03}/1.png,0\n" for n in range(100)]
    (tmp_path / "pairs.csv").write_text("".join(pairs))
    words = ("--pairs", tmp_path / "pairs.csv", "--images", folder, "--jobs", "1", "--json")
    again = run("models", "calibrate", "mine", *words).document
    assert (again["calibration"]["people"], again["calibration"]["photos"]) == (101, 201)
    assert again["calibration"]["data"] == "people, photos of pairs.csv"
    assert json.loads(local.calibration("mine"))["provenance"] == again["calibration"]


@pytest.fixture
def blind(run, tmp_path):
    """A network "blind" that takes all colours for one."""
    path = network(tmp_path / "blind.onnx", dim=3, weights=np.ones((3, 3)) + np.diag([0.01] * 3))
    assert run("models", "add", path, "--name", "blind", "--standardize", "none").code == 0
    local.keep_calibration(local.find("blind"), replace(built_in(), model="blind").as_json())


def test_reindex_shows_what_changes(run, mine, blind, album):
    """On trial nothing moves; then it moves and --back returns; --forget-old ends that."""
    assert run("index", album, "--people-from-folders", "--model", "mine").code == 0
    trial = run("reindex", "--model", "blind", "--dry-run")
    assert (trial.code, trial.err) == (0, "")
    assert "4 named faces by mine and by blind" in trial.out
    assert "4 pairs come near" in trial.out
    assert "ada" in trial.out
    assert "answers by" not in trial.out
    moved = run("reindex", "--model", "blind", "--json").document
    assert (moved["switched"], moved["faces"], moved["comparison"]["mixed"]) == (True, 0, 4)
    assert [person["name"] for person in moved["comparison"]["people"]] == ["ada", "bob"]
    back = run("reindex", "--back")
    assert back.code == 0
    assert "4 pairs come near" not in back.out
    assert run("who", album / "ada" / "0.png", "--json").document["photos"][0]["faces"][0]["person"] == "ada"
    assert run("reindex", "--model", "blind").code == 0
    assert run("reindex", "--forget-old").out == "  4 old vectors deleted\n"
    refused = run("reindex", "--back")
    assert (refused.code, "nothing to go back to" in refused.err) == (2, True)
    assert run("reindex", "--back", "--dry-run").code == 2
