"""Photos analysed by Ray: what comes out is what this machine alone makes, whatever happens to the workers."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError, ModelError, PhotoError
from facesearch.gallery.gallery import Gallery
from facesearch.pipeline import FrontEnd, analyse_many, ray_runner
from facesearch.store.store import Store
from facesearch.testing import FakeEmbedder, paint
from facesearch.types import Box

from ..gallery.pictures import contents

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PIPELINE = HERE.parent / "pipeline"
ROOT = HERE.parents[1]
RED, GREEN, BLUE = (220, 40, 40), (40, 200, 40), (40, 40, 220)
PLACES = 2


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """What this process and all that it starts is told, so that Ray is on this machine alone and finds the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, PIPELINE))),
        }.items():
            patch.setenv(name, value)
        for folder in (HERE, PIPELINE):
            patch.syspath_prepend(folder)
        yield


@pytest.fixture(scope="module")
def cluster(ours, tmp_path_factory):
    """The address and the process of a Ray cluster of one node with room for two workers."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, spare = one.getsockname()[1], other.getsockname()[1]
    log = tmp_path_factory.mktemp("ray") / "log"
    options = f"--head --block --port={port} --num-cpus={PLACES} --num-gpus=0 --node-ip-address=127.0.0.1"
    quiet = f"--include-dashboard=false --dashboard-agent-listen-port=0 --ray-client-server-port={spare}"
    scratch = Path("/tmp") / f"fs-{secrets.token_hex(4)}"  # sockets lie in it, whose paths must be short
    start = "import sys; sys.argv[0] = 'ray'; from ray.scripts.scripts import main; main()"
    with log.open("w") as out:
        head = subprocess.Popen(
            [sys.executable, "-c", start, "start", *f"{options} {quiet} --temp-dir={scratch}".split()],
            stdout=out,
            stderr=out,
        )
    until = time.monotonic() + 120
    while "--block" not in log.read_text():
        assert head.poll() is None, log.read_text()
        assert time.monotonic() < until
        time.sleep(0.1)
    yield f"127.0.0.1:{port}", head.pid
    head.terminate()
    head.wait(30)
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Photos with one face each, in different places and colours."""
    folder = tmp_path_factory.mktemp("album")
    for number in range(40):
        left = 10 + number * 5
        picture = paint([(Box(left, 40, left + 60, 100), (RED, GREEN, BLUE)[number % 3])])
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def fronts(ours):
    """Front ends that are importable here and in the workers."""
    import deeds
    import far_away

    return type("Fronts", (), {**vars(deeds), **vars(far_away)})


def by_ray(front_end, photos, address, **options):
    """All results."""
    return list(analyse_many(front_end, photos, jobs=PLACES, runner="ray", address=address, **options))


def descendants(pid):
    """All processes below one, with what they are called."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    below, found = {pid}, {}
    rows = [line.split(maxsplit=2) for line in lines.splitlines()]
    for _ in rows:
        more = {int(own): rest[0] if rest else "" for own, parent, *rest in rows if int(parent) in below}
        if more.keys() <= found.keys():
            break
        found |= more
        below |= found.keys()
    return found


def actors(pid):
    """The Ray workers below a process."""
    return [own for own, name in descendants(pid).items() if name.startswith("ray::Actor")]


def is_alive(pid):
    """Whether there is such a process, and it is no zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def all_gone(pids, seconds=60):
    """Wait for the end of processes."""
    until = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def listening(pids):
    """The addresses, as the kernel writes them, at which processes wait for connections."""
    sockets = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            sockets |= {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


def same(one, other):
    """Two results are equal bit for bit."""
    assert one[0] == other[0]
    first, second = one[1], other[1]
    if isinstance(first, PhotoError):
        assert (type(first), str(first)) == (type(second), str(second))
        return
    assert first.faces == second.faces
    assert (first.skipped, first.photo.byte_hash) == (second.skipped, second.photo.byte_hash)
    assert np.array_equal(first.vectors, second.vectors)
    assert np.array_equal(first.crops, second.crops)


def test_results_are_those_of_this_machine_alone(cluster, album, fronts, tmp_path):
    """On several workers: equal results in the order of the paths, bad photos and crops among them.

    ``known`` is asked in this process, about photos without their pixels.
    """
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff but then nothing")
    photos = [*album[:7], bad, tmp_path / "99.png", *album[7:]]
    asked = []

    def known(photo):
        asked.append((os.getpid(), photo.pixels.size))
        return photo.pixel_hash < "3"

    here = list(analyse_many(fronts.Slow(), photos, jobs=1, keep_crops=True, known=known))
    there = by_ray(fronts.Slow(), photos, cluster[0], keep_crops=True, known=known)
    for one, other in zip(here, there, strict=True):
        same(one, other)
    assert asked == [(os.getpid(), 0)] * 2 * len(album)
    seen = [result for _, result in there if not isinstance(result, PhotoError)]
    assert 0 < sum(result.skipped for result in seen) < len(album)
    used = {result.seconds["process"] for result in seen if not result.skipped}
    assert len(used) == PLACES
    assert os.getpid() not in used


def test_a_photo_that_kills_its_worker_is_a_bad_photo(cluster, album, fronts):
    """A crash of a decoder costs one photo: it comes as an error that says so, and all others are analysed."""
    results = dict(by_ray(fronts.Deadly(), album, cluster[0]))
    error = results.pop(album[11])
    assert isinstance(error, PhotoError)
    assert error.reason == "the worker process died while reading it (killed, or crashed, on 127.0.0.1)"
    assert [*results] == album[:11] + album[12:]
    assert not any(isinstance(result, PhotoError) for result in results.values())


def test_a_killed_worker_loses_and_doubles_nothing(cluster, album, fronts, tmp_path):
    """Kill −9 of a worker in the middle: the gallery is the one of a clean run here, and progress comes to its end."""
    broken = tmp_path / "album" / "zz.jpg"
    shutil.copytree(album[0].parent, broken.parent)
    broken.write_bytes(b"\xff\xd8\xff and no more")
    killed, told = [], []

    def progress(done, total, path):
        told.append((done, total))
        if done == 3:
            killed.extend(actors(cluster[1])[:1])
            os.kill(killed[0], signal.SIGKILL)

    with Gallery(Store.open(tmp_path / "clean"), fronts.Slow) as clean:
        here = clean.index(broken.parent, jobs=1)
    with Gallery(Store.open(tmp_path / "killed"), fronts.Slow) as gallery:
        there = gallery.index(broken.parent, jobs=PLACES, runner="ray", address=cluster[0], progress=progress)
        again = gallery.index(broken.parent, runner="ray", address="auto")
    assert killed
    assert told == [(done, 41) for done in range(42)]
    assert (there.added, there.faces, there.failed) == (here.added, here.faces, here.failed)
    assert there.added == len(album)
    assert (again.added, again.skipped, again.failed) == (0, len(album), here.failed)
    assert contents(tmp_path / "killed") == contents(tmp_path / "clean")


def test_a_photo_that_only_this_machine_sees_is_told_so(cluster, album, fronts):
    """A photo that is not at its path on the worker is an error that says what workers need; unless it is nowhere."""
    gone = album[0].with_name("41.png")
    results = by_ray(fronts.OtherDisks(), [*album[:6], gone], cluster[0])
    reasons = [result.reason if isinstance(result, PhotoError) else "" for _, result in results]
    missed = "no such file on a Ray worker: they need the photos at the same path; then --retry"
    assert reasons == ["", missed, "", missed, "", missed, "no such file"]


def test_a_model_that_fails_ends_the_run(cluster, album, fronts):
    """An error of the models is not a bad photo: it is raised, and no worker stays."""
    with pytest.raises(ModelError, match="model fake: not there"):
        by_ray(FrontEnd(fronts.WithoutModel(), FakeEmbedder()), album, cluster[0])
    until = time.monotonic() + 20
    while actors(cluster[1]):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_full_cluster_gives_the_workers_that_it_can(cluster, album, fronts, monkeypatch):
    """More workers than processors: those that find a place do the work."""
    monkeypatch.setattr(ray_runner, "PLACED_WITHIN", 8.0)
    front = fronts.Slow()
    results = list(analyse_many(front, album, jobs=PLACES + 1, runner="ray", address=cluster[0]))
    assert [path for path, _ in results] == album
    assert len({result.seconds["process"] for _, result in results}) <= PLACES


def test_somebody_else_at_the_address(album, fronts, monkeypatch):
    """A port where not Ray listens is refused in time."""
    monkeypatch.setattr(ray_runner, "JOINS_WITHIN", 3.0)
    monkeypatch.setattr(ray_runner, "ENDS_WITHIN", 1.0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"the Ray cluster at {address} cannot be used: no answer within 3 s"):
            by_ray(fronts.Slow(), album, address)


def test_real_vectors_are_those_of_this_machine_alone(ours, front_end, samples, tmp_path):
    """A Ray of our own and the real models, a worker killed: the gallery of a clean run here, bit for bit.

    Ray is reachable on the loopback interface alone, and gone in the end.
    """
    photos = [path for person in sorted((samples / "train").iterdir()) for path in sorted(person.iterdir())[:8]]
    before, killed, heard_at = set(descendants(os.getpid())), [], set()

    def progress(done, total, path):
        if done == 1:
            heard_at.update(listening(set(descendants(os.getpid())) - before))
        if done == 5:
            killed.extend([pid for pid in actors(os.getpid()) if pid not in before][:1])
            os.kill(killed[0], signal.SIGKILL)

    with Gallery(Store.open(tmp_path / "clean"), lambda: front_end) as clean:
        clean.index(*photos, jobs=1)
    with Gallery(Store.open(tmp_path / "ray"), lambda: front_end) as gallery:
        gallery.index(*photos, jobs=2, runner="ray", progress=progress)
    assert killed
    assert heard_at
    assert {address[-8:] for address in heard_at} == {"0100007F"}
    assert contents(tmp_path / "ray") == contents(tmp_path / "clean")
    assert all_gone(set(descendants(os.getpid())) - before)


@pytest.fixture
def started(tmp_path, samples):
    """Starts ``index --runner ray`` in a process of its own and returns it once it has written something."""
    running = []

    def begin(folder):
        command = [sys.executable, "-m", "facesearch", "index", samples / "train", "--gallery", folder]
        running.append(
            subprocess.Popen(
                [*command, "--runner", "ray", "--jobs", "1"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # A shell that runs the tests in the background lets them ignore Ctrl-C, and so what they start.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )
        until = time.monotonic() + 200
        while not written(folder):
            assert running[-1].poll() is None, running[-1].communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def written(gallery):
    """How many photos a gallery holds."""
    if not (gallery / "gallery.sqlite").exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{gallery}/gallery.sqlite?mode=ro", uri=True)) as database:
        try:
            return database.execute("SELECT count(*) FROM photo").fetchone()[0]
        except sqlite3.OperationalError:  # not made yet
            return 0


def test_a_run_that_is_ended_leaves_no_process_behind(ours, started, samples, sample_folder, front_end, tmp_path):
    """Kill −9, then Ctrl-C of the command: Ray ends too, what is done is kept, and going on gives a clean gallery."""
    # Each in a gallery of its own, so that there is enough left to do when it is ended.
    galleries = tmp_path / "killed", tmp_path / "interrupted"
    first = started(galleries[0])
    below = descendants(first.pid)
    assert any(name.startswith("ray::Actor") for name in below.values())
    first.kill()
    assert all_gone(below)
    second = started(galleries[1])
    below = descendants(second.pid)
    second.send_signal(signal.SIGINT)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 130, (out, err)
    assert "interrupted; what is done is kept" in err
    assert "Traceback" not in out + err
    assert "ray" not in (out + err).lower().replace(str(tmp_path).lower(), "")
    assert all_gone(below)
    for folder in galleries:
        assert 0 < written(folder) < 93
        with Gallery(Store.open(folder), lambda: front_end) as gallery:
            gallery.index(samples / "train", people_from_folders=True)
        assert contents(folder) == contents(sample_folder)
