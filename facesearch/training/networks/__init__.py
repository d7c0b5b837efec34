"""The networks that can be trained, one builder each: standardized crops (n, size, size, 3) to (n, dim)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from facesearch.errors import ConfigError


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """What a network is.

    ``size`` is the side of its input in pixels, ``face_bytes`` what a face of a mini-batch takes in a step (see
    ``training.memory``), ``builder`` is "module:function".
    """

    name: str
    title: str
    size: int
    face_bytes: int
    builder: str


NETWORKS: dict[str, NetworkInfo] = {
    info.name: info
    for info in (
        NetworkInfo("small", "a small ReLU network, minutes on a processor", 64, 2_000_000, "small:small"),
        NetworkInfo("nn2", "the paper's NN2, an Inception network", 224, 60_000_000, "nn2:nn2"),
        NetworkInfo("inception-resnet-v1", "FaceNet's own", 160, 40_000_000, "inception_resnet:inception_resnet_v1"),
    )
}
"""Every network by its name."""

DIM = 128
"""The length of an embedding (Schroff et al. 2015, section 5.3)."""


def network_info(name: str) -> NetworkInfo:
    """The entry called ``name``.

    Raises:
        ConfigError: there is none.
    """
    try:
        return NETWORKS[name]
    except KeyError:
        raise ConfigError(f"no network {name!r}", hint=f"networks: {', '.join(NETWORKS)}") from None


def build(name: str, dim: int = DIM) -> Any:  # noqa: ANN401 - a keras.Model
    """The network with new weights, drawn by Keras' own seed.

    Raises:
        ConfigError: there is no such network.
    """
    module, _, function = network_info(name).builder.partition(":")
    return getattr(import_module(f"{__name__}.{module}"), function)(dim)
