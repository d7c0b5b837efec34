"""``export regions`` and ``index --read-regions``: what they print, and how they end."""

from __future__ import annotations

import pytest

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def sidecars(run, album):
    """The album with a sidecar for each photo of somebody with a name."""
    assert run("export", "regions").code == 0
    return album


def test_export_alone_shows_what_there_is(run):
    """``facesearch export`` is no error: it shows its help."""
    shown = run("export")
    assert (shown.code, shown.err) == (0, "")
    assert "\n  regions " in shown.out


def test_what_is_written_is_listed(run, album, monkeypatch):
    """Each sidecar is listed with its names; a second run has nothing to do."""
    monkeypatch.chdir(album)
    shown = run("export", "regions")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines() == [
        "  ada/1.png.xmp  ada",
        "  ada/2.png.xmp  ada",
        "  bob/3.png.xmp  bob",
        "  3 sidecars written, 0 unchanged",
    ]
    assert run("export", "regions").out == "  0 sidecars written, 3 unchanged\n"


def test_a_dry_run(run, album):
    """--dry-run says what would be written, and writes nothing."""
    shown = run("export", "regions", "--dry-run")
    assert shown.out.endswith("  3 sidecars would be written, 0 unchanged\n")
    assert list(album.rglob("*.xmp")) == []


def test_json(run, album, tmp_path):
    """With --json there is one document with every sidecar, its photo and its names."""
    document = run("export", "regions", "--output", tmp_path / "out", "--json").document
    assert document["written"][2] == {
        "path": str(tmp_path / "out/bob/3.png.xmp"),
        "photo": str(album / "bob/3.png"),
        "added": ["bob"],
        "removed": [],
    }
    assert (document["unchanged"], document["missing"], document["failed"]) == (0, 0, [])
    assert not document["dry_run"]


def test_a_failure_is_told_at_the_end(run, album):
    """A sidecar that must not be changed is told with the reason, and the exit code is 2; the others are written."""
    (album / "bob/3.png.xmp").write_text("notes")
    shown = run("export", "regions")
    assert shown.code == 2
    assert "  2 sidecars written, 0 unchanged\n" in shown.out
    assert "not well-formed XML" in shown.out
    assert "left as it is" in shown.out


def test_no_folder(run, album):
    """A file in place of the folder is an error with a hint."""
    shown = run("export", "regions", "--output", album / "4.png")
    assert shown.code == 2
    assert "4.png is not a folder" in shown.err
    assert "hint: " in shown.err


def test_no_gallery(run):
    """Without a gallery there is nothing to export, and none is made."""
    assert run("export", "regions").code == 2


def test_names_are_read_by_another_gallery(run, sidecars, tmp_path):
    """``index --read-regions`` says how many faces it named, in text and in JSON."""
    other = "--gallery", tmp_path / "other.gallery"
    assert "named" not in run("index", sidecars, *other).out
    shown = run("index", sidecars, "--read-regions", *other)
    assert shown.out.splitlines()[-1] == "  3 faces named from regions, 0 without a face, 0 in conflict"
    document = run("index", sidecars, "--read-regions", *other, "--json").document
    assert (document["named"], document["unplaced"], document["conflicts"]) == (0, [], [])
    assert [person["name"] for person in run("people", "--json", *other).document["people"]] == ["ada", "bob"]


def test_what_has_no_place_is_listed(run, sidecars, tmp_path):
    """Regions without a face, contradictions and broken sidecars are listed with the photo and the reason."""
    text = (sidecars / "ada/1.png.xmp").read_text()
    (sidecars / "4.png.xmp").write_text(text.replace(":w>320<", ":w>350<").replace(":y>0.", ":y>0.9"))
    (sidecars / "5.png.xmp").write_text("<Regions>")
    (sidecars / "ada/1.png.xmp").write_text(text.replace(">ada<", ">Eve<"))
    shown = run("index", sidecars, "--read-regions")
    assert shown.code == 0
    assert "0 faces named from regions, 1 without a face, 1 in conflict" in shown.out
    assert "no face  4.png  ada: no face was found there" in shown.out
    assert "conflict  ada/1.png  Eve: this face is ada's" in shown.out
    assert "odd  5.png  5.png.xmp: not well-formed XML" in shown.out
