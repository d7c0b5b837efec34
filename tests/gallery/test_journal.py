"""The journal as people see it: what was decided, taken back by number and by id, and carried to another gallery."""

from __future__ import annotations

import json
import shutil
import stat

import pytest

from facesearch.errors import ConfigError, FacesearchError, NotFoundError

from .pictures import BLUE, GREEN, RED, painted

pytestmark = pytest.mark.slow


@pytest.fixture
def named(gallery, tmp_path):
    """A gallery with Ada (red, twice), Bob (green) and a stranger (blue), named one by one."""
    photos = tmp_path / "photos"
    for number, colour in enumerate([RED, RED, GREEN, BLUE]):
        painted(photos / f"{number}.png", colour, shade=number)
    gallery.index(photos)
    gallery.enrol("Ada", photos / "0.png", photos / "1.png")
    gallery.enrol("Bob", photos / "2.png")
    gallery.rename("Bob", "Robert")
    return gallery


def names(gallery):
    """Who there is, with the number of their faces."""
    return {person.name: person.faces for person in gallery.people()}


def test_the_log_is_in_words(named):
    """Every action is one line in plain words, the latest first, with an id by which it can be taken back."""
    assert [entry.what for entry in named.log()] == [
        "Bob is called Robert",
        "Bob is new; 1 face given to Robert",
        "Ada is new; 2 faces given to Ada",
    ]
    assert len({entry.id for entry in named.log()}) == 3


def test_undo_goes_back_and_redo_forward(named):
    """Undo takes back the last actions that stand, redo repeats them, and each is in the log itself."""
    assert [entry.what for entry in named.undo(2)] == ["Bob is called Robert", "Bob is new; 1 face given to Bob"]
    assert names(named) == {"Ada": 2}
    assert len(named.undo(5)) == 1
    assert names(named) == {}
    assert named.undo() == []
    assert len(named.redo(2)) == 2
    assert names(named) == {"Ada": 2, "Bob": 1}
    assert len(named.redo()) == 1
    assert named.redo() == []
    assert names(named) == {"Ada": 2, "Robert": 1}
    assert "took back" in named.log()[-4].what


def test_redo_ends_where_something_else_was_decided(named):
    """After another decision, redo has nothing to repeat by itself, but repeats an action whose id is given."""
    (taken,) = named.undo()
    named.rename("Ada", "Ada Lovelace")
    assert named.redo() == []
    assert len(named.redo(taken.id)) == 1
    assert names(named) == {"Ada Lovelace": 2, "Robert": 1}


def test_one_action_by_its_id(named):
    """An older action is taken back by its id, where nothing builds on it; else an error says so and all stays."""
    ada = named.log()[2]
    named.undo(ada.id)
    assert names(named) == {"Robert": 1}
    assert named.log()[3].undone
    with pytest.raises(ConfigError, match="since"):
        named.undo(named.log()[2].id)
    with pytest.raises(NotFoundError, match="action"):
        named.undo("0000dead")
    with pytest.raises(NotFoundError):
        named.undo("")
    assert names(named) == {"Robert": 1}


def test_a_cluster_comes_back(gallery, tmp_path):
    """Taking back the name of a group brings the group back, under its number."""
    for number in range(3):
        painted(tmp_path / "photos" / f"{number}.png", RED, shade=number)
    gallery.index(tmp_path / "photos")
    (group,) = gallery.cluster().clusters
    gallery.name(group.id, "Ada")
    with pytest.raises(NotFoundError):
        gallery.name(group.id, "Bob")
    gallery.undo()
    assert len(gallery.name(group.id, "Bob").face_ids) == 3
    assert names(gallery) == {"Bob": 3}


def test_names_move_to_another_machine(named, fake, tmp_path, open_gallery):
    """The exported journal, imported before or after the photos are indexed elsewhere, gives the same names."""
    count = named.export_journal(tmp_path / "names.jsonl")
    assert count == len((tmp_path / "names.jsonl").read_text().splitlines()) - 1 == len(named._store.events())
    assert stat.S_IMODE((tmp_path / "names.jsonl").stat().st_mode) == 0o600
    shutil.copytree(tmp_path / "photos", tmp_path / "elsewhere")
    before, after = (open_gallery(tmp_path / name, fake) for name in ("before", "after"))
    done = before.import_journal(tmp_path / "names.jsonl")
    assert (done.new, done.known, len(done.waiting)) == (count, 0, 3)
    assert {one.person for one in done.waiting} == {"Ada", "Robert"}
    before.index(tmp_path / "elsewhere")
    after.index(tmp_path / "elsewhere")
    assert after.import_journal(tmp_path / "names.jsonl").waiting == ()
    assert names(before) == names(after) == names(named)
    again = after.import_journal(tmp_path / "names.jsonl")
    assert (again.new, again.known, again.waiting) == (0, count, ())
    after.undo()
    assert names(after) == {"Ada": 2, "Bob": 1}


def test_actions_whose_ids_begin_alike(named, fake, tmp_path, open_gallery):
    """What was taken back is told of that very action, though the digits that are shown of its id are another's too."""
    named.export_journal(tmp_path / "names.jsonl")
    head, *lines = (tmp_path / "names.jsonl").read_text().splitlines()
    alike = [spoil(line, action="aaaaaaaa" + json.loads(line)["action"][8:]) for line in lines]
    (tmp_path / "alike.jsonl").write_text("\n".join([head, *alike]))
    other = open_gallery(tmp_path / "other", fake)
    other.index(tmp_path / "photos")
    other.import_journal(tmp_path / "alike.jsonl")
    assert [entry.what for entry in other.undo(2)] == ["Bob is called Robert", "Bob is new; 1 face given to Bob"]
    with pytest.raises(ConfigError, match="3 actions begin"):
        other.undo("aaaaaaaa")


def test_two_journals_become_one(named, fake, tmp_path, open_gallery):
    """What two galleries decided about different things holds after an import; about one thing, the later counts."""
    named.export_journal(tmp_path / "first.jsonl")
    other = open_gallery(tmp_path / "other", fake)
    other.index(tmp_path / "photos")
    other.import_journal(tmp_path / "first.jsonl")
    stranger = other.faces(tmp_path / "photos" / "3.png")[0].id
    other.enrol("Cleo", face=stranger)
    other.rename("Robert", "Bobby")
    named.ignore(faces=[stranger])
    named.rename("Ada", "Ada Lovelace")
    other.export_journal(tmp_path / "second.jsonl")
    named.import_journal(tmp_path / "second.jsonl")
    assert names(named) == {"Ada Lovelace": 2, "Bobby": 1, "Cleo": 0}
    assert named._store.ignored() == {stranger}


def test_export_overwrites_nothing(named, tmp_path):
    """A file that is there already stays as it is."""
    (tmp_path / "names.jsonl").write_text("mine")
    with pytest.raises(FacesearchError, match="already"):
        named.export_journal(tmp_path / "names.jsonl")
    assert (tmp_path / "names.jsonl").read_text() == "mine"
    with pytest.raises(FacesearchError, match="cannot be written"):
        named.export_journal(tmp_path / "no folder" / "names.jsonl")


def spoil(line, **values):
    """A line of a journal with other values."""
    return json.dumps({**json.loads(line), **values})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda line: line[:-5],
        lambda line: "[]",
        lambda line: spoil(line, op="explode"),
        lambda line: spoil(line, id="1"),
        lambda line: spoil(line, person=["x"]),
        lambda line: spoil(line, region=[0, 0, 1]),
        lambda line: spoil(line, region=[0, 0, 1, float("inf")]),
        lambda line: spoil(line, at="yesterday"),
        lambda line: spoil(line, payload={}),
        lambda line: spoil(line, payload=None),
        lambda line: spoil(line, payload={"before": {}, "after": {"person": 7, "source": "user"}}),
        lambda line: spoil(line, payload={"before": {}, "after": {"apart": ["nowhere"]}}),
        lambda line: spoil(line, payload={"before": {}, "after": {"rejected": "abc"}}),
        lambda line: spoil(line, op="create_person", payload={"name": "a\u001b[31mb"}),
        lambda line: spoil(line, op="mark", payload={"mark": "nonsense"}),
        lambda line: "\x00" * 50,
    ],
)
@pytest.mark.sqlite  # For time: it is refused before a database is asked.
def test_a_spoilt_journal_changes_nothing(named, tmp_path, wrong):
    """One bad line refuses the whole file, names the line, and leaves names and journal as they were."""
    named.export_journal(tmp_path / "names.jsonl")
    lines = (tmp_path / "names.jsonl").read_text().splitlines()
    place = next(place for place, line in enumerate(lines) if '"op": "enrol"' in line)
    lines[place] = wrong(lines[place])
    (tmp_path / "spoilt.jsonl").write_text("\n".join(lines))
    before, events = names(named), named._store.events()
    with pytest.raises(ConfigError, match=f"line {place + 1}:"):
        named.import_journal(tmp_path / "spoilt.jsonl")
    assert (names(named), named._store.events()) == (before, events)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"{}\n", b'{"format": "facesearch journal", "version": 99}\n', b"hello"]
)
def test_what_is_no_journal(named, tmp_path, content):
    """A file of another kind, or of a newer version, is refused with one error."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ConfigError):
        named.import_journal(tmp_path / "file")
    with pytest.raises(FacesearchError, match="cannot be read"):
        named.import_journal(tmp_path / "nothing")
