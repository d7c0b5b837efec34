"""How near the embedder comes to what one core can do: its GFLOP/s beside those of the best matrix product."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.embedding.facenet import BATCH
from facesearch.models import export, quantize
from facesearch.models.arithmetic import flop, product
from facesearch.models.registry import DEFAULT_EMBEDDER, model_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.models.export import Precision

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
    rng = np.random.default_rng(0)
    side = model_info(DEFAULT_EMBEDDER).input_size
    faces = rng.standard_normal((BATCH, side, side, 3), np.float32)
    tasks: dict[tuple[str, ...] | tuple[str, tuple[int, int, int]], Callable[[], object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        multiply = product(Path(folder) / "product.onnx")
        for shape in SHAPES:
            a = rng.standard_normal(shape[:2], np.float32)
            b = rng.standard_normal(shape[1:], np.float32)
            tasks["NumPy", shape] = lambda a=a, b=b: a @ b
            tasks["ONNX Runtime", shape] = lambda a=a, b=b: multiply(["c"], a=a, b=b)
        for precision in _precisions():
            network = export.facenet_network(threads=1, tell=lambda _: None, precision=precision)
            tasks[(precision,)] = lambda network=network: network(["embedding"], image=faces)
        spent = _fastest(tasks, rounds)
    products = []
    for library in ("NumPy", "ONNX Runtime"):
        best = max((2 * np.prod(shape) / spent[library, shape] / 1e9, shape) for shape in SHAPES)
        products.append(Product(library, float(best[0]), best[1]))
    embeddings = tuple(Embedding(precision, 1e3 * spent[(precision,)] / BATCH) for precision in _precisions())
    return Arithmetic(flop(export.facenet_file()), BATCH, tuple(products), embeddings)


def _precisions() -> tuple[Precision, ...]:
    return ("fp32", "int8") if quantize.supported() else ("fp32",)
