"""How many candidates an approximate index must look at, measured on the user's own vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

NEIGHBOURS = 10
"""Recall is that of the ten nearest."""

TARGET = 0.99
"""The recall that is promised."""

TUNE_TO = 0.995
"""The recall that the sample must reach: half a percent above the promise, several standard errors of the sample."""

SAMPLE = 256
"""Vectors that are asked for their neighbours: 2,560 hits, a standard error of 0.0014 at the target."""

LADDER = (100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200)
"""Candidates that are tried. More than these cost about as much as comparing with everything.

Fewer would often do for the sample, but not for those who ask: 496 lfw-dev photos among a million mostly synthetic
faces, tuned on these, had a recall of 0.947 by the 20 candidates that the sample needed, and 1.000 by 100, for a tenth
more time.
"""

FEW = 5
"""Rungs that are tried first; the others take many times as long to try."""

SPARE = 2
"""Times as many lists are searched as the sample needed, for the same reason: 0.984 became 0.998 there."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What an approximate search looks at: ``candidates`` for ten neighbours, in ``lists`` lists (0 without lists).

    ``recall`` of the ten nearest was measured on ``sample`` of ``vectors`` vectors, each left out of its own answer.
    ``candidates`` is 0 where no number of them reached the target: then everything is compared.
    """

    candidates: int
    lists: int
    recall: float
    sample: int
    vectors: int


Rungs = tuple[int, ...]
"""Numbers that are tried, ascending."""


class Tunable(Protocol):
    """**Protocol:** what is tuned."""

    def truth(self, probes: NDArray[np.float32], k: int) -> NDArray[np.float32]:
        """Exact distances of the k nearest of probes (q, dim), ascending, (q, k)."""
        ...

    def proposed(self, probes: NDArray[np.float32], m: int, lists: int) -> NDArray[np.float32]:
        """Exact distances of the m candidates of each probe, in the order of their codes, (q, m); inf fills up."""
        ...


def tune(index: Tunable, sample: NDArray[np.float32], vectors: int, list_ladder: Rungs) -> Tuned:
    """The least effort that reaches ``TUNE_TO``, and some to spare.

    A candidate counts as found where it is no farther than the tenth neighbour, so that equal photos are no miss.
    Every vector of the sample is its own nearest neighbour; that one is left out on both sides.

    Args:
        index: what is tuned.
        sample: some of its own vectors (s, dim).
        vectors: how many it holds.
        list_ladder: numbers of lists that are tried, ascending; (0,) without lists.
    """
    farthest = index.truth(sample, min(NEIGHBOURS + 1, vectors))[:, -1]
    few, many = LADDER[:FEW], LADDER[FEW:]
    # More lists come before many candidates: they cost less.
    for lists, rungs in [*((lists, few) for lists in list_ladder), (list_ladder[-1], many)]:
        for candidates, recall in _climb(index, sample, farthest, vectors, lists, rungs):
            if recall >= TUNE_TO:
                return Tuned(candidates, min(SPARE * lists, list_ladder[-1]), recall, len(sample), vectors)
    return Tuned(0, 0, 1.0, len(sample), vectors)


def _climb(
    index: Tunable, sample: NDArray[np.float32], farthest: NDArray[np.float32], vectors: int, lists: int, rungs: Rungs
) -> Iterator[tuple[int, float]]:
    """The recall by each number of candidates; ``farthest`` is the distance of each sample's last true neighbour."""
    if not rungs:
        return
    k = min(NEIGHBOURS, vectors - 1)
    most = min(rungs[-1] + 1, vectors)
    near = np.cumsum(index.proposed(sample, most, lists) <= farthest[:, None], axis=1)  # (s, most)
    for candidates in rungs:
        # One of them is the vector itself.
        others = np.clip(near[:, min(candidates + 1, most) - 1] - 1, 0, k)
        yield candidates, float(np.mean(others / k))
