"""Numbers of 16 bits inside a network, where the device has them (Micikevicius et al. 2018, Mixed Precision Training).

Weights, embeddings, distances, loss and optimizer stay float32, and so do the files that come out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from facesearch.errors import ConfigError

Precision = Literal["float32", "mixed", "mixed_bfloat16", "mixed_float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""``mixed`` is whichever the device has (``on_this_machine``); the others are the names of Keras' policies."""

CAPABILITY = (7, 0)
"""The compute capability from which on a card multiplies float16 in tensor cores."""

_FAST_FLAGS = {"avx512_bf16", "amx_bf16"}
"""Processor flags of bfloat16 products.

With them a step takes about 0.75 of its time in float32 (small network 135 ms against 184, NN2 740 against 990,
Inception-ResNet-v1 1,410 against 1,830; one core, batches of 64, 8 and 16); without them 2.6 times, and with float16
5.6 times.
"""


_CARDS = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg")
"""What is there with a card of NVIDIA's, and no other counts: in a PC, in a Jetson, through Windows."""


def on_this_machine(precision: Precision) -> Precision:
    """What ``mixed`` is here: float16 on a graphics card, bfloat16 on a processor; any other name is itself.

    Raises:
        ConfigError: the device has neither, so that nothing would be faster.
    """
    if precision != "mixed":
        return precision
    import tensorflow as tf

    cards = tf.config.list_physical_devices("GPU")
    if cards:
        capability = tf.config.experimental.get_device_details(cards[0]).get("compute_capability", (0, 0))
        if tuple(capability) >= CAPABILITY:
            return "mixed_float16"
        raise ConfigError(
            f"this graphics card has no fast float16 (compute capability {'.'.join(map(str, capability))})",
            hint=f"take --precision float32; mixed needs {'.'.join(map(str, CAPABILITY))} or more",
        )
    if has_bfloat16():
        return "mixed_bfloat16"
    raise _none_here()


def check_precision(precision: Precision) -> None:
    """Ask what can be asked before TensorFlow is there, which must not be while processes that read photos begin.

    Raises:
        ConfigError: ``on_this_machine`` is going to: the processor has no bfloat16, and there is no card.
    """
    if precision == "mixed" and not has_bfloat16() and not any(Path(card).exists() for card in _CARDS):
        raise _none_here()


def _none_here() -> ConfigError:
    return ConfigError(
        "this processor has no bfloat16 products (AVX512_BF16 or AMX), so mixed precision would be slower",
        hint="take --precision float32",
    )


def set_precision(model: Any, precision: Precision) -> None:  # noqa: ANN401 - Keras
    """Let a model compute in this precision from now on; its weights are the same variables before and after.

    The bottleneck and what follows stay float32: 16 bits would round embeddings and cost the least there. Functions
    that were compiled before keep the precision of their first call.

    Args:
        model: a flat Keras model with a dense layer near its end; models that share its layers change with it.
        precision: not ``mixed``.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    dense = [place for place, layer in enumerate(layers) if type(layer).__name__ == "Dense"]
    bottleneck = dense[-1] if dense else len(layers)
    for place, layer in enumerate(layers):
        layer.dtype_policy = precision if place < bottleneck else "float32"


def scaled_where_needed(optimizer: Any, model: Any) -> Any:  # noqa: ANN401 - Keras
    """The optimizer, with a loss scale where the model computes in float16, whose smallest number is 6e-8.

    The scale begins at 32,768, halves at every gradient that overflows (that step is left out) and doubles after
    2,000 steps without one. bfloat16 reaches as far as float32 and needs none.
    """
    import keras

    if all(layer.compute_dtype != "float16" for layer in model.layers):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def loss_scale(optimizer: Any) -> float:  # noqa: ANN401 - Keras
    """By what an optimizer multiplies the loss now; 1 where it does not."""
    return float(getattr(optimizer, "dynamic_scale", 1.0))


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself; False where that cannot be told."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(_FAST_FLAGS & set(line.split()) for line in text.splitlines() if line.startswith("flags"))
