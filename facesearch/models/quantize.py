"""FaceNet in 8-bit integers: static quantization from activation ranges that ship with the program.

The ranges (smallest and largest value of each tensor) were measured once on development faces; users need no photos.
Run as a module, this file measures them anew from the crops of a saved ``FaceDataset``::

    python -m facesearch.models.quantize facenet.onnx ranges.json faces.npz
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesearch.errors import ModelError
from facesearch.models.registry import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

RANGES = "facenet_ranges.json"
"""The shipped ranges, beside this module."""

RANGES_SHA256 = "8f17bce82853ed92eae75f3e809209c5a29b101dc7697f241d5f40493bc25953"

SAMPLE = 128
"""Crops whose activations are measured."""

_CALIBRATION_BATCH = 16

_FAST_FLAGS = {"avx512_vnni", "avx_vnni", "asimddp"}
"""Processor flags of 8-bit dot products that neither saturate nor crawl: VNNI on x86, dot product on ARM."""


def supported() -> bool:
    """Whether this processor multiplies 8-bit integers fast and without saturation.

    Without these instructions x86 adds pairs of products in 16 bits, which overflow, and int8 is no faster than float.
    """
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(_FAST_FLAGS & set(line.split()) for line in text.splitlines() if line.startswith(("flags", "Features")))


def quantize(source: Path, target: Path) -> None:
    """Write the 8-bit form of an exported FaceNet: weights int8 a channel, activations uint8 a tensor.

    Args:
        source: the float32 ONNX file, with the tensor names that ``export`` gives.
        target: where to.

    Raises:
        ModelError: the shipped ranges are not those that the registry of this version names.
    """
    data = files("facesearch.models").joinpath(RANGES).read_bytes()
    if hashlib.sha256(data).hexdigest() != RANGES_SHA256:
        raise ModelError(DEFAULT_EMBEDDER, f"{RANGES} was changed", hint="reinstall facesearch")
    cache = target.with_suffix(".ranges.json")
    cache.write_bytes(data)
    try:
        _quantize_static(source, target, cache, reader=None)
    finally:
        cache.unlink(missing_ok=True)


def measure_ranges(source: Path, crops: NDArray[np.uint8], target: Path) -> None:
    """Measure the ranges of every activation on ``crops``, (n, 160, 160, 3), uint8, and write them as JSON."""
    from facesearch.models.standardize import standardize

    batches = (
        standardize(crops[start : start + _CALIBRATION_BATCH]) for start in range(0, len(crops), _CALIBRATION_BATCH)
    )
    target.unlink(missing_ok=True)
    scratch = target.with_suffix(".onnx")
    try:
        _quantize_static(source, scratch, target, reader=_Reader(batches))
    finally:
        scratch.unlink(missing_ok=True)
    target.write_text(json.dumps(_rounded(json.loads(target.read_text())), separators=(",", ":"), sort_keys=True))


def _rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Six significant digits: more would only record the noise of one processor."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return value


class _Reader:
    """Hands batches to ONNX Runtime's calibrator, as its ``CalibrationDataReader`` is expected to."""

    def __init__(self, batches: Iterable[NDArray[np.float32]]) -> None:
        self._batches: Iterator[NDArray[np.float32]] = iter(batches)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def _quantize_static(source: Path, target: Path, cache: Path, *, reader: _Reader | None) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        str(source),
        str(target),
        reader,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        calibration_cache_path=str(cache),
    )


def _main(source: str, target: str, dataset: str | None = None) -> None:
    """Quantize by the shipped ranges; with the crops of a saved dataset, measure new ranges instead."""
    if dataset is None:
        quantize(Path(source), Path(target))
        return
    import numpy as np

    with np.load(dataset, allow_pickle=False) as held:
        crops = held["crops"]
    pick = np.random.default_rng(0).choice(len(crops), min(SAMPLE, len(crops)), replace=False)
    measure_ranges(Path(source), crops[np.sort(pick)], Path(target))


if __name__ == "__main__":
    _main(*sys.argv[1:])
