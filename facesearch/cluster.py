"""Faces that nobody has named, grouped by who they look like; faces of one photo are never joined.

Average linkage: join the two clusters whose faces are nearest to each other on average, as long as that average is
within the threshold. Three facts make it exact without a matrix of all pairs:

- For unit vectors the mean squared distance over all pairs of two clusters is 2 - 2 · (mean of one) · (mean of the
  other). A cluster is its mean and its size.
- Two clusters whose mean distance is within the threshold hold a pair of faces that is. So only neighbours within the
  threshold are ever compared: linkage inside the connected components of the threshold graph, without naming them.
- Average linkage is reducible: joining two clusters brings neither nearer to a third. It stays so where some pairs
  count as infinitely far (faces of one photo), because an average with infinity is infinite. So clusters may be joined
  as soon as they are each other's nearest, in any order (nearest-neighbour chain: Murtagh 1983, "A survey of recent
  advances in hierarchical clustering algorithms"), and a cluster with nobody in reach is finished.

A component may be as large as it likes (a child in 30,000 photos): a face with more than ``NEIGHBOURS`` neighbours
keeps the nearest, and clusters are compared anew in further rounds until no two can be joined. Only where lists were
cut may the order of joining, and so the result, differ from strict average linkage.

Faces that cannot be trusted are looked at last, one by one: they join a finished cluster or nobody, and move no mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ALONE = -1
"""The label of a face that is in no cluster."""

NEIGHBOURS = 128
"""Neighbours that a face or cluster keeps in the first round: the lists of 100,000 faces then take 200 MB at most."""

SLACK = 1e-5
"""float32 products are off by less than this, so no pair within the threshold is missed."""

TIE = 1e-12
"""Mean distances that differ by less are equal: the two directions of one pair may differ by float64 rounding, and a
chain that took that for progress would run in circles."""

CHUNK = 1 << 24
"""Distances that one step may hold: 64 MiB of float32."""


def cluster(
    vectors: NDArray[np.float32],
    photo_ids: NDArray[np.int64],
    *,
    threshold: float,
    cannot: Sequence[tuple[int, int]] = (),
    weak: NDArray[np.bool_] | None = None,
    held: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Group faces by average linkage, cut at a distance.

    Weak faces neither begin a cluster nor join two: without them the others are grouped the same. Each goes to the
    cluster of two or more other faces that is nearest by the mean distance to those, where that is within the
    threshold; of two that exclude each other the nearer goes first.

    Args:
        vectors: unit rows, shape (n, d), float32; n may be 0.
        photo_ids: the photo of each face, shape (n,), int64; faces of one photo never share a cluster.
        threshold: largest mean squared distance, 0 to 4, of two clusters that are joined.
        cannot: pairs of row numbers that must not share a cluster either.
        weak: which faces cannot be trusted, shape (n,), bool; None for none.
        held: clusters that stand already, shape (n,), below 0 for a face in none; they may grow, but no two of them are
            joined. Each has a face that is not weak.

    Returns:
        A label for each face, shape (n,), int64: 0 is the largest cluster, equal sizes in order of their first face,
        ``ALONE`` (-1) where a face is in no cluster of two or more.

    Raises:
        ValueError: the arrays do not fit each other, or a pair names a row that is not there.
    """
    weak = np.zeros(len(vectors), dtype=np.bool_) if weak is None else weak
    held = np.full(len(vectors), ALONE) if held is None else held
    if vectors.ndim != 2 or photo_ids.shape != vectors.shape[:1]:
        raise ValueError(f"vectors of shape {vectors.shape} do not fit photo_ids of shape {photo_ids.shape}")
    if not weak.shape == held.shape == photo_ids.shape:
        raise ValueError(f"vectors of shape {vectors.shape} do not fit weak {weak.shape} or held {held.shape}")
    if any(not 0 <= row < len(vectors) for pair in cannot for row in pair):
        raise ValueError(f"a pair in cannot names a row beyond {len(vectors)}")
    linkage = _Linkage(vectors, photo_ids, threshold, cannot)
    for label in np.unique(held[held >= 0]).tolist():
        linkage.hold(np.flatnonzero((held == label) & ~weak), np.flatnonzero((held == label) & weak))
    strong, limit, complete = np.flatnonzero(~weak), NEIGHBOURS, False
    while not complete:
        joined, complete = linkage.round(strong, limit)
        # Where lists are full of faces that must not be joined, only longer lists show the others.
        limit = limit if joined else 4 * limit
    linkage.attach(np.flatnonzero(weak))
    return _by_size(linkage.owner)


class _Linkage:
    """The state of the agglomeration; a cluster is known by one of its faces, its owner."""

    def __init__(
        self,
        vectors: NDArray[np.float32],
        photo_ids: NDArray[np.int64],
        threshold: float,
        cannot: Sequence[tuple[int, int]],
    ) -> None:
        count = len(vectors)
        self.threshold = threshold
        self.means = vectors.astype(np.float64)  # (n, d), valid for owners
        self.sizes = np.ones(count, dtype=np.int64)
        self.owner = np.arange(count)
        self.members: list[list[int]] = [[face] for face in range(count)]
        self.near: dict[int, NDArray[np.int64]] = {}
        # Two clusters that hold the same mark must not be joined. A pair of ``cannot`` is a photo of just these two;
        # all clusters that stood before are one, too.
        self.marks: list[set[tuple[str, int]]] = [{("photo", photo)} for photo in photo_ids.tolist()]
        for number, pair in enumerate(cannot):
            for face in pair:
                self.marks[face].add(("pair", number))

    def hold(self, faces: NDArray[np.int64], weak: NDArray[np.int64]) -> None:
        """Make a cluster of faces that stays apart from all others that were made so; ``weak`` ones are in no mean."""
        owner = int(faces[0])
        self.means[owner] = self.means[faces].mean(axis=0)
        self.sizes[owner] = len(faces)
        self.members[owner] = [*faces.tolist(), *weak.tolist()]
        self.owner[self.members[owner]] = owner
        self.marks[owner] = {("held", 0)}.union(*(self.marks[face] for face in self.members[owner]))

    def round(self, faces: NDArray[np.int64], limit: int) -> tuple[bool, bool]:
        """Join what can be joined of some faces' clusters, among up to ``limit`` neighbours each.

        Returns whether any were joined, and whether these were all the neighbours there are.
        """
        current = np.unique(self.owner[faces])
        edges, complete = _neighbours(self.means[current].astype(np.float32), self.threshold, limit)
        self.near = {int(current[row]): current[columns] for row, columns in edges.items()}
        joined = False
        for start in current[list(edges)].tolist():
            if self.owner[start] == start:
                joined |= self._follow(start)
        return joined, complete

    def attach(self, faces: NDArray[np.int64]) -> None:
        """Give single faces to the clusters that stand, the nearest pairs first; they count in no mean."""
        clusters = np.flatnonzero((self.owner == np.arange(len(self.owner))) & (self.sizes > 1))
        means = self.means[clusters].T  # (d, c)
        size = max(1, CHUNK // max(1, len(clusters)))
        pairs: list[tuple[float, int, int]] = []
        for start in range(0, len(faces), size):
            some = faces[start : start + size]
            apart = 2 - 2 * (self.means[some] @ means)  # (b, c)
            rows, columns = np.nonzero(apart <= self.threshold)
            found = apart[rows, columns], some[rows], clusters[columns]
            pairs += zip(*(part.tolist() for part in found), strict=True)
        for _, face, owner in sorted(pairs):
            if self.owner[face] == face and self.marks[face].isdisjoint(self.marks[owner]):
                self.owner[face] = owner
                self.marks[owner] |= self.marks[face]

    def _follow(self, start: int) -> bool:
        """Follow nearest neighbours from a cluster, joining mutual ones, until nobody is in reach."""
        chain, joined = [(start, np.inf)], False
        while chain:
            tip, came = chain[-1]
            nearest, distance = self._nearest(tip)
            if nearest is not None and distance < came - TIE:
                chain.append((nearest, distance))
            elif len(chain) > 1:
                # Nobody is nearer to the tip than the one before it, whose nearest it is.
                chain.pop()
                before, _ = chain.pop()
                merged = self._join(before, tip)
                joined = True
                # Where lists were cut a chain may come back to a cluster: what was found from there on is out of date.
                again = next((place for place, (one, _) in enumerate(chain) if one in (before, tip)), len(chain))
                del chain[again:]
                if not chain:
                    chain.append((merged, np.inf))
            else:
                break
        return joined

    def _nearest(self, one: int) -> tuple[int | None, float]:
        """The nearest cluster that may be joined to this one, and the mean distance; None where there is none."""
        others = _distinct(self.owner[self.near[one]])
        others = others[others != one]
        distances = 2 - 2 * (self.means[others] @ self.means[one])
        # What is out of reach now comes back through another cluster's list, or never (reducibility).
        within = distances <= self.threshold
        others, distances = others[within], distances[within]
        order = np.lexsort((others, distances))
        others, distances = others[order], distances[order]
        for place, other in enumerate(others.tolist()):
            if self.marks[one].isdisjoint(self.marks[other]):
                self.near[one] = others[place:]
                return other, float(distances[place])
        self.near[one] = others[:0]
        return None, np.inf

    def _join(self, one: int, other: int) -> int:
        """Make one cluster of two; the larger keeps its owner, so that every face changes hands a few times only."""
        kept, gone = sorted((one, other), key=lambda owner: (-self.sizes[owner], owner))
        sizes = self.sizes[[kept, gone]]
        self.means[kept] = sizes @ self.means[[kept, gone]] / sizes.sum()
        self.sizes[kept] = sizes.sum()
        self.owner[self.members[gone]] = kept
        self.members[kept] += self.members[gone]
        self.marks[kept] |= self.marks[gone]
        self.near[kept] = np.concatenate([self.near[kept], self.near.pop(gone)])
        return kept


def _neighbours(
    vectors: NDArray[np.float32], threshold: float, limit: int
) -> tuple[dict[int, NDArray[np.int64]], bool]:
    """For each row (n, d) that has any, the ``limit`` nearest rows within the threshold; whether these are all."""
    count = len(vectors)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    complete = True
    size = max(1, CHUNK // max(1, count))
    for start in range(0, count, size):
        # In place and by comparing products: a step over 10,000 million pairs costs more than the product itself.
        near = vectors[start : start + size] @ vectors.T  # (b, n)
        own = np.arange(len(near))
        near[own, start + own] = -np.inf
        within = near >= (2 - threshold - SLACK) / 2
        crowded = np.flatnonzero(np.count_nonzero(within, axis=1) > limit)
        if len(crowded):
            complete = False
            kept = np.argpartition(-near[crowded], limit - 1, axis=1)[:, :limit]
            within[crowded] = False
            within[crowded[:, None], kept] = True
        rows, columns = np.divmod(np.flatnonzero(within), count)
        found.append((rows + start, columns))
    if not found:
        return {}, True
    one, other = (np.concatenate(part) for part in zip(*found, strict=True))
    # A cut list may lack one that has this row in its own, and rounding may leave a pair on one side only.
    one, other = np.divmod(_distinct(np.concatenate([one * count + other, other * count + one])), count)
    starts = np.flatnonzero(np.diff(one, prepend=-1))
    return dict(zip(one[starts].tolist(), np.split(other, starts)[1:], strict=True)), complete


def _distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each of the numbers once, ascending; many times as fast as ``np.unique`` by hashing."""
    ordered = np.sort(numbers)
    return ordered[np.diff(ordered, prepend=-1) != 0]


def _by_size(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels (n,) from the owner of each face's cluster, (n,)."""
    _, firsts, place, sizes = np.unique(owner, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((firsts, -sizes))
    label = np.empty(len(firsts), dtype=np.int64)
    label[order] = np.arange(len(firsts))
    label[sizes == 1] = ALONE
    return label[place]
