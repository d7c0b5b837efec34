"""From a table of gains to names: nobody may be the answer, and nobody is twice in one photo.

The rule of one photo is a law, not a preference: two faces of one photo never get the same person. Where two claim one
person, the names of the whole photo are chosen together so that the sum of the gains is largest (Kuhn 1955, "The
Hungarian method"); being unknown is worth 0, and a face may only get people whom its method would name. Elsewhere every
face gets its own best.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from facesearch.identify.table import Table

NOBODY = -1
"""In arrays of columns of a table: unknown."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who one probe is. ``person`` is None for unknown.

    ``distance`` is to the named person's nearest enrolled face; where unknown, to the nearest person's; None where
    nobody is enrolled. ``normalized`` is the person's normalized distance; where unknown, the least of all people's.
    ``score`` is the method's own certainty, 0 to 1, None where unknown; ``votes`` counts enrolled faces that speak for
    the person. ``nearest`` is the nearest person of all, ``runner_up`` the nearest *other* person
    than the named one (None where unknown or where nobody else is enrolled), both with their distance. ``displaced``
    is whom the probe would have been, had not another face of the photo been given that person.
    """

    person: str | None
    distance: float | None
    normalized: float | None
    score: float | None
    votes: int
    runner_up: tuple[str, float] | None
    nearest: tuple[str, float] | None
    displaced: str | None = None


def decide(table: Table, photos: Sequence[Hashable]) -> list[Decision]:
    """Name every probe of a table.

    Ties go to the nearer person, then to the smaller id.

    Args:
        table: q probes beside P people.
        photos: the photo that each of the q probes is from; probes of one photo never share a person.

    Returns:
        One decision for each probe, in order.

    Raises:
        ValueError: there are not as many photos as probes.
    """
    if len(photos) != len(table.gains):
        raise ValueError(f"{len(photos)} photos for {len(table.gains)} probes")
    wanted = _best(table)
    given = wanted.copy()
    together: dict[Hashable, list[int]] = defaultdict(list)
    for row, photo in enumerate(photos):
        together[photo].append(row)
    for rows in together.values():
        claimed = [wanted[row] for row in rows if wanted[row] != NOBODY]
        if len(claimed) > len(set(claimed)):
            given[rows] = _assigned(table.gains[rows])
    return [_decision(table, row, int(given[row]), int(wanted[row])) for row in range(len(given))]


def _best(table: Table) -> NDArray[np.int64]:
    """The column of each probe's best person, shape (q,), NOBODY where it has none."""
    if not table.people:
        return np.full(len(table.gains), NOBODY, dtype=np.int64)
    top = table.gains.max(axis=1, keepdims=True)
    # People are in ascending order and argmin takes the first, so the smaller id wins the last tie.
    column = np.where(table.gains == top, table.distances, np.inf).argmin(axis=1)
    return np.where(top[:, 0] > 0, column, NOBODY)


def _assigned(gains: NDArray[np.float64]) -> NDArray[np.int64]:
    """Columns of one photo's r probes, (r,), no person twice, from their gains (r, P)."""
    from scipy.optimize import linear_sum_assignment

    probes = len(gains)
    columns = np.flatnonzero(gains.max(axis=0) > 0)
    # A column of zeros for each probe is its way to be unknown.
    choices = np.hstack([gains[:, columns], np.zeros((probes, probes))])
    rows, picked = linear_sum_assignment(choices, maximize=True)
    given = np.full(probes, NOBODY, dtype=np.int64)
    named = choices[rows, picked] > 0
    given[rows[named]] = columns[picked[named]]
    return given


def _decision(table: Table, row: int, given: int, wanted: int) -> Decision:
    """The decision of one probe."""
    nearest = _nearest(table, row, NOBODY)
    displaced = table.people[wanted] if wanted != given else None
    if given == NOBODY:
        beside = float(table.normalized[row].min()) if nearest else None
        return Decision(None, nearest[1] if nearest else None, beside, None, 0, None, nearest, displaced)
    return Decision(
        person=table.people[given],
        distance=float(table.distances[row, given]),
        normalized=float(table.normalized[row, given]),
        score=float(table.scores[row, given]),
        votes=int(table.votes[row, given]),
        runner_up=_nearest(table, row, given),
        nearest=nearest,
        displaced=displaced,
    )


def _nearest(table: Table, row: int, without: int) -> tuple[str, float] | None:
    """The nearest person of one probe and the distance, leaving out one column."""
    distances = table.distances[row].copy()
    if without != NOBODY:
        distances[without] = np.inf
    if not np.isfinite(distances).any():
        return None
    column = int(distances.argmin())
    return table.people[column], float(distances[column])
