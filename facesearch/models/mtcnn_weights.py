"""The three networks of MTCNN, built from the weights that the ``mtcnn`` package ships.

The package is never imported (it costs seconds and TensorFlow): only its weight files are read, each only after its
SHA-256 was checked, by an unpickler that admits NumPy arrays and nothing else.
"""

from __future__ import annotations

import hashlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesearch.errors import ModelError
from facesearch.models import mtcnn_graph
from facesearch.models.registry import model_info

if TYPE_CHECKING:
    from facesearch.models.mtcnn_graph import Arrays

_ADMITTED = {("joblib.numpy_pickle", "NumpyArrayWrapper"), ("numpy", "ndarray"), ("numpy", "dtype")}


def weights_folder() -> Path:
    """Where the installed ``mtcnn`` package keeps its weights.

    Raises:
        ModelError: the package is not installed.
    """
    spec = find_spec("mtcnn")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("mtcnn", "the package mtcnn is not installed", hint="pip install 'mtcnn>=1.0,<2'")
    return Path(next(iter(spec.submodule_search_locations))) / "assets" / "weights"


def read_weights(path: Path, sha256: str) -> Arrays:
    """The arrays of one weight file, in the order in which the package's network lists them.

    Args:
        path: an lz4-compressed joblib pickle of a list of float32 arrays.
        sha256: what the file must hash to.

    Raises:
        ModelError: the file is missing, or is not the one that the registry names.
    """
    from lz4 import frame

    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ModelError("mtcnn", f"cannot read {path}: {exc.strerror}", hint="reinstall the package mtcnn") from exc
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelError(
            "mtcnn", f"{path} is not the expected file (SHA-256 differs)", hint="pip install 'mtcnn==1.0.0'"
        )
    try:
        arrays: Arrays = _unpickle_arrays(str(path), frame.decompress(data))
    except Exception as exc:
        raise ModelError("mtcnn", f"{path} does not hold arrays: {exc}", hint="pip install 'mtcnn==1.0.0'") from exc
    return arrays


def _unpickle_arrays(name: str, data: bytes) -> Arrays:
    import pickle

    import numpy as np
    from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

    class PlainArray(NumpyArrayWrapper):  # type: ignore[misc]
        def read_array(self, *arguments: object) -> Any:  # noqa: ANN401 - the base class's signature
            # For an array of objects joblib calls pickle.load itself, which admits everything.
            if self.dtype.hasobject:
                raise pickle.UnpicklingError("an array of objects is not a NumPy array of numbers")
            return super().read_array(*arguments)

    class ArraysOnly(NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - the base class's signature
            if (module, name) not in _ADMITTED:
                raise pickle.UnpicklingError(f"{module}.{name} is not a NumPy array")
            return PlainArray if name == "NumpyArrayWrapper" else super().find_class(module, name)

    arrays = ArraysOnly(name, io.BytesIO(data), ensure_native_byte_order=True).load()
    if not isinstance(arrays, list) or not all(isinstance(array, np.ndarray) for array in arrays):
        raise pickle.UnpicklingError("expected a list of arrays")
    return arrays


def build_networks() -> dict[str, bytes]:
    """Serialized ONNX models by name: ``pnet``, ``rnet``, ``onet``.

    All take one ``image``, float32 RGB in NCHW, (1, 3, H, W), 0 to 255, 12×12 or larger: the package's standardization,
    (pixel − 127.5) / 128, is part of the first layer's weights. ``rnet`` and ``onet`` also take ``rois``, float32
    (n, 4): top, left, bottom, right as fractions of the image. These are cut out and resampled to 24×24 or 48×48 inside
    the graph (bilinear, corners aligned, 127.5 outside, which is TensorFlow's ``crop_and_resize``, as the package does
    it) and put out as ``patches`` (n, 3, size, size) as well.

    Outputs: ``score`` (the face's probability, 0 to 1), ``offset`` (4 numbers, as fractions of the box: left, top,
    right, bottom) and for ``onet`` ``points`` (five x, then five y, as fractions of the box). ``pnet`` puts out maps:
    score (1, h, w), offset (1, 4, h, w).

    The graphs compute what the package's do, in a form that ONNX Runtime runs at twice the speed (see ``mtcnn_graph``).

    Raises:
        ModelError: the weights are missing or wrong.
    """
    folder = weights_folder()
    arrays = {asset.name: read_weights(folder / asset.name, asset.sha256) for asset in model_info("mtcnn").assets}
    return {
        "pnet": mtcnn_graph.pnet(arrays["pnet.lz4"]),
        "rnet": mtcnn_graph.rnet(arrays["rnet.lz4"]),
        "onet": mtcnn_graph.onet(arrays["onet.lz4"]),
    }
