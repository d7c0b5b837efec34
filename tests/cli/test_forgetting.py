"""``forget``: asks, forgets, and prints a receipt."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from facesearch.cli.app import app

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def asked(run, album, monkeypatch):
    """Runs ``forget`` as on a terminal, with an answer; returns the exit code and all that was printed."""
    monkeypatch.setattr("facesearch.cli.forgetting.on_terminal", lambda _: True)

    def call(*words, answer):
        result = CliRunner().invoke(app, ["forget", *map(str, words)], input=f"{answer}\n", prog_name="facesearch")
        return result.exit_code, result.output

    return call


def names(run):
    """Who is known."""
    return [person["name"] for person in run("people", "--json").document["people"]]


def test_a_receipt(run, album):
    """A person is forgotten; the receipt says how much, what was searched, and which paths keep the name."""
    done = run("forget", "ada", "--yes")
    assert (done.code, done.err) == (0, "")
    assert "forgotten     1 person, 2 faces, 2 vectors, 3 events of the journal" in done.out
    # Painted faces of one colour have one vector.
    assert "1 vector, in 32 pieces of 16 bytes" in done.out
    assert "left          the name in the paths of photos that stay" in done.out
    assert [str(album / "ada" / name) in done.out for name in ("1.png", "2.png")] == [True, True]
    assert "beyond reach" in done.out
    assert names(run) == ["bob"]
    assert run("forget", "ada", "--yes").code == 2


def test_the_receipt_as_json(run, album):
    """``--json`` has the same, with all paths, and says that it is clean."""
    done = run("forget", "ada", "--yes", "--json")
    assert done.code == 0
    receipt = done.document
    assert (receipt["people"], receipt["faces"], receipt["vectors"], receipt["clean"]) == (1, 2, 2, True)
    assert receipt["search"]["kept_paths"] == [str(album / "ada" / name) for name in ("1.png", "2.png")]
    assert receipt["search"]["files"] > 0
    assert set(receipt["derived"]) >= {"vector index", "SVM", "backup", "database", "calibration of the album"}
    assert len(receipt["out_of_reach"]) > 3


def test_it_asks(asked, run):
    """On a terminal the name must be typed: another answer forgets nothing and is a clear no."""
    code, out = asked("ada", answer="y")
    assert code == 1
    assert "2 faces of ada in 2 photos" in out
    assert "nothing was forgotten" in out
    assert names(run) == ["ada", "bob"]
    assert asked("ada", answer="ada")[0] == 0
    assert names(run) == ["bob"]


def test_nobody_to_ask(run, album):
    """Without a terminal, or with --json, it takes --yes."""
    for words in (["ada"], ["--all"], ["ada", "--json"]):
        refused = run("forget", *words)
        assert refused.code == 2
        assert "--yes" in refused.out + refused.err
    assert names(run) == ["ada", "bob"]


def test_a_photo_and_a_name_are_never_confused(run, album):
    """A file is meant by --photo only, and exactly one thing is forgotten at a time."""
    one = album / "ada" / "1.png"
    assert "no person" in run("forget", one, "--yes").err
    assert run("forget", "ada", "--photo", one, "--yes").code == 2
    assert run("forget").code == 2
    done = run("forget", "--photo", one, "--yes")
    assert done.code == 0
    assert "index takes it in again" in done.out
    assert "1 added" in run("index", album).out


def test_a_tombstone(run, album):
    """A photo with a tombstone stays out, and index says how many did."""
    done = run("forget", "--photo", album / "4.png", "--yes", "--tombstone")
    assert "1 photo will give no new faces" in done.out
    again = run("index", album)
    assert "kept out: 1 photo that was forgotten" in again.out
    assert run("index", album, "--reprocess", "--json").document["kept_out"] == 1
    again = run("forget", "--photo", album / "4.png", "--yes")
    assert "1 photo will give no new faces" in again.out
    assert "index takes it in again" not in again.out


def test_only_tombstones(run, album):
    """Where all photos were forgotten for good, index says so, and not that there are none."""
    run("forget", "--all", "--yes", "--tombstone")
    shown = run("index", album)
    assert shown.code == 0
    assert "no photos" not in shown.out
    assert "that were forgotten" in shown.out


def test_all(run, album):
    """Everything goes; the name of no photo is left either."""
    assert run("forget", "--all", "--yes").code == 0
    assert run("stats", "--json").document["photos"] == 0


def test_something_is_left(run, album, tmp_path):
    """Where a trace is left in a file of the gallery, the exit code is 2 and the file is named."""
    stray = tmp_path / "own.gallery" / "stray.txt"
    run("enrol", "Ada Lovelace", album / "4.png")
    stray.write_text("about Ada Lovelace")
    done = run("forget", "ada lovelace", "--yes")
    assert done.code == 2
    assert f"name: 1 in {stray}" in done.out
    assert "something is left" in done.err


def test_what_was_cut_short(run, album, tmp_path):
    """The same command after a kill completes what was begun and is done, though the person is not there any more."""
    from facesearch.store import Store

    with Store.open(tmp_path / "own.gallery") as store:
        store.erase_people([person.id for person in store.people() if person.name == "ada"])
    done = run("forget", "ada", "--yes")
    assert done.code == 0
    assert "cut short" in done.err
    assert "ada is not in the gallery" in done.err
    with closing(sqlite3.connect(tmp_path / "own.gallery" / "gallery.sqlite")) as raw:
        assert raw.execute("SELECT count(*) FROM erasure").fetchone() == (0,)
    assert run("forget", "ada", "--yes").code == 2


def test_help_says_what_it_does_not_do(run):
    """Help speaks of unnamed faces, and of new photos of the person."""
    shown = run("forget", "--help").out
    assert "faces that nobody has named stay" in " ".join(shown.split())
    assert "review --person" in shown
