"""The tables of a calibration, and what they were measured on; see ``identify.calibration``."""

from __future__ import annotations

from dataclasses import dataclass

from facesearch.identify.normalize import USUAL


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a calibration was measured on.

    ``data`` names the photos, ``date`` is ISO 8601, ``recipe`` the key of the recipe, ``version`` facesearch's own.
    """

    data: str
    photos: int
    people: int
    genuine_pairs: int
    impostor_pairs: int
    date: str
    recipe: str
    version: str


@dataclass(frozen=True, slots=True)
class PairRates:
    """FAR and TAR of pairs, by distance. Distances ascend, and both rates with them."""

    distances: tuple[float, ...]
    far: tuple[float, ...]
    tar: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ProbeRates:
    """Limits of the normalized distance (``normalize``) by FPIR.

    ``limits[f][p][r]`` is the limit at which a share ``rates[r]`` of strangers gets a name, where ``people[p]`` people
    are enrolled with ``faces[f]`` faces each. Rates below ``measured_from`` were extrapolated. Distances were
    normalized with ``usual``.
    """

    people: tuple[int, ...]
    faces: tuple[int, ...]
    rates: tuple[float, ...]
    limits: tuple[tuple[tuple[float, ...], ...], ...]
    measured_from: float
    usual: float = USUAL
