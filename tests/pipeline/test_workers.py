"""Worker processes: order, memory, deaths, errors, Ctrl-C. The items are numbers here."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from facesearch.errors import (
    AmbiguousFaceError,
    ConfigError,
    DimensionMismatchError,
    FacesearchError,
    GalleryBusyError,
    ModelError,
    NotFoundError,
    PhotoError,
    TooLargeError,
)
from facesearch.pipeline import process, workers
from facesearch.pipeline.process import NotSendableError
from facesearch.pipeline.workers import CHUNK, CHUNKS_AHEAD, Workers

HERE = Path(__file__).parent
# Each test starts processes, which takes half a second.
pytestmark = pytest.mark.slow


@pytest.fixture
def deeds(monkeypatch):
    """The tasks, importable here and in the workers."""
    monkeypatch.syspath_prepend(HERE)
    import deeds

    return deeds


def lost(item, cause):
    """The result of an item that kills."""
    return f"{item} lost: {cause}"


def run(task, items, *, count=2, answer=lambda _: None):
    """All results."""
    with Workers(task, count, answer=answer, lost=lost) as started:
        return list(started.run(items))


def is_alive(pid):
    """Whether there is such a process; a child that ended and was not waited for counts as gone."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def gone(pid, seconds=10):
    """Wait for the end of a process that is none of our children."""
    end = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_the_order_of_the_items(deeds, count):
    """However many workers there are and however long each item takes, results come in the order asked for."""
    assert run(deeds.uneven, range(100), count=count) == [(number, number) for number in range(100)]


def test_nothing_to_do_gives_nothing(deeds):
    """No items, no results."""
    assert run(deeds.squares, []) == []


def test_all_workers_work_and_none_of_it_happens_here(deeds):
    """The items are spread over as many other processes as asked for."""
    used = {pid for _, pid in run(deeds.processes, range(64), count=3)}
    assert len(used) == 3
    assert os.getpid() not in used


def test_workers_have_one_thread_and_are_deaf_to_ctrl_c(deeds):
    """Libraries are told to use one thread in a worker, and Ctrl-C does not reach it; here both stay as they were."""
    before = dict(os.environ)
    assert run(deeds.numbers_of_threads, [1], count=1) == [(1, ("1", "1", True))]
    assert dict(os.environ) == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("slow", ["a worker", "the consumer"])
def test_items_are_taken_a_bounded_number_ahead(deeds, slow):
    """With a first item that takes for ever, or a consumer that stops taking, the source is read only so far."""
    taken = []

    def numbers():
        while True:
            taken.append(len(taken) + (slow == "the consumer"))
            yield taken[-1]

    deadline = time.monotonic() + 1.5
    bound = 2 * CHUNK * (CHUNKS_AHEAD + 2)
    with Workers(deeds.stuck_at_first, 2, answer=lambda _: time.monotonic() > deadline, lost=lost) as started:
        results = started.run(numbers())
        first = next(results)[0]
        assert first == taken[0]
        assert 2 * CHUNK < len(taken) <= bound
        assert [next(results)[0] for _ in range(300)] == list(range(first + 1, first + 301))
        assert len(taken) <= bound + 300


def test_questions_are_answered_here(deeds):
    """A worker may ask in the middle of a chunk, and the parent's own objects answer."""
    known = {number: f"no. {number}" for number in range(50)}
    assert [result for _, result in run(deeds.asking, range(50), answer=known.get)] == list(known.values())


def test_an_error_of_the_answer_is_raised(deeds):
    """Where the parent cannot answer, the iteration ends with that error and no worker stays."""

    def answer(pid):
        pids.append(pid)
        raise ZeroDivisionError

    pids = []
    with pytest.raises(ZeroDivisionError):
        run(deeds.endless, range(4), answer=answer)
    assert pids
    assert all(gone(pid) for pid in pids)


def test_a_worker_killed_in_the_middle_costs_nothing(deeds, tmp_path):
    """Kill −9 of a worker: its items are done by another one, in their place."""
    names = [str(tmp_path / f"{number:02d}") for number in range(40)]
    for name in names[:17] + names[18:30] + names[31:]:
        Path(name).touch()
    assert run(deeds.killed_once, names) == [(name, name) for name in names]


def test_an_item_that_kills_is_lost_alone(deeds):
    """An item that kills its worker twice is given up, with the signal; all others have their results."""
    items = [-1 if number in (5, 6, 60) else number for number in range(80)]
    expected = [(item, item if item >= 0 else "-1 lost: SIGKILL") for item in items]
    assert run(deeds.deadly, items) == expected


def test_a_run_with_a_result_goes_on_whatever_follows(deeds, monkeypatch):
    """Deadly items in a row, more of them than make a run hopeless, do not end one that has had a result."""
    monkeypatch.setattr(workers, "HOPELESS", 2)
    results = [result for _, result in run(deeds.deadly, [1] * 20 + [-1] * 3 + [2], count=1)]
    assert results == [1] * 20 + ["-1 lost: SIGKILL"] * 3 + [2]


def test_workers_that_always_die_are_an_error(deeds, monkeypatch):
    """Where no worker lives to give a result, the run ends with an error instead of losing every item."""
    monkeypatch.setattr(workers, "HOPELESS", 3)
    with pytest.raises(ConfigError, match=r"die before they give a result \(SIGKILL\)") as caught:
        run(deeds.always_dying, range(1000))
    assert caught.value.hint == "work in one process: --jobs 1"


def test_a_worker_that_dies_while_it_starts_is_an_error(deeds):
    """Death before the first item is an error at once."""
    with pytest.raises(ConfigError, match=r"died while it started \(SIGKILL\)"):
        Workers(deeds.KilledWhileStarting(), 2, answer=print, lost=lost)


def test_a_program_that_is_not_there_is_an_error(deeds, monkeypatch):
    """Where no process can be started, an error says why."""
    monkeypatch.setattr(process.sys, "executable", "/nowhere/python")
    with pytest.raises(ConfigError, match="cannot be used: No such file") as caught:
        Workers(deeds.squares, 2, answer=print, lost=lost)
    assert not isinstance(caught.value, NotSendableError)


def test_a_task_that_cannot_be_sent_is_told_apart(deeds, monkeypatch):
    """A task that cannot be pickled here, or not be imported there, is an error of its own."""
    with pytest.raises(NotSendableError, match="cannot be pickled"):
        Workers(lambda items, ask: items, 2, answer=print, lost=lost)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(HERE)])
    with pytest.raises(NotSendableError, match="No module named 'deeds'"):
        Workers(deeds.squares, 2, answer=print, lost=lost)


def test_an_error_of_ours_arrives_as_it_is(deeds):
    """A ModelError in a worker ends the iteration with that very error, and says where it was raised."""
    with pytest.raises(ModelError) as caught:
        run(deeds.without_model, range(40))
    error = caught.value
    assert (error.name, error.reason, error.hint) == ("fake", "not there", "get it")
    assert "in without_model" in error.__notes__[0]


def test_a_fault_of_the_program_arrives_with_its_traceback(deeds):
    """Any other error ends the iteration too, named, with its traceback as a note."""
    with pytest.raises(RuntimeError, match="KeyError: 'five'") as caught:
        run(deeds.broken, range(40))
    assert "in broken" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "error",
    [
        FacesearchError("plain"),
        PhotoError("a.jpg", "is a folder", hint="look into it"),
        TooLargeError("a.jpg", "too large"),
        AmbiguousFaceError("a.jpg", "several"),
        ModelError("facenet", "missing", hint="pull it"),
        DimensionMismatchError("index", "64, not 128"),
        NotFoundError("person", "Nobody"),
        GalleryBusyError("busy", hint="wait"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error):
    """Every error of ours is the same after a journey: class, message, hint and all it knows."""
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is type(error)
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


def test_closing_the_iteration_ends_busy_workers_at_once(deeds):
    """``close`` does not wait for what the workers are at, and none of them stays."""
    pids = []

    def answer(pid):
        pids.append(pid)
        if len(pids) == 2:
            raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(deeds.endless, range(40), answer=answer)
    assert time.monotonic() - begun < 10
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("state", ["at work", "idle"])
def test_workers_end_when_their_parent_is_killed(state):
    """Kill −9 of the parent: no worker stays, whether it was at work or idle."""
    items = "iter(int, 1)" if state == "at work" else "range(101)"
    script = f"""
import os, sys, time
sys.path.insert(0, {str(HERE)!r})
import deeds
from facesearch.pipeline.workers import Workers
with Workers(deeds.processes, 2, answer=print, lost=print) as workers:
    for number, (_, pid) in enumerate(workers.run({items})):
        print(pid, flush=True)
        if number == 100 and {state == "idle"}:
            print('idle', flush=True)
            time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with closing(parent.stdout):
        pids = {int(parent.stdout.readline()) for _ in range(101)}
        assert state == "at work" or parent.stdout.readline() == "idle\n"
        parent.kill()
        parent.wait()
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_ctrl_c_reaches_the_parent_alone(deeds):
    """Ctrl-C, which a terminal sends to all processes: the parent gets it, and no worker writes a traceback."""
    script = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
import deeds
from facesearch.pipeline.workers import Workers
try:
    with Workers(deeds.processes, 2, answer=print, lost=print) as workers:
        for _, pid in workers.run(iter(int, 1)):
            print(pid, flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    first = int(parent.stdout.readline())
    os.killpg(parent.pid, signal.SIGINT)
    out, err = parent.communicate(timeout=30)
    assert (parent.returncode, err) == (0, "")
    assert out.endswith("stopped\n")
    assert gone(first)


def test_workers_start_in_a_thread_too(deeds):
    """Workers can be used outside the main thread, as a web server or a desktop program does."""
    results = []
    thread = threading.Thread(target=lambda: results.extend(run(deeds.squares, range(5))))
    thread.start()
    thread.join(30)
    assert results == [(number, number**2) for number in range(5)]
