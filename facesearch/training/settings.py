"""What a training is asked to do."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError
from facesearch.training.losses import MARGIN
from facesearch.training.mining import RULES, Rule
from facesearch.training.precision import PRECISIONS, Precision
from facesearch.training.sampler import FACES_A_PERSON

if TYPE_CHECKING:
    from facesearch.training.optimizers import Optimizer


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """All that decides what comes out, beside the faces themselves.

    Args:
        epochs: how often everybody has a turn.
        faces: of a mini-batch (the paper: about 1,800).
        faces_a_person: K at most.
        mining: how triplets are chosen.
        margin: see ``losses.MARGIN``.
        optimizer: its name.
        learning_rate: the highest; None for the optimizer's default.
        chunk: crops that go through the network at once; 0 for the whole mini-batch.
        patience: epochs without a better validation after which training stops.
        seed: of everything that is drawn.
        precision: see ``precision``.
    """

    epochs: int = 100
    faces: int = 360
    faces_a_person: int = FACES_A_PERSON
    mining: Rule = "semi-hard"
    margin: float = MARGIN
    optimizer: Optimizer = "adagrad"
    learning_rate: float | None = None
    chunk: int = 0
    patience: int = 20
    seed: int = 0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.mining not in RULES:
            raise ConfigError(f"no mining rule {self.mining!r}", hint=f"rules: {', '.join(RULES)}")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"no precision {self.precision!r}", hint=f"precisions: {', '.join(PRECISIONS)}")
        for name in ("epochs", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.chunk < 0:
            raise ConfigError(f"a chunk of {self.chunk} crops", hint="0 takes the whole mini-batch at once")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"a seed of {self.seed}", hint="take a whole number from 0 to 4,294,967,295")
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"a learning rate of {self.learning_rate:g}", hint="take a number above zero")
        if not 0 < self.margin < 4:
            raise ConfigError(f"a margin of {self.margin:g}", hint="squared distances are 0 to 4; the paper takes 0.2")

    def identity(self) -> dict[str, Any]:
        """What tells one training from another; without the precision where it is float32, which once was all."""
        told = asdict(self)
        if self.precision == "float32":
            del told["precision"]
        return told
