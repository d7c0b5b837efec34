"""One method before the probes of one trial: ranks, names at any threshold, and how near strangers come.

The terms are those of NIST's FRVT 1:N (Grother, Ngan and Hanaoka 2019, NISTIR 8271) and ISO/IEC 19795-1. FPIR: the
share of strangers' probes that get any name. FNIR: the share of enrolled people's probes that do not get their own
name; the detection-and-identification rate (DIR) is 1 - FNIR. A name counts only where the product would give it:
everything is asked of ``identify`` itself, at the threshold in question. A photo without a face gets no name, whosever
it is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from facesearch.identify import knn, svm
from facesearch.identify.decide import decide
from facesearch.identify.normalize import USUAL
from facesearch.identify.table import Enrolled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from facesearch.evaluation.protocols import Photos, Trial
    from facesearch.identify.crossval import Method
    from facesearch.identify.table import Table


FARTHEST = 4.0
"""Beyond the normalized distance of anybody who could be meant: the threshold at which every stranger is looked at."""

NEVER = np.iinfo(np.int64).max
"""The rank of a person who is not found at any."""


class Contest:
    """Asks one method about a draw: one trial, or several whose probes together are those of one.

    ``usual`` is that of the calibration (``normalize``).
    """

    def __init__(self, method: Method, photos: Photos, trials: Sequence[Trial], usual: float = USUAL) -> None:
        self._parts = [_Part(method, photos, trial, usual) for trial in trials]
        self.probes = np.concatenate([trial.probes for trial in trials])
        """Rows of enrolled people's probes, (q,)."""
        self.strangers = np.concatenate([trial.strangers for trial in trials])
        """Rows of strangers' probes, (s,)."""

    def ranks(self) -> NDArray[np.int64]:
        """The place of the right person among all enrolled, (q,), 1 for the first; ``NEVER`` without a face.

        People are ordered by what the method goes by, k-NN by the normalized distance, the SVM by the margin, without
        any threshold. A tie counts against the method.
        """
        return np.concatenate([part.ranks() for part in self._parts])

    def hits(self, threshold: float) -> NDArray[np.bool_]:
        """Whether each probe gets its own person's name at a threshold of the normalized distance, (q,)."""
        return np.concatenate([part.hits(threshold) for part in self._parts])

    def nearest(self) -> NDArray[np.float64]:
        """The threshold beyond which each stranger gets a name, (s,); infinite where no threshold gives one."""
        return np.concatenate([part.nearest() for part in self._parts])

    def faces(self) -> list[int]:
        """How many enrolled faces each enrolled person has."""
        return self._parts[0].faces()


class _Part:
    """One method and one trial; photos without a face are never asked about."""

    def __init__(self, method: Method, photos: Photos, trial: Trial, usual: float) -> None:
        seen = photos.seen
        gallery = trial.gallery[seen[trial.gallery]]
        self._photos, self._trial, self._seen, self._gallery = photos, trial, seen, gallery
        self._enrolled = Enrolled.of(photos.vectors[gallery], photos.people[gallery].tolist())
        self._compare: Callable[..., Table] = partial(knn.compare, usual=usual)
        self._machine: svm.Svm | None = None
        if method == "svm":
            learned = gallery if trial.left_out is None else np.setdiff1d(gallery, trial.left_out)
            self._machine = svm.train(photos.vectors[learned], photos.people[learned].tolist())
            self._compare = partial(svm.compare, self._machine, usual=usual)

    def faces(self) -> list[int]:
        return np.diff(np.append(self._enrolled.starts, len(self._enrolled.vectors))).tolist()

    def ranks(self) -> NDArray[np.int64]:
        places, rows = self._shown(self._trial.probes)
        values, people = self._values(rows)
        ranks = np.full(len(self._trial.probes), NEVER)
        right = self._photos.people[rows][:, None] == people  # (q, P), at most one True a row
        own = np.where(right, values, -np.inf).max(axis=1, initial=-np.inf)
        found = np.isfinite(own)
        ranks[places[found]] = np.sum(values[found] >= own[found, None], axis=1)
        return ranks

    def hits(self, threshold: float) -> NDArray[np.bool_]:
        places, rows = self._shown(self._trial.probes)
        table = self._table(rows, threshold)
        names = [decision.person for decision in decide(table, range(len(rows)))]
        hits = np.zeros(len(self._trial.probes), dtype=np.bool_)
        hits[places] = [name == person for name, person in zip(names, self._photos.people[rows], strict=True)]
        return hits

    def nearest(self) -> NDArray[np.float64]:
        places, rows = self._shown(self._trial.strangers)
        table = self._table(rows, FARTHEST)
        nearest = np.full(len(self._trial.strangers), np.inf)
        nearest[places] = np.where(table.gains > 0, table.normalized, np.inf).min(axis=1, initial=np.inf)
        return nearest

    def _shown(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where in ``rows`` a face is shown, and those rows."""
        places = np.flatnonzero(self._seen[rows])
        return places, rows[places]

    def _values(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
        """What people are ordered by, (q, P), larger is better, and the P people."""
        if self._machine is not None:
            return self._machine.margins(self._photos.vectors[rows]), np.array(self._machine.people, dtype=np.str_)
        table = self._table(rows, FARTHEST)
        return -table.normalized, np.array(table.people, dtype=np.str_)

    def _table(self, rows: NDArray[np.int64], threshold: float) -> Table:
        usable = None
        if self._trial.left_out is not None:
            groups = self._photos.groups
            usable = groups[rows][:, None] != groups[self._gallery]
            usable = None if usable.all() else usable
        return self._compare(self._photos.vectors[rows], self._enrolled, threshold=threshold, usable=usable)
