"""Workers on the machines of a Ray cluster, or of a Ray of our own on this one.

They are workers as the local ones are (``workers.Workers``): chunks, order, deaths and questions are handled by the
same code. Ray is spoken with by a process of its own, see ``ray_bridge``; this one never imports it.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing.connection import Pipe
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError
from facesearch.models.runtime import cores
from facesearch.pipeline import ray_bridge, sending
from facesearch.pipeline.process import KEEP_PAGES, ONE_THREAD, NoRoomError, NotSendableError, no_workers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

ANSWERS_WITHIN = 10.0
"""Seconds in which the machine of an address must take a connection."""

JOINS_WITHIN = 30.0
"""Seconds in which a cluster must let us in."""

STARTS_WITHIN = 180.0
"""Seconds in which a Ray of our own must be up: 4 where nothing else runs, 17 were seen on a busy machine."""

PLACED_WITHIN = 60.0
"""Seconds in which a worker must be placed on some node and have the task."""

ENDS_WITHIN = 10.0
"""Seconds to wait for the end of Ray; then it ends on its own."""

_START = """
import sys
from multiprocessing.connection import Connection
driver = Connection({handle})
sys.path[:] = driver.recv()
from facesearch.pipeline.ray_bridge import main
main(driver, *driver.recv())
"""

_ADDRESS = re.compile(r"(?:ray://)?(?P<host>[^\s/:@]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")


@contextmanager
def ray_crew(address: str | None, jobs: int | None) -> Iterator[RayCrew]:
    """A crew of Ray workers; what was started for it ends with the block.

    Args:
        address: "auto" or host:port of a cluster that this machine belongs to, ray://host:port of any other; None
            starts a Ray of our own.
        jobs: how many workers; None for one a core, or one for each processor that the cluster has free.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
    """
    if find_spec("ray") is None:
        raise ConfigError("Ray is not installed", hint="pip install 'facesearch[ray]', here and on every node")
    if address is not None:
        _check(address)
    crew = RayCrew(address, jobs or (cores() if address is None else None))
    try:
        crew.await_up()
        yield crew
    finally:
        crew.close()


class RayCrew:
    """Starts Ray workers and hears them; ``count`` says how many there may be. See ``workers.Crew``."""

    def __init__(self, address: str | None, jobs: int | None) -> None:
        self.count = 0
        self._local = address is None
        self._joined = "Ray" if address is None else f"the Ray cluster at {address}"
        self._workers: list[RayWorker] = []
        self._models: dict[str, Path] = {}
        self._bridge, theirs = Pipe()
        with theirs:
            self._process = _launch(theirs, ray_bridge.environment(local=self._local))
        self._order(sys.path)
        self._order((address, jobs))

    def await_up(self) -> None:
        """Wait until Ray is there.

        Raises:
            ConfigError: it does not come up, or the cluster does not let us in.
        """
        within = STARTS_WITHIN if self._local else JOINS_WITHIN
        if not self._bridge.poll(within):
            raise self._gone(f"no answer within {within:.0f} s")
        try:
            _, (state, value) = self._bridge.recv()
        except (EOFError, OSError):
            raise self._gone(self._ending()) from None
        if state == "down":
            raise self._gone(value)
        self.count = value

    def pack(self, task: object) -> bytes:
        """Pickle a task; the models that it needs go along where workers are on other machines."""
        packed, models = sending.pack(task)
        self._models = {} if self._local else models
        return packed

    def start(self, task: bytes) -> RayWorker:
        """Start a worker; see ``pack``."""
        worker = RayWorker(self, len(self._workers))
        self._workers.append(worker)
        self._order(("start", worker.number, (task, self._models)))
        return worker

    def wait(self, workers: Collection[RayWorker], timeout: float | None) -> list[RayWorker]:
        """Those that have said something, once there is one; none after ``timeout`` seconds.

        Raises:
            ConfigError: Ray is gone.
        """
        self._take(0)
        while not (heard := [worker for worker in workers if worker.inbox]):
            if not self._take(timeout):
                break
        return heard

    def order(self, verb: str, worker: RayWorker, argument: object) -> bool:
        """Send a command for a worker; false where nobody is there to take it."""
        return self._order((verb, worker.number, argument))

    def close(self) -> None:
        """End Ray, if it is ours, and our workers in any case."""
        self._bridge.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_WITHIN)
        if not self._local:
            # Cannot be stuck in the middle of starting anything.
            self._process.kill()
            self._process.wait()

    def _take(self, timeout: float | None) -> bool:
        """Take what the bridge has said, for the workers' inboxes; whether it said anything in time."""
        if not self._bridge.poll(timeout):
            return False
        try:
            while self._bridge.poll():
                number, message = self._bridge.recv()
                self._workers[number].inbox.append(message)
        except (EOFError, OSError):
            raise self._gone(self._ending()) from None
        return True

    def _order(self, message: object) -> bool:
        try:
            self._bridge.send(message)
        except OSError:
            return False
        return True

    def _ending(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            return f"its process ended with exit code {self._process.wait(ENDS_WITHIN)}"
        return "its process does not answer"

    def _gone(self, reason: str) -> ConfigError:
        advice = "work on this machine alone: leave --runner and --address out"
        return ConfigError(f"{self._joined} cannot be used: {reason}", hint=advice)


class RayWorker:
    """One actor; see ``process.Worker`` for what each method is for."""

    def __init__(self, crew: RayCrew, number: int) -> None:
        self.number = number
        self.inbox: deque[bytes] = deque()
        self._crew = crew
        self._cause = "ended"
        self._placed_by = time.monotonic() + PLACED_WITHIN

    def await_ready(self) -> None:
        """Wait until the actor has the task.

        Raises:
            NoRoomError: no node has a processor free for it.
            NotSendableError: the task cannot be unpickled there.
            ConfigError: it died, or another version of facesearch is installed there.
        """
        if not self._crew.wait([self], max(0.0, self._placed_by - time.monotonic())):
            self.kill()
            raise NoRoomError(
                f"no Ray node has a processor free for another worker, for {PLACED_WITHIN:.0f} s",
                hint="ask for fewer: --jobs",
            )
        try:
            kind, value = self.receive()
        except EOFError:
            raise no_workers(f"one died while it started ({self._cause})") from None
        if kind == "unfit":
            raise NotSendableError(f"cannot be unpickled on a Ray node: {value}")
        if kind == "other":
            (version, revision, python), node = value
            own = ray_bridge.about()
            raise ConfigError(
                f"the Ray node {node} has facesearch {version}, recipe revision {revision}, Python {python}; "
                f"here it is {own[0]}, {own[1]}, {own[2]}",
                hint="install the same facesearch[ray] on every node",
            )

    def send(self, message: object) -> bool:
        """Send a message; false where nobody is there to take it."""
        return self._crew.order("tell", self, bytes(ForkingPickler.dumps(message)))

    def receive(self) -> tuple[str, Any]:
        """The next message, once it is there.

        Raises:
            EOFError: the actor is dead.
            ConfigError: it cannot work at all, or Ray is gone.
        """
        self._crew.wait([self], None)
        kind, value = ForkingPickler.loads(self.inbox.popleft())
        if kind == "dead":
            self._cause = value
            raise EOFError
        if kind == "broken":
            raise ConfigError(
                f"a Ray worker cannot work, {value}", hint="install the same facesearch[ray] on every node"
            )
        return kind, value

    def kill(self) -> None:
        """End the actor, if it has not ended."""
        self._crew.order("kill", self, None)

    def ended(self) -> str:
        """How the actor ended, and where."""
        self.kill()
        return self._cause


def _check(address: str) -> None:
    """Whether an address can be one, and anybody is there: Ray itself takes long to say no."""
    if address == "auto":
        return
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found["port"]) < 2**16:
        raise ConfigError(f"no address of a Ray cluster: {address!r}", hint="say auto, HOST:6379 or ray://HOST:10001")
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), ANSWERS_WITHIN).close()
    except OSError as exc:
        raise ConfigError(
            f"nothing answers at {address}: {exc.strerror or exc}",
            hint="is the cluster up? ray start --head prints its address",
        ) from exc


def _launch(handle: Connection, extra: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the process that speaks with Ray, in a session of its own: no Ctrl-C or closed terminal reaches it."""
    command = [sys.executable, "-P", f"-Xutf8={sys.flags.utf8_mode}", "-c", _START.format(handle=handle.fileno())]
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**KEEP_PAGES, **os.environ, **ONE_THREAD, **extra},
            pass_fds=[handle.fileno()],
            start_new_session=True,
        )
    except OSError as exc:
        raise no_workers(exc.strerror or str(exc)) from exc
