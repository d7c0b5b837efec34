"""``--index``, ``--exact``, ``--memory-budget`` and ``bench search``."""

from __future__ import annotations

import pytest

from facesearch.gallery import maintenance
from facesearch.types import IndexFacts

pytestmark = pytest.mark.slow


def test_stats_say_which_index(run, album):
    """`stats` names the kind of index; an exact one has no recall to tell."""
    assert "flat: compares with all of 5 faces" in run("stats").out
    assert run("stats", "--json").document["index"] == {
        "kind": "flat",
        "vectors": 5,
        "recall": None,
        "candidates": None,
        "lists": None,
        "place": None,
    }


def test_any_kind_finds_the_same(run, album, photo):
    """`search` answers alike by every kind, and with --exact."""
    probe = photo("probe.png", "red", width=400)
    expected = run("search", probe, "--json").document
    assert expected["probes"]
    for kind in ("exact", "flat", "compressed", "inverted"):
        assert run("search", probe, "--index", kind, "--json").document == expected
        assert run("search", probe, "--index", kind, "--exact", "--json").document == expected


def test_stats_tell_the_measured_recall(run, album, monkeypatch):
    """An approximate index says how much of the truth it finds, and by what."""
    monkeypatch.setattr(maintenance, "facts_of", lambda _: IndexFacts("inverted", 1_000_000, 0.9961, 30, 125))
    shown = " ".join(run("stats").out.split())
    assert "inverted: finds 99.6% of the ten nearest among 1,000,000 faces, measured on your own" in shown
    assert "looks at 30 candidates in 125 lists" in shown


@pytest.mark.parametrize("size", ["much", "-3", "0", "G"])
def test_an_amount_that_is_none(run, photo, size):
    """A wrong amount of memory is answered with what one looks like."""
    shown = run("search", photo("probe.png", "red"), "--memory-budget", size)
    assert shown.code == 2
    assert "900M or 2G" in shown.err


def test_too_little_memory(run, album, photo):
    """A budget that nothing fits into is an error that says what is needed; enough is enough."""
    shown = run("index", album, "--memory-budget", "5M")
    assert shown.code == 2
    assert "MiB" in shown.err
    assert run("search", photo("probe.png", "red", width=400), "--memory-budget", "2GiB").code == 0


def test_too_little_memory_is_told_before_the_work(run, photo, tmp_path):
    """Further photos that cannot fit are refused at once, and not after they were all looked at."""
    folder = photo("new/a.png", "red").parent
    shown = run("index", folder, "--gallery", tmp_path / "other", "--memory-budget", "5M")
    assert shown.code == 2
    assert "0 are here, about 1 in 1 new photos" in " ".join(shown.err.split())
    assert "allow more memory" in shown.err


def test_bench_search(run):
    """Flat and the kind by name are measured beside reading all vectors; the answers are the right ones."""
    document = run(
        "bench", "search", "--vectors", "6000", "--queries", "20", "--index", "compressed", "--json"
    ).document
    assert (document["vectors"], document["queries"], document["default"]) == (6000, 20, "flat")
    flat, compressed = document["kinds"]
    assert (flat["kind"], flat["recall"], flat["tuned"]) == ("flat", 1.0, None)
    assert compressed["tuned"] >= 0.99
    assert compressed["recall"] >= 0.99
    assert document["floor_ms"] > 0
