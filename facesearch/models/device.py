"""What networks can run on: the execution providers of ONNX Runtime by their short names, one entry of data each.

Vectors of two devices differ in the last bits of float32, because sums are made in another order: between ONNX
Runtime's own kernels and OpenVINO's a unit embedding moves by a squared distance of 1e-12. Nobody sees that, so the
device is not part of a recipe. Lower precision would be seen: every entry therefore asks for float32 where its
provider's default is less (TF32, bfloat16, float16).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Device = Literal["auto", "cpu", "cuda", "rocm", "migraphx", "openvino", "coreml", "directml"]
DEVICES: tuple[Device, ...] = get_args(Device)
"""Every name that ``--device`` takes."""

AUTO_ORDER: tuple[Device, ...] = ("cuda",)
"""What ``auto`` takes before the processor, best first.

CUDA alone: it runs every operator of our networks in float32. CoreML may compute in float16, OpenVINO is no faster here
than ONNX Runtime's own kernels (37 ms a face against 37, one AVX2 core, in turn), and the others were never tried.
Whoever knows better names a device.
"""


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider.

    Attributes:
        name: ONNX Runtime's name of it.
        package: the distribution of ONNX Runtime that has it, to be installed instead of ``onnxruntime``.
        needs: what else it takes.
        options: ONNX Runtime's options for it; what they are for is said above.
        in_turn: whether calls wait for each other: a card does one thing at a time anyhow, and DirectML does not
            survive calls side by side. Processors gain from them.
    """

    name: str
    package: str
    needs: str
    options: Mapping[str, str] = field(default_factory=dict)
    in_turn: bool = True


PROVIDERS: Mapping[str, Provider] = {
    "cpu": Provider("CPUExecutionProvider", "onnxruntime", "nothing else", in_turn=False),
    "cuda": Provider(
        "CUDAExecutionProvider",
        "onnxruntime-gpu",
        "an NVIDIA card, and CUDA and cuDNN of the versions that ONNX Runtime was built for",
        {"use_tf32": "0"},
    ),
    "rocm": Provider("ROCMExecutionProvider", "onnxruntime-rocm", "an AMD card and ROCm"),
    "migraphx": Provider("MIGraphXExecutionProvider", "onnxruntime-migraphx", "an AMD card, ROCm and MIGraphX"),
    "openvino": Provider(
        "OpenVINOExecutionProvider",
        "onnxruntime-openvino",
        "an x86 processor and a compatible OpenVINO",
        {"device_type": "CPU", "precision": "FP32"},
        in_turn=False,
    ),
    "coreml": Provider(
        "CoreMLExecutionProvider",
        "onnxruntime",
        "macOS 12 or later",
        # The neural engine knows float16 only.
        {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"},
    ),
    "directml": Provider("DmlExecutionProvider", "onnxruntime-directml", "Windows and a DirectX 12 card"),
}
"""Every device but ``auto``, which is one of these."""
