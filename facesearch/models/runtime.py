"""How networks run: ONNX Runtime sessions, opened on first use, once, under a lock."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from facesearch.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Network:
    """One ONNX file, loaded when it is first called. Safe to call from several threads at once.

    Args:
        name: the model's name, for errors.
        path: the ONNX file.
        threads: threads inside one call; 1 where many calls run side by side.
    """

    def __init__(self, name: str, path: Path, *, threads: int = 1) -> None:
        self._name = name
        self._path = path
        self._threads = threads
        self._lock = threading.Lock()
        self._session: Any = None

    def __call__(self, outputs: list[str], **inputs: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """The named outputs for the named inputs.

        Raises:
            ModelError: the file cannot be loaded, or the run fails (out of memory).
        """
        session = self._session or self._load()
        try:
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
        try:
            import onnxruntime
        except ImportError as exc:
            raise ModelError(self._name, "ONNX Runtime is missing", hint="pip install onnxruntime") from exc
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning burns a core between calls, and other photos are waiting for it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
        except Exception as exc:
            raise ModelError(
                self._name,
                f"cannot load {self._path}: {_first_line(exc)}",
                hint="facesearch models pull --force makes the file anew",
            ) from exc


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
