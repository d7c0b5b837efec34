"""How networks run: ONNX Runtime sessions, opened on first use, once, under a lock; and the device they run on."""

from __future__ import annotations

import os
import threading
from contextlib import nullcontext
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from facesearch.errors import ConfigError, ModelError
from facesearch.models import quantize
from facesearch.models.device import AUTO_ORDER, DEVICES, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Precision = Literal["fp32", "int8"]

_PROBE = (
    b'\x08\x08:4\n\x0b\n\x01x\x12\x01y"\x03Neg\x12\x01gZ\x10\n\x01x\x12\x0b\n\t\x08\x01\x12\x05\n\x03\x12\x01N'
    b"b\x10\n\x01y\x12\x0b\n\t\x08\x01\x12\x05\n\x03\x12\x01NB\x04\n\x00\x10\x11"
)
"""An ONNX file that negates a vector: enough to see whether a provider starts. Made by ``onnx.helper`` (opset 17)."""

_SILENT = 4
_WARNINGS = 2
"""Severities of ONNX Runtime's log: fatal errors alone, and its default."""


_CARD = threading.Lock()
"""Held while a network runs on a device that does one thing at a time; all networks of this process share it."""


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_device(device: str, tell: Callable[[str], None] = lambda _: None) -> str:
    """The device that networks really run on; to be called before any work, because it fails early.

    ``auto`` is the first of ``device.AUTO_ORDER`` that starts here, else the processor. A provider that ONNX Runtime
    lists is started to see whether it works, since ONNX Runtime itself goes on with the processor without a word.

    Args:
        device: one of ``device.DEVICES``.
        tell: takes a warning where ``auto`` passes over a device that is installed but does not start.

    Raises:
        ConfigError: there is no such device, or not here.
        ModelError: ONNX Runtime is missing.
    """
    if device not in DEVICES:
        raise ConfigError(f"no device {device!r}", hint=f"devices: {', '.join(DEVICES)}")
    if device == "cpu":
        return device
    here = _listed()
    if device == "auto":
        for name in AUTO_ORDER:
            if name in here and _starts(name):
                return name
            if name in here:
                tell(f"{name} is installed but does not start: using the processor; it needs {PROVIDERS[name].needs}")
        return "cpu"
    provider = PROVIDERS[device]
    if device not in here:
        swap = f"pip uninstall onnxruntime, then pip install {provider.package}; "
        raise ConfigError(
            f"this ONNX Runtime cannot run networks on {device}; it has {', '.join(here)}",
            hint=f"{'' if provider.package == 'onnxruntime' else swap}{device} needs {provider.needs}",
        )
    if not _starts(device):
        raise ConfigError(
            f"{device} is installed but does not start; what works is {', '.join(one for one in here if _starts(one))}",
            hint=f"{device} needs {provider.needs}; or leave --device out",
        )
    return device


def precision_for(device: str) -> Precision:
    """The precision in which a device runs FaceNet best: int8 on processors that compute it fast and right, else fp32.

    The graph in int8 is made for ONNX Runtime's kernels on the processor; others run it slowly, or not at all.

    Args:
        device: as ``resolve_device`` gives it.
    """
    return "int8" if device == "cpu" and quantize.supported() else "fp32"


class Network:
    """One ONNX file, loaded when it is first called. Safe to call from several threads at once.

    It can be pickled: what arrives in another process loads the file there, on one thread.

    Args:
        name: the model's name, for errors.
        path: the ONNX file.
        threads: threads inside one call; 1 where many calls run side by side.
        device: what runs it, one of ``device.DEVICES``; operators that it lacks run on the processor.
        hint: what to do where the file cannot be loaded.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        threads: int = 1,
        device: str = "cpu",
        hint: str = "facesearch models pull --force makes the file anew",
    ) -> None:
        self._name = name
        self._path = path
        self._threads = threads
        self._device = device
        self._hint = hint
        self._lock = threading.Lock()
        self._turn: AbstractContextManager[object] = nullcontext()
        self._session: Any = None

    def __reduce__(self) -> tuple[Callable[..., Network], tuple[str, Path]]:
        return partial(Network, device=self._device, hint=self._hint), (self._name, self._path)

    def __call__(self, outputs: list[str], **inputs: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """The named outputs for the named inputs.

        Raises:
            ModelError: the file cannot be loaded, or the run fails (out of memory).
            ConfigError: the device is not there.
        """
        session = self._session or self._load()
        try:
            with self._turn:
                result: list[NDArray[np.float32]] = session.run(outputs, inputs)
        except Exception as exc:
            raise ModelError(self._name, f"the network failed: {_first_line(exc)}") from exc
        return result

    def _load(self) -> Any:  # noqa: ANN401 - ONNX Runtime ships no types
        with self._lock:
            if self._session is None:
                self._session = self._open()
            return self._session

    def _open(self) -> Any:  # noqa: ANN401
        device = resolve_device(self._device)
        try:
            session = _session(str(self._path), device, self._threads)
        except ModelError:
            raise
        except Exception as exc:
            raise ModelError(
                self._name, f"cannot load {self._path}: {_first_line(exc)}", hint=self._hint or None
            ) from exc
        if PROVIDERS[device].name not in session.get_providers():
            raise ModelError(self._name, f"{device} did not take the network", hint="leave --device out")
        if PROVIDERS[device].in_turn:
            self._turn = _CARD
        return session


def _session(model: str | bytes, device: str, threads: int) -> Any:  # noqa: ANN401
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning burns a core between calls, and other photos are waiting for it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not quantize.supported():
        # 8-bit sums would overflow: rounded floats give the vectors of a gallery from a machine that has them.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    if device == "directml":
        options.enable_mem_pattern = False  # it refuses to start otherwise
    provider = PROVIDERS[device]
    settings = dict(provider.options)
    if device == "openvino":
        settings["num_of_threads"] = str(threads)
    chosen = [] if device == "cpu" else [(provider.name, settings)]
    # Its fallback would print to stdout and go on with the processor.
    return onnxruntime.InferenceSession(
        model, options, providers=[*chosen, PROVIDERS["cpu"].name], enable_fallback=False
    )


@cache
def _starts(device: str) -> bool:
    """Whether a provider that is listed works for real: its libraries load and its hardware is there."""
    if device == "cpu":
        return True
    # ONNX Runtime writes coloured lines to stderr itself; whoever called says it in one.
    _onnxruntime().set_default_logger_severity(_SILENT)
    try:
        return PROVIDERS[device].name in _session(_PROBE, device, 1).get_providers()
    except Exception:  # noqa: BLE001 - whatever a provider's library raises, it does not work
        return False
    finally:
        _onnxruntime().set_default_logger_severity(_WARNINGS)


def _listed() -> list[str]:
    """The devices whose providers this ONNX Runtime was built with."""
    names = _onnxruntime().get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider.name in names]


def _onnxruntime() -> Any:  # noqa: ANN401
    try:
        import onnxruntime
    except ImportError as exc:
        raise ModelError("onnxruntime", "ONNX Runtime is missing", hint="pip install onnxruntime") from exc
    return onnxruntime


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
