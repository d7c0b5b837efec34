"""The two ends of Ray: the process that speaks with it for us, and the actor that a worker is.

Ray lives in a process of its own. In ours it would print on stdout, take over SIGTERM, and leave processes behind when
ours is killed; there it can do nothing of this, and ends in order as soon as we are gone.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from importlib import metadata
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from facesearch.pipeline import sending
from facesearch.pipeline.front_end import REVISION
from facesearch.pipeline.process import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    Models = dict[str, Path]

OBJECT_STORE = 100 << 20
"""Bytes that a Ray of our own keeps for objects: paths and results are small, and Ray takes no less than 75 MiB."""

_WIDTH = 400
"""Characters of an error of Ray that are passed on: some of them are pages."""


def about() -> tuple[str, int, str]:
    """What driver and workers must agree on: version, revision of the recipes, version of Python."""
    try:
        version = metadata.version("facesearch")
    except metadata.PackageNotFoundError:
        version = "of a checkout"
    return version, REVISION, f"{sys.version_info.major}.{sys.version_info.minor}"


class Actor:
    """A worker: does what a process of the local pool does (``process.serve``), over queues instead of a pipe.

    Two threads must be able to call it, one of which waits in ``hear``.
    """

    def __init__(self) -> None:
        self._inbox: SimpleQueue[bytes] = SimpleQueue()
        self._outbox: SimpleQueue[bytes] = SimpleQueue()

    def about(self) -> tuple[tuple[str, int, str], str]:
        """What is installed here, and the node's address."""
        import ray

        return about(), ray.util.get_node_ip_address()

    def begin(self, task: bytes, models: dict[str, tuple[str, list[Any]]]) -> None:
        """Take the task.

        Args:
            task: as ``sending.pack`` gives it.
            models: SHA-256 of each model file that it needs, to the file's path where it came from and, in a list so
                that nothing is fetched unasked, the reference of its bytes.
        """
        import ray

        for digest, (path, (reference,)) in models.items():
            if sending.find(digest, path) is None:
                sending.keep(digest, path, ray.get(reference))
        self.tell(task)
        threading.Thread(target=serve, args=(self,), daemon=True).start()

    def tell(self, message: bytes) -> None:
        """Take a message, pickled."""
        self._inbox.put(message)

    def hear(self) -> list[bytes]:
        """All messages that wait to be taken, pickled; waits for the first."""
        heard = [self._outbox.get()]
        while not self._outbox.empty():
            heard.append(self._outbox.get())
        return heard

    def send(self, message: object) -> None:
        """For ``serve``: what a connection's does."""
        self._outbox.put(bytes(ForkingPickler.dumps(message)))

    def recv(self) -> Any:  # noqa: ANN401 - whatever the driver sends
        """For ``serve``: what a connection's does."""
        return ForkingPickler.loads(self._inbox.get())


def main(driver: Connection, address: str | None, jobs: int | None) -> None:
    """Serve the driver until it is gone.

    Messages are pairs of a worker's number and something pickled, or None with a message about Ray as a whole.
    Commands are (verb, number, argument): ``start`` with task and models, ``tell`` with a pickled message, ``kill``.

    Args:
        driver: our end of its pipe.
        address: the cluster to join; None for a Ray of our own on this machine, which nobody else can reach.
        jobs: workers wanted; None for as many as the cluster has processors free.
    """
    with suppress(OSError, EOFError), _ray(driver, address, jobs) as up:
        if up:
            _obey(driver)


@contextmanager
def _ray(driver: Connection, address: str | None, jobs: int | None) -> Iterator[bool]:
    """Ray, started or joined; tells the driver how many workers it may have, or what went wrong."""
    import ray

    with _scratch() if address is None else nullcontext() as scratch:
        try:
            count = _start(jobs, scratch) if scratch else _join(address, jobs)
        except Exception as exc:  # noqa: BLE001 - whatever Ray raises
            driver.send((None, ("down", _one_line(exc))))
            yield False
            return
        try:
            driver.send((None, ("up", count)))
            yield True
        finally:
            ray.shutdown()


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for Ray's sockets and logs, where their paths do not get too long: the system's own may be deep."""
    own = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108 - made with a name of its own, for us alone
    return tempfile.TemporaryDirectory(prefix="facesearch-ray-", dir=own, ignore_cleanup_errors=True)


def _start(jobs: int | None, scratch: str) -> int:
    """Start a Ray for so many workers."""
    import ray

    ray.init(
        address="local",
        num_cpus=jobs,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=OBJECT_STORE,
        _temp_dir=scratch,
    )
    return jobs or 1


def _join(address: str | None, jobs: int | None) -> int:
    """Join a cluster; how many workers it has room for, or as many as wanted."""
    import ray

    ray.init(address=address, log_to_driver=False)
    return jobs or max(1, int(ray.available_resources().get("CPU", 0)))


def _obey(driver: Connection) -> None:
    """Do what the driver says, until it is gone."""
    import ray

    worker = ray.remote(Actor).options(num_cpus=1, max_concurrency=2, max_restarts=0)
    lock = threading.Lock()
    actors: dict[int, Any] = {}
    references: dict[str, Any] = {}

    def report(number: int, message: bytes) -> None:
        with lock, suppress(OSError):
            driver.send((number, message))

    while True:
        verb, number, argument = driver.recv()
        if verb == "start":
            task, models = argument
            for digest, path in models.items():
                if digest not in references:
                    references[digest] = ray.put(Path(path).read_bytes())
            actors[number] = worker.remote()
            along = {digest: (str(path), [references[digest]]) for digest, path in models.items()}
            tell = partial(report, number)
            threading.Thread(target=_attend, args=(actors[number], task, along, tell), daemon=True).start()
        elif verb == "tell" and number in actors:
            actors[number].tell.remote(argument)
        elif verb == "kill" and number in actors:
            ray.kill(actors.pop(number), no_restart=True)


def _attend(actor: Any, task: bytes, models: dict[str, Any], report: Callable[[bytes], None]) -> None:  # noqa: ANN401
    """Pass on what a worker says, until it dies."""
    import ray

    node = "a node"
    try:
        theirs, node = ray.get(actor.about.remote())
        if theirs != about():
            return report(_message("other", (theirs, node)))
        ray.get(actor.begin.remote(task, models))
        while True:
            for said in ray.get(actor.hear.remote()):
                report(said)
    except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as exc:
        how = "out of memory" if "low on memory" in str(exc) else "killed, or crashed"
        return report(_message("dead", f"{how}, on {node}"))
    except Exception as exc:  # noqa: BLE001 - whatever an actor of another version raises
        # What a worker raised comes wrapped, with its traceback for a message.
        return report(_message("broken", f"{node}: {_one_line(getattr(exc, 'cause', None) or exc)}"))


def _message(kind: str, value: object) -> bytes:
    return bytes(ForkingPickler.dumps((kind, value)))


def _one_line(exc: BaseException) -> str:
    text = " ".join(str(exc).split()) or type(exc).__name__
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"


def environment(*, local: bool) -> dict[str, str]:
    """What the process of ``main`` is told, beside our own environment.

    Ray reports nothing to its makers. One of our own is reachable on the loopback interface only, which its switch for
    desktop systems does (measured on Linux: without it, its ports are open to the network), and asks for a token. It
    kills nobody when memory runs low: what others on this machine take is no fault of a photo.
    """
    silent = {"RAY_USAGE_STATS_ENABLED": "0"}
    if not local:
        return silent
    return {
        **silent,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_memory_monitor_refresh_ms": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": os.urandom(32).hex(),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
