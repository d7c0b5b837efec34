"""Photos that end early: used as far as they go, and said so."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facesearch.cli.app import app
from facesearch.testing import paint
from facesearch.types import Box

from .pictures import RED


@pytest.fixture
def cut(tmp_path):
    """A JPEG with one face in its upper half, that ends after two thirds of its bytes."""
    noise = np.random.default_rng(0).integers(0, 20, (240, 320, 1), np.uint8)
    picture = np.clip(paint([(Box(100, 10, 180, 90), RED)]).astype(int) + noise, 0, 255).astype(np.uint8)
    path = tmp_path / "photos" / "cut.jpg"
    path.parent.mkdir()
    Image.fromarray(picture).save(path, quality=95)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    return path


def test_a_photo_that_ends_early_is_taken_in_with_a_warning(gallery, cut):
    """The face in the part that is there is indexed, and the report says that something is missing."""
    report = gallery.index(cut)
    assert (report.added, report.faces, report.failed) == (1, 1, ())
    (remark,) = report.warnings
    assert remark.path == str(cut)
    assert remark.warning.startswith("cut short: ends after ")
    assert gallery.index(cut).warnings == ()


def test_whoever_asks_about_it_is_warned(gallery, cut):
    """``verify`` and ``who`` say it too."""
    gallery.enrol("Ann", cut)
    assert any("cut short" in warning for warning in gallery.verify(cut, cut).warnings)
    (photo,) = gallery.who_many([cut])
    assert "cut short" in photo.warnings[0]


def test_index_shows_it(front_end, cut, monkeypatch):
    """The command lists it, and exits with 0."""
    monkeypatch.setenv("FACESEARCH_GALLERY", str(cut.parent.parent / "own"))
    shown = CliRunner().invoke(app, ["index", str(cut.parent)])
    assert shown.exit_code == 0
    assert "odd  cut.jpg  cut short: ends after" in shown.stdout
    document = json.loads(CliRunner().invoke(app, ["index", str(cut.parent), "--reprocess", "--json"]).stdout)
    assert [set(remark) for remark in document["warnings"]] == [{"path", "warning"}]
