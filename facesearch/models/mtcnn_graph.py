"""The three networks of MTCNN as ONNX graphs that ONNX Runtime runs fast.

Architecture: Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional networks"
(2016), figure 2. What the graphs compute is the package's; the form is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = list[NDArray[np.float32]]
    Shapes = dict[str, list[str | int]]

OPSET = 17
IR_VERSION = 8

GREY, SPREAD = 127.5, 128.0
"""The networks see (pixel − GREY) / SPREAD, about −1 to 1."""

BLOCK = 16
"""Channels that ONNX Runtime keeps together: 8 on processors with AVX2, 16 with AVX-512."""


def pnet(arrays: Arrays) -> bytes:
    """The first network, serialized; see ``mtcnn_weights.build_networks``."""
    g = _Graph(arrays)
    x = g.conv(g.conv_prelu_pool("image"))
    x = g.conv(g.prelu(x))
    g.face_maps(x)
    return g.serialize("pnet", {"score": [1, "h", "w"], "offset": [1, 4, "h", "w"]})


def rnet(arrays: Arrays) -> bytes:
    """The second network, serialized; see ``mtcnn_weights.build_networks``."""
    g = _Graph(arrays)
    x = g.pool(g.prelu(g.conv(g.patches(24))), 3, same=True)
    x = g.pool(g.prelu(g.conv(x)), 3)
    x = g.dense_prelu(g.prelu(g.conv(x)), channels=64)
    g.dense(x, "offset")
    g.face_score(x)
    return g.serialize("rnet", {"score": ["N"], "offset": ["N", 4], "patches": ["N", 3, 24, 24]})


def onet(arrays: Arrays) -> bytes:
    """The third network, serialized; see ``mtcnn_weights.build_networks``."""
    g = _Graph(arrays)
    x = g.pool(g.prelu(g.conv(g.patches(48))), 3, same=True)
    x = g.pool(g.prelu(g.conv(x)), 3)
    x = g.pool(g.prelu(g.conv(x)), 2, same=True)
    x = g.dense_prelu(g.prelu(g.conv(x)), channels=128)
    g.dense(x, "offset")
    g.dense(x, "points")
    g.face_score(x)
    outputs: Shapes = {"score": ["N"], "offset": ["N", 4], "points": ["N", 10], "patches": ["N", 3, 48, 48]}
    return g.serialize("onet", outputs)


class _Graph:
    """Builds one ONNX graph, taking the next arrays from the list as each layer asks for its own.

    ONNX Runtime convolves on channels in blocks, and a PReLU is not among the operators that can stay in them: each
    costs two reorderings and a branch a number, together half of the time. So a PReLU of slope a is written as
    x + (1 − a) · max(−x, 0), for any a, in two convolutions of one number a channel, which stay. They do so only where
    the channels fill the blocks: layers are padded with channels of zeros, which the blocks hold anyway.
    """

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
        inputs = ["image", "rois", which, sides]
        return self.op("CropAndResize", inputs, "patches", domain="com.microsoft", extrapolation_value=GREY)

    def conv(self, x: str) -> str:
        kernel, bias = self._kernel(x in ("image", "patches"))
        return self._conv(x, _padded(kernel, 0, 0 if kernel.shape[1] == 3 else 1), _padded(bias, 0))

    def prelu(self, x: str) -> str:
        slope = _padded(next(self._arrays).reshape(-1), 0)
        return self.op("Add", [self._gain(self._negative_part(x, len(slope)), 1 - slope), x])

    def pool(self, x: str, size: int, *, same: bool = False) -> str:
        padding = "SAME_UPPER" if same else "VALID"
        return self.op("MaxPool", [x], kernel_shape=[size, size], strides=[2, 2], auto_pad=padding)

    def conv_prelu_pool(self, x: str) -> str:
        """The first layer and its 2×2 pool, with the PReLU after the pool, on a quarter of the numbers.

        Where a slope is not negative the PReLU rises and commutes with the maximum. Elsewhere it is max(x, a·x), and
        the maximum of a·x comes from a channel of its own: these fit into the block that the layer fills in part.
        """
        import numpy as np

        kernel, bias = self._kernel(first=True)
        slope = next(self._arrays).reshape(-1)
        count, falling = len(slope), np.flatnonzero(slope < 0)
        kernel = np.concatenate([kernel, kernel[falling] * slope[falling, None, None, None]])
        bias = np.concatenate([bias, bias[falling] * slope[falling]])
        pooled = self.pool(self._conv(x, _padded(kernel, 0), _padded(bias, 0)), 2, same=True)
        size = len(_padded(bias, 0))
        # What PReLU adds to the maximum m of x: (1 − a) · max(−m, 0), or max(m' − m, 0) with m' the maximum of a·x.
        mix = np.zeros((size, size, 1, 1), np.float32)
        mix[range(count), range(count)] = -1
        mix[falling, range(count, count + len(falling))] = 1
        gain = np.where(slope < 0, np.float32(1), 1 - slope)
        more = self.op("Relu", [self._conv(pooled, mix)])
        return self.op("Add", [self._gain(more, _padded(gain, 0)), pooled])

    def face_maps(self, x: str) -> None:
        """PReLU and the two last layers of the first network in one: they are linear, so they take its two parts."""
        import numpy as np

        slope = next(self._arrays).reshape(-1)
        offset, offset_bias = self._kernel()
        pair, pair_bias = self._kernel()
        kernel = np.concatenate([offset, pair[1:] - pair[:1]])
        bias = np.concatenate([offset_bias, pair_bias[1:] - pair_bias[:1]])
        bent = self._conv(self._negative_part(x, len(slope)), kernel * (1 - slope)[:, None, None])
        maps = self.op("Add", [bent, self._conv(x, kernel, bias)])
        span = [self.constant(np.array([row], np.int64)) for row in (0, 4, 5, 1)]
        self.op("Slice", [maps, span[0], span[1], span[3]], "offset")
        logit = self.op("Slice", [maps, span[1], span[2], span[3]])
        self.op("Sigmoid", [self.op("Squeeze", [logit, span[3]])], "score")

    def dense(self, x: str, out: str) -> str:
        weights, bias = next(self._arrays), next(self._arrays)
        return self.op("Gemm", [x, self.constant(weights), self.constant(bias)], out)

    def dense_prelu(self, x: str, *, channels: int) -> str:
        weights, bias, slope = (next(self._arrays) for _ in range(3))
        side = round((len(weights) / channels) ** 0.5)
        # The package flattens (width, height, channel): the weights came from a column-major framework.
        rows = weights.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(weights.shape)
        x = self.op("Gemm", [self.op("Flatten", [x], axis=1), self.constant(rows), self.constant(bias)])
        return self.op("PRelu", [x, self.constant(slope)])

    def face_score(self, x: str) -> None:
        """The second of two probabilities, whose softmax is the sigmoid of their difference."""
        import numpy as np

        weights, bias = next(self._arrays), next(self._arrays)
        pair = [self.constant(weights[:, 1:] - weights[:, :1]), self.constant(bias[1:] - bias[:1])]
        logit = self.op("Squeeze", [self.op("Gemm", [x, *pair]), self.constant(np.array([1], np.int64))])
        self.op("Sigmoid", [logit], "score")

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

    def _kernel(self, first: bool = False) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights (out, in, height, width) and bias of the next convolution; the first one standardizes its pixels."""
        # Keras keeps kernels as (height, width, in, out).
        kernel, bias = next(self._arrays).transpose(3, 2, 0, 1), next(self._arrays)
        if not first:
            return kernel, bias
        kernel = kernel / SPREAD
        return kernel, bias - GREY * kernel.sum(axis=(1, 2, 3))

    def _conv(self, x: str, kernel: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> str:
        return self.op("Conv", [x, self.constant(kernel), *([] if bias is None else [self.constant(bias)])])

    def _gain(self, x: str, factors: NDArray[np.float32]) -> str:
        """Each channel times its factor."""
        return self.op("Conv", [x, self.constant(factors.reshape(-1, 1, 1, 1))], group=len(factors))

    def _negative_part(self, x: str, channels: int) -> str:
        """max(−x, 0)."""
        import numpy as np

        return self.op("Relu", [self._gain(x, np.full(channels, -1, np.float32))])


def _padded(array: NDArray[np.float32], *axes: int) -> NDArray[np.float32]:
    """The array with zeros up to a multiple of BLOCK along the axes."""
    import numpy as np

    return np.pad(array, [(0, -size % BLOCK if axis in axes else 0) for axis, size in enumerate(array.shape)])
