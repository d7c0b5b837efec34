"""``facesearch evaluate verification`` as a user runs it, with fakes for models."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from facesearch import pipeline
from facesearch.cli.evaluating import evaluate, evaluate_app
from facesearch.cli.guard import Commands
from facesearch.cli.teaching import lesson

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

app = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(evaluate_app, name="evaluate", help=lesson(evaluate))
app.callback()(lambda: None)


@pytest.fixture
def run(fakes, monkeypatch):
    """Runs ``facesearch evaluate verification`` with options; gives exit code, stdout and stderr."""
    monkeypatch.setattr(pipeline, "make_front_end", lambda **_: fakes)

    def begin(*options):
        result = CliRunner().invoke(app, ["evaluate", "verification", *map(str, options)])
        return result.exit_code, result.stdout, result.stderr

    return begin


def test_text(run, tree, tmp_path):
    """People read accuracy with its error, rates with intervals or the reason, both recipes and the pictures."""
    tree.paint("Ada", 1)
    code, out, _ = run("--images", tree.images, "--pairs", tree.pairs, "--all-pairs", "--output", tmp_path / "report")
    assert code == 0
    assert "12 pairs of 12 photos: 6 of one person, 6 of two" in out
    assert "±" in out
    assert "at least 3 are needed" in out
    assert "60 of two; 6 people, weighing the same" in out
    assert "no face  Ada/Ada_0001.png" in out
    assert "index recipe" in out
    assert "probe recipe" in out
    assert (tmp_path / "report" / "roc.png").exists()


def test_json_keeps_the_keys_of_the_design(run, tree):
    """The document has every key of design.md, section 8, and null where too few false accepts are expected."""
    code, out, _ = run("--images", tree.images, "--pairs", tree.pairs, "--json", "--jobs", 1)
    found = json.loads(out)
    assert code == 0
    keys = {"pairs", "accuracy", "accuracy_se", "eer", "auc", "tar", "threshold", "no_face"}
    assert keys <= found.keys()
    assert found["tar"] == {"0.01": None, "0.001": None, "0.0001": None}
    assert found["reasons"].keys() == found["intervals"].keys() == found["tar"].keys()
    assert (found["pairs"], found["accuracy"], found["no_face"], found["all_pairs"]) == (12, 1, 0, None)
    assert found["recipes"]["index"]["key"] == found["recipes"]["probe"]["key"]
    assert found["worst"]["genuine"][0].keys() == {"a", "b", "distance"}


def test_all_pairs_in_json(run, tree):
    """The rates of all pairs stand in an object of their own, with the same keys."""
    found = json.loads(run("--images", tree.images, "--pairs", tree.pairs, "--all-pairs", "--json")[1])
    assert (found["all_pairs"]["genuine"], found["all_pairs"]["impostor"], found["all_pairs"]["people"]) == (6, 60, 6)
    assert found["all_pairs"]["tar"].keys() == found["tar"].keys()


def test_errors(run, tree, tmp_path):
    """A bad list ends with 2 and a sentence that names its line."""
    bad = tmp_path / "bad.txt"
    bad.write_text("1\nAda\t1\t7\nAda\t1\tBob\t2\n")
    code, out, error = run("--images", tree.images, "--pairs", bad)
    assert (code, out) == (2, "")
    assert "line 2: no photo Ada_0007" in error
    code, out, _ = run("--images", tree.images, "--pairs", bad, "--json")
    assert (code, json.loads(out)["error"]["kind"]) == (2, "config")
    assert run("--images", tree.images)[0] == 2
