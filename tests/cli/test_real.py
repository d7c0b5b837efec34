"""The command line with the real models, on the sample photos, as a user runs it."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def facesearch(samples, tmp_path_factory):
    """Runs a command in a process of its own, in a folder with a gallery of ``train``."""
    folder = tmp_path_factory.mktemp("real")

    def call(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "facesearch", *map(str, words)],
            cwd=folder,
            env={**os.environ, "FACESEARCH_GALLERY": str(folder / "gallery")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout
        return done

    call.folder = folder
    call("index", samples / "train", "--people-from-folders")
    return call


def test_five_people_are_known(facesearch):
    """The people of the folders are known afterwards."""
    people = json.loads(facesearch("people", "--json").stdout)["people"]
    assert [(person["name"], person["faces"] > 10) for person in people] == [
        *[("ben_afflek", True), ("elton_john", True), ("jerry_seinfeld", True)],
        *[("madonna", True), ("mindy_kaling", True)],
    ]


def test_everybody_is_recognized(facesearch, val):
    """In every photo of ``val`` its person is named and nobody else."""
    answered = json.loads(facesearch("who", *val, "--json").stdout)
    named = [{face["person"] for face in photo["faces"]} - {None} for photo in answered["photos"]]
    assert named == [{path.parent.name} for path in val]


def test_who_reads_well(facesearch, val):
    """The text names the person, a distance and the runner-up."""
    out = facesearch("who", val[0], "--draw", "out.png").stdout
    assert out.splitlines()[1].startswith("  1  ben_afflek  0.")
    assert (facesearch.folder / "out.png").stat().st_size > 10_000


def test_verify(facesearch, samples):
    """Two photos of one person are the same, two of two people are not."""
    ben, elton = (sorted((samples / "val" / name).glob("*.jpg")) for name in ("ben_afflek", "elton_john"))
    assert facesearch("verify", ben[0], ben[1]).stdout.startswith("  same person  distance 0.")
    assert facesearch("verify", ben[0], elton[0], code=1).stdout.startswith("  different people  distance ")


def test_search(facesearch, val):
    """The nearest photos of a probe are of its person."""
    hits = json.loads(facesearch("search", val[0], "--json", "--limit", "5").stdout)["probes"][0]["hits"]
    assert len(hits) == 5
    assert {hit["person"] for hit in hits} == {"ben_afflek"}


def test_cluster_and_name(facesearch, samples):
    """Photos without names fall into groups of one person each, which can be named."""
    gallery = ("--gallery", facesearch.folder / "unnamed")
    facesearch("index", samples / "val", *gallery)
    document = json.loads(facesearch("cluster", *gallery, "--draw", "groups", "--json").stdout)
    groups = [{face["path"].split("/")[-2] for face in group["faces"]} for group in document["clusters"]]
    assert all(len(people) == 1 for people in groups)
    assert len(document["pictures"]) == len(groups) >= 5
    assert "given" in facesearch("name", "1", "Somebody", *gallery).stdout


def test_a_terminal_sees_a_bar_and_colour(facesearch, samples):
    """In a terminal there is a progress bar, and answers have colour."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "facesearch", "index", str(samples / "val" / "madonna"), "--gallery", "pty"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, cwd=facesearch.folder, env=environment)
    os.close(terminal)
    written = b""
    while True:
        try:
            read = os.read(controller, 65536)
        except OSError:
            break
        written += read
    os.close(controller)
    assert process.wait(timeout=60) == 0
    text = written.decode()
    assert "5 photos" in text
    assert "━" in text
    assert "photos/s" in text
    assert "5 added, 0 unchanged" in text


def committed(database) -> int:
    """How many photos a gallery holds by now."""
    if not database.exists():
        return 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection, suppress(sqlite3.Error):
        return connection.execute("SELECT count(*) FROM photo").fetchone()[0]
    return 0


def test_ctrl_c_keeps_what_is_done(facesearch, samples):
    """A run that is interrupted says so, exits with 130, and goes on where it was."""
    command = [sys.executable, "-m", "facesearch", "index", str(samples), "--jobs", "1", "--json", "--gallery", "stop"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=facesearch.folder,
        text=True,
        # A test run in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not committed(facesearch.folder / "stop" / "gallery.sqlite") and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    report = json.loads(out)
    assert report["interrupted"] is True
    assert 0 < report["added"] < 118
    rest = json.loads(facesearch("index", samples, "--gallery", "stop", "--json").stdout)
    assert rest["skipped"] == report["added"]
    assert rest["added"] + rest["skipped"] == 118
