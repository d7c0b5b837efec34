"""``index`` on a machine of its own, as a process: server_driver.py URL HOST PHOTOS. Painted photos, fake models.

Small groups and slow models, so that few photos have many moments to be killed at.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

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


class Slow(FakeDetector):
    """Takes its time."""

    def detect(self, image: NDArray[np.uint8], **options: float) -> list[Detection]:
        """Detect, after a while."""
        time.sleep(0.01)
        return super().detect(image, **options)


def main(url: str, host: str, photos: str) -> None:
    """Index the photos with people from folders."""
    os.environ["FACESEARCH_HOST"] = host
    front_end = FrontEnd(Slow(), FakeEmbedder())
    with Gallery(Store.open(url, timeout=60), lambda: front_end) as gallery:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        report = gallery.index(photos, jobs=1, people_from_folders=True)
    sys.stdout.write(f"{report.added} {report.skipped} {report.no_face} {len(report.failed)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
