"""Names put right on the command line, the log of it, and taking it back."""

from __future__ import annotations

import shlex

import pytest

pytestmark = pytest.mark.slow


def ids(run, photo):
    """The ids of the faces of an indexed photo, left to right."""
    return [face["id"] for face in run("who", photo, "--json").document["photos"][0]["faces"]]


def names(run):
    """Who there is, with the number of their faces."""
    return {person["name"]: person["faces"] for person in run("people", "--json").document["people"]}


def test_a_mistake_and_back(run, album):
    """Merging two people is undone with one command, and the output of each says how."""
    shown = run("merge", "ada", "bob")
    assert (shown.code, shown.out) == (0, "  ada: 1 face more, 3 faces in 3 photos now\n")
    assert "facesearch undo" in shown.err
    assert names(run) == {"ada": 3}
    assert run("undo").out == "  took back: bob became part of ada (1 face)\n"
    assert names(run) == {"ada": 2, "bob": 1}
    assert run("redo").code == 0
    assert names(run) == {"ada": 3}


def test_the_log(run, album):
    """The log lists actions with an id that undo takes; --json has the same, and --limit holds some back."""
    run("rename", "bob", "Robert")
    run("rename", "ada", "Ada")
    lines = run("log").out.splitlines()
    assert lines[0].endswith("ada is called Ada")
    assert len(lines) == 3
    assert "and 2 before" in run("log", "--limit", 1).out
    entry = run("log", "--json").document["actions"][1]
    assert entry.keys() == {"id", "at", "what", "events", "undone", "final"}
    assert run("undo", entry["id"]).code == 0
    assert names(run) == {"Ada": 2, "bob": 1}
    assert "(taken back)" in run("log").out


def test_nothing_to_undo_is_a_clear_no(run, photo):
    """Undo and redo of nothing say so, exit code 1; an id that is none is an error."""
    run("index", photo("1.png", "red"))
    assert run("log").out == "  nothing was decided yet\n"
    for command in ("undo", "redo"):
        assert run(command).code == 1
        assert run(command, "--json").document == {"actions": []}
        assert run(command, "abcdef12").code == 2


def test_split_reject_and_not_a_face(run, album):
    """Faces are taken out of a person, said not to be one, or no face, by their numbers."""
    first, second = ids(run, album / "ada" / "1.png") + ids(run, album / "ada" / "2.png")
    assert run("split", "ada", first, "--as", "Cleo").out == "  Cleo: 1 face taken out, 1 face in 1 photo now\n"
    assert names(run) == {"ada": 1, "bob": 1, "Cleo": 1}
    assert run("reject", second).code == 0
    assert run("reject", first, "Cleo").code == 0
    assert names(run) == {"ada": 0, "bob": 1, "Cleo": 0}
    assert run("not-a-face", first, second, "--json").document == {"person": None, "faces": 2, "warnings": []}
    assert run("undo", 4).code == 0
    assert names(run) == {"ada": 2, "bob": 1}


@pytest.mark.parametrize(
    "words",
    [
        *(["reject", "ada"], ["reject", "one", "ada"], ["reject", "1", "nobody"], ["reject", "999"]),
        *(["split", "7", "1"], ["split", "ada", "999"], ["merge", "ada", "ada"], ["rename", "nobody", "x"]),
        *(["rename", "ada", "a" * 256], ["reject", "999", "ada"]),
        *(["ignore"], ["ignore", "99"], ["not-a-face", "999"], ["journal", "import", "missing.jsonl"]),
    ],
)
def test_what_cannot_be_is_one_clear_error(run, album, words):
    """Decisions about what is not there are refused with one line, exit code 2, and leave no action."""
    before = run("log", "--json").document
    shown = run(*words)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("error: ")
    assert run("log", "--json").document == before


def test_ignoring_a_group(run, album):
    """A group that is ignored is not listed any more, until it is brought back."""
    assert run("cluster").out.startswith("  1 group from 2 unnamed faces")
    shown = run("ignore", 1)
    assert (shown.code, shown.out) == (0, "  2 faces ignored\n")
    assert run("cluster", "--json").document["clusters"] == []
    assert run("ignore", 1, "--back").code == 0
    assert len(run("cluster", "--json").document["clusters"]) == 1


@pytest.mark.parametrize(
    "words", [["rename", "ada", "ada"], ["reject", "1", "bob"], ["ignore", "--face", "1", "--back"]]
)
def test_nothing_new_is_nothing_to_undo(run, album, words):
    """A decision that changes nothing leaves no action, so the output offers no undo: it would take back another."""
    words = [ids(run, album / "ada" / "1.png")[0] if word == "1" else word for word in words]
    run("reject", words[1], "bob") if words[0] == "reject" else None
    before = run("log", "--json").document
    shown = run(*words)
    assert shown.code == 0
    assert "undo" not in shown.err
    assert run("log", "--json").document == before


def test_splitting_a_group(run, photo, tmp_path):
    """Faces are split off a group and named in one action, which one undo takes back; a bad name splits nothing."""
    for number in range(4):
        photo(f"album/{number}.png", "red", width=320 + 10 * number)
    run("index", tmp_path / "album")
    faces = [face["face"]["id"] for face in run("cluster", "--json").document["clusters"][0]["faces"]]
    assert run("split", 1, *faces[2:], "--as", " ").code == 2
    assert run("log", "--json").document["actions"] == []
    assert run("split", 1, *faces[2:], "--as", "Ada").out == "  Ada: 2 faces taken out, 2 faces in 2 photos now\n"
    assert run("undo").code == 0
    assert names(run) == {}


def test_a_hint_can_be_pasted(run, album):
    """A name in a hint is quoted for the shell."""
    run("rename", "ada", "O'Hara $HOME")
    hint = run("split", "O'Hara $HOME", 999).err.splitlines()[-1]
    assert shlex.split(hint.removeprefix("hint: "))[:3] == ["facesearch", "person", "O'Hara $HOME"]


def test_a_journal_goes_round(run, album, tmp_path, monkeypatch):
    """Export, import into a gallery that is made for it, index, and the names are there; replay changes nothing."""
    file = tmp_path / "names.jsonl"
    assert run("journal", "export", file).out == f"  5 decisions in {file}\n"
    assert run("journal", "export", file).code == 2
    before = names(run)
    monkeypatch.setenv("FACESEARCH_GALLERY", str(tmp_path / "new.gallery"))
    shown = run("journal", "import", file)
    assert shown.out == "  5 new decisions, 0 known; 2 people now\n"
    assert "3 decisions wait for faces" in shown.err
    run("index", album)
    assert names(run) == before
    assert run("journal", "replay").out == "  2 people, 3 named faces\n"
    assert run("journal", "import", file, "--json").document == {"new": 0, "known": 5, "people": 2, "waiting": []}
