"""Files: what is known, what failed, where photos lie."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.store import FileStamp, Store

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

ROOT = Path("/photos")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One gallery for many examples."""
    with Store.open(tmp_path_factory.mktemp("shared") / "gallery") as store:
        yield store


def current(store, stamp, recipe_key, **more):
    """Whether nothing is left to do for a file."""
    known = store.known(stamp)
    return known is not None and known.is_current(stamp, recipe_key=recipe_key, **{"decoder": "v1"} | more)


def test_an_unchanged_file_is_known(store, make):
    """A file of the same size and time, analysed with the same recipe, is done; a change of any of these is work."""
    make.add(store, 1)
    key = make.recipe.key
    assert current(store, make.stamp(1), key)
    assert not current(store, make.stamp(1, size=101), key)
    assert not current(store, make.stamp(1, mtime_ns=8), key)
    assert not current(store, make.stamp(1), make.other.key)
    assert not current(store, make.stamp(2), key)
    assert not current(store, make.stamp(1, root=Path("/elsewhere")), key)


def test_a_photo_without_a_face_is_known(store, make):
    """A photo without a face is done, too."""
    assert make.add(store, 1, ()) == []
    assert current(store, make.stamp(1), make.recipe.key)
    assert store.photo_by_pixel_hash("p1").status == "no_face"


def test_a_failed_file_waits_for_other_decoders(store, make):
    """A file that failed is left alone until it changes, the decoders change, or a retry is asked for."""
    store.add_failure(make.stamp(1), "ends after 1.2 of 2.9 MB", "v1", "b1")
    key = make.recipe.key
    assert current(store, make.stamp(1), key)
    assert not current(store, make.stamp(1), key, decoder="v2")
    assert not current(store, make.stamp(1), key, retry=True)
    assert not current(store, make.stamp(1, size=101), key)
    assert store.known(make.stamp(1)).error == "ends after 1.2 of 2.9 MB"
    assert store.counts().failed == 1
    make.add(store, 1)
    assert store.counts().failed == 0
    assert store.known(make.stamp(1)).error is None


def test_a_file_that_fails_later(store, make):
    """A file that is damaged lets go of its photo; one that only newer decoders cannot read keeps it."""
    make.add(store, 1)
    photo = store.photo_by_pixel_hash("p1").id
    store.add_failure(make.stamp(1), "newer decoder is broken", "v2")
    assert store.known(make.stamp(1)).photo_id == photo
    store.add_failure(make.stamp(1, size=50), "cut short", "v2")
    assert store.known(make.stamp(1)).photo_id is None
    assert store.photos_without_file() == [photo]


def test_an_error_about_an_undecodable_name(store, make):
    """A reason that quotes a file name of undecodable bytes can be stored."""
    store.add_failure(make.stamp(1), "cannot read \udcff.jpg", "v1")
    assert store.known(make.stamp(1)).error == "cannot read \\udcff.jpg"


def test_a_moved_file_is_found_by_its_bytes(store, make):
    """A file that was moved or renamed is known by its bytes, an edited one by its pixels; nothing is embedded
    again, only the path is written.
    """  # noqa: D205
    ids = make.add(store, 1)
    photo = store.photo_by_pixel_hash("p1").id
    seq = store.state().seq
    store.seen([(make.stamp(2), photo, "b1")])
    store.seen([(make.stamp(3), photo, "edited")])
    held = store.held(["p1", "unknown"])
    assert list(held) == ["p1"]
    assert held["p1"].id == photo
    assert held["p1"].is_current(make.recipe.key, 1)
    assert not held["p1"].is_current(make.other.key, 1)
    assert store.photo(photo).paths == ("/photos/1.jpg", "/photos/2.jpg", "/photos/3.jpg")
    assert [face.id for face in store.faces_of_photo(photo)] == ids
    assert store.state().seq == seq


def test_files_below_a_folder(store, make):
    """All known files at or below a folder are listed, whatever root they were indexed under, and no neighbours."""
    names = ["a.jpg", "2019/a.jpg", "2019/deep/b.jpg", "2019b/c.jpg", "20190", "2019-x.jpg"]
    for number, name in enumerate(names):
        store.add_failure(make.stamp(number, relative=name), "no", "v1")
    store.add_failure(FileStamp(Path("/other"), "2019/z.jpg", 1, 1), "no", "v1")

    def below(folder):
        return sorted(str(known.path) for known in store.files(Path(folder)))

    assert below("/photos/2019") == ["/photos/2019/a.jpg", "/photos/2019/deep/b.jpg"]
    assert below("/photos/2019/a.jpg") == ["/photos/2019/a.jpg"]
    assert below("/photos") == sorted(f"/photos/{name}" for name in names)
    assert len(below("/")) == 7
    assert below("/photo") == below("/photos/201") == below("/nowhere") == []


def test_many_files_come_in_pages(store, make, monkeypatch):
    """More files than fit into one page are all listed, once each, and can be forgotten in one call."""
    monkeypatch.setattr("facesearch.store.files.CHUNK", 100)
    with store.writing():
        for number in range(345):
            store.add_failure(make.stamp(number), "no", "v1")
    listed = [known.id for known in store.files(ROOT)]
    assert len(listed) == len(set(listed)) == 345
    assert store.delete_files(listed[1:]) == 344
    assert store.counts().paths == 1


def test_pruning(store, make):
    """Forgetting a photo's last file leaves it without one; deleting it takes its faces and enrolments."""
    ids = make.add(store, 1, (10, 100))
    make.add(store, 2)
    photo = store.photo_by_pixel_hash("p1").id
    store.seen([(make.stamp(3), photo, "b1")])
    person = store.create_person("Ada")
    store.enrol(ids, person.id)
    one, copy = (known.id for known in store.files(ROOT) if known.photo_id == photo)
    store.delete_files([one])
    assert store.photos_without_file() == []
    store.delete_files([copy, 999])
    assert store.photos_without_file() == [photo]
    assert store.photo(photo).paths == ()
    assert store.delete_photos([photo]) == 1
    assert store.faces(ids) == {}
    assert store.people()[0].faces == 0
    assert store.counts().enrolled == 0
    assert store.changes(0, make.recipe.key).removed.tolist() == ids


def test_one_place_for_a_file(store, make):
    """A folder inside a known root belongs to that root, and a folder above known roots takes them in."""
    for number, root in enumerate(("/a/b", "/a/c", "/x")):
        assert store.root_for(Path(root)) == Path(root)
        photo = make.photo(number)
        store.add_photo(photo, [], make.vectors(0), make.recipe, stamp=FileStamp(Path(root), "p.jpg", 1, 1))
    assert store.root_for(Path("/a/b/deep")) == Path("/a/b")
    assert store.root_for(Path("/a")) == Path("/a")
    assert sorted(str(known.path) for known in store.files(Path("/"))) == ["/a/b/p.jpg", "/a/c/p.jpg", "/x/p.jpg"]
    assert store.known(FileStamp(Path("/a"), "b/p.jpg", 1, 1)) is not None
    assert store.root_for(Path("/a/b")) == Path("/a")
    assert store.root_for(Path("/ab")) == Path("/ab")


@given(
    st.binary(min_size=1, max_size=60).filter(
        lambda name: b"\0" not in name and b"/" not in name and name not in (b".", b"..")
    )
)
def test_any_file_name_survives(shared, name):
    """Every name that a file can have comes back as it was, valid Unicode or not."""
    stamp = FileStamp(Path("/photos"), os.fsdecode(b"in/" + name), 1, 1)
    shared.add_failure(stamp, "no", "v1")
    known = shared.known(stamp)
    assert os.fsencode(known.relative) == b"in/" + name
    assert os.fsencode(known.path) == b"/photos/in/" + name


def test_a_real_file_of_an_invalid_name(store, make, tmp_path):
    """A file on the disk whose name is not valid Unicode can be opened by the path that the store gives back."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(b"pixels")
    (name,) = (path.name for path in folder.iterdir())
    status = (folder / name).stat()
    stamp = FileStamp(folder, name, status.st_size, status.st_mtime_ns)
    store.add_photo(make.photo(1), [], make.vectors(0), make.recipe, stamp=stamp)
    (path,) = store.photo_by_pixel_hash("p1").paths
    assert Path(path).read_bytes() == b"pixels"
    assert current(store, stamp, make.recipe.key)
