"""The FaceNet graph in Keras, rebuilt from the stored description without running any of its code.

The original file keeps 21 Lambda layers as marshalled Python bytecode. They are never deserialized: each one only adds
a scaled residual branch, so an ordinary layer takes its place. Every other layer is made from the few settings below.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from facesearch.errors import ModelError
from facesearch.models.registry import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS: dict[str, tuple[str, ...]] = {
    "Conv2D": ("filters", "kernel_size", "strides", "padding", "use_bias"),
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale"),
    "Activation": ("activation",),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "Concatenate": ("axis",),
    "GlobalAveragePooling2D": (),
    "Dropout": ("rate",),
    "Dense": ("units", "use_bias"),
}
"""The layers that the graph is made of, and which of their stored settings are taken over."""


def load_keras_model(weights: Path) -> Any:  # noqa: ANN401 - a keras.Model; TensorFlow is imported in here only
    """FaceNet as a Keras model: float32 (n, 160, 160, 3), standardized, to (n, 128), not normalized.

    Args:
        weights: ``facenet_keras.h5``, whose hash the caller has checked.

    Raises:
        ModelError: TensorFlow cannot be imported, or the file does not hold this network.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import h5py
        import keras
    except ImportError as exc:
        raise ModelError(DEFAULT_EMBEDDER, f"TensorFlow is missing: {exc}", hint="pip install tensorflow") from exc
    try:
        with h5py.File(weights, "r") as file:
            layers = json.loads(file.attrs["model_config"])["config"]["layers"]
            model = _build(keras, layers)
            _load_arrays(model, file["model_weights"])
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as exc:
        raise ModelError(DEFAULT_EMBEDDER, f"{weights} does not hold the network: {exc}") from exc
    return model


def _build(keras: Any, layers: list[dict[str, Any]]) -> Any:  # noqa: ANN401
    class ScaledSum(keras.layers.Layer):  # type: ignore[misc]
        """A residual connection: the trunk plus the scaled branch (Szegedy et al. 2016, section 3.3)."""

        def __init__(self, scale: float, **settings: object) -> None:
            super().__init__(**settings)
            self.scale = scale

        def call(self, inputs: list[Any]) -> Any:  # noqa: ANN401
            trunk, branch = inputs
            return trunk + self.scale * branch

    tensors: dict[str, Any] = {}
    for layer in layers:
        kind, name, config = layer["class_name"], layer["name"], layer["config"]
        inputs = [tensors[source[0]] for node in layer["inbound_nodes"] for source in node]
        if kind == "InputLayer":
            tensors[name] = keras.Input(config["batch_input_shape"][1:], name=name)
        elif kind == "Lambda":
            tensors[name] = ScaledSum(float(config["arguments"]["scale"]), name=name)(inputs)
        else:
            settings = {key: config[key] for key in _SETTINGS[kind]}
            made = getattr(keras.layers, kind)(name=name, **settings)
            tensors[name] = made(inputs if kind == "Concatenate" else inputs[0])
    return keras.Model(tensors[layers[0]["name"]], tensors[layers[-1]["name"]], name="facenet")


def _load_arrays(model: Any, groups: Any) -> None:  # noqa: ANN401
    for layer in model.layers:
        if layer.weights:
            group = groups[layer.name]
            names = [name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]]
            layer.set_weights([group[name][()] for name in names])
