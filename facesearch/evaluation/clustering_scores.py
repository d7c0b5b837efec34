"""How well groups of faces agree with people: BCubed and pairwise precision and recall.

Both are counted from the table of how many faces of each person lie in each cluster, n(c, p). A face that is in no
cluster is a cluster of its own.

- Pairwise, the protocol of Otto, Wang and Jain 2018, "Clustering millions of faces by identity": precision is the share
  of pairs in one cluster that are of one person, recall the share of pairs of one person that are in one cluster. Large
  clusters and people decide it: a pair counts once, and pairs grow with the square.
- BCubed (Amigó et al. 2009, "A comparison of extrinsic clustering evaluation metrics"): for each face, the share of its
  cluster that is its person, and the share of its person that is in its cluster; then the mean over the faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and their harmonic mean ``f``, 0 to 1."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """2 · precision · recall / (precision + recall); 0 where both are 0."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """One grouping of faces against the people they are of.

    Attributes:
        faces: how many there are.
        people: how many they are of.
        clusters: groups, those of a single face included.
        alone: faces that are in a group of their own.
        single_people: people with one face, who ought to be alone.
        bcubed: over faces.
        pairwise: over pairs of faces; precision is 1 where no two faces share a cluster, recall where nobody has two.
        largest: faces of the largest cluster.
        purity: share of the largest cluster that is of one person.
    """

    faces: int
    people: int
    clusters: int
    alone: int
    single_people: int
    bcubed: Agreement
    pairwise: Agreement
    largest: int
    purity: float


def score(labels: NDArray[np.int64], people: NDArray[np.int64]) -> Scores:
    """Compare a grouping with the truth.

    Args:
        labels: the cluster of each face, (n,), from 0; below 0 where it is in none. n at least 1.
        people: a number for each face's person, (n,).

    Raises:
        ValueError: there are no faces, or the two differ in length.
    """
    if labels.shape != people.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(f"labels of shape {labels.shape} do not fit people of shape {people.shape}")
    alone = labels < 0
    labels = np.where(alone, labels.max(initial=0) + 1 + np.arange(len(labels)), labels)
    _, cluster, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    _, person, owned = np.unique(people, return_inverse=True, return_counts=True)
    cells, shared = np.unique(cluster * len(owned) + person, return_counts=True)
    of_cluster, of_person = cells // len(owned), cells % len(owned)
    largest = int(sizes.argmax())
    return Scores(
        faces=len(labels),
        people=len(owned),
        clusters=len(sizes),
        alone=int((sizes == 1).sum()),
        single_people=int((owned == 1).sum()),
        bcubed=Agreement(
            float((shared**2 / sizes[of_cluster]).sum() / len(labels)),
            float((shared**2 / owned[of_person]).sum() / len(labels)),
        ),
        pairwise=Agreement(_share(_pairs(shared), _pairs(sizes)), _share(_pairs(shared), _pairs(owned))),
        largest=int(sizes[largest]),
        purity=float(shared[of_cluster == largest].max() / sizes[largest]),
    )


def _pairs(counts: NDArray[np.int64]) -> int:
    """Pairs within groups of these sizes."""
    return int((counts.astype(np.int64) * (counts - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
