"""``reindex`` on the command line."""

from __future__ import annotations

import pytest

from facesearch.images.align import CropSettings
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def newer(album, monkeypatch):
    """From here on, the program has another recipe than the one that the album was indexed with."""

    def make_front_end(**options):
        return FrontEnd(FakeDetector(), FakeEmbedder(), crops=[CropSettings(scale=1.3)])

    monkeypatch.setattr("facesearch.gallery.opening.make_front_end", make_front_end)
    return album


def test_moves_the_gallery(run, newer):
    """It says how many faces were embedded and which recipe answers now; names stay; a second run has nothing to do."""
    recipe = FrontEnd(FakeDetector(), FakeEmbedder(), crops=[CropSettings(scale=1.3)]).recipe.key
    shown = run("reindex")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == f"  5 faces embedded anew; the gallery answers by recipe {recipe}\n"
    assert run("stats", "--json").document["recipe"] == recipe
    assert run("who", newer / "ada" / "1.png", "--json").document["photos"][0]["faces"][0]["person"] == "ada"
    assert run("reindex").out == f"  0 faces embedded anew; the gallery answers by recipe {recipe}\n"


def test_json(run, newer):
    """One document with everything that was done."""
    document = run("reindex", "--json").document
    assert document.pop("seconds") >= 0
    assert len(document.pop("recipe")) == 16
    kept = {"dropped": 0, "failed": [], "interrupted": False, "boxes_by": None, "comparison": None}
    assert document == {"switched": True, "faces": 5, **kept}


def test_a_missing_photo(run, newer):
    """A photo that is gone is named, nothing moves, and the exit code is 2; with --drop-missing it moves without it."""
    before = run("stats", "--json").document["recipe"]
    (newer / "4.png").unlink()
    shown = run("reindex")
    assert shown.code == 2
    assert shown.out.splitlines()[0] == "  4 faces embedded anew, 1 photo failed"
    assert "4.png" in shown.out.splitlines()[1]
    assert "nothing was moved" in shown.err
    assert "--drop-missing" in shown.err
    assert run("stats", "--json").document["recipe"] == before
    refused = run("reindex", "--json")
    assert (refused.code, refused.document["switched"], refused.document["faces"]) == (2, False, 0)
    assert [failure["path"] for failure in refused.document["failed"]] == [str(newer / "4.png")]
    dropped = run("reindex", "--drop-missing")
    assert dropped.code == 0
    assert dropped.out.startswith("  0 faces embedded anew, 1 dropped, 1 photo failed; the gallery answers by recipe ")


def test_ctrl_c(run, newer, monkeypatch):
    """Ctrl-C: exit code 130, the summary of what was done, and the next run does the rest."""
    real, calls = FrontEnd.embed_faces, []

    def embed_faces(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(FrontEnd, "embed_faces", embed_faces)
    shown = run("reindex", "--jobs", "1")
    assert shown.code == 130
    assert "embedded anew\n" in shown.out
    assert "run the same command again to go on" in shown.err
    kept = int(shown.out.split()[0])
    assert kept in (1, 2)
    assert run("reindex").out.startswith(f"  {5 - kept} faces embedded anew; the gallery answers")


def test_no_gallery(run):
    """Without a gallery there is one clear error, and none is made."""
    shown = run("reindex")
    assert shown.code == 2
    assert shown.err.startswith("error: ")
    assert run("stats").code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--back", "--forget-old"), "--back and --forget-old exclude each other"),
        (("--back", "--dry-run"), "--dry-run and --back exclude each other"),
        (("--back", "--model", "dlib-128"), "so --model cannot be meant"),
        (("--back", "--thorough"), "so --thorough cannot be meant"),
        (("--forget-old", "--model", "dlib-128", "--jobs", "2"), "so --model and --jobs cannot be meant"),
        (("--dry-run", "--drop-missing"), "so --drop-missing cannot be meant"),
    ],
)
def test_what_cannot_be_meant_is_refused(run, album, words, said):
    """Options that would be ignored, or that exclude each other, are one clear error, and nothing is done."""
    before = run("stats", "--json").document
    shown = run("reindex", *words)
    assert (shown.code, shown.out) == (2, "")
    assert said in shown.err
    assert run("stats", "--json").document["recipe"] == before["recipe"]


def test_the_environment_refuses_nothing(run, album, monkeypatch):
    """FACESEARCH_MODEL is meant for other commands: old vectors are deleted and gone back to whatever it says."""
    monkeypatch.setenv("FACESEARCH_MODEL", "dlib-128")
    assert run("reindex", "--forget-old").out == "  0 old vectors deleted\n"
    assert "nothing to go back to" in run("reindex", "--back").err
    # Photos that came since the move are embedded on the way back, and may be gone.
    assert "nothing to go back to" in run("reindex", "--back", "--jobs", "2", "--drop-missing").err
