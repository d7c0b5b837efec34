"""Error rates and worst pairs of a list of pairs, or of all pairs of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.evaluation import bootstrap, metrics
from facesearch.evaluation.allpairs import all_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.evaluation.allpairs import SortedPairs
    from facesearch.evaluation.faces import EmbeddedPhotos
    from facesearch.evaluation.metrics import Curve, OperatingPoint
    from facesearch.evaluation.pairs import Pair
    from facesearch.types import Box

WORST = 30
"""How many of the worst pairs of each kind are kept."""


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """A pair of photos with its distance, and where *the* face of each is, in pixels of the upright photo."""

    a: str
    b: str
    distance: float
    box_a: Box
    box_b: Box


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """The error rates of a set of pairs, and the worst of those in which both photos have a face, worst first.

    ``genuine`` and ``impostor`` count pairs; ``people`` counts people where they were weighted, else it is None.
    """

    genuine: int
    impostor: int
    eer: float
    auc: float
    tar: tuple[OperatingPoint, ...]
    roc: Curve
    worst_genuine: tuple[ScoredPair, ...]
    worst_impostor: tuple[ScoredPair, ...]
    people: int | None = None


def distances_of(pairs: Sequence[Pair], index: EmbeddedPhotos, probe: EmbeddedPhotos) -> NDArray[np.float64]:
    """Squared distances, shape (n,); 4 where a photo shows no face."""
    apart = index.rows(pair.a for pair in pairs).astype(np.float64) - probe.rows(pair.b for pair in pairs)
    squared = np.clip(np.square(apart).sum(axis=1), 0, metrics.MAX_DISTANCE)
    return np.where(np.isnan(squared), metrics.MAX_DISTANCE, squared)


def listed_rates(
    pairs: Sequence[Pair], distances: NDArray[np.float64], index: EmbeddedPhotos, probe: EmbeddedPhotos
) -> Rates:
    """The rates of a list in which every pair weighs the same.

    Args:
        pairs: the list; it must hold pairs of both kinds.
        distances: theirs, (n,).
        index: the first photos.
        probe: the second photos.
    """
    same = np.array([pair.same for pair in pairs], np.bool_)
    genuine, impostor = int(same.sum()), int((~same).sum())
    roc = metrics.curve(distances[same], distances[~same])
    order = np.argsort(distances, kind="stable")
    triples = [(pairs[at].a, pairs[at].b, float(distances[at])) for at in order]
    kinds = same[order].tolist()
    far = [pair for pair, kind in zip(triples, kinds, strict=True) if kind][::-1]
    near = [pair for pair, kind in zip(triples, kinds, strict=True) if not kind]
    return Rates(
        genuine=genuine,
        impostor=impostor,
        eer=metrics.eer(roc),
        auc=metrics.auc(roc),
        tar=tuple(metrics.tar_at(roc, rate, genuine=genuine, impostor=impostor) for rate in metrics.FARS),
        roc=roc,
        worst_genuine=_worst(far, index, probe),
        worst_impostor=_worst(near, index, probe),
    )


def folder_rates(tree: Mapping[Path, str], index: EmbeddedPhotos, probe: EmbeddedPhotos) -> Rates:
    """The rates over all pairs of photos, weighted by person.

    Args:
        tree: who is in each photo; two people at least, one of them with two photos.
        index: all photos in the index role.
        probe: the same in the probe role.
    """
    photos = list(tree)
    vectors = index.rows(photos)
    pairs = all_pairs(vectors, list(tree.values()), probes=None if probe is index else probe.rows(photos))

    def triples(kind: SortedPairs, order: Iterable[int]) -> Iterable[tuple[Path, Path, float]]:
        return ((photos[kind.first[at]], photos[kind.second[at]], float(kind.distances[at])) for at in order)

    genuine, impostor = pairs.genuine, pairs.impostor
    return Rates(
        genuine=pairs.genuine_pairs,
        impostor=pairs.impostor_pairs,
        eer=metrics.eer(pairs.roc),
        auc=metrics.auc(pairs.roc),
        tar=tuple(bootstrap.tars(pairs)),
        roc=pairs.roc,
        worst_genuine=_worst(triples(genuine, reversed(range(len(genuine.distances)))), index, probe),
        worst_impostor=_worst(triples(impostor, range(len(impostor.distances))), index, probe),
        people=pairs.person_count,
    )


def _worst(
    triples: Iterable[tuple[Path, Path, float]], index: EmbeddedPhotos, probe: EmbeddedPhotos
) -> tuple[ScoredPair, ...]:
    """The first pairs that have two faces. A photo is in one of them only, or one bad photo would fill the list."""
    seen: set[Path] = set()
    found: list[ScoredPair] = []
    for a, b, distance in triples:
        if a in index.boxes and b in probe.boxes and not {a, b} & seen:
            seen |= {a, b}
            found.append(ScoredPair(str(a), str(b), distance, index.boxes[a], probe.boxes[b]))
        if len(found) == WORST:
            break
    return tuple(found)
