"""What a distance means: how many strangers come as close, and how far to go for a rate that was asked for.

Two rates, never mixed up (ISO/IEC 19795-1; design.md, section 2). FAR is the share of *pairs* of strangers that are
nearer than a distance; it decides ``verify``. FPIR is the share of *strangers' probe faces* that get any name; it
decides ``who``, and depends on how many people are enrolled. Both were measured on development data and come with the
model as tables of numbers; see ``evaluation.calibration`` for how.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError, ModelError
from facesearch.identify.normalize import share_of_shift
from facesearch.models import local
from facesearch.models.registry import DEFAULT_EMBEDDER, MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.types import Recipe

FAR = 1e-3
"""The default rate of stranger pairs that pass for one person in ``verify``."""

FPIR = 1e-2
"""The default share of strangers' probe faces that get a name in ``who``."""


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
    are enrolled with ``faces[f]`` faces each. Rates below ``measured_from`` were extrapolated.
    """

    people: tuple[int, ...]
    faces: tuple[int, ...]
    rates: tuple[float, ...]
    limits: tuple[tuple[tuple[float, ...], ...], ...]
    measured_from: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Distances and what they mean, for one embedder.

    ``shift`` is how much farther apart an album's strangers are than those that were measured, in squared distance; 0
    unless the album was calibrated.
    """

    model: str
    provenance: Provenance
    pairs: PairRates
    probes: ProbeRates
    shift: float = 0.0

    @property
    def least_far(self) -> float:
        """The smallest FAR that can be told; what is nearer is only known to be rarer."""
        return self.pairs.far[0]

    @property
    def least_fpir(self) -> float:
        """Likewise for FPIR."""
        return self.probes.rates[-1]

    def far(self, distance: float) -> float:
        """The share of stranger pairs that are at least as near, never below ``least_far``."""
        at = distance - self.shift
        return float(10 ** np.interp(at, self.pairs.distances, np.log10(self.pairs.far)))

    def tar(self, distance: float) -> float:
        """The share of pairs of one person that are at least as near."""
        return float(np.interp(distance - self.shift, self.pairs.distances, self.pairs.tar))

    def threshold(self, far: float = FAR) -> float:
        """The squared distance below which a share ``far`` of stranger pairs lies.

        Raises:
            ConfigError: the calibration does not reach so far.
        """
        low, high = self.pairs.far[0], self.pairs.far[-1]
        if not low <= far <= high:
            raise ConfigError(
                f"a FAR of {far:g} was not measured", hint=f"ask for one from {low:g} to {high:g}, or use --threshold"
            )
        logs = np.log10(self.pairs.far)
        at = float(np.interp(math.log10(far), logs, self.pairs.distances))
        return min(max(at + self.shift, 0.0), 4.0)

    def limit(self, fpir: float, faces: Sequence[int]) -> float:
        """The normalized distance below which a share ``fpir`` of strangers' probe faces gets a name.

        Args:
            fpir: the share.
            faces: how many enrolled faces each of the enrolled people has; may be empty.

        Raises:
            ConfigError: the calibration does not reach so far.
        """
        low, high = self.probes.rates[-1], self.probes.rates[0]
        if not low <= fpir <= high:
            raise ConfigError(
                f"a FPIR of {fpir:g} was not measured", hint=f"ask for one from {low:g} to {high:g}, or use --threshold"
            )
        logs = np.log10(self.probes.rates)[::-1]
        return float(np.interp(math.log10(fpir), logs, self._limits(faces)[::-1]))

    def fpir(self, normalized: float, faces: Sequence[int]) -> float:
        """The share of strangers' probe faces that get a name when this normalized distance does.

        Never below ``least_fpir``, and 1 beyond what was measured. ``faces`` as for ``limit``.
        """
        limits = self._limits(faces)
        if normalized > limits[0]:
            return 1.0
        return float(10 ** np.interp(normalized, limits[::-1], np.log10(self.probes.rates)[::-1]))

    def shifted(self, shift: float) -> Calibration:
        """The same for an album whose strangers are farther apart by ``shift``."""
        return replace(self, shift=shift)

    def _limits(self, faces: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Limits by rate, for the gallery at hand: between those of the nearest sizes measured, on log scales."""
        probes = self.probes
        count = max(len(faces), 1)
        usual = math.exp(sum(math.log(max(n, 1)) for n in faces) / count)  # the geometric mean
        table = np.array(probes.limits)  # (faces, people, rates)
        by_people = _between(math.log(count), np.log(probes.people), table.swapaxes(0, 1))
        limits = _between(math.log(usual), np.log(probes.faces), by_people)
        return np.asarray(limits + self.shift * share_of_shift(count))

    def as_json(self) -> str:
        """The calibration as a JSON document, for ``from_json``."""
        return json.dumps(asdict(self), indent=1) + "\n"


def from_json(text: str) -> Calibration:
    """The calibration that gave this document.

    Raises:
        ModelError: it is none, or its tables are not monotone.
    """
    try:
        held = json.loads(text)
        found = Calibration(
            model=held["model"],
            provenance=Provenance(**held["provenance"]),
            pairs=PairRates(*(tuple(map(float, held["pairs"][name])) for name in ("distances", "far", "tar"))),
            probes=ProbeRates(
                people=tuple(held["probes"]["people"]),
                faces=tuple(held["probes"]["faces"]),
                rates=tuple(held["probes"]["rates"]),
                limits=tuple(tuple(tuple(row) for row in rows) for rows in held["probes"]["limits"]),
                measured_from=float(held["probes"]["measured_from"]),
            ),
            shift=float(held["shift"]),
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise ModelError("calibration", f"not a calibration: {exc}", hint="facesearch calibrate --reset") from exc
    rising = (found.pairs.distances, found.pairs.far, found.pairs.tar, found.probes.rates[::-1])
    if not all(np.all(np.diff(values) >= 0) for values in rising) or np.any(np.diff(found.probes.limits) > 0):
        raise ModelError("calibration", "its tables are not monotone", hint="facesearch calibrate --reset")
    return found


def built_in(model: str = DEFAULT_EMBEDDER) -> Calibration:
    """The calibration that comes with an embedder, or was measured when the user added it.

    Raises:
        ModelError: it has none.
    """
    if model in MODELS:
        return _shipped(model)
    document = local.calibration(model)
    if document is None:
        raise ModelError(
            model,
            "is not calibrated: nobody knows which of its distances are one person's",
            hint=f"measure it on photos of known people: facesearch models calibrate {model} DIR; "
            "until then search and cluster work with --threshold",
        )
    return _parsed(document)


@lru_cache(maxsize=8)
def _shipped(model: str) -> Calibration:
    file = resources.files("facesearch.models") / "calibrations" / f"{model}.json"
    try:
        return from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise ModelError(model, "has no calibration") from exc


_parsed = lru_cache(maxsize=8)(from_json)


def calibration_of(recipe: Recipe | None) -> Calibration:
    """The calibration of the embedder that a recipe names, of the default one where it names none that there is.

    Raises:
        ModelError: the embedder is the user's, and was not calibrated, removed or replaced.
    """
    if recipe is None or "embedder_form" not in dict(recipe.settings):
        return built_in(recipe.model if recipe is not None and recipe.model in MODELS else DEFAULT_EMBEDDER)
    return built_in(local.behind(recipe).name)


def _between(
    at: float,
    places: np.ndarray[tuple[int], np.dtype[np.float64]],
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """``values`` along their first axis at a place between ``places``, the first or last beyond."""
    at = min(max(at, places[0]), places[-1])
    right = max(int(np.searchsorted(places, at)), 1) if len(places) > 1 else 0
    if right == 0:
        return values[0]
    left = right - 1
    weight = (at - places[left]) / (places[right] - places[left])
    return np.asarray((1 - weight) * values[left] + weight * values[right])
