"""How well embeddings tell people apart whom the network has never seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.evaluation import metrics
from facesearch.training.losses import normalized
from facesearch.training.mining import squared_distances
from facesearch.training.sources import AT_ONCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.training.sources import Source

FARS = (1e-2, 1e-3)


@dataclass(frozen=True, slots=True)
class Validation:
    """Of all pairs of the validation people, each person's genuine pairs weighing the same together.

    ``tar`` is keyed by FAR; ``auc`` is the area under the ROC curve.
    """

    auc: float
    tar: dict[float, float]


def validate(embed: Any, source: Source) -> Validation:  # noqa: ANN401 - a compiled function
    """Embed all faces of a source (``embed_of``) and compare them with each other."""
    return compare(embed_all(embed, source), source.people, source.photos)


def compare(vectors: NDArray[np.float32], people: NDArray[np.int64], photos: NDArray[np.int64]) -> Validation:
    """Compare all of n unit rows with each other; faces of one photo are no pair.

    Raises:
        ValueError: there are no genuine pairs, or no impostor pairs.
        FloatingPointError: the vectors are no numbers.
    """
    if not np.isfinite(vectors).all():
        raise FloatingPointError("embeddings that are no numbers")
    upper = np.triu_indices(len(vectors), 1)
    values = squared_distances(vectors)[upper]
    apart = photos[upper[0]] != photos[upper[1]]
    same = people[upper[0]] == people[upper[1]]
    # A person with many photos has most of the genuine pairs.
    owners = people[upper[0]][same & apart]
    weights = 1 / np.bincount(owners)[owners]
    roc = metrics.curve(values[same & apart], values[~same & apart], genuine_weights=weights)
    return Validation(metrics.auc(roc), {far: metrics.point(roc, far)[0] for far in FARS})


def embed_all(embed: Any, source: Source) -> NDArray[np.float32]:  # noqa: ANN401
    """Unit rows (n, d) of all faces, a few at a time."""
    count = len(source.people)
    parts = [
        np.asarray(embed(source.plain(np.arange(start, min(start + AT_ONCE, count)))))
        for start in range(0, count, AT_ONCE)
    ]
    return np.concatenate(parts)


def embed_of(model: Any) -> Any:  # noqa: ANN401 - Keras
    """A model as a compiled function to unit rows, as it will be used: no dropout."""
    import tensorflow as tf

    return tf.function(lambda images: normalized(model(images, training=False)), reduce_retracing=True)
