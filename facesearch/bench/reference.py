"""Our engine against the reference engine: the mtcnn package and Keras themselves."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.errors import FacesearchError
from facesearch.gallery.gallery import Gallery
from facesearch.models import export
from facesearch.pipeline import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.pipeline import Engine

    Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of one figure for our engine and the reference, its unit, and how many times better ours is."""

    what: str
    unit: str
    ours: float
    reference: float
    ratio: float
    runs: int


def bench_index(*, runs: int = 3, tell: Tell = lambda _: None) -> Comparison:
    """Photos per second when the sample photos are indexed with one worker, by both engines in turn.

    One worker analyses one photo at a time; inside a network call both engines may use every core. Every run indexes
    into an empty gallery; an engine's start-up (imports, loading networks, tracing) is done before.

    Args:
        runs: counted runs of each engine.
        tell: takes a line at a time.

    Raises:
        ModelError: the models or the sample photos cannot be had.
    """
    samples = export.pull_samples(tell)
    rates: dict[Engine, list[float]] = {engine: [] for engine in ENGINES}
    fronts = {}
    for engine in ENGINES:
        tell(f"warming up: {engine}")
        with tempfile.TemporaryDirectory() as name, Gallery.open(name, engine=engine, tell=tell) as gallery:
            fronts[engine] = gallery.front_end
            gallery.index(samples / "val", jobs=1)
    for run in range(runs):
        for engine in ENGINES:
            with tempfile.TemporaryDirectory() as name, Gallery.open(name, engine=engine) as gallery:
                gallery.use(fronts[engine])
                report = gallery.index(samples, jobs=1)
            rates[engine].append(report.photos_per_second)
            tell(f"run {run + 1}, {engine}: {report.photos_per_second:.1f} photos/s")
    ours, reference = (statistics.median(rates[engine]) for engine in ENGINES)
    return Comparison("index, one worker", "photos/s", ours, reference, ours / reference, runs)


def bench_verify(*, runs: int = 3, tell: Tell = lambda _: None) -> Comparison:
    """CPU seconds of ``facesearch verify`` on two photos, cold process, warm disk cache, by both engines in turn.

    Args:
        runs: counted runs of each engine, after one that is not counted.
        tell: takes a line at a time.

    Raises:
        ModelError: the models or the sample photos cannot be had.
        FacesearchError: a run failed.
    """
    photos = sorted((export.pull_samples(tell) / "val").rglob("*.jpg"))[:2]
    times: dict[Engine, list[float]] = {engine: [] for engine in ENGINES}
    for run in range(runs + 1):
        for engine in ENGINES:
            spent = _cpu_seconds([*(str(photo) for photo in photos), "--engine", engine])
            if run:
                times[engine].append(spent)
                tell(f"run {run}, {engine}: {spent:.2f} s of CPU")
    ours, reference = (statistics.median(times[engine]) for engine in ENGINES)
    return Comparison("verify, cold process", "s of CPU", ours, reference, reference / ours, runs)


def _cpu_seconds(arguments: list[str]) -> float:
    before = os.times()
    command = [sys.executable, "-m", "facesearch", "verify", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    after = os.times()
    if run.returncode not in (0, 1):
        raise FacesearchError(f"verify failed: {run.stderr.strip()[-200:]}")
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)
