"""``export gallery`` and ``import``: what they print, and what they refuse."""

from __future__ import annotations

import pytest

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def test_a_folder_to_a_folder(run, album, photo, tmp_path):
    """``export gallery`` prints a row a table, and the copy answers; the gallery stays as it is."""
    done = run("export", "gallery", tmp_path / "copy")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["table", "rows", "sha256"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:-1]}
    assert rows["photo"][0] == rows["face"][0] == rows["embedding"][0] == "5"
    assert all(len(digits) == 12 for _, digits in rows.values())
    total = sum(int(count) for count, _ in rows.values())
    assert lines[-1].strip() == f"{total} rows are the same in {tmp_path / 'own.gallery'} and {tmp_path / 'copy'}"
    assert "two galleries" in done.err
    assert run("people", "--json").document == run("people", "--json", "--gallery", tmp_path / "copy").document
    probe = photo("probe.png", "red", "blue", width=500)
    faces = run("who", probe, "--json", "--gallery", tmp_path / "copy").document["photos"][0]["faces"]
    assert [face["person"] for face in faces] == ["ada", None]


def test_import_is_the_other_end(run, album, tmp_path):
    """``import`` fills the gallery that ``--gallery`` names, or the default one, with what another one holds."""
    there = tmp_path / "there"
    done = run("import", tmp_path / "own.gallery", "--gallery", there, "--json")
    assert done.code == 0, done.err
    told = done.document
    assert (told["source"], told["target"]) == (str(tmp_path / "own.gallery"), str(there))
    assert sum(one["rows"] for one in told["tables"]) == told["rows"]
    assert {one["table"] for one in told["tables"]} >= {"photo", "event", "tombstone"}
    assert all(len(one["sha256"]) == 64 for one in told["tables"])
    assert told["gallery"]
    assert told["seconds"] > 0
    assert run("import", there, "--json").document["error"]["message"].endswith("holds something already")


def test_what_is_refused(run, album, tmp_path):
    """A target that holds something, the gallery itself and a source that is not there: exit code 2 and a way out."""
    assert run("export", "gallery", tmp_path / "copy").code == 0
    again = run("export", "gallery", tmp_path / "copy")
    assert again.code == 2
    assert "holds something already" in again.err
    assert "hint: name a new folder or an empty database" in again.err
    assert run("export", "gallery", tmp_path / "own.gallery").code == 2
    assert run("import", tmp_path / "nothing").code == 2
    assert not (tmp_path / "nothing").exists()
    nobody = run("export", "gallery", f"postgresql+psycopg://nobody:secret@/faces?host={tmp_path}")
    assert nobody.code == 2
    assert "check that the server runs" in nobody.err
    assert "secret" not in nobody.err
    assert "Traceback" not in again.err + nobody.err


def test_a_bar_for_writing_and_one_for_comparing(run, album, tmp_path, terminal):
    """On a terminal there is a bar in rows."""
    from facesearch.cli.app import app

    _, err = terminal()
    assert app(["export", "gallery", str(tmp_path / "copy")], standalone_mode=False) in (0, None)
    assert "rows/s" in err.getvalue()


@pytest.mark.slow
def test_to_a_server_and_back(run, album, server, tmp_path):
    """To PostgreSQL and back, people and journal are what they were; commands that follow work on each."""
    url = server.new_place()
    assert run("rename", "bob", "Robert").code == 0
    assert run("export", "gallery", url).code == 0
    assert run("import", url, "--gallery", tmp_path / "back").code == 0
    places = [(), ("--gallery", url), ("--gallery", tmp_path / "back")]
    for words in (("people",), ("log",), ("search", album / "ada" / "1.png"), ("undo",), ("people",)):
        told = [run(*words, "--json", *place).document for place in places]
        if words == ("undo",):
            told = [[one["what"] for one in document["actions"]] for document in told]
        assert told == [told[0]] * 3, words
    for place in places:
        assert run("index", album, "--json", *place).document["skipped"] == 5
