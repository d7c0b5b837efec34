"""The calibration of a gallery: the one that comes with the model, moved to what its own album shows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError, ModelError
from facesearch.gallery import album
from facesearch.gallery.clusters import CUT
from facesearch.identify.album import NEAR, fit
from facesearch.identify.calibration import Calibration, calibration_if_any, calibration_of
from facesearch.models.registry import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.identify.album import Fit
    from facesearch.store.store import Store
    from facesearch.types import Recipe


@dataclass(frozen=True, slots=True)
class OnePerson:
    """Pairs of faces of one person, how many people they are of, and the share within the default threshold.

    ``people`` is None where nobody knows; each person weighs the same where they are known. ``within`` is None where
    there are no pairs.
    """

    pairs: int
    people: int | None
    within: float | None


@dataclass(frozen=True, slots=True, eq=False)
class AlbumCalibration:
    """A gallery's own calibration, and what it rests on.

    ``fit`` is the measurement, ``built_in`` what it was held against, and ``calibration`` the built-in one moved by it.
    ``same_person`` pairs of one photo were known to be of one person; ``poor`` faces and ``marked`` photos were not
    looked at. ``other_recipe`` says that the gallery holds an older calibration that its recipe has left behind.
    """

    fit: Fit
    built_in: Calibration
    same_person: int
    poor: int
    marked: int
    enrolled: OnePerson
    bursts: OnePerson
    other_recipe: bool

    @property
    def calibration(self) -> Calibration:
        """What distances mean in this album."""
        return self.built_in.shifted(self.fit.shift)

    def far(self, distance: float) -> tuple[float, float, float]:
        """FAR in this album at a distance, and the ends of its 95 % interval, the lower rate first."""
        shifts = (self.fit.shift, self.fit.high, self.fit.low)
        best, low, high = (self.built_in.shifted(shift).far(distance) for shift in shifts)
        return best, low, high


def current(store: Store, tell: Callable[[str], None] = lambda _: None) -> Calibration:
    """The calibration that answers come from: the album's own for the active recipe, else the built-in one.

    The album's own is a distance from the model's. Where the model was calibrated anew since, it means nothing, and the
    model's is taken.

    Args:
        store: of the gallery.
        tell: takes a line where the album's own is not used any more.

    Raises:
        ModelError: what is stored is not a calibration.
    """
    known = _known(store)
    with store.reading():
        document = store.calibration(store.state().recipe)
    if document is None:
        return known
    try:
        held = json.loads(document)
        found = known.shifted(float(held["shift"]))
        beside = held.get("beside")
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ModelError(
            "calibration", f"the gallery's own cannot be read: {exc}", hint="facesearch calibrate --reset"
        ) from exc
    # An older version wrote down nothing; its built-in models mean what they mean today.
    if beside != known.digest() and (beside is not None or known.model not in MODELS):
        why = "is calibrated anew" if beside else "may have been calibrated anew"
        tell(f"{known.model} {why}: the album's own calibration is not used until facesearch calibrate")
        return known
    return found


def far_as(store: Store, distance: float) -> float:
    """The distance of this gallery's embedder at which pairs of strangers are as rare as at one of the default's."""
    return _known(store).as_rare_as(distance)


def calibrated(store: Store) -> bool:
    """Whether it is known what distances mean here; only networks of the user's may lack it."""
    try:
        current(store)
    except ModelError:
        return False
    return True


def uncalibrated(store: Store) -> bool:
    """Whether the embedder is the user's, and nobody has measured what its distances mean."""
    return calibration_if_any(_active(store)) is None


def calibrate(store: Store) -> AlbumCalibration:
    """Measure the album, and keep the result; see ``Gallery.calibrate``.

    Raises:
        ConfigError: too few people share photos.
    """
    recipe = _recipe(store)
    held = album.read_album(store, recipe)
    known = calibration_of(recipe)
    pairs, same_person = album.sharing(held, known.as_rare_as(CUT))
    measured = fit(pairs, known)
    threshold = known.shifted(measured.shift).threshold()
    photo_ids = {face.photo_id for face in held.faces if face.photo_id is not None}
    owned, owners = album.same_person(held)
    burst = album.bursts(held, store.photos(sorted(photo_ids)))
    with store.writing():
        if store.state().recipe != recipe.key:
            raise ConfigError("the gallery was moved to other models or settings meanwhile", hint="run it again")
        store.save_calibration(recipe.key, _document(measured, known))
        other = bool(store.calibrated().keys() - {recipe.key})
    return AlbumCalibration(
        fit=measured,
        built_in=known,
        same_person=same_person,
        poor=held.poor,
        marked=held.marked,
        enrolled=_one_person(album.distances(held, owned), threshold, owners),
        bursts=_one_person(album.distances(held, burst), threshold, None),
        other_recipe=other,
    )


def reset(store: Store) -> bool:
    """Go back to the built-in calibration, for every recipe. Returns whether there was another."""
    with store.writing():
        dropped = [store.drop_calibration(recipe) for recipe in store.calibrated()]
    return bool(dropped)


def draw(found: AlbumCalibration, target: Path) -> None:
    """Write a picture of the album's curve beside the built-in one, as PNG.

    Raises:
        ConfigError: the name does not end in .png.
        FacesearchError: it cannot be written.
    """
    from facesearch.images.draw import save_png
    from facesearch.images.plots import Line, rates_plot

    share = NEAR + (1 - NEAR) * np.cumsum(found.fit.weights) / found.fit.couples  # the near pairs are left out of it
    curve = found.built_in.pairs
    lines = [
        Line(np.array(curve.distances), np.array(curve.far), "other people, built in", "#868e96"),
        Line(np.array(curve.distances) + found.fit.shift, np.array(curve.far), "… moved to this album", "#1c7ed6"),
        Line(found.fit.distances, share, f"this album, {found.fit.couples:,} couples of people", "#e8590c"),
    ]
    interval = (np.array(curve.distances) + found.fit.low, np.array(curve.distances) + found.fit.high)
    save_png(rates_plot(lines, np.array(curve.far), interval), target)


def _known(store: Store) -> Calibration:
    """What comes with the embedder of the active recipe."""
    return calibration_of(_active(store))


def _active(store: Store) -> Recipe | None:
    with store.reading():
        active = store.state().recipe
        return next((one for one in store.recipes() if one.key == active), None)


def _recipe(store: Store) -> Recipe:
    with store.reading():
        active = store.state().recipe
        found = [recipe for recipe in store.recipes() if recipe.key == active]
    if not found:
        raise ConfigError("the gallery holds no faces yet", hint="facesearch index PHOTOS")
    return found[0]


def _document(measured: Fit, known: Calibration) -> str:
    facts = {name: value for name, value in asdict(measured).items() if not isinstance(value, np.ndarray)}
    return json.dumps({**facts, "beside": known.digest()})


def _one_person(apart: NDArray[np.float64], threshold: float, owners: NDArray[np.int64] | None) -> OnePerson:
    within = (apart < threshold).astype(np.float64)
    if owners is None:
        return OnePerson(len(apart), None, float(within.mean()) if len(apart) else None)
    pairs = np.bincount(owners)
    pairs_within = np.bincount(owners, within)[pairs > 0]
    shares = pairs_within / pairs[pairs > 0]
    return OnePerson(len(apart), len(shares), float(shares.mean()) if len(shares) else None)
