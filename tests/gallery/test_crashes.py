"""Kill −9, Ctrl-C and two at once: the gallery ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from .pictures import contents

# A gallery on a server is killed in test_machines.py, with painted photos: there the server ends the transaction, and
# what else may be cut short is written by the same code.
pytestmark = [pytest.mark.slow, pytest.mark.sqlite]

DRIVER = Path(__file__).with_name("driver.py")
BUSY = 75


@pytest.fixture(scope="module")
def album(samples, tmp_path_factory):
    """Twenty-five photos of five people, one without a face, one that is broken."""
    folder = tmp_path_factory.mktemp("crash") / "photos"
    for person in sorted((samples / "train").iterdir()):
        (folder / person.name).mkdir(parents=True)
        for path in sorted(person.iterdir())[:5]:
            shutil.copy(path, folder / person.name)
    Image.new("RGB", (300, 200), "grey").save(folder / "madonna" / "wall.png")
    (folder / "madonna" / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    return folder


@pytest.fixture(scope="module")
def clean(album, front_end, tmp_path_factory):
    """The folder of a gallery of the album that was never killed, and what it holds."""
    from facesearch.gallery.gallery import Gallery
    from facesearch.store.store import Store

    folder = tmp_path_factory.mktemp("clean") / "gallery"
    with Gallery(Store.open(folder), lambda: front_end) as gallery:
        report = gallery.index(album, people_from_folders=True)
    assert (report.added, report.no_face, len(report.failed), report.people) == (25, 1, 1, 5)
    return folder, contents(folder)


@pytest.fixture
def start(album, tmp_path):
    """Starts the driver on the album; whatever still runs at the end is killed."""
    running = []

    def begin(*moment, gallery=tmp_path / "gallery"):
        process = subprocess.Popen(
            [sys.executable, DRIVER, gallery, album, *moment],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def wait_for(process, word):
    """Read the process's output up to a line that begins with a word; returns that line."""
    for line in process.stdout:
        if line.startswith(word):
            return line
    pytest.fail(f"no {word!r}: {process.communicate()[1]}")


def finish(start):
    """Run to the end."""
    process = start()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.splitlines()[-1]


def same_answers(one, other, front_end, open_gallery, probes):
    """Two galleries find the same photos at the same distances, and name the same people."""
    galleries = [open_gallery(folder, front_end) for folder in (one, other)]
    for path in probes:
        found = [
            [[(match.path, match.distance) for match in probe.matches] for probe in gallery.search(path, threshold=4.0)]
            for gallery in galleries
        ]
        assert found[0] == found[1]
        names = [[answer.person for answer in gallery.who(path)] for gallery in galleries]
        assert names[0] == names[1]


@pytest.mark.timeout(400)
def test_killed_at_random_moments(start, clean, front_end, open_gallery, tmp_path, val):
    """Kill −9 at 10 random moments, rerun each time: photos, faces, boxes, embeddings and names as if never killed.

    Two galleries are killed five times each, so that every kill meets a run with work left.
    """
    dice = random.Random(20)
    interrupted = 0
    for round_ in range(2):
        folder = tmp_path / "gallery"
        shutil.rmtree(folder, ignore_errors=True)
        for _ in range(5):
            process = start()
            # From before the first photo to well into the run.
            wait_for(process, "ready")
            time.sleep(dice.uniform(0, 0.7))
            process.kill()
            process.communicate()
            interrupted += process.returncode == -signal.SIGKILL
            held = contents(folder)
            assert (held["integrity"], held["broken"]) == ("ok", [])
            # Every photo that is there is there whole.
            for key, (facts, faces) in held["photos"].items():
                expected, whole = clean[1]["photos"][key]
                assert facts == expected
                assert [face[:9] for face in faces] == [face[:9] for face in whole]
        finish(start)
        assert contents(folder) == clean[1], f"round {round_}"
        assert finish(start) == "done 0 26 0 1"
    assert interrupted >= 7
    same_answers(folder, clean[0], front_end, open_gallery, val[::8])


@pytest.mark.parametrize("moment", ["rename", "commit", "committed", "enrol"])
def test_killed_at_a_chosen_moment(start, clean, front_end, open_gallery, tmp_path, val, moment):
    """Kill −9 between commit and index rename, within a transaction, after one, while enrolling: nothing is lost."""
    folder = tmp_path / "gallery"
    process = start(moment)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    left = list(folder.glob(".*.tmp"))
    assert bool(left) == (moment == "rename")
    assert contents(folder)["integrity"] == "ok"
    kept = len(contents(folder)["files"])
    _, added, skipped, no_face, failed = finish(start).split()
    # What was committed is not analysed again.
    assert int(skipped) + int(failed) >= kept
    assert int(added) + int(no_face) <= 27 - kept
    assert kept in {"rename": range(3, 28), "commit": [3], "committed": [9], "enrol": [27]}[moment]
    assert contents(folder) == clean[1]
    assert list(folder.glob(".*.tmp")) == []
    same_answers(folder, clean[0], front_end, open_gallery, val[::12])


def test_two_at_once(start, clean, front_end, open_gallery, tmp_path, val):
    """Two ``index`` processes on one gallery: both finish, or one says that it is busy; the gallery is whole."""
    processes = [start(), start()]
    outputs = [process.communicate(timeout=120) for process in processes]
    codes = [process.returncode for process in processes]
    assert set(codes) <= {0, BUSY}, outputs
    assert 0 in codes
    assert all("Traceback" not in err for _, err in outputs)
    if BUSY in codes:
        assert "is writing to this gallery" in outputs[codes.index(BUSY)][0]
    assert contents(tmp_path / "gallery") == clean[1]
    assert finish(start) == "done 0 26 0 1"
    same_answers(tmp_path / "gallery", clean[0], front_end, open_gallery, val[::12])


def test_one_killed_while_another_works(start, clean, tmp_path):
    """Of two at once one is killed: the other goes on to the end, and the gallery is whole."""
    first, second = start(), start()
    wait_for(first, "working")
    wait_for(second, "working")
    time.sleep(0.3)
    first.kill()
    first.communicate()
    _, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert contents(tmp_path / "gallery") == clean[1]


def photos_in(folder):
    """How many photos the gallery of another process holds by now."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/gallery.sqlite?mode=ro", uri=True)) as database:
            return database.execute("SELECT count(*) FROM photo").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_ends_with_130_and_a_summary(samples, tmp_path, as_json):
    """Ctrl-C on the command line: exit code 130, the summary of what was done, and all of that is kept."""
    folder = tmp_path / "gallery"
    command = [sys.executable, "-m", "facesearch", "index", str(samples / "train"), "--gallery", str(folder)]
    environment = {**os.environ, "COLUMNS": "200"}
    process = subprocess.Popen(
        [*command, *["--json"] * as_json],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # A test run in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while photos_in(folder) == 0:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "Traceback" not in err
    kept = photos_in(folder)
    assert 0 < kept < 93
    if as_json:
        assert json.loads(out)["added"] == kept
    else:
        assert f"{kept} added" in out
    if not as_json:
        subprocess.run(command, capture_output=True, check=True)
        assert photos_in(folder) == 93
