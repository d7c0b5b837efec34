"""Photos laid out as folders: nothing overwritten, nothing twice, whatever files are called."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError, FacesearchError
from facesearch.gallery.layout import folder_name, lay_out

HOW = pytest.mark.parametrize("how", ["link", "copy"])


@pytest.fixture
def photo(tmp_path):
    """Writes a file with these contents: ``photo("a/1.jpg", "text")``."""

    def make(name: str, text: str = "") -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or name)
        return path

    return make


def tree(folder: Path) -> dict[str, str]:
    """All files below a folder with what they hold."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@HOW
def test_one_folder_a_group(photo, tmp_path, how):
    """Each group has a folder, that without a name the target itself; a photo may be in several."""
    one, two = photo("1.jpg"), photo("2.jpg")
    made = lay_out({"": [one], "Ada": [one, two], "Bob": []}, tmp_path / "new/out", how)
    assert tree(tmp_path / "new/out") == {"1.jpg": "1.jpg", "Ada/1.jpg": "1.jpg", "Ada/2.jpg": "2.jpg"}
    assert (tmp_path / "new/out/Bob").is_dir()
    assert made.folder == tmp_path / "new/out"
    assert [str(path.relative_to(made.folder)) for path in made.files] == ["1.jpg", "Ada/1.jpg", "Ada/2.jpg"]
    assert all(path.is_symlink() == (how == "link") for path in made.files)
    assert made.skipped == ()


def test_copies_keep_their_time_and_are_no_links(photo, tmp_path):
    """A copy lives on when the photo is gone, and is as old as the photo."""
    one = photo("1.jpg", "bytes")
    os.utime(one, ns=(10**18, 10**18))
    (copy,) = lay_out({"": [one]}, tmp_path / "out", "copy").files
    one.unlink()
    assert (copy.read_text(), copy.stat().st_mtime_ns) == ("bytes", 10**18)


@HOW
def test_names_that_meet_are_numbered_and_a_rerun_is_harmless(photo, tmp_path, how):
    """Photos of one name all come, numbered; again, and in another order, nothing is added or changed."""
    same = [photo(f"{folder}/a.jpg", folder) for folder in ("x", "y", "longer")]
    first = lay_out({"": same}, tmp_path / "out", how)
    assert tree(first.folder) == {"a.jpg": "x", "a-2.jpg": "y", "a-3.jpg": "longer"}
    before = {path: path.lstat().st_ino for path in first.folder.iterdir()}
    for again in (same, same[::-1], [*same, *same]):
        assert set(lay_out({"": again}, tmp_path / "out", how).files) == set(first.files)
    assert {path: path.lstat().st_ino for path in first.folder.iterdir()} == before


@HOW
def test_what_is_there_is_never_overwritten(photo, tmp_path, how):
    """A file, a broken link and a folder of the photo's name stay as they are."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_text("mine")
    (out / "a-2.jpg").symlink_to(tmp_path / "nowhere")
    (out / "a-3.jpg").mkdir()
    made = lay_out({"": [photo("a.jpg")]}, out, how)
    assert [path.name for path in made.files] == ["a-4.jpg"]
    assert (out / "a.jpg").read_text() == "mine"
    assert (out / "a-2.jpg").readlink() == tmp_path / "nowhere"


def test_a_photo_that_changed_is_copied_beside_the_old_copy(photo, tmp_path):
    """An edited photo is another one: the copy of the earlier one stays."""
    lay_out({"": [photo("a.jpg", "old")]}, tmp_path / "out", "copy")
    lay_out({"": [photo("a.jpg", "edited")]}, tmp_path / "out", "copy")
    assert tree(tmp_path / "out") == {"a.jpg": "old", "a-2.jpg": "edited"}


@HOW
def test_photos_that_cannot_be_read_are_skipped(photo, tmp_path, how):
    """Files that are gone, and folders, are listed and stop nothing."""
    gone = tmp_path / "gone.jpg"
    made = lay_out({"": [gone, photo("1.jpg"), tmp_path]}, tmp_path / "out", how)
    assert made.skipped == (gone, tmp_path)
    assert tree(made.folder) == {"1.jpg": "1.jpg"}


@HOW
def test_a_target_that_holds_the_photos_themselves(photo, tmp_path, how):
    """A photo that lies in the target already is not put beside itself; links lead to photos, not to links."""
    one = photo("1.jpg")
    assert lay_out({"": [one]}, one.parent, how).files == (one,)
    assert len(list(one.parent.iterdir())) == 1
    (link,) = lay_out({"": [one]}, tmp_path / "first", "link").files
    (other,) = lay_out({"": [link]}, tmp_path / "second", "link").files
    assert other.readlink() == one


@HOW
def test_names_that_are_not_unicode_or_too_long(tmp_path, how):
    """Undecodable names survive, and a number fits into the longest name that file systems take."""
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / os.fsdecode(b"caf\xe9.jpg")).write_text(folder)
        (tmp_path / folder / ("é" * 125 + "a.jpg")).write_text(folder)
    photos = [path for folder in ("x", "y") for path in (tmp_path / folder).iterdir()]
    made = lay_out({"caf\udce9": photos}, tmp_path / "out", how)
    names = {os.fsencode(path.name) for path in made.files}
    assert {b"caf\xe9.jpg", b"caf\xe9-2.jpg"} < names
    assert len(names) == 4
    assert lay_out({"caf\udce9": photos}, tmp_path / "out", how).files == made.files


def test_groups_whose_folders_would_meet(photo, tmp_path):
    """Two groups never share a folder, also where a file system does not tell upper from lower case."""
    made = lay_out({"a/b": [photo("1.jpg")], "a:b": [photo("2.jpg")], "A_B": [photo("3.jpg")]}, tmp_path / "o", "copy")
    assert tree(made.folder) == {"a_b/1.jpg": "1.jpg", "a_b-2/2.jpg": "2.jpg", "A_B-3/3.jpg": "3.jpg"}


@HOW
def test_a_target_that_cannot_be_one(photo, tmp_path, how, monkeypatch):
    """A file in place of a folder, and a disk that says no, are errors of ours, and leave nothing half done."""
    one = photo("1.jpg")
    with pytest.raises(ConfigError, match="is not a folder"):
        lay_out({"": [one]}, one, how)
    with pytest.raises(ConfigError, match="is not a folder"):
        lay_out({"1.jpg": [one]}, one.parent, how)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    monkeypatch.setattr(Path, "symlink_to", full)
    with pytest.raises(FacesearchError, match="No space left"):
        lay_out({"": [one]}, tmp_path / "out", how)
    assert list((tmp_path / "out").iterdir()) == []


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_every_name_of_a_group_makes_a_folder(name):
    """Whatever somebody is called, the folder is one name below the target, and can be made."""
    safe = folder_name(name)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / safe).mkdir()
        assert [path.name for path in Path(folder).iterdir()] == [safe]
