"""One writer, readers that never wait: with real processes."""

import os
import signal
import sqlite3
import threading
import time

import pytest

from facesearch.errors import GalleryBusyError
from facesearch.store import Store

# Processes and histories that take seconds.
pytestmark = pytest.mark.slow

COUNT_UP = """
    import contextlib
    person, times, how = sys.argv[2], int(sys.argv[3]), sys.argv[4]
    with Store.open(folder, timeout=30) as store:
        if how == "without the lock":
            store._lock.hold = lambda *_, **__: contextlib.nullcontext()
        wait()
        for _ in range(times):
            with store.writing():
                store.rename(person, str(int(store.person(person).name) + 1))
"""


@pytest.mark.parametrize("how", ["with the lock", "without the lock"])
def test_two_processes_lose_no_update(store, start_ready, how):
    """Two processes that read, add one and write end at the sum, by the lock and by BEGIN IMMEDIATE alone."""
    person = store.create_person("0").id
    both = [start_ready(COUNT_UP, person, "60", how) for _ in range(2)]
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        _, problems = process.communicate(timeout=60)
        assert process.returncode == 0, problems
    assert store.person(person).name == "120"


def test_two_processes_make_one_gallery(folder, start_ready):
    """Two processes that open the same new gallery at once both succeed, on one gallery."""
    code = "wait(); store = Store.open(folder, timeout=30); print(store.state().gallery)"
    both = [start_ready(code) for _ in range(2)]
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate(timeout=30) for process in both]
    assert results[0][0] == results[1][0] != "", results


def test_a_busy_gallery_names_its_writer(folder, start_ready, make):
    """A writer that waited in vain is told the pid and the command of the process that writes."""
    Store.open(folder).close()
    process = start_ready("store = Store.open(folder)\nwith store.lock(): wait()", "a photo")
    with Store.open(folder, timeout=0.2) as store:
        started = time.monotonic()
        with pytest.raises(GalleryBusyError) as caught:
            make.add(store, 1)
        assert 0.1 < time.monotonic() - started < 3
        assert f"process {process.pid} (" in caught.value.message
        assert "'a photo'" in caught.value.message
        assert store.counts().faces == 0


def test_a_killed_writer_blocks_nobody(folder, start_ready, make):
    """After kill -9 of the process that holds the lock in a transaction, the next one writes at once; half a
    transaction is not seen, the committed one before it is.
    """  # noqa: D205
    with Store.open(folder) as store:
        process = start_ready(
            """
            store = Store.open(folder)
            with store.lock():
                with store.writing():
                    store.create_person("committed")
                with store.writing():
                    store.create_person("half")
                    wait()
            """
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "gallery.writer.json").exists()
        make.add(store, 1)
        assert [person.name for person in store.people()] == ["committed"]
        assert not (folder / "gallery.writer.json").exists()


def test_a_note_of_the_dead_accuses_nobody(folder, store):
    """The note that a killed writer left names nobody: its pid is not running."""
    (folder / "gallery.writer.json").write_text('{"pid": 999999999, "command": "gone"}')
    assert store._lock.holder() is None
    (folder / "gallery.writer.json").write_text("not JSON")
    assert store._lock.holder() is None


def test_readers_never_wait(folder, start_ready, make):
    """While another process is in the middle of writing, a reader sees the state before it, at once."""
    with Store.open(folder) as store:
        make.add(store, 1)
        process = start_ready(
            "store = Store.open(folder)\nwith store.writing():\n    store.create_person('later')\n    wait()"
        )
        started = time.monotonic()
        assert store.people() == []
        assert store.counts().faces == 1
        with Store.open(folder, timeout=0) as second:
            assert second.counts().faces == 1
        assert time.monotonic() - started < 1
        process.communicate("go\n", timeout=20)
        assert [person.name for person in store.people()] == ["later"]


def test_a_writer_who_does_not_know_the_lock(folder, store):
    """A foreign program that writes to the database makes it busy, too; nobody is accused by name."""
    raw = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with Store.open(folder, timeout=0.1) as impatient, impatient.lock(), pytest.raises(GalleryBusyError) as caught:
        impatient.create_person("nobody")
    raw.execute("ROLLBACK")
    raw.close()
    assert "another process" in caught.value.message
    assert str(os.getpid()) not in caught.value.message
    assert store.create_person("somebody").name == "somebody"


def test_reading_then_writing_is_why_writers_begin_immediately(folder, store):
    """A read transaction that turns to writing after somebody else wrote fails at once, whatever the timeout: the
    trap; so ``writing`` takes the write lock at its start, and refuses to begin inside ``reading``.
    """  # noqa: D205
    trap = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None, timeout=30)
    trap.execute("BEGIN")
    trap.execute("SELECT count(*) FROM person").fetchall()
    store.create_person("meanwhile")
    started = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        trap.execute("DELETE FROM person")
    assert time.monotonic() - started < 1
    trap.close()
    with store.reading(), pytest.raises(RuntimeError, match="inside reading"):
        store.create_person("never")


def test_two_stores_in_one_thread(folder, store):
    """A second Store of the same thread is another writer, too, and is told who is first: this process."""
    with (
        store.lock(),
        Store.open(folder, timeout=0.1) as second,
        pytest.raises(GalleryBusyError, match=str(os.getpid())),
    ):
        second.create_person("nobody")


def test_threads_share_a_store(store, make):
    """Threads that write and read through one Store wait for each other and lose nothing."""
    problems = []

    def work(first):
        try:
            for number in range(first, first + 15):
                make.add(store, number)
                store.counts()
        except Exception as exc:  # noqa: BLE001
            problems.append(exc)

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert store.counts().faces == 45


def test_the_lock_is_reentrant(store, make):
    """A long run holds the lock and commits in groups inside; the note lies there until it is done."""
    with store.lock(), store.lock():
        with store.writing():
            make.add(store, 1)
        assert store._lock._note.exists()
        with store.writing():
            make.add(store, 2)
    assert not store._lock._note.exists()
    assert store.counts().faces == 2
