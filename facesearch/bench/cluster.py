"""How long grouping many faces takes, and how right it is: of synthetic faces the truth is known."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.cluster import cluster
from facesearch.evaluation.clustering_scores import score
from facesearch.gallery.clusters import CUT
from facesearch.testing import synthetic_faces

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.evaluation.clustering_scores import Scores

MOST = 2000
"""Faces of one person at most."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Grouping ``scores.faces`` synthetic faces once: wall-clock and CPU time, and the peak memory of the process."""

    scores: Scores
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def bench_cluster(*, faces: int = 100_000, tell: Callable[[str], None] = lambda _: None) -> Grouping:
    """Group synthetic faces as ``facesearch cluster`` does; nothing is read or written.

    As in an album, most people have one face and few have hundreds (1 + Pareto of exponent 1.1, at most ``MOST``).

    Args:
        faces: how many, at least 2.
        tell: takes a line at a time.
    """
    random = np.random.default_rng(2018)
    counts: list[int] = []
    while (missing := faces - sum(counts)) > 0:
        drawn = np.minimum(1 + random.pareto(1.1, size=1 + missing // 4), MOST).astype(np.int64)
        counts += drawn[: np.searchsorted(np.cumsum(drawn), missing) + 1].tolist()
    counts[-1] -= sum(counts) - faces
    tell(f"drawing {faces:,} faces of {len(counts):,} people")
    vectors, people = synthetic_faces(len(counts), counts, seed=1)
    order = random.permutation(faces)
    vectors, people = vectors[order], people[order]
    tell("grouping")
    begun, spent = time.monotonic(), time.process_time()
    labels = cluster(vectors, np.arange(faces), threshold=CUT)
    seconds, cpu = time.monotonic() - begun, time.process_time() - spent
    return Grouping(score(labels, people), seconds, cpu, _peak())


def _peak() -> int:
    """The most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
