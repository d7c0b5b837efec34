"""What both methods answer with: every probe beside every person, before anybody is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify.normalize import evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

CHUNK = 1 << 22
"""Distances that one step may hold: 32 MiB of float64."""

_PIECE = 1024
"""Vectors that are put in order at once: half a megabyte."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """q probes beside P people; ``decide`` makes names of it.

    ``people`` are the P enrolled ids, ascending. ``distances`` (q, P), float64, are to each person's nearest enrolled
    face, infinite where the person has none that may be used. ``gains`` (q, P), float64, are what naming this person
    is worth by the method, comparable within a photo; 0 means that the method would not name this person.
    ``scores`` (q, P), float64, are the method's own certainty, 0 to 1. ``votes`` (q, P), int64, count the enrolled
    faces that speak for the person.
    """

    people: tuple[str, ...]
    distances: NDArray[np.float64]
    normalized: NDArray[np.float64]
    gains: NDArray[np.float64]
    scores: NDArray[np.float64]
    votes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """The enrolled faces, ordered by person so that a person's faces are one run of columns.

    ``vectors`` (n, d), float64; ``order`` (n,) are their places in the caller's arrays; person i's faces begin at
    ``starts[i]``. The order makes answers independent of the order in which faces were enrolled.
    """

    people: tuple[str, ...]
    vectors: NDArray[np.float64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    sums: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], persons: Sequence[str]) -> Enrolled:
        """Order unit rows (n, d) by their n person ids.

        Raises:
            ValueError: there are not as many ids as rows.
        """
        if len(vectors) != len(persons):
            raise ValueError(f"{len(persons)} person ids for {len(vectors)} enrolled faces")
        people = tuple(sorted(set(persons)))
        places = dict(zip(people, range(len(people)), strict=True))
        codes = np.fromiter(map(places.__getitem__, persons), dtype=np.int64, count=len(persons))
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(people)))
        ordered = np.empty(vectors.shape)
        # Piece by piece: a copy of all in between takes as long as this, fresh memory being slow.
        for start in range(0, len(order), _PIECE):
            ordered[start : start + _PIECE] = vectors[order[start : start + _PIECE]]
        sums = np.add.reduceat(ordered, starts, axis=0) if len(people) else ordered
        return cls(people, ordered, order, starts, sums)

    def distances(
        self, probes: NDArray[np.float32], usable: NDArray[np.bool_] | None
    ) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Squared distances of probes (q, d) to the n faces, a block of rows (b, n) at a time.

        In float64, so that they do not depend on the block. ``usable`` (q, n), in the caller's order, says which faces
        are evidence for which probe; the others are infinitely far.
        """
        size = max(1, CHUNK // max(1, len(self.vectors)))
        own = np.einsum("nd,nd->n", self.vectors, self.vectors)
        for start in range(0, len(probes), size):
            rows = slice(start, start + size)
            block = probes[rows].astype(np.float64)
            lengths = np.einsum("qd,qd->q", block, block)
            apart = lengths[:, None] + own - 2 * (block @ self.vectors.T)
            # A product's last digits depend on the batch; rounded away, equal faces tie.
            apart = np.clip(np.round(apart, 9), 0.0, 4.0)
            if usable is not None:
                apart[~usable[rows][:, self.order]] = np.inf
            yield rows, apart

    def nearest(self, apart: NDArray[np.float64]) -> NDArray[np.float64]:
        """The distance to each person's nearest face, (b, P), from those to all faces, (b, n)."""
        return np.minimum.reduceat(apart, self.starts, axis=1) if self.people else apart

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """A person's sum, (b, P), of values of faces, (b, n)."""
        return np.add.reduceat(values, self.starts, axis=1) if self.people else values

    def evidence(self, apart: NDArray[np.float64]) -> NDArray[np.float64]:
        """What speaks for each person, (b, P), from the distances to all faces, (b, n); see ``normalize``."""
        if not self.people:
            return apart
        used = np.isfinite(apart)
        alike = self.total(np.where(used, 1 - apart / 2, 0.0))
        length = np.tile(np.linalg.norm(self.sums, axis=1), (len(apart), 1))
        for row in np.flatnonzero(~used.all(axis=1)):
            left = np.add.reduceat(used[row, :, None] * self.vectors, self.starts, axis=0)
            length[row] = np.linalg.norm(left, axis=1)
        to_mean = 2 - 2 * np.divide(alike, length, out=np.full_like(alike, -1.0), where=length > 0)
        return evidence(self.nearest(apart), np.clip(np.round(to_mean, 9), 0.0, 4.0))
