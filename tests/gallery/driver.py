"""``index`` in a process of its own, for tests that kill it: driver.py GALLERY PHOTOS [MOMENT].

Small groups and frequent saves, so that few photos have many moments to be killed at. MOMENT makes it kill itself:
``rename`` when an index file is written and has not got its name yet, ``commit`` inside a transaction with photos in
it, ``committed`` right after one, ``enrol`` while people are enrolled.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from facesearch.errors import GalleryBusyError
from facesearch.gallery import cache, indexing
from facesearch.gallery.gallery import Gallery
from facesearch.pipeline import Scope, make_front_end
from facesearch.store.store import Store

indexing.GROUP_PHOTOS = 3
indexing.GROUP_SECONDS = 60
cache.SAVE_EVERY = 0.2
BUSY = 75


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def die() -> None:
    """Kill −9."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(owner: object, name: str, calls: int) -> None:
    """Let a function return ``calls`` times, the last time into nothing."""
    real, count = getattr(owner, name), []

    def deadly(*arguments: object, **options: object) -> object:
        result = real(*arguments, **options)
        count.append(1)
        if len(count) == calls:
            die()
        return result

    setattr(owner, name, deadly)


def main(folder: str, photos: str, moment: str = "") -> int:
    """Index the photos with people from folders."""
    if moment == "commit":
        die_after(Store, "add_photos", 2)
    elif moment == "committed":
        die_after(indexing, "_write", 3)
    elif moment == "enrol":
        die_after(Store, "enrol", 2)
    front_end = make_front_end(scope=Scope(threads=1))
    hook = die if moment == "rename" else lambda: None
    with Gallery(Store.open(Path(folder)), lambda: front_end, before_rename=hook) as gallery:
        say("ready")
        try:
            report = gallery.index(
                photos,
                jobs=1,
                people_from_folders=True,
                progress=lambda done, total, path: done or say(f"working {total}"),
            )
        except GalleryBusyError as error:
            say(error.message)
            return BUSY
    say(f"done {report.added} {report.skipped} {report.no_face} {len(report.failed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
