"""How fast, how exact and how large the search is with many faces, beside what memory allows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesearch.errors import FacesearchError
from facesearch.index.policy import AUTO, kind_for

if TYPE_CHECKING:
    from collections.abc import Callable

DIM = 128
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class KindSearch:
    """One kind of index.

    Attributes:
        kind: its name.
        build_seconds: of adding all vectors, learning and tuning.
        build_cpu_seconds: the processor's time of it, which others on the machine lengthen less.
        save_seconds: of writing the file, until it is on disk.
        file_bytes: the file's size.
        open_seconds: from opening the file to the first answer, in a fresh process, its libraries included.
        loaded_bytes: the most memory that this process had before the first question.
        peak_bytes: the same after all questions; with what they used of the mapped file.
        p50_ms: the median of one question on one thread.
        p50_cpu_ms: the median of the processor's time of it.
        p99_ms: what one question in a hundred takes longer than.
        per_second: questions a second, asked at once, on one thread.
        batch_cpu_ms: the processor's time of one of them.
        recall: share of the ten nearest that it finds.
        tuned: the recall that it measured itself; None where it is exact.
    """

    kind: str
    build_seconds: float
    build_cpu_seconds: float
    save_seconds: float
    file_bytes: int
    open_seconds: float
    loaded_bytes: int
    peak_bytes: int
    p50_ms: float
    p50_cpu_ms: float
    p99_ms: float
    per_second: float
    batch_cpu_ms: float
    recall: float
    tuned: float | None


@dataclass(frozen=True, slots=True)
class SearchSpeed:
    """Search among ``vectors`` synthetic faces by ``queries`` others of the same people, one thread.

    ``floor_ms`` is the median of reading all vectors once, in turn with the questions; ``default`` the kind that suits
    this many. All questions go to every kind in turn.
    """

    vectors: int
    queries: int
    default: str
    floor_ms: float
    kinds: tuple[KindSearch, ...]


def bench_search(
    *, vectors: int = 1_000_000, kind: str = AUTO, queries: int = 200, tell: Callable[[str], None] = lambda _: None
) -> SearchSpeed:
    """Build, open and ask an index of so many synthetic faces, and the flat one beside it.

    Args:
        vectors: how many, 10 of each person.
        kind: a name of ``index.registry``, or "auto" for what suits this many.
        queries: questions, each a further photo of another person.
        tell: takes a line at a time.

    Raises:
        ConfigError: there is no such kind.
        FacesearchError: a measurement failed, for want of memory or room on disk, say.
    """
    default = kind_for(vectors, DIM)
    kinds = list(dict.fromkeys(("flat", kind_for(vectors, DIM, choice=kind))))
    with tempfile.TemporaryDirectory(prefix="facesearch-") as name:
        folder = Path(name)
        found: dict[str, dict[str, Any]] = {}
        for one in kinds:
            tell(f"{one}: building an index of {vectors:,} vectors")
            found[one] = _child("build", folder, one, str(vectors), str(queries))
            found[one] |= _child("open", folder, one)
        tell(f"asking {queries:,} questions")
        asked = _child("ask", folder, *kinds)
    return SearchSpeed(
        vectors=vectors,
        queries=queries,
        default=default,
        floor_ms=asked["floor_ms"],
        kinds=tuple(KindSearch(kind=one, **found[one], **asked[one]) for one in kinds),
    )


def _child(what: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """What one measurement in a process of its own says, with one thread."""
    command = [sys.executable, "-m", "facesearch.bench.search_child", what, str(folder), *arguments]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise FacesearchError(f"the measurement failed: {lines[-1] if lines else done.returncode}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said
