"""Groups of faces that nobody has named, as ``Gallery.cluster`` gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facesearch.types import Candidate, Match


@dataclass(frozen=True, slots=True)
class Cluster:
    """Faces that nobody has named and that look alike; ``matches[0]`` is the most central one.

    ``since`` and ``until`` are the days (ISO 8601) of the first and last photo whose date is known.
    """

    id: str
    matches: tuple[Match, ...]
    nearest: Candidate | None = None
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Alike:
    """Two clusters, by id, that may be of one person, and the mean distance of their faces."""

    one: str
    other: str
    distance: float


@dataclass(frozen=True, slots=True)
class Clustering:
    """All clusters, largest first, and how many unnamed faces stay alone.

    ``ignored`` faces are left out: those that somebody ignored, and those in clusters that are mostly of such.
    ``alike`` are clusters that were shown before and are not joined for that reason only.
    """

    clusters: tuple[Cluster, ...]
    unclustered: int
    ignored: int = 0
    alike: tuple[Alike, ...] = ()
