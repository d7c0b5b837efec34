"""What an ONNX file of somebody else's takes and gives, read without running it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from facesearch.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

Layout = Literal["nchw", "nhwc"]

_TOO_LARGE = 2**31
"""Bytes that one file can hold: protobuf's limit."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a network and what comes out.

    ``size`` and ``dim`` are None where the file leaves them open, ``batch`` likewise: then any number of pictures can
    be embedded at once. ``kind`` is that of the numbers that go in.
    """

    input: str
    output: str
    layout: Layout
    kind: Literal["float32", "uint8"]
    batch: int | None
    size: int | None
    dim: int | None


def read(name: str, path: Path) -> tuple[Any, bytes, bool]:
    """A network, the bytes of one file that holds all of it, and whether the file does already.

    Weights in files of their own beside it (ONNX's external data) are taken in.

    Args:
        name: of the model, for errors.
        path: the file.

    Returns:
        The network as the ``onnx`` package holds it, and the bytes: those of the file itself where it holds all.

    Raises:
        ModelError: the file cannot be read, is no ONNX file, or a file of weights is missing.
    """
    import onnx
    from onnx.external_data_helper import load_external_data_for_model, uses_external_data

    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ModelError(name, f"cannot read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    try:
        network = onnx.load_model_from_string(data)
    except Exception as exc:
        raise _no_onnx(name, path) from exc
    if not network.graph.node or not network.graph.output:
        raise _no_onnx(name, path)
    if not any(uses_external_data(one) for one in network.graph.initializer):
        return network, data, True
    try:
        load_external_data_for_model(network, os.fspath(path.parent))
    except Exception as exc:
        wanted = sorted({one.value for tensor in network.graph.initializer for one in _location(tensor)})
        raise ModelError(
            name,
            f"{path} keeps its weights in other files, which cannot be read: {', '.join(wanted)}",
            hint=f"put them into {path.parent}",
        ) from exc
    if network.ByteSize() >= _TOO_LARGE:
        raise ModelError(name, f"{path} and its weights are larger than 2 GB")
    return network, network.SerializeToString(), False


def signature(name: str, network: Any, output: str | None = None) -> Signature:  # noqa: ANN401 - onnx ships no types
    """What a network takes and gives.

    Args:
        name: of the model, for errors.
        network: from ``read``.
        output: which of several outputs is the embedding; None where there is one.

    Raises:
        ModelError: it does not turn pictures into vectors, or has several outputs and none was named.
    """
    given = {one.name for one in network.graph.initializer}
    inputs = [one for one in network.graph.input if one.name not in given]
    if len(inputs) != 1:
        raise ModelError(name, f"takes {len(inputs)} inputs, not one picture: {_names(inputs) or 'none'}")
    shape = _shape(inputs[0])
    told = f"the input {inputs[0].name} is {_told(shape)}"
    layout: Layout | None = None
    if len(shape) == 4:
        layout = "nchw" if shape[1] == 3 else "nhwc" if shape[3] == 3 else None
    if layout is None:
        raise ModelError(name, f"{told}; pictures are (n, 3, size, size) or (n, size, size, 3)")
    high, wide = shape[2:] if layout == "nchw" else shape[1:3]
    if high is not None and wide is not None and high != wide:
        raise ModelError(name, f"{told}; faces are cut out as squares")
    kind = _KINDS.get(inputs[0].type.tensor_type.elem_type)
    if kind is None:
        raise ModelError(name, "takes numbers of another kind than float32 or uint8", hint="export it in float32")
    chosen = _output(name, network.graph.output, output)
    rows = _shape(chosen)
    if len(rows) != 2:
        raise ModelError(name, f"the output {chosen.name} is {_told(rows)}; embeddings are (n, dim)")
    return Signature(inputs[0].name, chosen.name, layout, kind, shape[0], high or wide, rows[1])


_KINDS: dict[int, Literal["float32", "uint8"]] = {1: "float32", 2: "uint8"}
"""By the numbers of ``onnx.TensorProto.DataType``."""


def _output(name: str, outputs: Any, wanted: str | None) -> Any:  # noqa: ANN401
    if wanted is None:
        if len(outputs) == 1:
            return outputs[0]
        told = ", ".join(f"{one.name} {_told(_shape(one))}" for one in outputs)
        raise ModelError(name, f"has {len(outputs)} outputs: {told}", hint="say which is the embedding: --output NAME")
    for one in outputs:
        if one.name == wanted:
            return one
    raise ModelError(name, f"has no output {wanted}", hint=f"its outputs: {_names(outputs)}")


def _shape(value: Any) -> list[int | None]:  # noqa: ANN401
    return [side.dim_value or None for side in value.type.tensor_type.shape.dim]


def _told(shape: list[int | None]) -> str:
    return f"({', '.join('?' if side is None else str(side) for side in shape)})"


def _names(values: Any) -> str:  # noqa: ANN401
    return ", ".join(one.name for one in values)


def _location(tensor: Any) -> list[Any]:  # noqa: ANN401
    return [entry for entry in tensor.external_data if entry.key == "location"]


def _no_onnx(name: str, path: Path) -> ModelError:
    return ModelError(name, f"{path} is not an ONNX file", hint="export the network to ONNX, opset 13 or later")
