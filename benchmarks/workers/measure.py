"""What every worker shares: read the request, warm up, measure the loop, print one line of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Session = Callable[[], AbstractContextManager[Callable[[list[str]], "Counts"]]]
    """Opens something that turns the photos at these paths into embeddings."""

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""What one step of ``ru_maxrss`` is, in bytes."""


@dataclass(slots=True)
class Counts:
    """What became of the photos: faces embedded, photos without a face, photos that failed or were passed over."""

    faces: int = 0
    no_face: int = 0
    failed: int = 0
    skipped: int = 0


def read_request() -> dict:
    """The driver's request, from standard input."""
    return json.load(sys.stdin)


def measure(request: dict, session: Session, packages: tuple[str, ...], **about: object) -> None:
    """Warm up, run the loop once, and print the result.

    CPU seconds are user and system time of this process with all its threads, and of child processes that have ended.
    The peak of memory covers the whole process: imports, models and warm-up too.

    Args:
        request: holds ``warm_up`` and ``photos``, lists of paths.
        session: opened for the warm-up and once more for the measured loop; opening it is not measured.
        packages: distributions whose versions are reported.
        about: more facts for the report.
    """
    with session() as process:
        process(request["warm_up"])
    with session() as process:
        cpu, wall = _cpu_seconds(), time.perf_counter()
        counts = process(request["photos"])
        cpu, wall = _cpu_seconds() - cpu, time.perf_counter() - wall
    result = {
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "peak_bytes": _peak_bytes(),
        "photos": len(request["photos"]),
        **asdict(counts),
        "versions": {package: version(package) for package in packages},
        "about": about,
    }
    sys.stdout.write("\n" + json.dumps(result) + "\n")


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak_bytes() -> int:
    """The peak of this process and of its largest child together."""
    return RSS_UNIT * sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
