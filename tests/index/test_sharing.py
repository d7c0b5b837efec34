"""Any number of processes share one index file, whatever becomes of it meanwhile."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from facesearch.index import file
from facesearch.index.base import Stamp
from facesearch.index.coded import CodedIndex
from facesearch.index.registry import create_index
from facesearch.testing import synthetic_faces

pytestmark = pytest.mark.slow

FACES, _ = synthetic_faces(60, 10, seed=5)
KINDS = ["compressed", "inverted"]

READER = """if True:
    import sys
    from pathlib import Path
    import numpy as np
    from facesearch.errors import IndexFileError
    from facesearch.index import file
    path, faces = Path(sys.argv[1]), np.load(sys.argv[2])
    places = np.arange(0, len(faces), 7)

    def check(index, seq):
        # Face j of generation g is row j + g, under an id that begins with g.
        expected = seq * len(faces) + (places + seq) % len(faces)
        assert (index.search(faces[places], 1, exact=True).ids[:, 0] == expected).all()
        hits = index.search(faces[places], 10)
        assert (hits.ids[:, 0] == expected).all() and (hits.distances[:, 0] == 0).all()
        assert (hits.ids // len(faces) == seq).all()

    seen, gone, held = set(), 0, []
    while len(seen) < 5 or gone < 2:
        try:
            index, stamp = file.load(path)
        except IndexFileError as error:
            assert "no such file" in error.message, error.message
            gone += 1
            continue
        if len(held) < 3:
            held.append((index, stamp))  # not looked into before its file is replaced
        else:
            check(index, stamp.seq)
        seen.add(stamp.seq)
    for index, stamp in held:
        check(index, stamp.seq)
"""


def generation(kind, number):
    """An index whose rows and ids are of one generation only."""
    index = create_index(kind, FACES.shape[1])
    index.add(number * len(FACES) + np.arange(len(FACES)), np.roll(FACES, number, axis=0))
    return index, Stamp("g", "r", "t", number)


@pytest.mark.parametrize("kind", KINDS)
def test_readers_beside_a_writer(kind, tmp_path, monkeypatch):
    """While the file is replaced and deleted over and over, readers get answers of one whole generation; none dies.

    Also from files that were mapped, not yet read, when others took their place.
    """
    monkeypatch.setattr(CodedIndex, "codes_from", 100)
    made = [generation(kind, number) for number in range(8)]
    path = tmp_path / "faces.index"
    np.save(tmp_path / "faces.npy", FACES)
    command = [sys.executable, "-c", READER, str(path), str(tmp_path / "faces.npy")]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    readers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=quiet) for _ in range(2)]
    try:
        number, until = 0, time.monotonic() + 120
        while any(reader.poll() is None for reader in readers) and time.monotonic() < until:
            index, stamp = made[number % len(made)]
            file.save(index, path, stamp)
            number += 1
            if number % 3 == 0:
                path.unlink()
            time.sleep(0.02)
        said = [reader.communicate(timeout=30)[1] for reader in readers]
    finally:
        for reader in readers:
            reader.kill()
    assert [(reader.returncode, text) for reader, text in zip(readers, said, strict=True)] == [(0, "")] * 2


@pytest.mark.parametrize("kind", ["flat", *KINDS])
def test_saving_never_changes_a_file_that_others_map(kind, tmp_path, monkeypatch):
    """A new generation is another file under the same name: cutting a mapped file short would kill its readers."""
    monkeypatch.setattr(CodedIndex, "codes_from", 100)
    path = tmp_path / "faces.index"
    index, stamp = generation(kind, 1)
    file.save(index, path, stamp)
    with path.open("rb") as old:
        before = old.read()
        file.save(create_index(kind, FACES.shape[1]), path, stamp)
        assert os.fstat(old.fileno()).st_ino != path.stat().st_ino
        old.seek(0)
        assert old.read() == before


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell what is mapped")
@pytest.mark.parametrize("kind", ["flat", *KINDS])
def test_nothing_is_held_on_to(kind, tmp_path, monkeypatch):
    """When an index goes, so do its mapped file, the one of vectors added since, and their handles."""
    monkeypatch.setattr(CodedIndex, "codes_from", 100)
    path = tmp_path / "faces.index"
    index, stamp = generation(kind, 1)
    file.save(index, path, stamp)
    del index
    gc.collect()
    before = held_open(tmp_path)
    index, _ = file.load(path)
    index.add(np.arange(3), FACES[:3])
    index.search(FACES[:5], 10)
    if kind != "flat":
        assert str(path) in Path("/proc/self/maps").read_text()
    del index
    gc.collect()
    assert held_open(tmp_path) == before
    assert str(path) not in Path("/proc/self/maps").read_text()


def held_open(folder):
    """Files of the folder, and temporary ones of ours, that this process has open or mapped."""
    links = []
    for handle in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(handle.readlink()))
        except OSError:  # the handle of this very listing
            continue
    links += Path("/proc/self/maps").read_text().splitlines()
    return sorted(link for link in links if str(folder) in link or "/facesearch-" in link)
