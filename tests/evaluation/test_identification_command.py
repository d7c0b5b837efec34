"""``facesearch evaluate identification`` as a user runs it, with fakes for models."""

from __future__ import annotations

import json

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from facesearch import pipeline
from facesearch.cli.evaluating_identification import identification
from facesearch.cli.guard import Commands
from facesearch.cli.teaching import lesson
from facesearch.testing import paint
from facesearch.types import Box

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

evaluate_app = typer.Typer(rich_markup_mode=None)
evaluate_app.command(help=lesson(identification))(identification)
app = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(evaluate_app, name="evaluate")
app.callback()(lambda: None)
evaluate_app.callback()(lambda: None)

COLOURS = {
    "Ada": (220, 20, 20),
    "Bob": (20, 220, 20),
    "Cyd": (20, 20, 220),
    "Dan": (220, 220, 20),
    "Eve": (20, 220, 220),
    "Fay": (220, 20, 220),
}
SHIFTS = ((0, 0, 0), (25, 0, 0), (0, 25, 0), (0, 0, 25), (25, 25, 0))
"""Photos of one person are at distance 0.17 to 0.45, far enough to be no near-duplicates."""


@pytest.fixture
def images(tmp_path):
    """Five photos of each of four people, one of two others; the last photo of Ada shows nobody, Bob's is broken."""
    folder = tmp_path / "album"
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number, shift in enumerate(SHIFTS if name < "E" else SHIFTS[:1]):
            shown = tuple(base + change for base, change in zip(colour, shift, strict=True))
            faces = [] if (name, number) == ("Ada", 4) else [(Box(110, 70, 210, 170), shown)]
            Image.fromarray(paint(faces)).save(folder / name / f"{number}.png")
    (folder / "Bob" / "4.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def run(fakes, monkeypatch):
    """Runs ``facesearch evaluate identification`` with options; gives exit code, stdout and stderr."""
    monkeypatch.setattr(pipeline, "make_front_end", lambda **_: fakes)

    def begin(*options):
        result = CliRunner().invoke(app, ["evaluate", "identification", "--jobs", "1", *map(str, options)])
        return result.exit_code, result.stdout, result.stderr

    return begin


def test_text(run, images, tmp_path):
    """People read counts, rates of both methods with the reason where there is none, lost photos and the pictures."""
    code, out, error = run("--images", images, "--draws", 2, "--output", tmp_path / "report")
    assert code == 0, error
    assert "4 people enrolled, 2 enrolments; 8 probes of them, 2 of 2 strangers" in out
    assert "k-NN  rank 1" in out
    assert "SVM  rank 5" in out
    assert "no DIR at FPIR 0.1: 0.2 of 2 strangers are expected to be named, at least 3 are needed" in out
    assert "1 photo without a face, 1 failed" in out
    assert "no face  Ada/4.png" in out
    assert "who's own threshold was not tried: model fake: is not calibrated" in error
    assert (tmp_path / "report" / "det.png").exists()


def test_json_keeps_the_keys_of_the_design(run, images):
    """The document has every key of design.md, section 8, and null where too few strangers would be named."""
    code, out, _ = run("--images", images, "--draws", 2, "--json")
    found = json.loads(out)
    assert code == 0
    assert {"probes", "strangers", "rank1", "rank5", "dir"} <= found.keys()
    empty = {"0.1": None, "0.01": None, "0.001": None}
    assert found["dir"] == found["dir_per_person"] == {"knn": empty, "svm": empty}
    assert found["reasons"].keys() == empty.keys()
    assert (found["probes"], found["strangers"], found["no_face"], len(found["failed"])) == (8, 2, 1, 1)
    assert 0 < found["rank1"] < 1
    assert found["methods"]["svm"]["rank1"]["per_probe"].keys() == {"mean", "least", "most", "interval"}
    assert len(found["methods"]["knn"]["cmc"]) == 20


def test_chosen_photos(run, images, tmp_path):
    """With lists, exactly these photos are enrolled and asked about; a copy of an enrolled photo is not."""
    gallery, probes = tmp_path / "gallery.csv", tmp_path / "probes.csv"
    gallery.write_text("path,person\nAda/0.png,Ada\nBob/0.png,Bob\nCyd/0.png,Cyd\n")
    probes.write_text("path\nAda/0.png\nAda/1.png\nBob/1.png\nDan/0.png\nEve/0.png\n")
    code, out, error = run("--images", images, "--gallery", gallery, "--probes", probes, "--json")
    assert code == 0, error
    found = json.loads(out)
    assert (found["enrolled"], found["probes"], found["strangers"], found["set_aside"]) == (3, 2, 2, 1)
    assert found["rank1"] == 1


def test_leave_one_out_and_halves(run, images):
    """Leave-one-out asks about every photo of the enrolled; halves need more strangers than there are here."""
    code, out, _ = run("--images", images, "--leave-one-out", "--json")
    assert code == 0
    assert json.loads(out)["probes"] == 20
    code, _, error = run("--images", images, "--halves")
    assert code == 2
    assert "error:" in error


def test_errors(run, images, tmp_path):
    """What contradicts itself ends with 2 and a sentence, before any photo is looked at."""
    for options, reason in (
        (["--enrol", 4], "leave none to ask about"),
        (["--gallery", tmp_path / "none.csv"], "go together"),
        (["--gallery", "a.csv", "--probes", "b.csv", "--halves"], "leave nothing to"),
        (["--leave-one-out", "--halves"], "choose one"),
        (["--gallery", "a.csv", "--probes", "b.csv"], "cannot read a.csv"),
        (["--least", 50], "would be enrolled"),
    ):
        code, out, error = run("--images", images, *options)
        assert (code, out) == (2, "")
        assert reason in error
    assert run("--images", tmp_path / "nowhere")[0] == 2
