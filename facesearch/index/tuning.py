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
"""Candidates that are tried. More than these cost about as much as comparing with everything; fewer would save a tenth
of the time.
"""

FEW = 5
"""Rungs that are tried first; the others take many times as long to try."""

PARTS = 3
"""Faces that a stranger is made of."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What an approximate search looks at: ``candidates`` for ten neighbours, in ``lists`` lists (0 without lists).

    ``recall`` of the ten nearest is the lower one of those of ``sample`` of ``vectors`` vectors, each left out of its
    own answer, and of as many ``strangers``. ``candidates`` is 0 where no number of them reached the target: then
    everything is compared.
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
    """The least effort that reaches ``TUNE_TO`` for vectors of the index and for strangers.

    Vectors that are in an index, among others of the same person, are found more easily than those of somebody who
    asks: among a million faces, mostly synthetic, an inverted index that was tuned on its own vectors alone found
    99.8 % of their neighbours, and 98.5 % of those of 1,000 lfw-dev photos.

    A candidate counts as found where it is no farther than the tenth neighbour, so that equal photos are no miss.
    Every vector of the sample is its own nearest neighbour; that one is left out on both sides.

    Args:
        index: what is tuned.
        sample: some of its own vectors (s, dim).
        vectors: how many it holds.
        list_ladder: numbers of lists that are tried, ascending; (0,) without lists.
    """
    asked = _Asked.of(index, sample, vectors)
    few, many = LADDER[:FEW], LADDER[FEW:]
    # More lists come before many candidates: they cost less.
    for lists, rungs in [*((lists, few) for lists in list_ladder), (list_ladder[-1], many)]:
        for candidates, recall in _climb(index, asked, vectors, lists, rungs):
            if recall >= TUNE_TO:
                return Tuned(candidates, lists, recall, len(sample), vectors)
    return Tuned(0, 0, 1.0, len(sample), vectors)


def strangers(vectors: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """As many faces of nobody as there are vectors (n, dim), where people may be, and unlike any.

    Each is the mean of all and, of ``PARTS`` of them, what sets them off from it, by random normal shares whose squares
    sum up to 1: so these have the mean and the covariance of the vectors.
    """
    mean = vectors.mean(axis=0)
    parts = vectors[random.integers(0, len(vectors), (len(vectors), PARTS))] - mean
    shares = random.normal(size=(len(vectors), PARTS))
    shares /= np.linalg.norm(shares, axis=1, keepdims=True)
    made = mean + np.einsum("np,npd->nd", shares, parts)
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    return np.where(lengths > 0, made / np.where(lengths > 0, lengths, 1), vectors).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is asked in tuning: probes (q, dim), and the distance of each one's last true neighbour (q,).

    ``inside`` (q,) tells which are vectors of the index; those are no neighbours of their own.
    """

    probes: NDArray[np.float32]
    farthest: NDArray[np.float32]
    inside: NDArray[np.bool_]

    @classmethod
    def of(cls, index: Tunable, sample: NDArray[np.float32], vectors: int) -> _Asked:
        probes = np.concatenate([sample, strangers(sample, np.random.default_rng(0))])
        inside = np.arange(len(probes)) < len(sample)
        k = min(NEIGHBOURS, vectors - 1)
        true = index.truth(probes, k + 1)
        return cls(probes, true[np.arange(len(probes)), np.where(inside, k, max(k - 1, 0))], inside)


def _climb(index: Tunable, asked: _Asked, vectors: int, lists: int, rungs: Rungs) -> Iterator[tuple[int, float]]:
    """The recall by each number of candidates, of the vectors of the index or of the strangers, whichever is lower."""
    if not rungs:
        return
    k = min(NEIGHBOURS, vectors - 1)
    most = min(rungs[-1] + 1, vectors)
    near = np.cumsum(index.proposed(asked.probes, most, lists) <= asked.farthest[:, None], axis=1)  # (q, most)
    for candidates in rungs:
        # One more of those that find themselves.
        places = np.minimum(candidates + asked.inside, most) - 1
        found = near[np.arange(len(near)), places] - asked.inside
        shares = np.clip(found / k, 0, 1) if k else np.ones(len(near))
        yield candidates, float(min(shares[asked.inside].mean(), shares[~asked.inside].mean()))
