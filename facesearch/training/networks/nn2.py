"""NN2 of the FaceNet paper (Schroff et al. 2015, table 2), an Inception network after GoogLeNet.

Differs in one thing: batch normalization stands where the paper normalizes locally, as in everybody's later versions.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class _Row(NamedTuple):
    """A row of the table; 0 for a branch that is not there. ``pool`` is the kind of pooling and its projection."""

    name: str
    one: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: tuple[str, int]
    stride: int = 1


TABLE = (
    #    name  1×1  3×3r 3×3  5×5r 5×5  pool
    _Row("3a", 64, 96, 128, 16, 32, ("max", 32)),
    _Row("3b", 64, 96, 128, 32, 64, ("l2", 64)),
    _Row("3c", 0, 128, 256, 32, 64, ("max", 0), stride=2),
    _Row("4a", 256, 96, 192, 32, 64, ("l2", 128)),
    _Row("4b", 224, 112, 224, 32, 64, ("l2", 128)),
    _Row("4c", 192, 128, 256, 32, 64, ("l2", 128)),
    _Row("4d", 160, 144, 288, 32, 64, ("l2", 128)),
    _Row("4e", 0, 160, 256, 64, 128, ("max", 0), stride=2),
    _Row("5a", 384, 192, 384, 48, 128, ("l2", 128)),
    _Row("5b", 384, 192, 384, 48, 128, ("max", 128)),
)


def nn2(dim: int) -> Any:  # noqa: ANN401 - a keras.Model
    """7.5 million weights, 1.6 billion multiplications a face (the paper's figures)."""
    import keras
    from keras import layers

    image = keras.Input((224, 224, 3), name="image")
    x = _convolution(image, 64, 7, stride=2, name="1")
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = _convolution(x, 64, 1, name="2_reduce")
    x = _convolution(x, 192, 3, name="2")
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for row in TABLE:
        x = _inception(x, row)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(dim, name="embedding")(x), name="nn2")


def _inception(x: Any, row: _Row) -> Any:  # noqa: ANN401
    from keras import layers

    branches = []
    if row.one:
        branches.append(_convolution(x, row.one, 1, name=f"{row.name}_1"))
    for size, reduce, filters in ((3, row.three_reduce, row.three), (5, row.five_reduce, row.five)):
        reduced = _convolution(x, reduce, 1, name=f"{row.name}_{size}_reduce")
        branches.append(_convolution(reduced, filters, size, stride=row.stride, name=f"{row.name}_{size}"))
    kind, projection = row.pool
    pooled = _l2_pool(x) if kind == "l2" else layers.MaxPooling2D(3, strides=row.stride, padding="same")(x)
    branches.append(_convolution(pooled, projection, 1, name=f"{row.name}_pool") if projection else pooled)
    return layers.Concatenate(name=row.name)(branches)


def _l2_pool(x: Any) -> Any:  # noqa: ANN401
    """The root of the mean square of 3×3 places."""
    from keras import ops

    # In float32 whatever the precision of the rest: float16 ends at 65,504, which is the square of 256.
    squares = ops.average_pool(ops.square(ops.cast(x, "float32")), 3, strides=1, padding="same")
    # The root of zero has no gradient.
    return ops.sqrt(squares + 1e-12)


def _convolution(x: Any, filters: int, size: int, *, name: str, stride: int = 1) -> Any:  # noqa: ANN401
    from keras import layers

    x = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False, name=f"conv_{name}")(x)
    return layers.ReLU()(layers.BatchNormalization(name=f"norm_{name}")(x))
