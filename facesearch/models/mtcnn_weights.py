"""The three networks of MTCNN as ONNX graphs, built from the weights that the ``mtcnn`` package ships.

Architecture: Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional networks"
(2016), figure 2. The package is never imported (it costs seconds and TensorFlow): only its weight files are read, each
only after its SHA-256 was checked, by an unpickler that admits NumPy arrays and nothing else.
"""

from __future__ import annotations

import hashlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesearch.errors import ModelError
from facesearch.models.registry import model_info

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = list[NDArray[np.float32]]
    Shapes = dict[str, list[str | int]]

OPSET = 17
IR_VERSION = 8

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

    All take one ``image``, float32 RGB in NCHW, (1, 3, H, W), standardized to (pixel − 127.5) / 128, 12×12 or larger.
    ``rnet`` and ``onet`` also take ``rois``, float32 (n, 4): top, left, bottom, right as fractions of the image. These
    are cut out and resampled to 24×24 or 48×48 inside the graph (bilinear, corners aligned, zero outside, which is
    TensorFlow's ``crop_and_resize``, as the package does it) and put out as ``patches`` (n, 3, size, size) as well.

    Outputs: ``score`` (the face's probability, 0 to 1), ``offset`` (4 numbers, as fractions of the box: left, top,
    right, bottom) and for ``onet`` ``points`` (five x, then five y, as fractions of the box). ``pnet`` puts out maps:
    score (1, h, w), offset (1, 4, h, w).

    Raises:
        ModelError: the weights are missing or wrong.
    """
    folder = weights_folder()
    arrays = {asset.name: read_weights(folder / asset.name, asset.sha256) for asset in model_info("mtcnn").assets}
    return {
        "pnet": _pnet(_Graph(arrays["pnet.lz4"])),
        "rnet": _rnet(_Graph(arrays["rnet.lz4"])),
        "onet": _onet(_Graph(arrays["onet.lz4"])),
    }


def _pnet(g: _Graph) -> bytes:
    x = g.pool(g.prelu(g.conv("image")), 2, same=True)
    x = g.prelu(g.conv(g.prelu(g.conv(x))))
    g.conv(x, out="offset")
    score = g.op("Softmax", [g.conv(x)], axis=1)
    g.gather_face(score, "score")
    return g.serialize("pnet", {"score": [1, "h", "w"], "offset": [1, 4, "h", "w"]})


def _rnet(g: _Graph) -> bytes:
    x = g.pool(g.prelu(g.conv(g.patches(24))), 3, same=True)
    x = g.pool(g.prelu(g.conv(x)), 3)
    x = g.flatten(g.prelu(g.conv(x)))
    x = g.prelu(g.dense(x), dense=True)
    g.dense(x, out="offset")
    g.gather_face(g.op("Softmax", [g.dense(x)], axis=1), "score")
    return g.serialize("rnet", {"score": ["N"], "offset": ["N", 4], "patches": ["N", 3, 24, 24]})


def _onet(g: _Graph) -> bytes:
    x = g.pool(g.prelu(g.conv(g.patches(48))), 3, same=True)
    x = g.pool(g.prelu(g.conv(x)), 3)
    x = g.pool(g.prelu(g.conv(x)), 2, same=True)
    x = g.flatten(g.prelu(g.conv(x)))
    x = g.prelu(g.dense(x), dense=True)
    g.dense(x, out="offset")
    g.dense(x, out="points")
    g.gather_face(g.op("Softmax", [g.dense(x)], axis=1), "score")
    outputs: Shapes = {"score": ["N"], "offset": ["N", 4], "points": ["N", 10], "patches": ["N", 3, 48, 48]}
    return g.serialize("onet", outputs)


class _Graph:
    """Builds one ONNX graph, taking the next arrays from the list as each layer asks for its own."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = iter(arrays)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: Shapes = {"image": [1, 3, "H", "W"]}

    def op(self, kind: str, inputs: list[str], out: str | None = None, **attributes: object) -> str:
        from onnx import helper

        name = out or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array.copy(), name))
        return name

    def patches(self, size: int) -> str:
        import numpy as np

        self._inputs["rois"] = ["N", 4]
        count = self.op("Gather", [self.op("Shape", ["rois"]), self.constant(np.array([0], np.int64))])
        which = self.op("Expand", [self.constant(np.array([0], np.int32)), count])
        sides = self.constant(np.array([size, size], np.int32))
        return self.op("CropAndResize", ["image", "rois", which, sides], "patches", domain="com.microsoft")

    def conv(self, x: str, out: str | None = None) -> str:
        kernel, bias = next(self._arrays), next(self._arrays)
        # Keras keeps kernels as (height, width, in, out), ONNX as (out, in, height, width).
        return self.op("Conv", [x, self.constant(kernel.transpose(3, 2, 0, 1)), self.constant(bias)], out)

    def prelu(self, x: str, *, dense: bool = False) -> str:
        slope = next(self._arrays)
        return self.op("PRelu", [x, self.constant(slope if dense else slope.reshape(-1, 1, 1))])

    def pool(self, x: str, size: int, *, same: bool = False) -> str:
        padding = "SAME_UPPER" if same else "VALID"
        return self.op("MaxPool", [x], kernel_shape=[size, size], strides=[2, 2], auto_pad=padding)

    def flatten(self, x: str) -> str:
        # The package flattens (width, height, channel): the weights came from a column-major framework.
        return self.op("Flatten", [self.op("Transpose", [x], perm=[0, 3, 2, 1])], axis=1)

    def dense(self, x: str, out: str | None = None) -> str:
        weights, bias = next(self._arrays), next(self._arrays)
        return self.op("Gemm", [x, self.constant(weights), self.constant(bias)], out)

    def gather_face(self, probabilities: str, out: str) -> None:
        import numpy as np

        self.op("Gather", [probabilities, self.constant(np.array(1, np.int64))], out, axis=1)

    def serialize(self, name: str, outputs: Shapes) -> bytes:
        from onnx import TensorProto, checker, helper

        def values(shapes: Shapes) -> list[Any]:
            return [helper.make_tensor_value_info(key, TensorProto.FLOAT, dims) for key, dims in shapes.items()]

        graph = helper.make_graph(self._nodes, name, values(self._inputs), values(outputs), self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        checker.check_model(model)
        data: bytes = model.SerializeToString()
        return data
