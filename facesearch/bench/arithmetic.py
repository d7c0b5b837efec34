"""How near the embedder comes to what one core can do: its GFLOP/s beside those of the best matrix product."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.embedding.facenet import BATCH
from facesearch.models import export, quantize
from facesearch.models.arithmetic import flop, product
from facesearch.models.registry import DEFAULT_EMBEDDER, model_info

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from facesearch.models.runtime import Network, Precision

    Shape = tuple[int, int, int]
    Task = tuple[str, Shape | None]
    """A library and a product's shape, or a precision of the embedder."""

SHAPES = ((512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (1024, 256, 4096), (256, 2048, 2048))
"""Products (m, k) × (k, n): square ones up to 16 MB a matrix, and two as flat as those of a convolution."""

ROUNDS = 7
"""Everything is measured so often, in turn; the fastest counts, because whatever else a machine does only slows."""


@dataclass(frozen=True, slots=True)
class Product:
    """The fastest product of float32 matrices by one library: billions of operations a second, and (m, k, n)."""

    library: str
    gflops: float
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedder's network in one precision, without standardization: milliseconds a face."""

    precision: str
    ms: float


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Speeds of one core on one thread, by its CPU time.

    Attributes:
        flop: floating-point operations of one face: two for each multiply-add.
        batch: faces a call.
        products: the best of each library.
        embeddings: float32 first, then int8 where this processor computes it fast.
    """

    flop: int
    batch: int
    products: tuple[Product, ...]
    embeddings: tuple[Embedding, ...]

    @property
    def gflops(self) -> float:
        """Billions of operations a second of the float32 embedder."""
        return self.flop / self.embeddings[0].ms / 1e6

    @property
    def share(self) -> float:
        """The float32 embedder's speed as a share of the best product's."""
        return self.gflops / max(one.gflops for one in self.products)


def measure_arithmetic(*, rounds: int = ROUNDS) -> Arithmetic:
    """Measure it, on the calling thread. For one core, NumPy must have been loaded with one thread.

    Raises:
        ModelError: the models are not there and cannot be had.
    """
    side = model_info(DEFAULT_EMBEDDER).input_size
    faces = np.random.default_rng(0).standard_normal((BATCH, side, side, 3), np.float32)
    networks = {name: export.facenet_network(threads=1, tell=_quiet, precision=name) for name in _precisions()}
    tasks: dict[Task, Callable[[], object]] = {
        (name, None): partial(network, ["embedding"], image=faces) for name, network in networks.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        tasks |= _product_tasks(product(Path(folder) / "product.onnx"))
        spent = _fastest(tasks, rounds)
    best: dict[str, Product] = {}
    for (name, shape), seconds in spent.items():
        speed = 2 * math.prod(shape) / seconds / 1e9 if shape else 0.0
        if shape and (name not in best or speed > best[name].gflops):
            best[name] = Product(name, speed, shape)
    embeddings = tuple(Embedding(name, 1e3 * spent[name, None] / BATCH) for name in networks)
    return Arithmetic(flop(export.facenet_file()), BATCH, tuple(best.values()), embeddings)


def _product_tasks(multiply: Network) -> dict[Task, Callable[[], object]]:
    rng = np.random.default_rng(0)
    tasks: dict[Task, Callable[[], object]] = {}
    for shape in SHAPES:
        m, k, n = shape
        a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
        tasks["NumPy", shape] = partial(np.matmul, a, b)
        tasks["ONNX Runtime", shape] = partial(multiply, ["c"], a=a, b=b)
    return tasks


def _fastest(tasks: Mapping[Task, Callable[[], object]], rounds: int) -> dict[Task, float]:
    """The least CPU seconds of each task, after one call that is not counted."""
    spent = dict.fromkeys(tasks, math.inf)
    for counted in range(rounds + 1):
        for name, task in tasks.items():
            begun = time.thread_time()
            task()
            if counted:
                spent[name] = min(spent[name], time.thread_time() - begun)
    return spent


def _precisions() -> tuple[Precision, ...]:
    return ("fp32", "int8") if quantize.supported() else ("fp32",)


def _quiet(_: str) -> None:
    """Tells nobody: the models are there by now."""
