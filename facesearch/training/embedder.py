"""Train an embedder from a folder of people to a model that can be used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from facesearch.errors import ConfigError
from facesearch.training.adapting import facenet
from facesearch.training.augment import Augmentation
from facesearch.training.checkpoint import Checkpoints
from facesearch.training.determinism import seed_everything
from facesearch.training.faces import TrainingFaces, check_share, split_by_person
from facesearch.training.networks import DIM, build, network_info
from facesearch.training.result import Result, save_result
from facesearch.training.sources import ActivationSource, CropSource
from facesearch.training.trainer import Trained, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facesearch.training.settings import TrainSettings
    from facesearch.training.sources import Source
    from facesearch.training.trainer import Epoch

FACENET = "facenet-128"
VARIANTS = 3
"""Changed crops a face whose activations are kept: each costs 32 kB a face, and the trunk's time once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which network learns, and from how much.

    Args:
        network: a name of ``networks.NETWORKS`` for new weights, or "facenet-128" to go on from FaceNet's.
        blocks: with "facenet-128": how many of its last blocks learn; None for all of it.
        validation: the share of the people that is kept back.
        augmentation: how crops are changed.
    """

    network: str = FACENET
    blocks: int | None = 2
    validation: float = 0.2
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        check_share(self.validation)

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return 160 if self.network == FACENET else network_info(self.network).size


@dataclass(frozen=True, slots=True)
class TrainedEmbedder:
    """What came out: the files, the epochs, and of how many faces and people it learnt and was validated on."""

    result: Result
    trained: Trained
    faces: int
    people: int
    checked_faces: int
    checked_people: int


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what during a training.

    ``phase`` takes "embed" (activations) or "train" (steps of an epoch), with how much is done and to do.
    """

    phase: Callable[[Literal["embed", "train"], int, int], None] = lambda *_: None
    epoch: Callable[[Epoch], None] = lambda _: None


def train_embedder(
    faces: TrainingFaces,
    output: Path,
    plan: Plan,
    settings: TrainSettings,
    *,
    weights: Callable[[], Path],
    told: Told = Told(),
) -> TrainedEmbedder:
    """Train, and write the model; a run that was killed goes on from its last epoch.

    Args:
        faces: crops of ``plan.size``.
        output: the folder of the result.
        plan: what learns.
        settings: how.
        weights: gives the checked ``facenet_keras.h5``; called where it is needed.
        told: progress.

    Raises:
        ConfigError: too few people or faces, settings that do not fit, or a folder that holds another training.
        ModelError: FaceNet's weights cannot be had.
    """
    learn, check = (faces.of(rows) for rows in split_by_person(faces.people, plan.validation, seed=settings.seed))
    seed_everything(settings.seed)
    key = _key(faces, plan, settings)
    checkpoints = Checkpoints(output, key)
    whole, tail, sources = _prepare(plan, learn, check, settings, weights, told)
    trainer = Trainer(
        tail,
        *sources,
        settings,
        checkpoints=checkpoints,
        told=told.epoch,
        stepped=lambda done, total: told.phase("train", done, total),
    )
    trained = trainer.run()
    people = [len(set(part.people.tolist())) for part in (learn, check)]
    about = {
        "network": plan.network,
        "size": plan.size,
        "dim": int(whole.output_shape[-1]),
        "plan": asdict(plan),
        "settings": asdict(settings),
        "faces": len(learn),
        "people": people[0],
        "validation": {"faces": len(check), "people": people[1]},
        "key": key,
    }
    result = save_result(whole, plan.size, trained, output, about)
    return TrainedEmbedder(result, trained, len(learn), people[0], len(check), people[1])


def _prepare(
    plan: Plan,
    learn: TrainingFaces,
    check: TrainingFaces,
    settings: TrainSettings,
    weights: Callable[[], Path],
    told: Told,
) -> tuple[Any, Any, tuple[Source, Source]]:
    """The whole network, the part of it that learns, and what that part is given."""
    if plan.network != FACENET:
        model = build(plan.network, DIM)
        return model, model, (CropSource(learn, plan.augmentation), CropSource(check))
    adapted = facenet(weights(), blocks=plan.blocks)
    if adapted.trunk is None:
        return adapted.whole, adapted.whole, (CropSource(learn, plan.augmentation), CropSource(check))
    total = len(learn) * (VARIANTS + 1) + len(check)
    first = ActivationSource(
        adapted.trunk,
        learn,
        plan.augmentation,
        variants=VARIANTS,
        seed=settings.seed,
        told=lambda done, _: told.phase("embed", done, total),
    )
    second = ActivationSource(
        adapted.trunk, check, told=lambda done, _: told.phase("embed", total - len(check) + done, total)
    )
    return adapted.whole, adapted.tail, (first, second)


def _key(faces: TrainingFaces, plan: Plan, settings: TrainSettings) -> str:
    """Differs wherever another curve could come out."""
    if faces.crops.shape[1] != plan.size:
        raise ConfigError(f"crops of {faces.crops.shape[1]} pixels for a network of {plan.size}")
    digest = hashlib.sha256(json.dumps([asdict(plan), asdict(settings)], sort_keys=True).encode())
    for part in (faces.crops, faces.people, faces.photos):
        digest.update(part.tobytes())
    return digest.hexdigest()
