"""``index`` on machines of their own, as processes: painted photos, fake models.

It reads commands, a line each, and answers each with a line:

    start URL HOST LOG PHOTOS...     a machine that indexes; answers with its process id
    wait PID                         answers with its exit code, negative for a signal

Fields are separated by tabs. The machine writes "ready" into LOG when its gallery is open, and at the end how many
photos it added, skipped, found without a face and failed on, and how many times it looked for faces. Machines are
forked, because starting Python takes longer than what they do. Small groups and slow models, so that few photos have
many moments to be killed at.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import faiss  # noqa: F401 - before the fork
import pgvector.psycopg  # noqa: F401
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

from facesearch.gallery import indexing
from facesearch.gallery.gallery import Gallery
from facesearch.pipeline import FrontEnd
from facesearch.store.store import Store
from facesearch.testing import FakeDetector, FakeEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facesearch.types import Detection

indexing.GROUP_PHOTOS = 3
indexing.POLL_SECONDS = 0.05


class Slow(FakeDetector):
    """Takes its time, and counts."""

    calls = 0

    def detect(self, image: NDArray[np.uint8], **options: float) -> list[Detection]:
        """Detect, after a while."""
        self.calls += 1
        time.sleep(0.01)
        return super().detect(image, **options)


def main(url: str, host: str, log: str, *photos: str) -> None:
    """Index the photos with people from folders."""
    os.environ["FACESEARCH_HOST"] = host
    os.environ["FACESEARCH_CACHE"] = str(Path(log).parent / host)
    detector = Slow()
    front_end = FrontEnd(detector, FakeEmbedder())
    with Path(log).open("w") as out:
        sys.stderr = out
        with Gallery(Store.open(url, timeout=60), lambda: front_end) as gallery:
            out.write("ready\n")
            out.flush()
            report = gallery.index(*photos, jobs=1, people_from_folders=True)
        failed = len(report.failed)
        out.write(f"{report.added} {report.skipped} {report.no_face} {failed} {detector.calls}\n")


def serve() -> None:
    """Obey commands until there are no more."""
    for line in sys.stdin:
        command, *values = line.rstrip("\n").split("\t")
        if command == "wait":
            answer = os.waitstatus_to_exitcode(os.waitpid(int(values[0]), 0)[1])
        else:
            answer = os.fork()
            if not answer:
                sys.stdout = sys.stderr
                main(*values)
                os._exit(0)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
