"""How many candidates an approximate index must look at, measured on the user's own vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURS = 10
"""Recall is that of the ten nearest."""

TARGET = 0.99
"""The recall that is promised."""

TUNE_TO = 0.995
"""The recall that the sample must reach: half a percent above the promise, several standard errors of the sample."""

SAMPLE = 256
"""Vectors that are asked for their neighbours: 2,560 hits, a standard error of 0.0014 at the target."""

LADDER = (20, 30, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200)
"""Candidates that are tried. More than these cost about as much as comparing with everything."""


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


class Tunable(Protocol):
    """**Protocol:** what is tuned."""

    def truth(self, probes: NDArray[np.float32], k: int) -> NDArray[np.float32]:
        """Exact distances of the k nearest of probes (q, dim), ascending, (q, k)."""
        ...

    def proposed(self, probes: NDArray[np.float32], m: int, lists: int) -> NDArray[np.float32]:
        """Exact distances of the m candidates of each probe, in the order of their codes, (q, m); inf fills up."""
        ...


def tune(index: Tunable, sample: NDArray[np.float32], vectors: int, list_ladder: tuple[int, ...]) -> Tuned:
    """The least effort that reaches ``TUNE_TO``.

    A candidate counts as found where it is no farther than the tenth neighbour, so that equal photos are no miss.
    Every vector of the sample is its own nearest neighbour; that one is left out on both sides.

    Args:
        index: what is tuned.
        sample: some of its own vectors (s, dim).
        vectors: how many it holds.
        list_ladder: numbers of lists that are tried, ascending; (0,) without lists.
    """
    k = min(NEIGHBOURS, vectors - 1)
    most = min(LADDER[-1] + 1, vectors)
    farthest = index.truth(sample, k + 1)[:, -1]
    recall = 0.0
    for lists in list_ladder:
        distances = index.proposed(sample, most, lists)
        near = np.minimum(np.cumsum(distances <= farthest[:, None], axis=1), k + 1)  # (s, most)
        for candidates in LADDER:
            found = near[:, min(candidates + 1, most) - 1] - 1
            recall = float(np.mean(np.maximum(found, 0) / k))
            if recall >= TUNE_TO:
                return Tuned(candidates, lists, recall, len(sample), vectors)
    return Tuned(0, 0, 1.0, len(sample), vectors)
