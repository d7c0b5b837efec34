"""The optimizer and its learning rate."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from facesearch.errors import ConfigError

Optimizer = Literal["adagrad", "sgd", "adam"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)

LEARNING_RATES: dict[Optimizer, float] = {"adagrad": 0.05, "sgd": 0.05, "adam": 0.001}
"""AdaGrad's is the paper's (section 3.4); the others are Keras' usual ones."""

WARM_UP = 20
"""Steps over which the rate rises from nothing, so that the first gradients do not throw everything together."""


def make_optimizer(name: Optimizer, rate: float | None = None) -> Any:  # noqa: ANN401 - a keras.Optimizer
    """The optimizer at its first learning rate; None for its default.

    Raises:
        ConfigError: there is no such optimizer, or the rate is not above zero.
    """
    import keras

    if name not in OPTIMIZERS:
        raise ConfigError(f"no optimizer {name!r}", hint=f"optimizers: {', '.join(OPTIMIZERS)}")
    rate = LEARNING_RATES[name] if rate is None else rate
    if not rate > 0:
        raise ConfigError(f"a learning rate of {rate:g} learns nothing", hint="take a number above zero")
    if name == "adagrad":
        return keras.optimizers.Adagrad(rate)
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9)
    return keras.optimizers.Adam(rate)


def rate_at(share: float, step: int, *, base: float) -> float:
    """The learning rate: up over ``WARM_UP`` steps, then down along half a cosine (Loshchilov & Hutter 2017).

    Args:
        share: how much of the training is over, 0 to 1.
        step: number of the step from the start, from 0.
        base: the highest rate.
    """
    down = 0.5 * (1 + math.cos(math.pi * min(max(share, 0.0), 1.0)))
    return base * min(1.0, (step + 1) / WARM_UP) * max(down, 0.01)
