"""``index``: the summary, the failures, pruning and Ctrl-C."""

from __future__ import annotations

import pytest

from facesearch.types import IndexReport

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def test_the_summary(run, photo, tmp_path):
    """A run says how many photos there were, how fast it was, and what became of them."""
    photo("in/1.png", "red", "green")
    photo("in/2.png")
    first = run("index", tmp_path / "in")
    assert first.code == 0
    assert first.err == ""
    speed, counts = first.out.splitlines()
    assert speed.startswith("  2 photos in ")
    assert speed.endswith(" photos/s")
    assert counts == "  1 added, 0 unchanged, 1 without a face, 0 failed; 2 faces"
    again = run("index", tmp_path / "in")
    assert again.out == "  0 added, 2 unchanged, 0 without a face, 0 failed; 0 faces\n"


def test_large_numbers_have_separators(run, photo, monkeypatch):
    """Counts are written as 1,204."""
    report = IndexReport(added=1180, skipped=1200, no_face=9, faces=2311, failed=(), seconds=2, people=1400)
    monkeypatch.setattr("facesearch.gallery.gallery.Gallery.index", lambda *args, **options: report)
    shown = run("index", photo("1.png"))
    assert "1,189 photos in 2.0 s, 594.5 photos/s" in shown.out
    assert "1,180 added, 1,200 unchanged, 9 without a face, 0 failed; 2,311 faces, 1,400 people" in shown.out


def test_an_empty_folder(run, tmp_path):
    """A folder without photos is said to have none."""
    (tmp_path / "in").mkdir()
    shown = run("index", tmp_path / "in")
    assert (shown.code, shown.out) == (0, "  no photos found\n")


def test_people_from_folders(run, photo, tmp_path):
    """People from folders are counted in the summary, and known afterwards."""
    photo("in/ada/1.png", "red")
    shown = run("index", tmp_path / "in", "--people-from-folders")
    assert shown.out.endswith("1 face, 1 person\n")
    assert run("people", "--json").document["people"][0]["name"] == "ada"


def test_failures_are_listed_with_reasons(run, photo, tmp_path):
    """Photos that cannot be read are listed relative to the folder, and stop nothing, unless --strict."""
    photo("in/1.png", "red")
    (tmp_path / "in/sub").mkdir()
    (tmp_path / "in/sub/[red]b\n.jpg").write_bytes(b"%PDF-1.4")
    (tmp_path / "in/empty.jpg").write_bytes(b"")
    shown = run("index", tmp_path / "in")
    assert shown.code == 0
    assert "1 added, 0 unchanged, 0 without a face, 2 failed; 1 face\n" in shown.out
    first, second = shown.out.splitlines()[-2:]
    assert first.split() == ["failed", "empty.jpg", "empty", "file"]
    assert second.startswith(r"          sub/[red]b\n.jpg  not an image")
    assert run("index", tmp_path / "in", "--strict").code == 2
    document = run("index", tmp_path / "in", "--strict", "--json").document
    assert [set(failure) for failure in document["failed"]] == [{"path", "error"}] * 2


def test_the_document(run, photo, tmp_path):
    """The JSON document has the fields of design.md, and some more."""
    photo("in/1.png", "red")
    document = run("index", tmp_path / "in", "--json").document
    assert document.pop("seconds") > 0
    assert document.pop("photos_per_second") > 0
    assert document == {
        "added": 1,
        "skipped": 0,
        "no_face": 0,
        "warnings": [],
        "faces": 1,
        "failed": [],
        "people": 0,
        "missing": [],
        "kept_out": 0,
        "pruned": 0,
        "named": 0,
        "unplaced": [],
        "conflicts": [],
        "interrupted": False,
    }


def test_names_that_are_not_unicode(run, photo, tmp_path):
    """A file name of any bytes is indexed, and printed escaped."""
    photo("in/\udcff\x1b[31m.png", "red")
    shown = run("index", tmp_path / "in")
    assert "1 added" in shown.out
    found = run("search", photo("probe.png", "red", width=400))
    assert r"\xff\x1b[31m.png" in found.out
    assert (
        run("search", tmp_path / "probe.png", "--json")
        .document["probes"][0]["hits"][0]["path"]
        .endswith("\udcff\x1b[31m.png")
    )


def test_a_path_that_does_not_exist(run):
    """A mistyped path is an error."""
    shown = run("index", "/nowhere")
    assert shown.code == 2
    assert shown.err.startswith("error: /nowhere: no such file or folder\n")


def test_prune_lists_and_forgets(run, photo, tmp_path):
    """--prune lists the files that are gone, then forgets them."""
    for number in range(6):
        photo(f"in/{number}.png", "red", width=320 + number)
    run("index", tmp_path / "in")
    (tmp_path / "in/3.png").unlink()
    shown = run("index", tmp_path / "in", "--prune")
    assert shown.code == 0
    assert shown.out.splitlines()[-2:] == ["  gone  3.png", "  1 file gone, 1 photo forgotten"]
    assert run("stats", "--json").document["photos"] == 5


def test_prune_refuses_much_without_yes(run, photo, tmp_path):
    """More than a fifth gone is listed and refused; --yes does it."""
    for number in range(4):
        photo(f"in/{number}.png", "red", width=320 + number)
    run("index", tmp_path / "in")
    (tmp_path / "in/2.png").unlink()
    shown = run("index", tmp_path / "in", "--prune")
    assert shown.code == 2
    assert "gone  2.png" in shown.out
    assert "--yes" in shown.err
    assert run("index", tmp_path / "in", "--prune", "--json").document["error"]["kind"] == "config"
    document = run("index", tmp_path / "in", "--prune", "--yes", "--json").document
    assert document["pruned"] == 1
    assert document["missing"] == [str(tmp_path / "in/2.png")]


def test_prune_of_an_empty_folder_is_refused_before_the_work(run, photo, tmp_path):
    """A drive that is not mounted is no deletion."""
    photo("in/1.png", "red")
    run("index", tmp_path / "in")
    (tmp_path / "in/1.png").unlink()
    shown = run("index", tmp_path / "in", "--prune", "--yes")
    assert (shown.code, shown.out) == (2, "")
    assert "unmounted" in shown.err


def test_an_interrupted_run_says_what_was_kept(run, photo, tmp_path, monkeypatch):
    """Ctrl-C ends with the summary, 130, and how to go on; nothing is pruned."""
    photo("in/1.png", "red")
    run("index", tmp_path / "in")
    report = IndexReport(added=3, skipped=0, no_face=0, faces=4, failed=(), seconds=1, interrupted=True)
    monkeypatch.setattr("facesearch.gallery.gallery.Gallery.index", lambda *args, **options: report)
    shown = run("index", tmp_path / "in", "--prune")
    assert shown.code == 130
    assert "3 added" in shown.out
    assert "gone" not in shown.out
    assert shown.err == "interrupted; what is done is kept\nhint: run the same command again to go on\n"
    assert run("index", tmp_path / "in", "--json").document["interrupted"] is True


@pytest.mark.parametrize("flag", ["--retry", "--reprocess"])
def test_flags_are_handed_on(run, photo, tmp_path, monkeypatch, flag):
    """--retry, --reprocess and --jobs reach the library."""
    seen = {}

    def index(self, *paths, progress, **options):
        seen.update(options)
        return IndexReport(added=0, skipped=0, no_face=0, faces=0, failed=(), seconds=1)

    monkeypatch.setattr("facesearch.gallery.gallery.Gallery.index", index)
    run("index", tmp_path, flag, "--jobs", 3)
    assert seen == {
        "people_from_folders": False,
        "read_regions": False,
        "jobs": 3,
        "runner": "local",
        "address": None,
        "retry": flag == "--retry",
        "reprocess": flag == "--reprocess",
    }


def test_another_engine_is_refused(run, photo, album):
    """A gallery made with one engine is not added to with another, and says what to do."""
    shown = run("index", album, "--engine", "reference")
    assert shown.code == 2
    assert "facesearch reindex --engine reference" in shown.err
    assert run("reindex", "--engine", "reference").code == 0
    assert run("index", album, "--engine", "reference").code == 0
