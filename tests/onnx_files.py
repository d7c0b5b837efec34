"""Small networks in ONNX: the mean colour of a picture, turned into a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

if TYPE_CHECKING:
    from pathlib import Path


def network(
    path: Path,
    *,
    dim: int = 7,
    size: int | None = 16,
    batch: int | None = None,
    channels_first: bool = True,
    kind: int = TensorProto.FLOAT,
    told_dim: bool = True,
    seed: int = 0,
    weights: Any = None,
    extra_output: bool = False,
    domain: str = "",
    **saving: Any,
) -> Path:
    """Write a network that multiplies the mean colour of each picture by a matrix (3, dim) and adds the bias 0.1.

    ``size`` and ``batch`` None are open. ``domain`` makes the last operator one that nobody knows.
    """
    n, side = "n" if batch is None else batch, "side" if size is None else size
    shape = [n, 3, side, side] if channels_first else [n, side, side, 3]
    if weights is None:
        weights = np.random.default_rng(seed).normal(size=(3, dim))
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["colour"], axes=[2, 3] if channels_first else [1, 2], keepdims=0),
        helper.make_node("MatMul", ["colour", "weights"], ["raw"]),
        helper.make_node("Add", ["raw", "bias"], ["vector"], domain=domain),
    ]
    outputs = [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [n, dim if told_dim else "dim"])]
    if extra_output:
        outputs.append(helper.make_tensor_value_info("colour", TensorProto.FLOAT, [n, 3]))
    held = [
        numpy_helper.from_array(np.asarray(weights, np.float32), "weights"),
        numpy_helper.from_array(np.full(dim, 0.1, np.float32), "bias"),
    ]
    graph = helper.make_graph(nodes, "colour", [helper.make_tensor_value_info("picture", kind, shape)], outputs, held)
    domains = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    save(helper.make_model(graph, opset_imports=domains, ir_version=8), path, **saving)
    return path
