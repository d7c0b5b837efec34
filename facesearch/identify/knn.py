"""Who is it, by the nearest enrolled faces: a distance-weighted vote in which nobody may win.

The k nearest enrolled faces vote, those nearer than the threshold only; a face's vote weighs ``threshold - distance``.
So a face at the threshold counts nothing, and no answer jumps when a face crosses it. With no face within the
threshold the probe is unknown, whatever k is. (Nearest neighbours on FaceNet embeddings: Schroff et al. 2015,
section 1; distance-weighted voting: Dudani 1976.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify.decide import Decision, decide
from facesearch.identify.table import Enrolled, Table

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

K = 5
"""Faces that vote. On lfw-dev, with 1 to 8 photos a person, 1, 3, 5 and 9 give the same answers at thresholds to 0.9;
what a vote is for is the one face that was enrolled under a wrong name, which three or four right ones outvote. More
votes than most people have faces would only admit others."""


def compare(
    probes: NDArray[np.float32],
    enrolled: NDArray[np.float32],
    persons: Sequence[str],
    *,
    threshold: float,
    k: int = K,
    usable: NDArray[np.bool_] | None = None,
) -> Table:
    """Weigh every person for every probe.

    A person's gain is the sum of the votes of their faces among the k nearest, but never less than their nearest face
    alone would weigh: somebody whose faces come after the k nearest stays nameable where another face of the photo
    takes the first choice.

    Args:
        probes: unit rows, shape (q, d), float32; q may be 0.
        enrolled: unit rows of the faces that have a person, shape (n, d), float32; n may be 0.
        persons: the n person ids.
        threshold: squared distance, 0 to 4, below which two faces may be the same person's.
        k: how many of the nearest enrolled faces vote, 1 or more.
        usable: shape (q, n); False where an enrolled face is no evidence for a probe (its own photo, a rejection).
            None: all are.

    Returns:
        The table of q probes and the distinct ``persons``; a score is the person's share of all gains of the probe.

    Raises:
        ValueError: k is less than 1, or there are not as many ids as enrolled faces.
    """
    if k < 1:
        raise ValueError(f"k must be 1 or more, got {k}")
    faces = Enrolled.of(enrolled, persons)
    shape = len(probes), len(faces.people)
    table = Table(faces.people, np.empty(shape), np.empty(shape), np.zeros(shape), np.empty(shape, dtype=np.int64))
    for rows, apart in faces.distances(probes, usable):
        near = np.argsort(apart, axis=1, kind="stable")[:, :k]  # (b, k)
        voting = np.zeros(apart.shape, dtype=bool)
        np.put_along_axis(voting, near, values=True, axis=1)
        voting &= apart < threshold
        weights = np.where(voting, threshold - apart, 0.0)
        table.distances[rows] = nearest = faces.nearest(apart)
        table.gains[rows] = np.maximum(faces.total(weights), np.maximum(threshold - nearest, 0.0))
        table.votes[rows] = faces.total(voting.astype(np.float64))
    whole = table.gains.sum(axis=1, keepdims=True)
    np.divide(table.gains, whole, out=table.scores, where=whole > 0)
    return table


def identify(
    probes: NDArray[np.float32],
    enrolled: NDArray[np.float32],
    persons: Sequence[str],
    photos: Sequence[Hashable],
    *,
    threshold: float,
    k: int = K,
    usable: NDArray[np.bool_] | None = None,
) -> list[Decision]:
    """Name q probes of the given photos; arguments as for ``compare`` and ``decide``."""
    return decide(compare(probes, enrolled, persons, threshold=threshold, k=k, usable=usable), photos)
