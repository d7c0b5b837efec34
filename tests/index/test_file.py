"""An index file is whole and of a known state, or refused."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.errors import IndexFileError
from facesearch.index import file
from facesearch.index.base import Stamp
from facesearch.index.exact import ExactIndex
from facesearch.index.faiss_index import FlatIndex
from facesearch.testing import random_units

STAMP = Stamp(gallery="5f7c", recipe="0123456789abcdef", token="tok", seq=41)


def filled(index_type, count=20, dim=8):
    """An index with some vectors."""
    index = index_type(dim)
    index.add(np.arange(count) * 7, random_units(count, dim))
    return index


@pytest.mark.parametrize("count", [0, 1, 20])
@pytest.mark.parametrize("index_type", [ExactIndex, FlatIndex])
def test_round_trip(tmp_path, index_type, count):
    """What was saved comes back: class, stamp, ids and answers."""
    index, path = filled(index_type, count), tmp_path / "faces.index"
    file.save(index, path, STAMP)
    loaded, stamp = file.load(path)
    assert (type(loaded), stamp, loaded.dim) == (index_type, STAMP, 8)
    np.testing.assert_array_equal(loaded.ids(), index.ids())
    before, after = index.search(random_units(5, 8), 6), loaded.search(random_units(5, 8), 6)
    np.testing.assert_array_equal(before.ids, after.ids)
    np.testing.assert_array_equal(before.distances, after.distances)
    loaded.add(np.array([1]), random_units(1, 8, seed=9))
    assert loaded.remove(np.array([0, 1])) == 1 + (count > 0)


def test_file_is_private_and_alone(tmp_path):
    """The file is readable by its owner only, whatever the umask, and nothing else is left in the folder."""
    old = os.umask(0)
    try:
        file.save(filled(FlatIndex), tmp_path / "faces.index", STAMP)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "faces.index").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["faces.index"]


def test_missing(tmp_path):
    """A missing file is named."""
    with pytest.raises(IndexFileError, match="no such file"):
        file.load(tmp_path / "faces.index")


def test_folder_instead_of_file(tmp_path):
    """Something that cannot be read or written is our error, not the system's."""
    (tmp_path / "faces.index").mkdir()
    with pytest.raises(IndexFileError, match="cannot be read"):
        file.load(tmp_path / "faces.index")
    with pytest.raises(IndexFileError, match="cannot be written"):
        file.save(filled(ExactIndex), tmp_path / "faces.index", STAMP)
    with pytest.raises(IndexFileError, match="cannot be written"):
        file.save(filled(ExactIndex), tmp_path / "nowhere" / "faces.index", STAMP)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a good file, and a folder to put broken ones in."""
    folder = tmp_path_factory.mktemp("broken")
    file.save(filled(FlatIndex), folder / "good.index", STAMP)
    return (folder / "good.index").read_bytes(), folder


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_noticed(whole, data):
    """One flipped bit anywhere, header and stamp included, makes the file refused."""
    good, folder = whole
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    broken = bytearray(good)
    broken[bit // 8] ^= 1 << bit % 8
    (folder / "broken.index").write_bytes(broken)
    with pytest.raises(IndexFileError):
        file.load(folder / "broken.index")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_other_length_is_noticed(whole, data):
    """A file that ends early or has something behind it is refused."""
    good, folder = whole
    size = data.draw(st.integers(0, len(good) - 1))
    for broken in (good[:size], good + good[: size + 1]):
        (folder / "broken.index").write_bytes(broken)
        with pytest.raises(IndexFileError):
            file.load(folder / "broken.index")


def test_newer_version_says_so(whole):
    """A file of a newer layout asks for an update."""
    good, folder = whole
    (folder / "newer.index").write_bytes(good[:8] + struct.pack("<I", file.VERSION + 1) + good[12:])
    with pytest.raises(IndexFileError, match="version 3; this facesearch reads up to 2") as caught:
        file.load(folder / "newer.index")
    assert "update facesearch" in caught.value.hint


@pytest.mark.parametrize(
    "lie",
    [
        {"engine": "hnsw"},
        {"engine": "compressed"},
        {"engine": []},
        {"dim": 4},
        {"dim": None},
        {"count": 3},
        {"seq": ...},
    ],
)
def test_header_that_does_not_fit(tmp_path, monkeypatch, lie):
    """A header with a right checksum that does not fit the payload is refused too."""
    original = file.json.dumps
    facts = lambda held: {key: value for key, value in {**held, **lie}.items() if value is not ...}  # noqa: E731
    monkeypatch.setattr(file.json, "dumps", lambda held, **options: original(facts(held), **options))
    file.save(filled(FlatIndex), tmp_path / "faces.index", STAMP)
    with pytest.raises(IndexFileError):
        file.load(tmp_path / "faces.index")


def test_failure_before_the_rename_keeps_the_old_file(tmp_path):
    """An error after writing leaves the old file in place and no temporary one."""
    path = tmp_path / "faces.index"
    file.save(filled(ExactIndex, 3), path, STAMP)

    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.save(filled(ExactIndex, 9), path, STAMP, before_rename=fail)
    assert len(file.load(path)[0]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["faces.index"]


def test_kill_before_the_rename_keeps_the_old_file(tmp_path):
    """A process that dies between writing and renaming leaves the old file, and a leftover that can be cleared."""
    path = tmp_path / "faces.index"
    file.save(filled(ExactIndex, 3), path, STAMP)
    code = """if True:
        import os, signal, sys
        from pathlib import Path
        from facesearch.index import file
        index, stamp = file.load(Path(sys.argv[1]))
        kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
        file.save(index, Path(sys.argv[1]), stamp, before_rename=kill)"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    assert len(file.load(path)[0]) == 3
    assert len(list(tmp_path.iterdir())) == 2
    assert file.remove_leftovers(path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["faces.index"]
