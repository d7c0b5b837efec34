"""LFW's verification protocol over the whole pipeline: from files to error rates.

The first photo of a pair is embedded as ``index`` would, the second as a probe, so the figures are what users get even
where the two recipes differ. *The* face of a photo is the most prominent one, as in ``verify``. A pair with a photo
that shows no face, or cannot be read, is at distance 4: never accepted, and so an error where it is genuine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from facesearch.errors import ConfigError
from facesearch.evaluation import metrics
from facesearch.evaluation.faces import embed, people_tree
from facesearch.evaluation.rates import distances_of, folder_rates, listed_rates
from facesearch.types import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.evaluation.metrics import FoldAccuracy
    from facesearch.evaluation.pairs import PairList
    from facesearch.evaluation.rates import Rates
    from facesearch.pipeline import FrontEnd
    from facesearch.types import Recipe

Role = Literal["index", "probe"]

_UNSPLIT = "the pairs hang together through their people too closely to be split into folds"


@dataclass(frozen=True, slots=True, eq=False)
class VerificationReport:
    """What ``evaluate`` found.

    ``accuracy`` is None where ``accuracy_reason`` says why; ``threshold`` is the one that is best on all pairs of the
    list. ``left_out`` counts pairs that are in no fold. ``everything`` are the rates over all pairs of the folder,
    weighted by person, or None.
    """

    listed: Rates
    accuracy: FoldAccuracy | None
    accuracy_reason: str | None
    threshold: float
    left_out: int
    everything: Rates | None
    photos: int
    no_face: tuple[str, ...]
    failed: tuple[Failure, ...]
    index_recipe: Recipe
    probe_recipe: Recipe
    seconds: float

    @property
    def pairs(self) -> int:
        """How many pairs the list holds."""
        return self.listed.genuine + self.listed.impostor


def evaluate(
    pairs: PairList,
    index: FrontEnd,
    probe: FrontEnd | None = None,
    *,
    folder: Path | None = None,
    both_as: Role | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> VerificationReport:
    """Measure verification on a list of pairs and, with ``folder``, on every pair of a folder.

    Every photo is analysed once by each front end that needs it, by one only where both have the same recipe.

    Args:
        pairs: the list.
        index: analyses photos as ``index`` does.
        probe: analyses photos as probes; None for ``index``.
        folder: holds one folder of photos a person; all its pairs are measured too.
        both_as: embed both photos of a pair in this role.
        jobs: photos at once; None for one a core.
        progress: takes photos done, photos to do and a path.

    Raises:
        ConfigError: the list lacks a kind of pairs, or the folder has no two people or nobody with two photos.
        ModelError: the models cannot be used.
    """
    started = time.monotonic()
    same = np.array([pair.same for pair in pairs.pairs], np.bool_)
    if same.all() or not same.any():
        raise ConfigError("error rates need pairs of one person and pairs of two people; the list has one kind only")
    tree = people_tree(folder) if folder is not None else {}
    front_ends = _front_ends(index, probe or index, both_as)
    needed = ({pair.a for pair in pairs.pairs} | tree.keys(), {pair.b for pair in pairs.pairs} | tree.keys())
    sides = embed(front_ends, needed, jobs=jobs, progress=progress)
    distances = distances_of(pairs.pairs, *sides)
    accuracy = _accuracy(distances, same, np.array(pairs.folds))
    failed = sides[0].failed | sides[1].failed
    return VerificationReport(
        listed=listed_rates(pairs.pairs, distances, *sides),
        accuracy=accuracy,
        accuracy_reason=None if accuracy else _UNSPLIT,
        threshold=metrics.best_threshold(distances, same),
        left_out=sum(fold < 0 for fold in pairs.folds),
        everything=folder_rates(tree, *sides) if tree else None,
        photos=len(needed[0] | needed[1]),
        no_face=tuple(sorted(str(path) for path in sides[0].no_face | sides[1].no_face)),
        failed=tuple(Failure(str(path), failed[path]) for path in sorted(failed)),
        index_recipe=front_ends[0].recipe,
        probe_recipe=front_ends[1].recipe,
        seconds=time.monotonic() - started,
    )


def _front_ends(index: FrontEnd, probe: FrontEnd, both_as: Role | None) -> tuple[FrontEnd, FrontEnd]:
    """What analyses the first photo of a pair, and the second."""
    if both_as is not None:
        return (index, index) if both_as == "index" else (probe, probe)
    return index, index if probe.recipe == index.recipe else probe


def _accuracy(distances: NDArray[np.float64], same: NDArray[np.bool_], folds: NDArray[np.int64]) -> FoldAccuracy | None:
    """Accuracy by cross-validation, or None where there are no two folds."""
    if len(np.unique(folds[folds >= 0])) < 2:
        return None
    return metrics.fold_accuracy(distances, same, folds)
