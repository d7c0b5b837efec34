"""Several machines, one gallery on a server: what each indexes is there once, whoever is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
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
    """Painted photos of two people in three folders, one of them twice, one without a face, one that is broken."""
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


@dataclass
class Machine:
    """One that indexes."""

    pid: int
    log: Path
    driver: subprocess.Popen[str]

    def await_ready(self):
        """Wait until its gallery is open."""
        until = time.monotonic() + 60
        while not self.log.exists() or "ready" not in self.log.read_text():
            assert time.monotonic() < until
            time.sleep(0.002)

    def kill(self):
        """Returns whether it was still at work."""
        os.kill(self.pid, signal.SIGKILL)
        return self.end() == -signal.SIGKILL

    def end(self):
        """Its exit code."""
        return int(ask(self.driver, "wait", self.pid))

    def finish(self):
        """The numbers in its last line."""
        assert self.end() == 0, self.log.read_text()
        return [int(number) for number in self.log.read_text().splitlines()[-1].split()]


def ask(driver, *values):
    """A command to the driver, and its answer."""
    driver.stdin.write("\t".join(map(str, values)) + "\n")
    driver.stdin.flush()
    return driver.stdout.readline()


@pytest.fixture(scope="module")
def driver():
    """The process that machines are forked from."""
    process = subprocess.Popen(
        [sys.executable, DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    yield process
    process.stdin.close()
    process.wait(60)


@pytest.fixture
def start(driver, tmp_path):
    """Starts a machine: ``start(url, host, *folders)``."""
    begun = []

    def begin(url, host, *photos):
        log = tmp_path / f"{len(begun)}.log"
        begun.append(Machine(int(ask(driver, "start", url, host, log, *photos)), log, driver))
        return begun[-1]

    yield begin
    for machine in begun:
        with contextlib.suppress(ProcessLookupError):
            os.kill(machine.pid, signal.SIGKILL)


def once(found):
    """What does not depend on whose copy of a picture came first."""
    photos = {key: (facts[1:], faces) for key, (facts, faces) in found["photos"].items()}
    return photos, found["files"]


@pytest.fixture(scope="module")
def clean(server, album):
    """What one run over all folders makes, on the machine called here."""
    url = server.new_place()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESEARCH_HOST", "here")
        with Gallery(Store.open(url), lambda: FrontEnd(FakeDetector(), FakeEmbedder())) as gallery:
            gallery.index(album / "one", album / "both", album / "two", jobs=1, people_from_folders=True)
    found = once(contents(url))
    assert (len(found[0]), len(found[1])) == (37, 39)
    return found


SEEDS = range(int(os.environ.get("FACESEARCH_TEST_KILLS", "5")))
"""Runs with other moments to be killed at."""


@pytest.mark.parametrize("seed", SEEDS)
def test_one_is_killed_again_and_again(server, start, album, clean, seed):
    """Two machines index overlapping folders at once, and one of them is killed at random moments and started again:
    the gallery is that of one clean run, and no claim is left in it.
    """  # noqa: D205
    dice = random.Random(seed)
    url = server.new_place()
    Store.open(url).close()
    steady = start(url, "here", album / "both", album / "two")
    killed = 0
    for _ in range(4):
        machine = start(url, "here", album / "one", album / "both")
        machine.await_ready()
        time.sleep(dice.uniform(0, 0.3))
        killed += machine.kill()
    start(url, "here", album / "one", album / "both").finish()
    steady.finish()
    assert killed >= 1
    assert once(contents(url)) == clean
    with Store.open(url) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM claim").scalar_one() == 0


def test_the_work_is_shared(server, start, album):
    """Two machines with the same folders at once look at each photo once between them; each of them tells the photos
    that the other one did as unchanged, and both galleries' files are there.
    """  # noqa: D205
    url = server.new_place()
    Store.open(url).close()
    photos = album / "one", album / "two"
    east, west = (machine.finish() for machine in [start(url, host, *photos) for host in ("east", "west")])
    assert east[4] + west[4] == 24
    assert [east[0] + west[0], east[0] + east[1], west[0] + west[1]] == [24, 24, 24]
    assert min(east[0], west[0]) > 0
    with Store.open(url) as store:
        counts = store.counts()
    assert (counts.paths, counts.faces, sum(counts.photos.values())) == (48, 24, 24)


def test_paths_of_two_machines(server, start, album, monkeypatch):
    """The same folder on two machines is two places of the same photos; neither forgets what the other one has."""
    url = server.new_place()
    assert start(url, "east", album / "two").finish()[0] == 12
    assert start(url, "west", album / "two").finish()[:2] == [0, 12]
    monkeypatch.setenv("FACESEARCH_HOST", "west")
    with Store.open(url) as store:
        paths = store.photos([1])[1].paths
        counts = store.counts()
    assert [path.startswith("east:/") for path in paths] == [False, True]
    assert paths[1] == f"east:{paths[0]}"
    assert (counts.paths, sum(counts.photos.values())) == (24, 12)
