"""One measurement of ``bench search`` in a process of its own, so that its memory is told apart.

``python -m facesearch.bench.search_child build FOLDER KIND VECTORS QUERIES | open FOLDER KIND | ask FOLDER KIND …``
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.index import file
from facesearch.index.base import Stamp
from facesearch.index.registry import create_index
from facesearch.testing import synthetic_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PER_PERSON = 10
NEIGHBOURS = 10
CHUNK = 4096
"""Vectors that are added at once, as many as the gallery adds from its database."""

_STAMP = Stamp(gallery="bench", recipe="bench", token="bench", seq=0)  # noqa: S106 - no password
_QUERIES = "queries.npy"


def build(folder: Path, kind: str, vectors: int, queries: int) -> dict[str, Any]:
    """Seconds of adding, learning and tuning, and of writing; keeps index and questions in the folder."""
    index = create_index(kind, 128)
    spent, cpu, held, asked = 0.0, 0.0, 0, []
    for rows, further in _faces(vectors, queries):
        asked.append(further)
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            begun, cpu_begun = time.perf_counter(), time.process_time()
            index.add(np.arange(held + 1, held + 1 + len(some)), some)
            spent, cpu = spent + time.perf_counter() - begun, cpu + time.process_time() - cpu_begun
            held += len(some)
    begun, cpu_begun = time.perf_counter(), time.process_time()
    index.settle()
    spent, cpu = spent + time.perf_counter() - begun, cpu + time.process_time() - cpu_begun
    path = folder / f"{kind}.index"
    begun = time.perf_counter()
    file.save(index, path, _STAMP)
    saved = time.perf_counter() - begun
    np.save(folder / _QUERIES, np.concatenate(asked))
    return {
        "build_seconds": spent,
        "build_cpu_seconds": cpu,
        "save_seconds": saved,
        "file_bytes": path.stat().st_size,
        "tuned": index.about().recall,
    }


def open_and_ask(folder: Path, kind: str) -> dict[str, Any]:
    """Seconds from opening to the first answer, and the process's peak of memory before and after all questions."""
    questions = np.load(folder / _QUERIES, allow_pickle=False)
    begun = time.perf_counter()
    index, _ = file.load(folder / f"{kind}.index")
    loaded = _peak_bytes()
    index.search(questions[:1], NEIGHBOURS)
    first = time.perf_counter() - begun
    for row in range(len(questions)):
        index.search(questions[row : row + 1], NEIGHBOURS)
    return {"open_seconds": first, "loaded_bytes": loaded, "peak_bytes": _peak_bytes()}


def ask(folder: Path, *kinds: str) -> dict[str, Any]:
    """Times and recall of all kinds, each question to each kind in turn, and of reading all vectors once."""
    questions = np.load(folder / _QUERIES, allow_pickle=False)
    indexes = {kind: file.load(folder / f"{kind}.index")[0] for kind in kinds}
    memory = np.ones((len(indexes[kinds[0]]), 64), dtype=np.int64)  # as many bytes as 128 float32
    floors: list[float] = []
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    cpu_times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for index in indexes.values():
        index.search(questions[:8], NEIGHBOURS)
    for row in range(len(questions)):
        begun = time.perf_counter()
        memory.max()
        floors.append(time.perf_counter() - begun)
        for kind, index in indexes.items():
            begun, cpu_begun = time.perf_counter(), time.process_time()
            index.search(questions[row : row + 1], NEIGHBOURS)
            times[kind].append(time.perf_counter() - begun)
            cpu_times[kind].append(time.process_time() - cpu_begun)
    truth = indexes[kinds[0]].search(questions, NEIGHBOURS, exact=True).distances[:, -1:]
    said: dict[str, Any] = {"floor_ms": 1e3 * statistics.median(floors)}
    for kind, index in indexes.items():
        begun, cpu_begun = time.perf_counter(), time.process_time()
        hits = index.search(questions, NEIGHBOURS)
        spent, cpu = time.perf_counter() - begun, time.process_time() - cpu_begun
        said[kind] = {
            "p50_ms": 1e3 * statistics.median(times[kind]),
            "p50_cpu_ms": 1e3 * statistics.median(cpu_times[kind]),
            "p99_ms": 1e3 * float(np.quantile(times[kind], 0.99)),
            "per_second": len(questions) / spent,
            "batch_cpu_ms": 1e3 * cpu / len(questions),
            "recall": float(np.mean(hits.distances <= truth)),
        }
    return said


def _faces(vectors: int, queries: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Synthetic faces to be held, a block at a time, and one further face of some of these people."""
    people = -(-vectors // PER_PERSON)
    asked = np.zeros(people, dtype=bool)
    asked[np.linspace(0, people - 1, min(queries, people)).astype(np.int64)] = True
    left = vectors
    for rows, persons in synthetic_blocks(people, (PER_PERSON + asked).tolist(), seed=1):
        last = np.append(persons[1:] != persons[:-1], True)
        further = last & asked[persons]
        held = rows[~further][:left]
        left -= len(held)
        yield held, rows[further]


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _main(what: str, folder: str, *arguments: str) -> None:
    path = Path(folder)
    if what == "build":
        said = build(path, arguments[0], int(arguments[1]), int(arguments[2]))
    elif what == "open":
        said = open_and_ask(path, arguments[0])
    else:
        said = ask(path, *arguments)
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    _main(*sys.argv[1:])
