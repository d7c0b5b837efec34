"""How long naming takes where many are enrolled: training the SVM, and one answer by each method."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify import knn, svm
from facesearch.identify.decide import decide
from facesearch.identify.table import Enrolled
from facesearch.testing import random_units

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DIM = 128
SPREAD = 0.7
"""Faces of a person are at a squared distance of about 0.65, as the median of lfw-dev's."""

ANSWERS = 20
"""Probes that are answered one by one, in each run."""


@dataclass(frozen=True, slots=True)
class Identification:
    """CPU time with ``faces`` random faces of ``people`` people enrolled, medians of ``runs``.

    Attributes:
        people: how many are enrolled.
        faces: how many faces they have, all alike many.
        runs: how often each measurement was made, in turn.
        train_seconds: of training the SVM.
        answer_ms: milliseconds of one answer by method, after the embedding, with the enrolled faces in memory.
    """

    people: int
    faces: int
    runs: int
    train_seconds: float
    answer_ms: dict[str, float]


def bench_identify(
    *, people: int = 500, faces: int = 10_000, runs: int = 3, tell: Callable[[str], None] = lambda _: None
) -> Identification:
    """Measure training and answering on random faces; nothing is read or written.

    Args:
        people: how many are enrolled.
        faces: how many faces they have together.
        runs: counted runs.
        tell: takes a line at a time.
    """
    centres = random_units(people, DIM, seed=1)
    enrolled, probes = _around(centres, faces // people, seed=2), _around(centres[:ANSWERS], 1, seed=3)
    persons = [f"{person:036}" for person in range(people) for _ in range(faces // people)]  # as long as a UUID
    known = Enrolled.of(enrolled, persons)
    trained: list[float] = []
    answers: dict[str, list[float]] = {"knn": [], "svm": []}
    for run in range(1, runs + 1):
        tell(f"run {run} of {runs}")
        begun = time.process_time()
        machine = svm.train(enrolled, persons)
        trained.append(time.process_time() - begun)
        for probe in probes:
            begun = time.process_time()
            decide(knn.compare(probe[None], known, threshold=0.8), [0])
            between = time.process_time()
            decide(svm.compare(machine, probe[None], known, threshold=0.8), [0])
            answers["knn"].append(between - begun)
            answers["svm"].append(time.process_time() - between)
    milliseconds = {method: 1e3 * statistics.median(spent) for method, spent in answers.items()}
    return Identification(people, len(enrolled), runs, statistics.median(trained), milliseconds)


def _around(centres: NDArray[np.float32], count: int, *, seed: int) -> NDArray[np.float32]:
    """Unit rows, ``count`` around each centre."""
    rows = np.repeat(centres, count, axis=0) + SPREAD * random_units(len(centres) * count, DIM, seed=seed)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
