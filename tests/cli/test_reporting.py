"""``report``: the album's report card."""

from __future__ import annotations

import stat

import pytest

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def test_a_page_is_written(run, album, tmp_path, monkeypatch):
    """`report` writes album.html where it is called, for its owner alone, and says what to do next."""
    monkeypatch.chdir(tmp_path)
    shown = run("report")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[0] == "  5 photos, 5 faces, 2 people, 2 unnamed faces"
    assert "  2 people with too few, or too poor, photos" in lines
    assert any(line.startswith("  facesearch enrol bob PHOTO  ") for line in lines)
    assert shown.err.startswith("page in album.html (")
    page = tmp_path / "album.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "<h1>Album report</h1>" in page.read_text()


def test_another_file_and_gallery(run, album, tmp_path):
    """--output names the file, and commands are told with the gallery that was asked about."""
    gallery = tmp_path / "own.gallery"
    shown = run("report", "--output", tmp_path / "new/family.html", "--gallery", gallery, "--limit", 0)
    assert shown.code == 0
    assert f"facesearch cluster --gallery {gallery}" in shown.out
    page = (tmp_path / "new/family.html").read_text()
    assert f"facesearch cluster --gallery {gallery}" in page
    assert "Pictures of the 0 who" in page


def test_numbers_as_json(run, album, tmp_path, monkeypatch):
    """--json prints the numbers and writes no page unless one is named."""
    monkeypatch.chdir(tmp_path)
    document = run("report", "--json").document
    assert not (tmp_path / "album.html").exists()
    assert document["page"] is None
    assert {one["name"]: one["photos"] for one in document["people"]} == {"ada": 2, "bob": 1}
    assert document.keys() >= {"photos", "faces", "unnamed", "clusters", "pairs", "next", "calibration"}
    document = run("report", "--json", "--output", tmp_path / "a.html").document
    assert document["page"] == str(tmp_path / "a.html")
    assert document["bytes"] == (tmp_path / "a.html").stat().st_size


def test_nothing_to_report(run, photo, tmp_path):
    """Without a gallery, or where the page cannot be written, there is one clear error."""
    missing = run("report")
    assert (missing.code, missing.out) == (2, "")
    assert "no gallery" in missing.err
    run("index", photo("1.png", "red"))
    shown = run("report", "--output", tmp_path)
    assert shown.code == 2
    assert f"cannot write {tmp_path}" in shown.err


def test_a_bar_while_pictures_are_read(run, album, terminal, tmp_path):
    """On a terminal there is a progress bar."""
    from facesearch.cli.app import app

    _, err = terminal()
    app(["report", "--output", str(tmp_path / "a.html")], standalone_mode=False)
    assert "pictures" in err.getvalue()
