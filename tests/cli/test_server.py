"""Commands on a gallery that is on a server: what works on a folder works there."""

from __future__ import annotations

import json

import pytest

# A server must be started.
pytestmark = pytest.mark.slow


@pytest.fixture
def url(server):
    """Where a new gallery can be."""
    return server.new_place()


def test_the_commands(run, photo, url, tmp_path, monkeypatch):
    """Index, name, ask, search, cluster, list, undo and forget do there what they do in a folder."""
    photo("album/ada/1.png", "red")
    photo("album/ada/2.png", "red", width=330)
    photo("album/bob/3.png", "green", width=340)
    photo("album/4.png", "blue", width=350)
    photo("album/5.png", "blue", width=360)
    probe = photo("probe.png", "red", "blue", width=500)
    there = ("--gallery", url)
    done = run("index", tmp_path / "album", "--people-from-folders", "--json", *there)
    assert done.code == 0, done.err
    assert (done.document["added"], done.document["failed"]) == (5, [])
    assert run("index", tmp_path / "album", "--json", *there).document["skipped"] == 5
    assert "ada" in run("people", *there).out
    # It may be the default gallery, too.
    monkeypatch.setenv("FACESEARCH_GALLERY", url)
    faces = run("who", probe, "--json").document["photos"][0]["faces"]
    assert [face["person"] for face in faces] == ["ada", None]
    for index in ("auto", "exact", "pgvector", "pgvector-half"):
        found = run("search", probe, "--index", index, "--json").document
        assert [len(one["hits"]) for one in found["probes"]] == [2, 2], index
    assert run("cluster").code == 0
    assert run("name", "1", "Cleo").code == 0
    assert run("stats", "--json").document["people"] == 3
    assert url.partition("?")[0].partition("@")[2] in run("stats").out
    assert run("undo").code == 0
    told = json.loads(run("forget", "ada", "--yes", "--json").out)
    assert (told["clean"], told["faces"]) == (True, 2)
    assert any("write-ahead log" in one for one in told["out_of_reach"])
    assert run("stats", "--json").document["faces"] == 3


def test_no_server(run, tmp_path):
    """A server that is not there is an error with a hint and exit code 2."""
    outcome = run("people", "--gallery", f"postgresql+psycopg://nobody@/faces?host={tmp_path}")
    assert outcome.code == 2
    assert "check that the server runs" in outcome.err
    assert "Traceback" not in outcome.err
