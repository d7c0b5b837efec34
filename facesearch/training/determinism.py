"""TensorFlow, quiet, and the same numbers for the same seed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def seed_everything(seed: int) -> None:
    """Import TensorFlow; seed Python, NumPy and it, and let no kernel add up in another order than the last time."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _unheard():
        import keras
        import tensorflow as tf

        tf.zeros(1)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


@contextmanager
def _unheard() -> Iterator[None]:
    """What is written to the terminal's error output is lost: TensorFlow greets there before it heeds its log level."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
