"""Claims on a server: one owner a photo, whoever races; what the dead held is free."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from facesearch.store import Store, claims

# A server, and processes.
pytestmark = pytest.mark.slow

HASHES = [f"{number:064x}" for number in range(60)]


@pytest.fixture(scope="module")
def url(server):
    """Of a gallery."""
    url = server.new_place()
    Store.open(url).close()
    return url


@pytest.fixture
def here(url):
    """It is open, and nothing is claimed."""
    with Store.open(url, timeout=5) as opened:
        yield opened
        with opened._engine.begin() as connection:
            connection.execute(text("DELETE FROM claim"))


@pytest.fixture
def owner(here):
    """Makes somebody who claims; they go at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(here.claiming())


@pytest.fixture
def claim_and_die(url):
    """A process that claims these photos and is killed."""

    def run(hashes):
        code = (
            "import sys; from facesearch.store import Store\n"
            "with Store.open(sys.argv[1]) as store, store.claiming() as claims:\n"
            "    print(all([claims.take(one) for one in sys.argv[2:]]), flush=True); sys.stdin.readline()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, url, *hashes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout.readline() == "True\n"
            process.send_signal(signal.SIGKILL)

    return run


def rows(here):
    """All claims: hash and owner."""
    with here._engine.begin() as connection:
        return dict(connection.execute(text("SELECT pixel_hash, owner FROM claim")).all())


def race(owners, hashes):
    """Everybody wants all of them, each in another order; returns who got which."""
    won = [[] for _ in owners]
    start = threading.Barrier(len(owners))

    def work(place):
        mine = random.Random(place).sample(hashes, len(hashes))
        start.wait()
        won[place] += [one for one in mine if owners[place].take(one)]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(owners))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_one_owner_a_photo(here, owner):
    """Of four who race for every photo each one is got once, and whoever has it may ask again."""
    owners = [owner() for _ in range(4)]
    won = race(owners, HASHES)
    assert sorted(one for some in won for one in some) == HASHES
    assert sum(bool(some) for some in won) > 1
    assert all(owners[place].take(one) for place, some in enumerate(won) for one in some)
    mine = set(won[0])
    assert owners[0].theirs(HASHES) == set(HASHES) - mine


def test_what_the_dead_held_is_free(here, owner, claim_and_die):
    """Claims of a process that was killed are taken over, each by one of those who want it."""
    claim_and_die(HASHES[:30])
    assert len(rows(here)) == 30
    owners = [owner() for _ in range(4)]
    assert owners[0].theirs(HASHES) == set()
    won = race(owners, HASHES[:30])
    assert sorted(one for some in won for one in some) == HASHES[:30]


def test_nothing_is_left(here, claim_and_die):
    """Whoever ends gives back what it has, and drops what the dead held; what the living hold stays."""
    claim_and_die(HASHES[:3])
    with here.claiming() as other:
        assert other.take(HASHES[9])
        with here.claiming() as mine:
            assert mine.take(HASHES[5])
            assert mine.take(HASHES[6])
            mine.drop(HASHES[6])
            mine.drop(HASHES[9])
            assert set(rows(here)) == {*HASHES[:3], HASHES[5], HASHES[9]}
        assert set(rows(here)) == {HASHES[9]}
        assert not other.theirs(HASHES)
    assert rows(here) == {}


def test_nobody_is_waited_for_for_ever(here, owner, monkeypatch):
    """A claim of somebody who is still connected is free after a while: the machine may have lost its power."""
    frozen = owner()
    assert frozen.take(HASHES[0])
    monkeypatch.setattr(claims, "PATIENCE", 0.0)
    other = owner()
    assert other.theirs(HASHES[:1]) == set()
    assert other.take(HASHES[0])
    monkeypatch.undo()
    assert not owner().take(HASHES[0])
    frozen.drop(HASHES[0])
    assert len(rows(here)) == 1


def test_claims_and_writers_do_not_wait_for_each_other(url, here, owner, make):
    """While a writer has not committed, free photos are claimed, those it writes are seen to be taken, and it is not
    hindered by claims; only with its commit are they free.
    """  # noqa: D205
    writing, other = owner(), owner()
    assert writing.take("p1")
    with Store.open(url) as writer, writer.writing():
        make.add(writer, 1)
        writer.drop_claims(["p1"])
        answers = []
        asking = threading.Thread(
            target=lambda: answers.extend([other.take("p1"), other.theirs(["p1"]), other.take("p2"), other.tidy()])
        )
        asking.start()
        asking.join(20)
        assert answers == [False, {"p1"}, True, None]
    assert other.theirs(["p1"]) == set()
    assert other.take("p1")


def test_a_lost_connection_loses_claims_only(server, here, owner):
    """When the server ends the connection of an owner, its claims are free for others, and it goes on."""
    first, second = owner(), owner()
    assert first.take(HASHES[0])
    server.run(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE classid = {claims.KIND} AND granted")
    assert first.take(HASHES[1])
    assert second.take(HASHES[0])
    assert not second.take(HASHES[1])
    assert not first.take(HASHES[0])


def test_claims_are_no_change(here, owner):
    """Claims leave the gallery's state alone, so that no cache must catch up; dropping them in a transaction too."""
    before = here.state()
    assert owner().take(HASHES[0])
    with here.writing():
        here.drop_claims(HASHES[:1])
    assert rows(here) == {}
    assert here.state() == before


def test_forgetting_a_photo_forgets_its_claim(here, owner, make):
    """A claim names a photo by the hash of its pixels, so it goes with the photo."""
    make.add(here, 7)
    assert owner().take("p7")
    here.erase_photos([here.photo_by_pixel_hash("p7").id])
    assert rows(here) == {}


def test_a_gallery_in_a_folder_has_no_claims(tmp_path):
    """There every photo is free, and nothing is written."""
    with Store.open(tmp_path / "gallery") as store, store.claiming() as mine, store.claiming() as other:
        assert mine.take("p1")
        assert other.take("p1")
        assert other.theirs(["p1"]) == set()
        with store.writing():
            store.drop_claims(["p1"])
        with store._engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM claim")).scalar_one() == 0
