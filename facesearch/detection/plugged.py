"""A detector of the user's own: what it gives is looked at, and what it raises becomes an error of ours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError, FacesearchError, ModelError, PhotoError
from facesearch.types import Detection

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.detection.base import Detector

BUILT_IN = ("mtcnn", "mtcnn-reference")
"""The names of facesearch's own detectors."""

LARGEST = 4.0
"""How many times as long as the picture's longer side a box may be: crops of more are refused. How many of its box's
longer sides a landmark may be off."""

_CONTRACT = "facesearch.testing.check_detector says what must hold"


class DetectionError(PhotoError):
    """A detector of the user's own failed on one photo.

    Args:
        path: the photo.
        detector: its name.
        fault: what went wrong, as in "failed: …".
        hint: what to do next.
    """

    def __init__(self, path: str | Path, detector: str, fault: str, *, hint: str | None = None) -> None:
        super().__init__(path, f"the detector {detector} {fault}", hint=hint)
        self.detector = detector
        self.fault = fault


class AbsentDetector:
    """Stands for the detector of a gallery that was opened without it: only what looks for faces is refused.

    Args:
        name: of the detector.
        settings: its, as the gallery's recipe has them.
    """

    def __init__(self, name: str, settings: dict[str, str | int | float | bool]) -> None:
        self.name = name
        self.settings = settings

    def side(self, full_side: float) -> int:  # noqa: ARG002
        """Refuse.

        Raises:
            ConfigError: always.
        """
        raise self._absent()

    def detect(self, image: NDArray[np.uint8], *, scale: float = 1.0) -> list[Detection]:  # noqa: ARG002
        """Refuse.

        Raises:
            ConfigError: always.
        """
        raise self._absent()

    def _absent(self) -> ConfigError:
        return ConfigError(
            f"the faces of this gallery were found by the detector {self.name}, which was not given",
            hint="the command line has no way to: open it in Python with Gallery.open(detector=…). Or do without that "
            "detector: facesearch reindex, then facesearch index --reprocess PHOTOS",
        )


class PluggedDetector:
    """A detector of the user's own, in which nothing goes wrong without a word. Pickles where that one does.

    Args:
        detector: the user's.

    Raises:
        ConfigError: it has the name of a built-in one, or settings that no recipe can hold.
    """

    def __init__(self, detector: Detector) -> None:
        name, settings = getattr(detector, "name", None), getattr(detector, "settings", None)
        if not isinstance(name, str) or not name:
            raise ConfigError(f"a detector needs a name, not {name!r}", hint=_CONTRACT)
        if name in BUILT_IN:
            raise ConfigError(f"{name} is the name of a built-in detector", hint="give yours another one")
        wrong = flaw_of_settings(settings)
        if wrong is not None:
            raise ConfigError(f"the detector {name}: {wrong}", hint=_CONTRACT)
        self._detector = detector
        self.name: str = name
        self.settings: dict[str, str | int | float | bool] = dict(detector.settings)

    def side(self, full_side: float) -> int:
        """See ``Detector``.

        Raises:
            ModelError: the user's fails.
        """
        try:
            side = self._detector.side(full_side)
        except ModelError as error:
            raise ModelError(self.name, f"failed: {error.reason}", hint=error.hint or _CONTRACT) from error
        except FacesearchError:
            raise
        except Exception as exc:
            raise self._failed(exc) from exc
        if not isinstance(side, int) or side < 1:
            raise ModelError(self.name, f"wants pictures of {side!r} pixels", hint=_CONTRACT)
        return side

    def detect(self, image: NDArray[np.uint8], *, scale: float = 1.0) -> list[Detection]:
        """See ``Detector``. Puts the highest confidence first.

        Raises:
            ModelError: the user's fails, or gives what cannot be a face.
        """
        try:
            found = self._detector.detect(image, scale=scale)
        except ModelError as error:
            raise ModelError(self.name, f"failed: {error.reason}", hint=error.hint or _CONTRACT) from error
        except (FacesearchError, MemoryError):
            raise
        except Exception as exc:
            raise self._failed(exc) from exc
        if not isinstance(found, list):
            raise ModelError(self.name, f"gave no list of faces, but {found!r}", hint=_CONTRACT)
        height, width = image.shape[:2]
        for one in found:
            wrong = flaw_of(one, width, height)
            if wrong is not None:
                raise ModelError(self.name, f"gave what cannot be a face: {wrong}", hint=_CONTRACT)
        if len({one.box for one in found}) < len(found):
            raise ModelError(self.name, "gave the same box twice", hint=_CONTRACT)
        return sorted(found, key=lambda one: -one.confidence)

    def _failed(self, exc: Exception) -> ModelError:
        said = str(exc).strip().splitlines()
        return ModelError(self.name, f"failed: {type(exc).__name__}{': ' + said[0] if said else ''}", hint=_CONTRACT)


def flaw_of(found: object, width: int, height: int) -> str | None:
    """Why something cannot be a face in a picture of ``width`` by ``height`` pixels; None where it can."""
    if not isinstance(found, Detection):
        return f"a face is a Detection, not {found!r}"
    box = found.box
    sides = (box.left, box.top, box.right, box.bottom)
    numbers = [*sides, *(value for point in found.landmarks.points for value in point), found.confidence]
    odd = next((value for value in numbers if not isinstance(value, int | float)), None)
    if odd is not None:
        return f"numbers are plain ones, not {type(odd).__name__}"
    if not all(map(math.isfinite, numbers)):
        return f"numbers are finite: {found}"
    if min(box.width, box.height) < 1:
        return f"a box has an area, one pixel at least: {box}"
    if max(box.width, box.height) > LARGEST * max(width, height):
        return f"a box is not far larger than the picture: {box}"
    if box.right <= 0 or box.bottom <= 0 or box.left >= width or box.top >= height:
        return f"a box touches the picture: {box}"
    astray = _astray(found)
    if astray is not None:
        return astray
    if not 0 <= found.confidence <= 1:
        return f"a confidence is 0 to 1, not {found.confidence}"
    return None


def _astray(found: Detection) -> str | None:
    """Why the landmarks cannot be those of the face in the box."""
    box, points = found.box, found.landmarks.points
    off = LARGEST * max(box.width, box.height)
    for x, y in points:
        if not (box.left - off <= x <= box.right + off and box.top - off <= y <= box.bottom + off):
            return f"landmarks are near their box: {(x, y)} is far from {box}"
    return "landmarks are five points, not one" if len(set(points)) == 1 else None


def flaw_of_settings(settings: object) -> str | None:
    """Why settings cannot go into a recipe; None where they can."""
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        return f"settings are a dict of plain values, not {settings!r}"
    odd = [value for value in settings.values() if not isinstance(value, str | int | float)]
    if odd or not all(math.isfinite(value) for value in settings.values() if not isinstance(value, str)):
        return f"settings are a dict of plain values, not {settings!r}"
    return None
