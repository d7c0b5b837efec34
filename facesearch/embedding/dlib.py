"""dlib's face recognition network (King 2017), a ResNet of 29 layers: 150×150 in, 128 numbers out.

Faces are aligned as those that it learnt from: dlib's predictor finds five points, the corners of the eyes and the
bottom of the nose, and turns and scales the face by them (``dlib.get_face_chip``, padding 0.25).
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.errors import ConfigError, ModelError
from facesearch.images.align import DLIB_CROPS
from facesearch.models.registry import DLIB, model_info
from facesearch.models.standardize import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SCALE = DLIB_CROPS[0].scale
"""How many times as wide as the longer side of the face's box a crop is."""

_CHIP = 150
_PADDING = 0.25


def require_dlib() -> None:
    """See whether dlib is there, before anything is fetched for it.

    Raises:
        ConfigError: it is not installed.
    """
    if find_spec("dlib") is None:
        raise ConfigError("dlib is not installed", hint="pip install 'facesearch[dlib]', with Ray on every node")


class DlibEmbedder:
    """Embedder: crops of faces with their surroundings to unit vectors of 128 numbers.

    A crop is a square ``SCALE`` times as wide as the longer side of the face's box, about its centre. It can be
    pickled: what arrives in another process loads the files there.

    Args:
        network: dlib's ``dlib_face_recognition_resnet_model_v1.dat``.
        predictor: dlib's ``shape_predictor_5_face_landmarks.dat``.
    """

    def __init__(self, network: Path, predictor: Path) -> None:
        info = model_info(DLIB)
        self._files = network, predictor
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, Any] | None = None
        self.name = info.name
        self.dim = info.dim
        self.input_size = info.input_size
        self.settings: dict[str, str | int | float | bool] = {
            "weights": info.assets[0].sha256,
            "landmarks": info.assets[1].sha256,
            "padding": _PADDING,
        }

    def __reduce__(self) -> tuple[Callable[..., DlibEmbedder], tuple[Path, Path]]:
        return DlibEmbedder, self._files

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch of crops; see ``Embedder``.

        Raises:
            ConfigError: dlib is not installed.
            ModelError: its files cannot be loaded.
        """
        if not len(crops):
            return np.empty((0, self.dim), np.float32)
        # dlib's networks keep what they compute in themselves, so one call at a time.
        with self._lock:
            network = self._load()[1]
            # One by one: a batch takes no less, and so no vector can depend on the faces beside it.
            rows = [network.compute_face_descriptor(self._chip(crop)) for crop in crops]
        return unit_rows(np.array(rows, np.float32))

    def aligned(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the network sees of a crop, (150, 150, 3), uint8. Raises as ``embed`` does."""
        with self._lock:
            self._load()
            return self._chip(crop)

    def _chip(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        dlib, _, predictor = self._load()
        pixels = np.ascontiguousarray(crop)
        edge = self.input_size * (1 - 1 / SCALE) / 2
        first, last = round(edge), round(self.input_size - edge)
        points = predictor(pixels, dlib.rectangle(first, first, last, last))
        return np.asarray(dlib.get_face_chip(pixels, points, size=_CHIP, padding=_PADDING))

    def _load(self) -> tuple[Any, Any, Any]:
        if self._loaded is None:
            require_dlib()
            import dlib

            network, predictor = map(str, self._files)
            again = f"remove {network} and {predictor}: they are fetched anew"
            try:
                self._loaded = dlib, dlib.face_recognition_model_v1(network), dlib.shape_predictor(predictor)
            except RuntimeError as exc:
                raise ModelError(self.name, f"cannot be loaded: {exc}", hint=again) from exc
        return self._loaded
