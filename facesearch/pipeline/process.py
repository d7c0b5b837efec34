"""One worker process: how it starts, what it does, how it ends.

It is started by ``subprocess``, not by ``multiprocessing``, because that imports the caller's main module anew: a
script without ``if __name__ == "__main__"`` would run a second time, and one on standard input not at all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Pipe, wait
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError, FacesearchError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from multiprocessing.connection import Connection

    Ask = Callable[[Any], Any]
    # A chunk of items and a function that asks the parent, to a result an item; see ``Workers``.
    Task = Callable[[Sequence[Any], Ask], Iterable[Any]]

GRACE = 5.0
"""Seconds to wait for the end of a process that has closed its pipe."""

_START = """
import sys
from multiprocessing.connection import Connection
parent = Connection({handle})
sys.path[:] = parent.recv()
from facesearch.pipeline.process import serve
serve(parent)
"""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment that holds NumPy to one core, whatever it was built with."""

KEEP_PAGES = {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(64 << 20)}
"""glibc gives a decoded picture's memory back to the system at once and fetches it again for the next one; keeping it
takes a sixth off a 12-megapixel photo, measured, for a few megabytes."""


class NotSendableError(ConfigError):
    """The task cannot be sent to another process: some part cannot be pickled, or not be imported there."""


class NoRoomError(ConfigError):
    """There is no room for another worker; those that are there can go on."""


class Processes:
    """The crew of local workers: processes on this machine. See ``workers.Crew``."""

    def pack(self, task: object) -> bytes:
        """Pickle a task."""
        return bytes(ForkingPickler.dumps(task))

    def start(self, task: bytes) -> Worker:
        """Start a worker."""
        return Worker(task)

    def wait(self, workers: Collection[Worker], timeout: float | None) -> list[Worker]:
        """Those that have said something, once there is one; none after ``timeout`` seconds."""
        heard = wait([worker.connection for worker in workers], timeout)
        return [worker for worker in workers if worker.connection in heard]


class Worker:
    """One process, at the other end of ``connection``; ``await_ready`` before it is sent anything.

    Args:
        task: pickled; see ``Task``.

    Raises:
        ConfigError: no process can be started.
    """

    def __init__(self, task: bytes) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            self._process = _launch(theirs.fileno())
        if self.send(sys.path):
            with suppress(OSError):  # where it died, ``await_ready`` says how
                self.connection.send_bytes(task)

    def await_ready(self) -> None:
        """Wait until the process has the task.

        Raises:
            NotSendableError: the task cannot be unpickled there.
            ConfigError: it died.
        """
        try:
            kind, value = self.receive()
        except (EOFError, OSError):
            raise no_workers(f"one died while it started ({self.ended()})") from None
        if kind != "ready":
            raise NotSendableError(f"cannot be unpickled in another process: {value}")

    def send(self, message: object) -> bool:
        """Send a message; false where nobody is there to take it."""
        try:
            self.connection.send(message)
        except OSError:
            return False
        return True

    def receive(self) -> tuple[str, Any]:
        """The next message.

        Raises:
            EOFError: the process is dead; an OSError means that too.
        """
        kind, value = self.connection.recv()
        return kind, value

    def kill(self) -> None:
        """End the process, if it has not ended."""
        self.connection.close()
        self._process.kill()
        self._process.wait()

    def ended(self) -> str:
        """How the process ended, which has closed its end of the pipe."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self.kill()
        code = self._process.returncode
        if code < 0 and -code in set(signal.Signals):
            return signal.Signals(-code).name
        return f"exit code {code}"


def serve(parent: Connection) -> None:
    """What a worker process does: takes the task, then chunks, and sends results, until the parent is gone."""

    def tell(kind: str, value: object) -> None:
        try:
            parent.send((kind, value))
        except OSError:
            raise SystemExit from None

    def hear() -> Any:  # noqa: ANN401 - whatever the parent sends
        try:
            return parent.recv()
        except (EOFError, OSError):
            raise SystemExit from None

    def ask(question: object) -> Any:  # noqa: ANN401
        tell("question", question)
        return hear()

    try:
        task = hear()
    except Exception as exc:  # noqa: BLE001 - whatever the import of somebody's module raises
        tell("unfit", f"{type(exc).__name__}: {exc}")
        return
    tell("ready", None)
    try:
        while True:
            items = hear()
            for _, result in zip(items, task(items, ask), strict=True):
                tell("result", result)
    except Exception as exc:  # noqa: BLE001 - the parent raises it
        tell("error", _portable(exc))


def _portable(exc: Exception) -> Exception:
    """An error as it can be sent: ours as they are, others as words, because theirs may not survive pickling."""
    sent = exc if isinstance(exc, FacesearchError) else RuntimeError(f"{type(exc).__name__}: {exc}")
    sent.add_note("In a worker process:\n" + "".join(traceback.format_exception(exc)))
    return sent


def _launch(handle: int) -> subprocess.Popen[bytes]:
    """Start a process that serves at the other end of a pipe, deaf to Ctrl-C from its very beginning."""
    command = [sys.executable, "-P", f"-Xutf8={sys.flags.utf8_mode}", "-c", _START.format(handle=handle)]
    # A blocked signal stays blocked in a child, and one that arrives meanwhile is not lost to us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**KEEP_PAGES, **os.environ, **ONE_THREAD},
            pass_fds=[handle],
        )
    except OSError as exc:
        raise no_workers(exc.strerror or str(exc)) from exc
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def no_workers(reason: str) -> ConfigError:
    """The error for a machine that does not let workers live."""
    return ConfigError(f"worker processes cannot be used: {reason}", hint="work in one process: --jobs 1")
