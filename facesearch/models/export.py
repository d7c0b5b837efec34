"""From published weights to the ONNX files that run: made once, cached, never half.

TensorFlow does the export in a process of its own, so that the process that answers never carries it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesearch.config import weights_override
from facesearch.errors import ModelError
from facesearch.models import fetch
from facesearch.models.registry import DEFAULT_DETECTOR, DEFAULT_EMBEDDER, model_info
from facesearch.models.runtime import Network, precision_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.models.runtime import Precision

    Tell = Callable[[str], None]

REVISION = 3
"""Raise it when the exported graph of FaceNet changes, so that files from older versions are made anew."""

MTCNN_REVISION = 3
"""The same for the detector's graphs."""

NETWORKS = ("pnet", "rnet", "onet")


def facenet_file(precision: Precision = "fp32") -> Path:
    """Where an ONNX form of the FaceNet weights is cached; the name carries the weights' hash."""
    info = model_info(DEFAULT_EMBEDDER)
    stem = f"{info.name}-{info.assets[0].sha256[:8]}-r{REVISION}"
    return fetch.models_folder() / (f"{stem}.onnx" if precision == "fp32" else f"{stem}-{precision}.onnx")


def mtcnn_file(network: str) -> Path:
    """Where one network of the detector is cached."""
    return fetch.models_folder() / f"{DEFAULT_DETECTOR}-{network}-r{MTCNN_REVISION}.onnx"


def ready(precision: Precision | None = None) -> bool:
    """Whether everything that answering needs is cached; ``precision`` is the one that this processor likes best."""
    return all(facenet_file(one).exists() for one in ("fp32", precision or precision_for("cpu"))) and all(
        mtcnn_file(name).exists() for name in NETWORKS
    )


def pull(tell: Tell, *, weights: Path | None = None, force: bool = False, precision: Precision | None = None) -> None:
    """Make everything that is missing: download the weights, check them, export the networks.

    Args:
        tell: takes one line of progress at a time.
        weights: a local ``facenet_keras.h5`` to use instead of the download.
        force: make the files anew even where they are cached.
        precision: of the embedder; None for the one that this processor likes best.

    Raises:
        ModelError: see ``fetch.pull_archive``; or the export failed.
        ConfigError: the cache folder cannot be written.
    """
    with fetch.exclusive(tell):
        _make_detector(tell, force=force)
        if force or not facenet_file().exists():
            source = weights or weights_override()
            if source is None:
                if force or not fetch.weights_path().exists():
                    fetch.pull_archive(tell)
                source = fetch.weights_path()
            tell("checking the weights")
            fetch.checked_weights(source)
            tell("exporting FaceNet to ONNX (about half a minute, once)")
            _export_facenet(source)
        if (precision or precision_for("cpu")) == "int8" and (force or not facenet_file("int8").exists()):
            tell("quantizing FaceNet to 8 bits (a few seconds, once)")
            _quantize_facenet()


def pull_detector(tell: Tell, *, force: bool = False) -> None:
    """Make the detector's networks alone, of files that are installed; ``force`` also where they are cached.

    Raises:
        ModelError: the files are not those that they should be.
        ConfigError: the cache folder cannot be written.
    """
    with fetch.exclusive(tell):
        _make_detector(tell, force=force)


def _make_detector(tell: Tell, *, force: bool) -> None:
    if force or not all(mtcnn_file(name).exists() for name in NETWORKS):
        tell("preparing the detector")
        _export_mtcnn()


def pull_samples(tell: Tell) -> Path:
    """The folder of the sample photos, downloaded if they are not cached.

    Raises:
        ModelError: see ``fetch.pull_archive``.
    """
    with fetch.exclusive(tell):
        if not fetch.samples_folder().exists():
            fetch.pull_archive(tell)
    return fetch.samples_folder()


def facenet_network(*, threads: int, tell: Tell, precision: Precision = "fp32", device: str = "cpu") -> Network:
    """The embedder's network; the first use on a machine fetches and exports it. Raises as ``pull`` does."""
    if not ready(precision):
        pull(tell, precision=precision)
    return Network(DEFAULT_EMBEDDER, facenet_file(precision), threads=threads, device=device)


def mtcnn_networks(*, threads: int, tell: Tell, device: str = "cpu") -> dict[str, Network]:
    """The detector's networks by name; the first use on a machine makes them. Raises as ``pull`` does."""
    if not all(mtcnn_file(name).exists() for name in NETWORKS):
        with fetch.exclusive(tell):
            _export_mtcnn()
    return {name: Network(DEFAULT_DETECTOR, mtcnn_file(name), threads=threads, device=device) for name in NETWORKS}


def keras_weights(tell: Tell) -> Path:
    """The checked ``facenet_keras.h5`` for whoever needs Keras itself. Raises as ``fetch.pull_archive`` does."""
    source = weights_override()
    if source is None:
        with fetch.exclusive(tell):
            if not fetch.weights_path().exists():
                fetch.pull_archive(tell)
        source = fetch.weights_path()
    return fetch.checked_weights(source)


def _export_mtcnn() -> None:
    from facesearch.models.mtcnn_weights import build_networks

    for name, data in build_networks().items():
        _store(data, mtcnn_file(name))


def _export_facenet(weights: Path) -> None:
    _make(facenet_file(), "facesearch.models.export", str(weights))


def _quantize_facenet() -> None:
    _make(facenet_file("int8"), "facesearch.models.quantize", str(facenet_file()))


def _make(target: Path, module: str, source: str) -> None:
    """Run a module in a process of its own that makes ``target`` from ``source``; the file appears whole or not."""
    scratch = target.with_suffix(".part")
    scratch.unlink(missing_ok=True)
    command = [sys.executable, "-m", module, source, str(scratch)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    run = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    if run.returncode != 0 or not scratch.exists():
        lines = run.stderr.strip().splitlines()
        scratch.unlink(missing_ok=True)
        raise ModelError(
            DEFAULT_EMBEDDER,
            f"the export to ONNX failed: {lines[-1] if lines else f'exit code {run.returncode}'}",
            hint="it needs TensorFlow, tf2onnx, about 2 GB of memory and 100 MB of disk",
        )
    scratch.replace(target)


def _store(data: bytes, path: Path) -> None:
    scratch = path.with_suffix(".part")
    try:
        scratch.write_bytes(data)
        scratch.replace(path)
    except OSError as exc:
        scratch.unlink(missing_ok=True)
        raise ModelError(DEFAULT_DETECTOR, f"cannot store {path}: {exc.strerror or exc}") from exc


def to_onnx(model: Any, size: int, target: str) -> None:  # noqa: ANN401 - a keras.Model
    """Write a Keras model of standardized crops, (n, size, size, 3), as ONNX: ``image`` in, ``embedding`` out."""
    import numpy as np
    import onnx

    # Keras exports only a model that has been called.
    model(np.zeros((1, size, size, 3), np.float32))
    with warnings.catch_warnings():
        # Keras asks NumPy for a name that is going to mean something else, which is nothing to a user.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(target, format="onnx", verbose=False)
    exported = onnx.load(target)
    # Numbered by position, because Keras and tf2onnx make up other names from version to version, and the ranges of the
    # quantization are kept by name.
    renamed = {
        name: f"t{place}" for place, name in enumerate(name for node in exported.graph.node for name in node.output)
    }
    renamed |= {exported.graph.input[0].name: "image", exported.graph.output[0].name: "embedding"}
    for value in (*exported.graph.input, *exported.graph.output):
        value.name = renamed[value.name]
    for place, node in enumerate(exported.graph.node):
        node.name = f"n{place}"
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    _fold_scales(exported.graph)
    # Shapes of tensors between the nodes carry their old names.
    del exported.graph.value_info[:]
    onnx.checker.check_model(exported)
    onnx.save(exported, target)


def _main(weights: str, target: str) -> None:
    """The exporting process."""
    from facesearch.models.facenet_keras import load_keras_model

    to_onnx(load_keras_model(Path(weights)), 160, target)


def _fold_scales(graph: Any) -> None:  # noqa: ANN401 - onnx ships no types
    """Multiply the scale of each residual branch into the convolution before it.

    ONNX Runtime then runs convolution, sum and activation as one, without changing the layout of the tensors in
    between: 1 to 7 % of the time of a face, measured. The product keeps its name, which the ranges of the quantization
    go by.
    """
    import numpy as np
    from onnx import numpy_helper

    held = {one.name: one for one in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    for node in [one for one in graph.node if one.op_type == "Mul"]:
        branch, scale = sorted(node.input, key=held.__contains__)
        convolution = makers.get(branch)
        if convolution is None or convolution.op_type != "Conv" or held[scale].dims[:]:
            continue
        factor = np.float32(numpy_helper.to_array(held[scale]))
        for name in convolution.input[1:]:
            held[name].CopyFrom(numpy_helper.from_array(numpy_helper.to_array(held[name]) * factor, name))
        convolution.output[0] = node.output[0]
        graph.node.remove(node)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
