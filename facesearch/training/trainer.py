"""Train a network epoch by epoch; a run that was killed goes on where its last epoch ended, with the same numbers."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.errors import ConfigError
from facesearch.training.mining import mine
from facesearch.training.optimizers import make_optimizer, rate_at
from facesearch.training.precision import loss_scale, scaled_where_needed
from facesearch.training.sampler import BatchSampler
from facesearch.training.steps import check_chunkable, chunked_step, forward_of, plain_step
from facesearch.training.validation import embed_of, validate
from facesearch.training.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facesearch.training.checkpoint import Checkpoints
    from facesearch.training.settings import TrainSettings
    from facesearch.training.sources import Source
    from facesearch.training.steps import Step


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave; epoch 0 is the network before training.

    ``loss`` is the mean over its steps, ``active`` the share of active triplets, ``seconds`` wall time,
    ``rate`` the learning rate of the last step (None where a version without it trained).
    """

    number: int
    loss: float | None
    active: float | None
    spread: float | None
    auc: float
    tar: dict[float, float]
    seconds: float
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training ended. ``stopped`` says why it ended before its last epoch, if it did."""

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str | None


class Trainer:
    """Trains a Keras model in place.

    Args:
        model: the input that the sources give, to (n, dim).
        learn: faces to learn from.
        check: faces of other people.
        settings: how.
        checkpoints: where the state is kept after each epoch; None to keep none, not the best weights either.
        told: called after each epoch.
        history: called with all epochs so far, when a run goes on and after each epoch.
        stepped: called after each step with steps done and to do in this epoch.

    Raises:
        ConfigError: the faces or the settings hold no triplet, or the network cannot be trained in chunks.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - Keras
        learn: Source,
        check: Source,
        settings: TrainSettings,
        *,
        checkpoints: Checkpoints | None = None,
        told: Callable[[Epoch], None] = lambda _: None,
        history: Callable[[Sequence[Epoch]], None] = lambda _: None,
        stepped: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self._model = model
        self._learn = learn
        self._check = check
        self._settings = settings
        self._checkpoints = checkpoints
        self._told = told
        self._history = history
        self._stepped = stepped
        if settings.chunk:
            check_chunkable(model)
        self._sampler = BatchSampler(
            learn.people, faces=settings.faces, faces_a_person=settings.faces_a_person, seed=settings.seed
        )
        self._optimizer = scaled_where_needed(make_optimizer(settings.optimizer, settings.learning_rate), model)
        self._optimizer.build(model.trainable_weights)
        self._base = float(self._optimizer.learning_rate)
        self._forward = forward_of(model)
        self._embed = embed_of(model)
        self._watch = Watch()
        self._steps = 0
        self._epochs: list[Epoch] = []

    def run(self) -> Trained:
        """Train to the last epoch, or until there is a reason to stop; the model has its best weights then.

        Raises:
            ConfigError: the checkpoint is of another training, or the network gives no numbers to begin with.
        """
        if self._checkpoints is not None:
            self._resume(self._checkpoints)
        if not self._epochs:
            self._begin()
        self._history(self._epochs)
        # What ended a run before ends it here too.
        stopped = self._watch.reason or self._out_of_patience()
        while self._epochs[-1].number < self._settings.epochs and stopped is None:
            stopped = self._epoch(self._epochs[-1].number + 1) or self._out_of_patience()
            self._history(self._epochs)
        best = self._best()
        if self._checkpoints is not None:
            self._checkpoints.take_best(self._model)
        return Trained(tuple(self._epochs), best.number, stopped)

    def _begin(self) -> None:
        try:
            self._close_epoch([], time.monotonic())
        except FloatingPointError as exc:
            raise ConfigError(
                f"the network is of no use: {exc} before it has learnt anything",
                hint="with --precision float32 it may give numbers; else its weights are damaged",
            ) from exc

    def _epoch(self, number: int) -> str | None:
        begun = time.monotonic()
        batches = [*self._sampler.epoch(number)]
        if not batches:
            raise ConfigError("no batch has two people", hint="take larger batches (--faces), or add people")
        steps: list[Step] = []
        why = None
        self._stepped(0, len(batches))
        for place, rows in enumerate(batches):
            share = (number - 1 + place / len(batches)) / self._settings.epochs
            self._optimizer.learning_rate.assign(rate_at(share, self._steps, base=self._base))
            step = self._step(rows, number, place)
            # Gradients are as large as the network.
            steps.append(step._replace(gradients=None))
            self._steps += 1
            self._stepped(place + 1, len(batches))
            why = self._watch.see(
                spread=step.spread, share=step.mined.share, loss=step.loss, scale=loss_scale(self._optimizer)
            )
            if why is not None:
                break
        if self._watch.diverged:
            # Nothing of this epoch can be used, not even to validate.
            return why
        try:
            self._close_epoch(steps, begun)
        except FloatingPointError:
            # The last step was the one too many.
            return self._watch.see(spread=math.nan, share=0.0, loss=math.nan)
        return why

    def _step(self, rows: Any, epoch: int, place: int) -> Step:  # noqa: ANN401
        how = self._settings
        random = np.random.default_rng([how.seed, epoch, place])
        images = self._learn.batch(rows, (how.seed, epoch * 100_003 + place))
        people, photos = self._learn.people[rows], self._learn.photos[rows]

        def chosen(vectors: Any) -> Any:  # noqa: ANN401
            return mine(vectors, people, photos, how.mining, margin=how.margin, random=random)

        take = partial(chunked_step, chunk=how.chunk) if how.chunk else plain_step
        weights, scale = self._model.trainable_weights, self._optimizer.scale_loss
        step = take(self._forward, weights, images, chosen, margin=how.margin, scale=scale)
        if step.gradients is not None:
            self._optimizer.apply(step.gradients, weights)
        return step

    def _close_epoch(self, steps: list[Step], begun: float) -> None:
        """Validate, remember, and keep the state."""
        found = validate(self._embed, self._check)
        epoch = Epoch(
            number=self._epochs[-1].number + 1 if self._epochs else 0,
            loss=_mean([step.loss for step in steps]),
            active=_mean([step.mined.share for step in steps]),
            spread=_mean([step.spread for step in steps]),
            auc=found.auc,
            tar=found.tar,
            seconds=time.monotonic() - begun,
            rate=float(self._optimizer.learning_rate) if steps else None,
        )
        self._epochs.append(epoch)
        if self._checkpoints is not None:
            self._checkpoints.save(
                self._model,
                self._optimizer,
                self._epochs,
                steps=self._steps,
                watch=self._watch,
                best=self._best() is epoch,
            )
        self._told(epoch)

    def _best(self) -> Epoch:
        return max(self._epochs, key=lambda epoch: (epoch.auc, -epoch.number))

    def _out_of_patience(self) -> str | None:
        waited = self._epochs[-1].number - self._best().number
        if waited < self._settings.patience:
            return None
        return f"no epoch of the last {waited} was better on the people kept back"

    def _resume(self, checkpoints: Checkpoints) -> None:
        held = checkpoints.load(self._model, self._optimizer)
        if held is not None:
            self._epochs, self._steps, self._watch = held


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
