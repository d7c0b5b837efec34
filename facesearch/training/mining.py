"""Which triplets of a mini-batch are worth learning from.

Everything runs in NumPy on the embeddings of the whole batch, so that mining is the same whether the batch went through
the network at once or in chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from facesearch.errors import ConfigError
from facesearch.training.losses import MARGIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rule = Literal["semi-hard", "batch-hard", "random"]
RULES: tuple[Rule, ...] = get_args(Rule)


@dataclass(frozen=True, slots=True, eq=False)
class Mined:
    """The triplets of a batch.

    ``triplets`` is int64, (m, 3): rows of anchor, positive and negative. ``candidates`` is how many anchors with a
    positive (semi-hard, random) or anchors (batch-hard) there were to find one for, and ``active`` how many of the
    triplets violate the margin, which are those that teach anything.
    """

    triplets: NDArray[np.int64]
    candidates: int
    active: int

    @property
    def share(self) -> float:
        """Active triplets among the candidates, 0 to 1."""
        return self.active / self.candidates if self.candidates else 0.0


def mine(
    vectors: NDArray[np.float32],
    people: NDArray[np.int64],
    photos: NDArray[np.int64],
    rule: Rule = "semi-hard",
    *,
    margin: float = MARGIN,
    random: np.random.Generator,
) -> Mined:
    """Triplets of one mini-batch.

    * ``semi-hard`` (Schroff et al. 2015, section 3.2): every anchor with every positive, and the nearest of those
      negatives that are farther away than the positive, but within the margin. Where there is none, no triplet: a
      nearer one still is known to let training collapse early on.
    * ``batch-hard`` (Hermans et al. 2017, section 2): every anchor with its farthest positive and nearest negative.
    * ``random``: every anchor with every positive, and any negative; the baseline.

    Args:
        vectors: (n, d), float32, unit rows.
        people: (n,): whose face each row is.
        photos: (n,): which photo it is from. Faces of one photo are never anchor and negative: a photo that lies in
            two people's folders would be pushed away from itself.
        rule: one of the above.
        margin: of the loss.
        random: for ``random``.

    Raises:
        ConfigError: there is no such rule.
    """
    if rule not in RULES:
        raise ConfigError(f"no mining rule {rule!r}", hint=f"rules: {', '.join(RULES)}")
    distances = squared_distances(vectors)
    same = people[:, None] == people[None, :]
    other = ~same & (photos[:, None] != photos[None, :])
    np.fill_diagonal(same, val=False)
    if rule == "batch-hard":
        anchors = np.flatnonzero(same.any(axis=1) & other.any(axis=1))
        positives = np.where(same[anchors], distances[anchors], -np.inf).argmax(axis=1)
        negatives = np.where(other[anchors], distances[anchors], np.inf).argmin(axis=1)
    else:
        anchors, positives = np.nonzero(same & other.any(axis=1)[:, None])
        if rule == "random":
            negatives = _any_of(other, anchors, random)
        else:
            negatives = _semi_hard(distances, other, anchors, positives, margin)
    candidates = len(anchors)
    triplets = np.stack([anchors, positives, negatives], axis=1).astype(np.int64)[negatives >= 0]
    near, far = (distances[triplets[:, 0], triplets[:, part]] for part in (1, 2))
    return Mined(triplets, candidates, int((near - far + margin > 0).sum()))


def squared_distances(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of all pairs of unit rows (n, d): (n, n), float32, 0 to 4, and exactly 0 on the diagonal."""
    distances = np.clip(2 - 2 * (vectors @ vectors.T), 0, 4)
    np.fill_diagonal(distances, 0)
    return distances


def _semi_hard(
    distances: NDArray[np.float32],
    other: NDArray[np.bool_],
    anchors: NDArray[np.int64],
    positives: NDArray[np.int64],
    margin: float,
) -> NDArray[np.int64]:
    """For each anchor and positive the nearest negative beyond the positive and within the margin; -1 for none."""
    found = np.full(len(anchors), -1, np.int64)
    # The pairs come sorted by anchor; negatives sorted by distance once an anchor make each pair a binary search.
    starts = np.searchsorted(anchors, np.arange(len(distances) + 1))
    for anchor in np.unique(anchors):
        negatives = np.flatnonzero(other[anchor])
        negatives = negatives[distances[anchor, negatives].argsort(kind="stable")]
        pairs = slice(starts[anchor], starts[anchor + 1])
        near = distances[anchor, positives[pairs]]
        far = distances[anchor, negatives]
        places = np.searchsorted(far, near, side="right")
        within = places < len(far)
        within[within] = far[places[within]] < near[within] + np.float32(margin)
        found[pairs][within] = negatives[places[within]]
    return found


def _any_of(other: NDArray[np.bool_], anchors: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """For each anchor one of its negatives, each as likely as any other."""
    counts = other.sum(axis=1)
    columns = np.nonzero(other)[1]
    starts = np.concatenate([[0], counts.cumsum()])
    return columns[starts[anchors] + random.integers(0, counts[anchors])]
