"""A network that was trained becomes a model like any other, by ``evaluation.own_model``, which ``models add`` uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.errors import ConfigError
from facesearch.evaluation import own_model
from facesearch.evaluation.calibration import least_people
from facesearch.models import local
from facesearch.pipeline.adding import Wishes
from facesearch.training.result import key_of

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.models.local import LocalModel
    from facesearch.training.collecting import Collected
    from facesearch.training.embedder import TrainedEmbedder


def check_free(name: str, output: Path) -> None:
    """See whether a training into ``output`` can become a model of this name; ask before it begins.

    The model that this very training became before may be there: the same command again does no harm.

    Raises:
        ConfigError: no model may be called so, or another one is.
        ModelError: there is one whose description is damaged.
    """
    local.check_name(name)
    if name in local.names() and not _is_of(local.find(name), key_of(output)):
        raise ConfigError(
            f"there is a model {name} already",
            hint=f"take another --name, or delete that one first: facesearch models remove {name}",
        )


def adopt(
    done: TrainedEmbedder,
    collected: Collected,
    name: str,
    *,
    licence: str | None = None,
    jobs: int | None = None,
    told: own_model.Told = own_model.Told(),  # noqa: B008 - a constant
) -> LocalModel | None:
    """Add what was trained, and calibrate it on the people who were kept back, where they are enough.

    They chose the epoch whose weights were taken, so it fits them a little better than others; the calibration says so.
    People who had no part in it would be better: ``models calibrate`` takes them.

    Args:
        done: the training.
        collected: what it was given.
        name: what to call it.
        licence: under which it may be used.
        jobs: photos at once; None for one a core.
        told: progress.

    Returns:
        The model. If the same training became it before it stays as it is, but is calibrated where it was not. None
        where no epoch was better than the network before: such a model would only be a second name for that one.

    Raises:
        ConfigError: another model has the name now; or so many photos are gone that too few people are left.
        ModelError: the network cannot be used; nothing is kept.
    """
    known = None
    if done.checked_people >= least_people():
        said = f"people of the {collected.origin} that were kept back from learning and chose the epoch"
        known = collected.known(done.kept_back, said)
    if name in local.names() and _is_of(local.find(name), done.key):
        model = local.find(name)
        if known is not None and not model.calibrated:
            model, _ = own_model.calibrate(name, known, jobs=jobs, told=told)
        return model
    if done.trained.best == 0:
        return None
    wishes = Wishes(name, title=_title(done, collected), licence=licence)
    model, _ = own_model.add(done.result.onnx, wishes, known, jobs=jobs, told=told)
    return model


def _is_of(model: LocalModel, key: str | None) -> bool:
    """Whether a training with this key became the model, and takes faces as they were learnt from."""
    as_learnt = (model.align, model.standardize, model.color) == ("box", "per-image", "rgb")
    return key is not None and as_learnt and (model.training or {}).get("key") == key


def _title(done: TrainedEmbedder, collected: Collected) -> str:
    how = "adapted to" if done.plan.goes_on else "trained on"
    return f"{done.plan.network}, {how} {done.people:,} people of the {collected.origin}"
