"""Who is it, by the nearest enrolled faces: a distance-weighted vote in which nobody may win.

Nameable is who is within the threshold: by the normalized distance (``normalize``), or where that was asked for by the
plain distance to the nearest face. The k nearest enrolled faces vote, those nearer than the threshold only; a face's
vote weighs ``threshold - distance``. So a face at the threshold counts nothing, and no answer jumps when a face crosses
it. With nobody within the threshold the probe is unknown, whatever k is. (Nearest neighbours on FaceNet embeddings:
Schroff et al. 2015, section 1; distance-weighted voting: Dudani 1976.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify.decide import Decision, decide
from facesearch.identify.normalize import USUAL, normalized
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
    faces: Enrolled,
    *,
    threshold: float,
    usual: float = USUAL,
    plain: bool = False,
    k: int = K,
    usable: NDArray[np.bool_] | None = None,
) -> Table:
    """Weigh every person for every probe.

    A nameable person's gain is the sum of the votes of their faces among the k nearest, but never less than what speaks
    for the person as a whole would weigh: somebody whose faces come after the k nearest stays nameable where another
    face of the photo takes the first choice.

    Args:
        probes: unit rows, shape (q, d), float32; q may be 0.
        faces: the n faces that have a person; n may be 0.
        threshold: the normalized distance, or with ``plain`` the squared distance to the nearest face, 0 to 4, below
            which a person is nameable.
        usual: that of the calibration (``normalize``).
        plain: go by the plain distance.
        k: how many of the nearest enrolled faces vote, 1 or more.
        usable: shape (q, n); False where an enrolled face is no evidence for a probe (its own photo, a rejection).
            None: all are.

    Returns:
        The table of q probes and the enrolled people; a score is the person's share of all gains of the probe.

    Raises:
        ValueError: k is less than 1.
    """
    if k < 1:
        raise ValueError(f"k must be 1 or more, got {k}")
    shape = len(probes), len(faces.people)
    distances, apartness, gains, scores = (np.zeros(shape) for _ in range(4))
    table = Table(faces.people, distances, apartness, gains, scores, np.empty(shape, dtype=np.int64))
    for rows, apart in faces.distances(probes, usable):
        voting = _nearest(apart, k) & (apart < threshold)
        weights = np.where(voting, threshold - apart, 0.0)
        table.distances[rows] = nearest = faces.nearest(apart)
        whole = faces.evidence(apart)
        table.normalized[rows] = beside = normalized(whole, usual)
        bound, least = (nearest, nearest) if plain else (beside, whole)
        gain = np.maximum(faces.total(weights), threshold - least)
        table.gains[rows] = np.where(bound < threshold, gain, 0.0)
        table.votes[rows] = faces.total(voting.astype(np.float64))
    every = table.gains.sum(axis=1, keepdims=True)
    np.divide(table.gains, every, out=table.scores, where=every > 0)
    return table


def _nearest(apart: NDArray[np.float64], k: int) -> NDArray[np.bool_]:
    """Which k columns of each row are smallest, (b, n); of equal ones the first."""
    k = min(k, apart.shape[1])
    if k == 0:
        return np.zeros(apart.shape, dtype=np.bool_)
    last = np.partition(apart, k - 1, axis=1)[:, k - 1 : k]
    near, ties = apart < last, apart == last
    return near | (ties & (np.cumsum(ties, axis=1) <= k - near.sum(axis=1, keepdims=True)))


def identify(
    probes: NDArray[np.float32],
    enrolled: NDArray[np.float32],
    persons: Sequence[str],
    photos: Sequence[Hashable],
    *,
    threshold: float,
    usual: float = USUAL,
    plain: bool = False,
    k: int = K,
    usable: NDArray[np.bool_] | None = None,
) -> list[Decision]:
    """Name q probes of the given photos; arguments as for ``Enrolled.of``, ``compare`` and ``decide``."""
    faces = Enrolled.of(enrolled, persons)
    table = compare(probes, faces, threshold=threshold, usual=usual, plain=plain, k=k, usable=usable)
    return decide(table, photos)
