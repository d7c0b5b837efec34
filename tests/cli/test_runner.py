"""``index --runner``: what is refused is said in one sentence, before any photo is looked at."""

from __future__ import annotations

import pytest

from facesearch.pipeline import ray_runner


def test_an_address_without_ray(run, photo):
    """An address alone is no way to say that Ray is meant."""
    shown = run("index", photo("1.png", "red"), "--address", "auto")
    assert (shown.code, shown.out) == (2, "")
    assert "an address is that of a Ray cluster" in shown.err
    assert "say --runner ray too" in shown.err


def test_ray_is_not_installed(run, photo, monkeypatch):
    """What to install is said."""
    monkeypatch.setattr(ray_runner, "find_spec", lambda name: None)
    shown = run("index", photo("1.png", "red"), "--runner", "ray", "--json")
    assert shown.code == 2
    assert shown.document["error"] == {
        "kind": "config",
        "message": "Ray is not installed",
        "hint": "pip install 'facesearch[ray]', here and on every node",
    }


@pytest.mark.parametrize("address", ["head", "127.0.0.1:1"])
def test_an_address_of_nobody(run, photo, monkeypatch, address):
    """No address, or nobody there: an error, and nothing is indexed."""
    monkeypatch.setattr(ray_runner, "find_spec", lambda name: name)
    shown = run("index", photo("1.png", "red"), "--runner", "ray", "--address", address)
    assert shown.code == 2
    assert address in shown.err
    assert "Traceback" not in shown.err
    assert run("stats", "--json").document["photos"] == 0


def test_no_such_runner(run, photo):
    """The runners that there are are listed."""
    shown = run("index", photo("1.png", "red"), "--runner", "dask")
    assert shown.code == 2
    assert "'local', 'ray'" in shown.err
