"""``calibrate`` and ``mark``: in words and in JSON, on simulated albums."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facesearch.pipeline import FrontEnd
from facesearch.store import Store
from facesearch.testing import FakeDetector, FakeEmbedder

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def shared(run, fill_album):
    """Fills the gallery of ``run``."""

    def fill(**options):
        recipe = FrontEnd(FakeDetector(4), FakeEmbedder()).recipe
        with Store.open(Path(os.environ["FACESEARCH_GALLERY"])) as store:
            return fill_album(store, recipe, **options)

    return fill


def test_calibrate_in_words(run, shared, tmp_path):
    """It says what it rests on, what was left out, the shift with its interval, and that relatives bias it."""
    shared(alike=0.5, doubled=8)
    shown = run("calibrate", "--output", tmp_path / "curves.png")
    assert shown.code == 0
    for words in (
        "couples of",
        "8 photos with several of those",
        "mirrors, posters",
        "nearer than in the built-in calibration (-0.",
        "95 % interval",
        "by the built-in threshold",
        "relatives",
        "calibrate --reset",
    ):
        assert words in shown.out
    assert "curves.png" in shown.err
    assert (tmp_path / "curves.png").is_file()
    assert "back to the built-in" in run("calibrate", "--reset").out
    assert "already" in run("calibrate", "--reset").out


def test_calibrate_as_json(run, shared):
    """The document has the shift, its interval, all counts and the thresholds."""
    shared(alike=0.5)
    document = run("calibrate", "--json").document
    assert document["interval"][0] < document["shift"] < document["interval"][1] < 0
    assert document["couples"] > 100
    assert document["built_in"]["far_here"]["best"] > 1e-3
    assert document["thresholds"]["0.001"] < document["built_in"]["thresholds"]["0.001"]
    assert document["left_out"]["marked_photos"] == 0
    assert run("calibrate", "--reset", "--json").document == {"reset": True}


def test_searches_go_by_the_albums_calibration(run, shared):
    """After a calibration the default threshold of search is another one."""
    from facesearch.gallery.gallery import Gallery

    shared(alike=0.5)
    threshold = run("calibrate", "--json").document["thresholds"]["0.001"]
    with Gallery.open() as gallery:
        assert gallery.threshold == pytest.approx(threshold)


def test_calibrate_refuses_with_numbers(run, shared):
    """Too few couples: what there is, what is needed, exit code 2, in JSON too."""
    shared(people=9, photos=20)
    shown = run("calibrate")
    assert shown.code == 2
    assert "couples of 9 people, at least 100 couples of 20 people are needed" in shown.err
    document = run("calibrate", "--json").document
    assert document["error"]["kind"] == "config"
    assert "100 couples" in document["error"]["message"]


def test_mark_and_remove(run, photo):
    """A photo is marked, told to be so already, and the mark is taken away."""
    path = photo("album/1.png", "red", "green")
    run("index", path)
    assert "collage" in run("mark", path, "collage").out
    assert "collage already" in run("mark", path, "collage").out
    assert run("mark", path, "--remove", "--json").document == {"path": str(path), "mark": None, "changed": True}
    assert "no mark already" in run("mark", path, "--remove").out


def test_mark_of_a_stranger_and_of_nothing(run, photo):
    """A photo outside the gallery, and a command that says neither what nor --remove, are errors with a hint."""
    run("index", photo("1.png", "red"))
    missing = run("mark", photo("2.png", "green"), "collage")
    assert (missing.code, "no photo" in missing.err, "facesearch index" in missing.err) == (2, True, True)
    for words in ((), ("collage", "--remove"), ("poster",)):
        assert run("mark", photo("1.png", "red"), *words).code == 2
