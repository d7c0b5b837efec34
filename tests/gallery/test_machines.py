"""Several machines, one gallery on a server: what each indexes is there once, whoever is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from facesearch.gallery.gallery import Gallery
from facesearch.pipeline import FrontEnd
from facesearch.store.store import Store
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box

from .pictures import contents

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).with_name("server_driver.py")


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Painted photos of two people in three folders, some of them copies, one without a face, one that is broken."""
    folder = tmp_path_factory.mktemp("machines")
    for number in range(36):
        person, colour = (("ada", (220, 40, 40)), ("bob", (40, 220, 40)))[number % 2]
        path = folder / ("one", "both", "two")[number % 3] / person / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(paint([(Box(20, 60, 90, 130), colour)], width=300 + number // 2 * 2)).save(path)
    (folder / "both" / "bob" / "copy.png").write_bytes((folder / "one" / "bob" / "3.png").read_bytes())
    Image.new("RGB", (300, 200), "grey").save(folder / "both" / "bob" / "wall.png")
    (folder / "both" / "ada" / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    return folder


@pytest.fixture
def start(tmp_path):
    """Starts a machine: ``start(url, host, folder)``."""
    running = []

    def begin(url, host, photos):
        environment = {**os.environ, "FACESEARCH_CACHE": str(tmp_path / host), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, DRIVER, url, host, photos],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def finish(process):
    """Its last line."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.splitlines()[-1]


def once(found):
    """What does not depend on whose copy of a picture came first."""
    photos = {key: (facts[1:], faces) for key, (facts, faces) in found["photos"].items()}
    return photos, found["files"]


def index_all(url, album):
    """A clean run over all folders, on the machine called here."""
    with Gallery(Store.open(url), lambda: FrontEnd(FakeDetector(), FakeEmbedder())) as gallery:
        return gallery.index(album / "one", album / "both", album / "two", jobs=1, people_from_folders=True)


def test_one_is_killed_again_and_again(server, start, album, monkeypatch):
    """Two machines index overlapping folders at once, and one of them is killed at random moments and started again:
    the gallery is that of one clean run.
    """  # noqa: D205
    monkeypatch.setenv("FACESEARCH_HOST", "here")
    clean = server.new_place()
    index_all(clean, album)
    expected = once(contents(clean))
    assert (len(expected[0]), len(expected[1])) == (37, 39)
    dice = random.Random(7)
    url = server.new_place()
    steady = start(url, "here", album / "both")
    killed = 0
    for folder in ("one", "both", "two", "both"):
        process = start(url, "here", album / folder)
        process.stdout.readline()
        time.sleep(dice.uniform(0, 0.4))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    finish(steady)
    assert killed >= 3
    assert index_all(url, album).failed
    assert once(contents(url)) == expected


def test_paths_of_two_machines(server, start, album, monkeypatch):
    """The same folder on two machines is two places of the same photos; neither forgets what the other one has."""
    url = server.new_place()
    assert finish(start(url, "east", album / "two")).split()[0] == "12"
    assert finish(start(url, "west", album / "two")).split()[:2] == ["0", "12"]
    monkeypatch.setenv("FACESEARCH_HOST", "west")
    with Store.open(url) as store:
        paths = store.photos([1])[1].paths
        counts = store.counts()
    assert [path.startswith("east:/") for path in paths] == [False, True]
    assert paths[1] == f"east:{paths[0]}"
    assert (counts.paths, sum(counts.photos.values())) == (24, 12)
