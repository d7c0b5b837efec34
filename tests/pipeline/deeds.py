"""What workers are told to do in tests: a worker process can import it, which it cannot do with a test module.

The tests put this folder on ``sys.path`` and import it as ``deeds``, as the workers do.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from facesearch.errors import ModelError
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder


def die():
    """Kill −9."""
    os.kill(os.getpid(), signal.SIGKILL)


def squares(items, ask):
    """The square of each number."""
    for item in items:
        yield item * item


def processes(items, ask):
    """Which process each item is done in."""
    for _ in items:
        time.sleep(0.01)
        yield os.getpid()


def numbers_of_threads(items, ask):
    """What OpenMP and OpenBLAS are told, and whether Ctrl-C is blocked."""
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    for _ in items:
        yield os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"], blocked


def uneven(items, ask):
    """Numbers as they are; every seventh takes long."""
    for item in items:
        time.sleep(0.1 if item % 7 == 0 else 0)
        yield item


def stuck_at_first(items, ask):
    """Numbers as they are; 0 waits until the parent lets it go."""
    for item in items:
        while item == 0 and not ask("go on?"):
            time.sleep(0.01)
        yield item


def asking(items, ask):
    """What the parent says of each number."""
    for item in items:
        yield ask(item)


def deadly(items, ask):
    """Numbers as they are; negative ones kill."""
    for item in items:
        if item < 0:
            die()
        yield item


def killed_once(items, ask):
    """Names of files as they are; one that does not exist kills, but is made before."""
    for item in items:
        if not Path(item).exists():
            Path(item).touch()
            die()
        yield item


def always_dying(items, ask):
    """No item survives."""
    die()


def broken(items, ask):
    """A fault of the program at number 5."""
    for item in items:
        if item == 5:
            raise KeyError("five")
        yield item


def without_model(items, ask):
    """An error of ours."""
    for item in items:
        if item == 5:
            raise ModelError("fake", "not there", hint="get it")
        yield item


def endless(items, ask):
    """Busy for good, after telling the parent in which process."""
    ask(os.getpid())
    while True:
        time.sleep(1)


class KilledWhileStarting:
    """A task that kills the process that takes it."""

    def __reduce__(self):
        return die, ()


class Uneven(FrontEnd):
    """Fakes that take longer for every third photo, and say in which process they are."""

    def __init__(self):
        super().__init__(FakeDetector(), FakeEmbedder())

    def look(self, path, *known):
        """As ever, sooner or later."""
        time.sleep(0.03 if int(path.stem) % 3 == 0 else 0)
        seen = super().look(path, *known)
        seen.seconds["process"] = os.getpid()
        return seen


class Deadly(Uneven):
    """Kills its process at photo 11."""

    def look(self, path, *known):
        """As ever, or never."""
        if path.stem == "11":
            die()
        return super().look(path, *known)


class WithoutModel(FakeDetector):
    """Its model is missing."""

    def detect(self, image, **options):
        """Never."""
        raise ModelError("fake", "not there")
