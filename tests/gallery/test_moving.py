"""A gallery that was copied answers as its source does, and lives a life of its own from then on."""

from __future__ import annotations

import shutil

import pytest
from PIL import Image

from facesearch.errors import ConfigError, StoreError
from facesearch.gallery.cache import FILE_NAME

from .pictures import BLUE, GREEN, RED, painted

pytestmark = pytest.mark.slow


@pytest.fixture
def album(tmp_path):
    """Painted photos: four of ada (red), two of bob (green), two of somebody (blue), and one that is broken."""
    folder = tmp_path / "photos"
    for number in range(4):
        painted(folder / "ada" / f"{number}.png", RED, shade=number)
    for number in range(2):
        painted(folder / "bob" / f"{number}.png", GREEN, shade=10 + number)
        painted(folder / f"blue{number}.png", BLUE, RED, shade=20 + number)
    Image.new("RGB", (300, 200), "grey").save(folder / "wall.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    return folder


@pytest.fixture
def source(tmp_path, album, fake, open_gallery):
    """A gallery in a folder with names, decisions, one that was taken back, groups and a forgotten photo."""
    gallery = open_gallery(tmp_path / "source", fake)
    forgotten = painted(tmp_path / "elsewhere" / "bob" / "gone.png", GREEN, shade=99)
    gallery.index(album, people_from_folders=True)
    gallery.index(forgotten.parent.parent, people_from_folders=True)
    gallery.forget(photo=forgotten, tombstone=True)
    gallery.rename("bob", "Robert")
    gallery.rename("ada", "Countess")
    gallery.undo()
    gallery.cluster()
    gallery.mark(album / "ada" / "3.png")
    return gallery


def told(gallery, album):
    """What a gallery answers to everything that may be asked."""
    photos = sorted(album.rglob("*.png"))
    answers = {path: [(one.person, one.distance, one.runner_up) for one in gallery.who(path)] for path in photos}
    found = {
        path: [[(match.path, match.distance) for match in probe.matches] for probe in gallery.search(path)]
        for path in photos
    }
    journal = [(entry.id, entry.at, entry.what, entry.undone) for entry in gallery.log()]
    clusters = gallery.cluster()
    held = gallery.stats()
    return answers, found, gallery.people(), journal, clusters, (held.photos, held.faces, held.no_face, held.people)


@pytest.fixture
def copies(source, server, tmp_path, fake, open_gallery):
    """The source, its copy on a server, and a copy of that in a folder."""
    url = server.new_place()
    source.copy_to(url)
    upstairs = open_gallery(url, fake)
    upstairs.copy_to(tmp_path / "back")
    return source, upstairs, open_gallery(tmp_path / "back", fake)


def test_copies_give_the_same_answers(copies, album):
    """People, journal, groups, ``who`` and ``search`` are the same, to the last bit of a distance."""
    first, *others = [told(gallery, album) for gallery in copies]
    assert first[0]
    assert any(one[0] == "Robert" for answers in first[0].values() for one in answers)
    for other in others:
        assert other == first


def test_copies_go_on_alike(copies, album):
    """Taking back, repeating and naming do the same in each copy, and nothing in the others."""
    done = []
    for gallery in copies:
        back = [entry.what for entry in gallery.undo(2)]
        names = sorted(person.name for person in gallery.people())
        again = [entry.what for entry in gallery.redo()]
        gallery.enrol("Cleo", album / "blue0.png", face=1)
        done.append((back, names, again, sorted(person.name for person in gallery.people())))
    assert done == [done[0]] * 3
    assert done[0][1] == ["ada", "bob"]
    assert done[0][2:] == (["bob is called Robert"], ["Cleo", "Robert", "ada"])
    copies[1].rename("Cleo", "Cleopatra")
    assert [[one.name for one in gallery.people() if one.name.startswith("Cleo")] for gallery in copies] == [
        ["Cleo"],
        ["Cleopatra"],
        ["Cleo"],
    ]


def test_known_files_are_known_in_a_copy(copies, counting_fake, album, tmp_path):
    """Nothing is analysed again in a copy: paths on this machine are found, failures too, and what was forgotten stays
    so.
    """  # noqa: D205
    counting_fake.seen.clear()
    for gallery in copies:
        report = gallery.index(album)
        assert (report.added, report.skipped, len(report.failed)) == (0, 9, 1)
    assert counting_fake.seen["pictures"] == 0
    for gallery in copies:
        assert gallery.index(tmp_path / "elsewhere", people_from_folders=True).faces == 0


def test_what_was_made_from_the_source_is_not_taken_for_the_copys(source, tmp_path, fake, open_gallery, album):
    """An index file of the source in the copy's folder, which has lived on, is not trusted, nor the other way round."""
    expected = told(source, album)
    source.copy_to(tmp_path / "copy")
    copy = open_gallery(tmp_path / "copy", fake)
    assert copy.stats().faces == expected[5][1]
    assert copy._store.state().gallery != source._store.state().gallery
    later = painted(album / "later.png", RED, shade=77)
    copy.index(later)
    found = told(copy, album)
    assert str(later) in str(found[1])
    shutil.copy(source.folder / FILE_NAME, copy.folder / FILE_NAME)
    assert told(open_gallery(tmp_path / "copy", fake), album) == found
    copy._cache(fake.recipe).save()
    shutil.copy(copy.folder / FILE_NAME, source.folder / FILE_NAME)
    later.unlink()
    assert told(open_gallery(tmp_path / "source", fake), album) == expected


def test_galleries_on_one_server_have_caches_of_their_own(copies, server, fake, open_gallery):
    """A copy on the server has another folder in the cache of this machine than its source there."""
    url = server.new_place()
    done = copies[1].copy_to(url)
    other = open_gallery(url, fake)
    assert other.folder != copies[1].folder
    assert other.folder.name == done.gallery


def test_the_report(source, server, tmp_path):
    """What was copied is told by table, without a password, and sums up."""
    url = server.new_place()
    done = source.copy_to(url)
    assert done.source == str(tmp_path / "source")
    assert done.target.startswith("postgresql+psycopg://postgres")
    assert done.rows == sum(table.rows for table in done.tables) > 50
    assert {table.name: table.rows for table in done.tables}["photo"] == 9
    assert all(len(table.sha256) == 64 for table in done.tables)


def test_what_cannot_be_copied(source, tmp_path):
    """A place that is taken is refused, and so is a gallery that is forgetting something, before anything is made."""
    taken = tmp_path / "taken"
    source.copy_to(taken)
    with pytest.raises(ConfigError, match="holds something"):
        source.copy_to(taken)
    source._store.erase_people([source.people()[0].id])
    with pytest.raises(StoreError, match="is being forgotten"):
        source.copy_to(tmp_path / "new")
    assert not (tmp_path / "new").exists()
