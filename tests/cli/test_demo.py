"""``demo``: what it prints of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facesearch.demo import Comparison, DemoReport, Score
from facesearch.gallery.grouped import Clustering
from facesearch.types import Box, Face, IndexReport, Landmarks, Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def report(monkeypatch) -> dict[str, int]:
    """The demo takes no time; change "right" for another score."""
    chosen = {"right": 5}
    face = Face(Box(0, 0, 9, 9), Landmarks((1, 1), (2, 1), (1, 2), (1, 3), (2, 3)), 0.9)
    done = IndexReport(added=5, skipped=0, no_face=0, faces=5, failed=(), seconds=1)

    def run_demo(output: Path, *, tell, progress):
        tell("showing off")
        progress(0, 1, "")
        score = Score("ada", "knn", 5, chosen["right"], 5 - chosen["right"], 0, 5)
        verdict = Verdict(False, 1.5, 0.96, face, face, 0.1, 0.99)
        pair = Comparison("val/ada/1.jpg", f"val/bob/{'x' * 90}.jpg", False, verdict)
        pictures = (output / "a.png",)
        return DemoReport(done, done, (score,), (pair,), Clustering((), 1), (("1", 5, "ada"),), output, pictures)

    monkeypatch.setattr("facesearch.demo.run_demo", run_demo)
    return chosen


def test_the_scores_are_shown(run, report, tmp_path):
    """The score table, the pairs, the groups and the folder of pictures are printed; progress goes to stderr."""
    shown = run("demo", "--output", tmp_path / "out")
    assert shown.code == 0
    assert shown.err == "showing off\n"
    assert any(line.split()[:4] == ["ada", "knn", "5", "5"] for line in shown.out.splitlines())
    assert shown.out.rstrip().endswith(str(tmp_path / "out"))
    assert max(map(len, shown.out.splitlines())) < 120


def test_a_wrong_answer_is_1(run, report):
    """A demo that named somebody wrong says so with its exit code."""
    report["right"] = 4
    assert run("demo").code == 1


def test_the_document_of_the_demo(run, report, tmp_path):
    """The JSON document has the scores, and the folder of pictures."""
    document = run("demo", "--output", tmp_path, "--json").document
    assert document["passed"] is True
    assert document["scores"][0]["right"] == 5
    assert document["output"] == str(tmp_path)
