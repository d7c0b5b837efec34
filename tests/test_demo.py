"""The demo, as `make demo` runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facesearch.demo import run_demo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def output(models: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for both runs."""
    return tmp_path_factory.mktemp("demo")


def test_every_held_out_photo_is_answered_right_and_strangers_stay_unknown(output: Path) -> None:
    """All 25 val photos are right by k-NN and by SVM, and unknown once their person is left out."""
    report = run_demo(output)
    for method in ("knn", "svm"):
        scores = [score for score in report.scores if score.method == method]
        assert sum(score.photos for score in scores) == 25
        assert sum(score.right for score in scores) == 25
        assert sum(score.left_out for score in scores) == 25
    assert report.passed
    assert report.train.added == 93
    assert report.train.people == 5
    assert all(picture.stat().st_size > 1000 for picture in report.pictures)
    assert not any(comparison.verdict.same for comparison in report.comparisons if not comparison.expected)
    for _, _, people in report.purity:
        assert "," not in people


def test_a_second_demo_indexes_nothing(output: Path) -> None:
    """Run again, the demo finds everything done and answers the same."""
    report = run_demo(output)
    assert (report.train.added, report.train.skipped, report.train.faces) == (0, 93, 0)
    assert (report.val.added, report.val.skipped) == (0, 25)
    assert report.passed
