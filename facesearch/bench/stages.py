"""Where the time of indexing goes, stage by stage, and what more jobs bring.

Each measurement runs in a process of its own (``child``), so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facesearch.bench.arithmetic import Arithmetic, Embedding, Product
from facesearch.errors import ConfigError, FacesearchError
from facesearch.images.formats import is_photo
from facesearch.models import export
from facesearch.models.runtime import cores
from facesearch.pipeline import STAGES as FRONT_STAGES
from facesearch.pipeline.process import ONE_THREAD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Tell = Callable[[str], None]
    Progress = Callable[[int, int, str], None]

STAGES = (*FRONT_STAGES, "store")
"""What a photo goes through."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Indexing into an empty gallery by ``jobs`` photos at once, each on one thread; wall time, medians.

    ``peak_bytes`` is the most memory that was in use: the process and, where there are any, ``jobs`` times its largest
    worker, which counts shared pages twice.
    """

    jobs: int
    photos_per_second: float
    faces_per_second: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Stages:
    """What was measured.

    Attributes:
        photos: how many were analysed; those that failed and second copies are not counted.
        faces: how many were found.
        runs: how often each measurement was made.
        precision: of the embedder.
        ms: CPU milliseconds a photo by stage, medians, one photo after another on one thread. ``store`` is the rows in
            SQLite, committed in groups as ``index`` does, and the vector index at the end; not finding the files.
        throughput: with one job, and with several.
        arithmetic: the embedder's speed beside that of matrix products.
    """

    photos: int
    faces: int
    runs: int
    precision: str
    ms: dict[str, float]
    throughput: tuple[Throughput, ...]
    arithmetic: Arithmetic


def bench_stages(
    photos: Path | None = None,
    *,
    jobs: int | None = None,
    runs: int = 3,
    tell: Tell = lambda _: None,
    progress: Progress = lambda *_: None,
) -> Stages:
    """Measure each stage of indexing ``photos`` on one core, the throughput with one job and more, and the embedder.

    Args:
        photos: a folder; None for the sample photos.
        jobs: how many photos at once are compared with one; None for one a core.
        runs: counted runs of each measurement, in turn.
        tell: takes a line at a time.
        progress: called with photos done, photos to do and a path, anew for each measurement.

    Raises:
        ConfigError: there are no photos.
        ModelError: the models or the sample photos cannot be had.
        FacesearchError: a measurement failed.
    """
    folder = (export.pull_samples(tell) if photos is None else photos).resolve()
    if not any(is_photo(path) for path in folder.rglob("*")):
        raise ConfigError(f"{folder}: no photos there", hint="give a folder that has some")
    if not export.ready():
        export.pull(tell)
    several = sorted({1, jobs or cores()})
    passes: list[dict[str, Any]] = []
    rates: dict[int, list[dict[str, Any]]] = {count: [] for count in several}
    for run in range(1, runs + 1):
        tell(f"run {run} of {runs}: stage by stage")
        passes.append(_child(["stages", str(folder)], progress))
        for count in several:
            tell(f"run {run} of {runs}: {count} {'job' if count == 1 else 'jobs'}")
            rates[count].append(_child(["index", str(folder), str(count)], progress))
    tell("the embedder beside matrix products")
    arithmetic = _child(["arithmetic"], progress)
    one = passes[0]
    return Stages(
        photos=one["photos"],
        faces=one["faces"],
        runs=runs,
        precision=one["precision"],
        ms={stage: statistics.median(each["ms"][stage] for each in passes) for stage in STAGES},
        throughput=tuple(_throughput(count, rates[count]) for count in several),
        arithmetic=_arithmetic(arithmetic),
    )


def _throughput(jobs: int, runs: list[dict[str, Any]]) -> Throughput:
    return Throughput(
        jobs,
        statistics.median(run["photos"] / run["seconds"] for run in runs),
        statistics.median(run["faces"] / run["seconds"] for run in runs),
        int(statistics.median(run["peak_bytes"] for run in runs)),
    )


def _arithmetic(found: Mapping[str, Any]) -> Arithmetic:
    products = tuple(Product(one["library"], one["gflops"], tuple(one["shape"])) for one in found["products"])
    embeddings = tuple(Embedding(**one) for one in found["embeddings"])
    return Arithmetic(found["flop"], found["batch"], products, embeddings)


def _child(arguments: list[str], progress: Progress) -> dict[str, Any]:
    """What a measurement printed: lines of progress, and its result in the last line."""
    command = [sys.executable, "-m", "facesearch.bench.child", *arguments]
    result: dict[str, Any] | None = None
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as complaints,
        subprocess.Popen(  # noqa: S603 - our own interpreter
            command, stdout=subprocess.PIPE, stderr=complaints, text=True, env={**os.environ, **ONE_THREAD}
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                said = json.loads(line)
                if "done" in said:
                    progress(said["done"], said["total"], "")
                else:
                    result = said
        except BaseException:
            process.kill()
            raise
        if process.wait() or result is None:
            complaints.seek(0)
            lines = complaints.read().strip().splitlines()
            raise FacesearchError(f"the measurement failed: {lines[-1] if lines else process.returncode}")
    return result
