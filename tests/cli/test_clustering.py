"""``cluster`` at the prompt: numbers that stay, ignored strangers, dates and folders."""

from __future__ import annotations

import pytest

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def strangers(run, photo, tmp_path):
    """Three photos of somebody blue and two of somebody green, indexed; the folder."""
    for number, colour in enumerate(["blue", "blue", "green", "blue", "green"]):
        photo(f"album/{number}.png", colour, width=320 + number)
    assert run("index", tmp_path / "album").code == 0
    return tmp_path / "album"


def test_numbers_stay(run, strangers, photo):
    """More photos of the smaller group make it the larger one, under its number."""
    assert [group["id"] for group in run("cluster", "--json").document["clusters"]] == ["1", "2"]
    for number in range(3):
        photo(f"album/new{number}.png", "green", width=400 + number)
    run("index", strangers)
    groups = run("cluster", "--json").document["clusters"]
    assert [(group["id"], len(group["faces"])) for group in groups] == [("2", 5), ("1", 3)]
    shown = run("cluster").out.splitlines()
    assert shown[0] == "  2 groups from 8 unnamed faces (0 stay alone)"
    assert shown[1].split() == ["2", "5", "faces", "5", "photos", "facesearch", "name", "2", '"…"']


def test_ignored_strangers(run, strangers):
    """An ignored group is not listed but counted, and --ignored lists it."""
    run("cluster")
    assert run("ignore", "1").code == 0
    shown = run("cluster").out
    assert "1 group from 2 unnamed faces (0 stay alone)" in shown
    assert "3 faces of strangers you ignored, or who look like them; --ignored shows groups" in shown
    hidden = run("cluster", "--ignored")
    assert "1 group of 3 faces that are mostly ignored" in hidden.out
    document = run("cluster", "--ignored", "--json").document
    assert [(group["id"], len(group["faces"])) for group in document["clusters"]] == [("1", 3)]
    assert run("cluster", "--json").document["ignored"] == 3


def test_folders(run, strangers, tmp_path):
    """--link makes a folder a group, --copy likewise, and both at once are refused."""
    target = tmp_path / "groups"
    shown = run("cluster", "--link", target)
    assert (shown.code, shown.err) == (0, f"5 links in {target}\n")
    assert sorted(path.name for path in (target / "group 1").iterdir()) == ["0.png", "1.png", "3.png"]
    assert all(path.is_symlink() for path in (target / "group 2").iterdir())
    copies = run("cluster", "--copy", tmp_path / "copies", "--json").document["files"]
    assert len(copies) == 5
    refused = run("cluster", "--link", target, "--copy", target)
    assert refused.code == 2
    assert "exclude each other" in refused.err


def test_afresh(run, strangers):
    """Grouped afresh, the same groups have the same numbers."""
    assert run("cluster").out == run("cluster", "--afresh").out == run("cluster").out
