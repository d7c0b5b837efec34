"""How much arithmetic a network is, and a network that is nothing but arithmetic: what speed is measured against."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from facesearch.errors import ModelError
from facesearch.models.runtime import Network

if TYPE_CHECKING:
    from pathlib import Path

_OPSET = 17
_IR_VERSION = 8


def flop(path: Path) -> int:
    """Floating-point operations of one row of a network's input: two for each multiply-add of its layers with weights.

    Activations, pooling and sums are left out, as is usual; in FaceNet they are less than one percent.

    Args:
        path: an ONNX file in float32, whose input is (n, ...).

    Raises:
        ModelError: it cannot be read.
    """
    import onnx

    try:
        model = onnx.load(path)
        rows = model.graph.input[0].type.tensor_type.shape.dim[0]
        rows.Clear()
        rows.dim_value = 1
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception as exc:
        raise ModelError(path.name, f"cannot read {path}") from exc
    weights = {one.name: tuple(one.dims) for one in graph.initializer}
    shapes = {
        one.name: tuple(side.dim_value for side in one.type.tensor_type.shape.dim)
        for one in (*graph.value_info, *graph.output)
    }
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":  # weights (out, in, height, width)
            total += 2 * math.prod(shapes[node.output[0]]) * math.prod(weights[node.input[1]][1:])
        elif node.op_type == "MatMul":  # weights (in, out)
            total += 2 * math.prod(shapes[node.output[0]]) * weights[node.input[1]][0]
    return total


def product(path: Path) -> Network:
    """A network on one thread that multiplies matrices ``a`` (m, k) and ``b`` (k, n), float32, into ``c`` (m, n).

    Args:
        path: where its file is written.
    """
    from onnx import TensorProto, helper

    a, b, c = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("a", ["m", "k"]), ("b", ["k", "n"]), ("c", ["m", "n"]))
    )
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", [a, b], [c])
    opset = [helper.make_opsetid("", _OPSET)]
    path.write_bytes(helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION).SerializeToString())
    return Network("product", path)
