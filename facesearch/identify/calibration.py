"""What a distance means: how many strangers come as close, and how far to go for a rate that was asked for.

Two rates, never mixed up (ISO/IEC 19795-1; design.md, section 2). FAR is the share of *pairs* of strangers that are
nearer than a distance; it decides ``verify``. FPIR is the share of *strangers' probe faces* that get any name; it
decides ``who``, and depends on how many people are enrolled. Both were measured on development data and come with the
model as tables of numbers; see ``evaluation.calibration`` for how.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError, ModelError
from facesearch.identify.measured import PairRates as PairRates
from facesearch.identify.measured import ProbeRates as ProbeRates
from facesearch.identify.measured import Provenance as Provenance
from facesearch.identify.normalize import USUAL, share_of_shift
from facesearch.identify.shots import NEAR
from facesearch.models import local
from facesearch.models.registry import DEFAULT_EMBEDDER, MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.types import Recipe

FAR = 1e-3
"""The default rate of stranger pairs that pass for one person in ``verify``."""

FPIR = 1e-2
"""The default share of strangers' probe faces that get a name in ``who``."""


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

    @property
    def usual(self) -> float:
        """The distance that normalized ones are to be made with; see ``normalize``."""
        return self.probes.usual

    def far(self, distance: float) -> float:
        """The share of stranger pairs that are at least as near, never below ``least_far``."""
        return float(self.fars(np.array([distance]))[0])

    def fars(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """``far`` of many distances, (n,)."""
        logs = np.interp(distances - self.shift, self.pairs.distances, np.log10(self.pairs.far))
        return np.maximum(10**logs, self.least_far)  # the power may lose the last digit

    def tar(self, distance: float) -> float:
        """The share of pairs of one person that are at least as near."""
        return float(self.tars(np.array([distance]))[0])

    def tars(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """``tar`` of many distances, (n,)."""
        return np.interp(distances - self.shift, self.pairs.distances, self.pairs.tar)

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

    @property
    def half(self) -> float:
        """The distance that half of the pairs of one person are nearer than, without an album's shift."""
        return float(np.interp(0.5, self.pairs.tar, self.pairs.distances))

    @property
    def near(self) -> float:
        """The distance below which two photos of one person count as near-duplicates (``shots.NEAR``).

        As much less than FaceNet's as those of one person are. Of lfw-dev's 43 pairs below FaceNet's, dlib has a
        quarter below this one and the pair with FaceNet two thirds; a dozen others, or one, are below it too.
        """
        return NEAR * self.half / built_in().half

    def as_rare_as(self, distance: float) -> float:
        """The distance at which pairs of strangers are as rare as at one of FaceNet's: as 1e-5 at the rarest.

        For what was measured on FaceNet's distances only. Both are those of the models, without any album's shift.
        """
        known = built_in()
        return distance if self.pairs == known.pairs else replace(self, shift=0.0).threshold(known.far(distance))

    def fpir(self, normalized: float, faces: Sequence[int]) -> float:
        """The share of strangers' probe faces that get a name when this normalized distance does.

        Never below ``least_fpir``, and 1 beyond what was measured. ``faces`` as for ``limit``.
        """
        return float(self.fpirs(np.array([normalized]), faces)[0])

    def fpirs(self, normalized: NDArray[np.float64], faces: Sequence[int]) -> NDArray[np.float64]:
        """``fpir`` of many normalized distances, (n,)."""
        limits = self._limits(faces)
        logs = np.interp(normalized, limits[::-1], np.log10(self.probes.rates)[::-1])
        return np.where(normalized > limits[0], 1.0, np.maximum(10**logs, self.least_fpir))

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

    def digest(self) -> str:
        """SHA-256 of the pairs that were measured, which are all that an album's shift depends on."""
        return _digest(self.pairs)

    def as_json(self) -> str:
        """The calibration as a JSON document, for ``from_json``.

        FaceNet's usual distance is left out: documents from before it was written down stay what they were, and with
        them whatever was found by their hash.
        """
        document = asdict(self)
        if self.usual == USUAL:
            del document["probes"]["usual"]
        return json.dumps(document, indent=1) + "\n"


@lru_cache(maxsize=8)
def _digest(pairs: PairRates) -> str:
    return hashlib.sha256(json.dumps(asdict(pairs)).encode()).hexdigest()


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
                # The first ones were all measured with FaceNet's.
                usual=float(held["probes"].get("usual", USUAL)),
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
            "until then verify, who, search and cluster work with --threshold",
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
    return built_in(_embedder(recipe))


def calibration_if_any(recipe: Recipe | None) -> Calibration | None:
    """``calibration_of``, or None where the embedder is the user's and was not calibrated.

    Raises:
        ModelError: the embedder was removed or replaced, or what is kept of it is no calibration.
    """
    model = _embedder(recipe)
    return built_in(model) if model in MODELS or local.calibration(model) is not None else None


def _embedder(recipe: Recipe | None) -> str:
    if recipe is None or "embedder_form" not in dict(recipe.settings):
        return recipe.model if recipe is not None and recipe.model in MODELS else DEFAULT_EMBEDDER
    return local.behind(recipe).name


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
