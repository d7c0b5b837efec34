"""Train an embedder from a folder of people to a model that can be used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from facesearch.errors import ConfigError
from facesearch.training.adapting import facenet
from facesearch.training.augment import Augmentation
from facesearch.training.checkpoint import Checkpoints
from facesearch.training.determinism import seed_everything
from facesearch.training.faces import TrainingFaces, check_share, split_faces
from facesearch.training.networks import DIM, build, network_info
from facesearch.training.precision import on_this_machine, set_precision
from facesearch.training.result import Curve, Result, gain, save_result
from facesearch.training.sources import ActivationSource, CropSource
from facesearch.training.trainer import Trained, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.training.collecting import Origin
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
    def goes_on(self) -> bool:
        """Whether it begins with FaceNet's weights."""
        return self.network == FACENET

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return 160 if self.network == FACENET else network_info(self.network).size


@dataclass(frozen=True, slots=True)
class TrainedEmbedder:
    """What came out: the files, the epochs, and of how many faces and people it learnt and was validated on.

    ``kept_back`` are the rows of the faces that it was validated on, ``key`` is that of ``training.json``.
    """

    plan: Plan
    result: Result
    trained: Trained
    faces: int
    people: int
    checked_faces: int
    checked_people: int
    kept_back: NDArray[np.int64]
    key: str


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what during a training.

    ``phase`` takes "embed" (activations) or "train" (steps of an epoch), with how much is done and to do. ``history``
    takes all epochs so far, those of an earlier run too.
    """

    phase: Callable[[Literal["embed", "train"], int, int], None] = lambda *_: None
    epoch: Callable[[Epoch], None] = lambda _: None
    history: Callable[[Sequence[Epoch]], None] = lambda _: None


def train_embedder(
    faces: TrainingFaces,
    output: Path,
    plan: Plan,
    settings: TrainSettings,
    *,
    weights: Callable[[], Path],
    origin: Origin | None = None,
    told: Told = Told(),
) -> TrainedEmbedder:
    """Train, and write the model; a run that was killed goes on from its last epoch.

    Args:
        faces: crops of ``plan.size``.
        output: the folder of the result.
        plan: what learns.
        settings: how.
        weights: gives the checked ``facenet_keras.h5``; called where it is needed.
        origin: where the faces come from, for ``training.json``.
        told: progress.

    Raises:
        ConfigError: too few people or faces, settings that do not fit, or a folder that holds another training.
        ModelError: FaceNet's weights cannot be had.
    """
    learnt_from, kept_back = split_faces(faces, plan.validation, seed=settings.seed)
    learn, check = faces.of(learnt_from), faces.of(kept_back)
    seed_everything(settings.seed)
    settings = replace(settings, precision=on_this_machine(settings.precision))
    key = _key(faces, plan, settings)
    checkpoints = Checkpoints(output, key)
    whole, tail, sources = _prepare(plan, learn, check, settings, weights, told)
    trainer = Trainer(
        tail,
        *sources,
        settings,
        checkpoints=checkpoints,
        told=told.epoch,
        history=Curve(output, told.history),
        stepped=lambda done, total: told.phase("train", done, total),
    )
    trained = trainer.run()
    set_precision(whole, "float32")
    about = {"dim": int(whole.output_shape[-1]), "data": None if origin is None else asdict(origin), "key": key}
    result = save_result(whole, plan.size, trained, output, about | _told(plan, settings, learn, check, trained))
    people = learn.person_count, check.person_count
    return TrainedEmbedder(plan, result, trained, len(learn), people[0], len(check), people[1], kept_back, key)


def _told(
    plan: Plan, settings: TrainSettings, learn: TrainingFaces, check: TrainingFaces, trained: Trained
) -> dict[str, Any]:
    """What ``training.json`` says of how it was trained and what that gave."""
    return {
        "network": plan.network,
        "size": plan.size,
        "date": datetime.now(UTC).date().isoformat(),
        "plan": asdict(plan),
        "settings": asdict(settings),
        "faces": len(learn),
        "people": learn.person_count,
        "validation": {"faces": len(check), "people": check.person_count, **gain(trained)},
    }


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
        set_precision(model, settings.precision)
        return model, model, (CropSource(learn, plan.augmentation), CropSource(check))
    adapted = facenet(weights(), blocks=plan.blocks)
    set_precision(adapted.whole, settings.precision)
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
    digest = hashlib.sha256(json.dumps([asdict(plan), settings.identity()], sort_keys=True).encode())
    for part in (faces.crops, faces.people, faces.photos):
        digest.update(part.tobytes())
    return digest.hexdigest()
