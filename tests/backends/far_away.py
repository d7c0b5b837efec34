"""Front ends for Ray tests that a worker can import; the tests put this folder and the one of ``deeds`` on its path."""

from __future__ import annotations

import os
import time

from facesearch.errors import UnreadableError
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder


class Slow(FrontEnd):
    """Fakes that take a while, and say in which process they are."""

    def __init__(self):
        super().__init__(FakeDetector(), FakeEmbedder())

    def look(self, path, *known):
        """As ever, later."""
        time.sleep(0.05)
        seen = super().look(path, *known)
        seen.seconds["process"] = os.getpid()
        return seen


class OtherDisks(Slow):
    """A machine that sees only photos with an even number."""

    def look(self, path, *known):
        """As ever, or not there."""
        if int(path.stem) % 2:
            raise UnreadableError(path, "no such file")
        return super().look(path, *known)
