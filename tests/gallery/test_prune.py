"""Pruning forgets photos whose files are gone, and never mistakes an unmounted drive for a deletion."""

from __future__ import annotations

import shutil

import pytest

from facesearch.errors import ConfigError

from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def album(tmp_path, gallery):
    """Ten indexed photos in two folders; one is also in a third folder, which is not below the album."""
    folder = tmp_path / "album"
    for number in range(10):
        part = "a" if number < 5 else "b"
        painted(folder / part / f"{number}.png", (RED, GREEN, BLUE)[number % 3], shade=number)
    (tmp_path / "other").mkdir()
    shutil.copy(folder / "a" / "0.png", tmp_path / "other" / "copy.png")
    gallery.index(folder, tmp_path / "other")
    return folder


def test_nothing_is_missing_as_long_as_all_is_there(gallery, album):
    """With all files in place nothing is listed and nothing forgotten."""
    assert gallery.missing(album) == []
    assert gallery.prune(album) == 0
    assert gallery.stats().photos == 10


def test_what_is_gone_is_listed_and_forgotten(gallery, album):
    """A deleted file is listed first, then forgotten with its faces and its place in searches."""
    (album / "a" / "1.png").unlink()
    assert gallery.missing(album) == [str(album / "a" / "1.png")]
    assert gallery.stats().photos == 10
    assert gallery.prune(album) == 1
    assert (gallery.stats().photos, gallery.stats().files, gallery.stats().embeddings) == (9, 10, 9)
    (probe,) = gallery.search(album / "a" / "4.png")
    assert str(album / "a" / "1.png") not in {match.path for match in probe.matches}


def test_up_to_a_fifth_may_go_without_asking(gallery, album):
    """Two of ten are forgotten; three of ten are not without ``yes``, and then nothing is touched."""
    for number in (1, 2):
        (album / "a" / f"{number}.png").unlink()
    assert gallery.prune(album) == 2
    for number in (3, 4):
        (album / "a" / f"{number}.png").unlink()
    with pytest.raises(ConfigError, match="2 of 8 photos are gone, more than 20%") as caught:
        gallery.prune(album)
    assert "--yes" in caught.value.hint
    assert gallery.stats().photos == 8
    assert gallery.prune(album, yes=True) == 2
    assert gallery.stats().photos == 6


@pytest.mark.parametrize("yes", [False, True])
def test_an_empty_folder_is_an_unmounted_drive(gallery, album, yes):
    """A folder that holds nothing at all is never taken for a deletion, whatever was said."""
    shutil.rmtree(album)
    album.mkdir()
    with pytest.raises(ConfigError, match="empty: an unmounted drive"):
        gallery.prune(album, yes=yes)
    assert gallery.stats().photos == 10


@pytest.mark.parametrize("yes", [False, True])
def test_a_missing_folder_is_an_unmounted_drive(gallery, album, yes):
    """A folder that does not exist cannot be pruned, whatever was said."""
    shutil.rmtree(album / "b")
    with pytest.raises(ConfigError, match="no such file or folder"):
        gallery.prune(album / "b", yes=yes)
    assert gallery.stats().photos == 10


def test_a_file_cannot_be_pruned(gallery, album):
    """Only folders can be pruned."""
    with pytest.raises(ConfigError, match="only folders"):
        gallery.prune(album / "a" / "1.png")


def test_only_the_given_folders_are_looked_at(gallery, album):
    """A photo that is gone elsewhere stays known."""
    (album / "a" / "1.png").unlink()
    (album / "b" / "7.png").unlink()
    assert gallery.missing(album / "b") == [str(album / "b" / "7.png")]
    assert gallery.prune(album / "b") == 1
    assert gallery.missing(album) == [str(album / "a" / "1.png")]


def test_a_folder_within_a_folder_is_counted_once(gallery, album):
    """Giving a folder and one inside it neither lists a file twice nor changes the share that is gone."""
    for number in (5, 6):
        (album / "b" / f"{number}.png").unlink()
    assert gallery.missing(album, album / "b") == [str(album / "b" / f"{number}.png") for number in (5, 6)]
    assert gallery.prune(album, album / "b") == 2


def test_a_photo_that_lives_elsewhere_too_stays(gallery, album, tmp_path):
    """Of a photo with two places only the lost place is forgotten."""
    (album / "a" / "0.png").unlink()
    assert gallery.prune(album) == 0
    assert (gallery.stats().photos, gallery.stats().files) == (10, 10)
    assert len(gallery.faces(tmp_path / "other" / "copy.png")) == 1


def test_names_come_back_with_the_photo(gallery, album, tmp_path):
    """The journal keeps what was decided: a pruned photo that comes back has its names again."""
    gallery.enrol("Ann", album / "a" / "1.png")
    (album / "a" / "1.png").rename(tmp_path / "aside.png")
    assert gallery.prune(album) == 1
    assert [person.faces for person in gallery.people()] == [0]
    (tmp_path / "aside.png").rename(album / "a" / "1.png")
    gallery.index(album)
    assert [(person.name, person.faces) for person in gallery.people()] == [("Ann", 1)]
    assert gallery.faces(album / "a" / "1.png")[0].person == "Ann"


def test_moved_files_are_no_loss(gallery, album):
    """After a rename and an index run the old names can be pruned, and every photo stays."""
    (album / "a" / "1.png").rename(album / "b" / "new.png")
    gallery.index(album)
    assert gallery.prune(album) == 0
    assert (gallery.stats().photos, gallery.stats().files) == (10, 11)


def test_only_photos_below_the_given_folders_are_forgotten(gallery, album):
    """A photo elsewhere whose file was overwritten is not listed, and so is not forgotten either."""
    (album / "b" / "7.png").write_bytes(b"not a picture any more")
    gallery.index(album / "b")
    (album / "a" / "1.png").unlink()
    assert gallery.missing(album / "a") == [str(album / "a" / "1.png")]
    assert gallery.prune(album / "a") == 1
    assert gallery.stats().photos == 9
