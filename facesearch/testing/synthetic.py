"""Vectors without photos: random directions, and faces that lie as real embeddings do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

BLOCK = 1000
"""People who are drawn at once, each block with random numbers of its own."""


@dataclass(frozen=True, slots=True)
class _Model:
    """Variances along 128 directions, and how people resemble each other; measured, see ``spectra.json``."""

    between: NDArray[np.float32]
    within: NDArray[np.float32]
    mean: float
    groups: int
    resemblance: float
    spread: float
    unevenness: float


def random_units(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Random unit rows, shape (count, dim), float32, evenly over the sphere; equal seeds give equal rows."""
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def synthetic_faces(
    people: int, per_person: int | Sequence[int], *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Faces of people who do not exist, as far from each other as those of real people are by FaceNet.

    A face is ``mean + centre of its person + deviation``, brought to length 1. Centres and deviations are normal, with
    the variances between people and within a person of real embeddings along 128 directions (the eigenvectors of the
    covariance between people, which are not told: no real face can be had from this). Two things make the tails right,
    which decide how hard a search or a clustering is: people come in groups that resemble each other, and photos
    deviate unevenly, by a factor whose logarithm is normal.

    Args:
        people: how many.
        per_person: faces of each, or of one after another.
        seed: equal seeds give equal faces.

    Returns:
        Unit rows (n, 128), float32, person by person, and the number of each row's person, (n,), int64.

    Raises:
        ValueError: people is negative, or per_person does not give a number from 0 for each.
    """
    counts = _counts(people, per_person)
    vectors = np.empty((int(counts.sum()), len(_model().between)), dtype=np.float32)
    start = 0
    for block in _blocks(counts, seed):
        vectors[start : start + len(block)] = block
        start += len(block)
    return vectors, np.repeat(np.arange(people), counts)


def synthetic_blocks(
    people: int, per_person: int | Sequence[int], *, seed: int = 0
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """``synthetic_faces`` piece by piece, for more than memory holds; the faces are the same.

    Yields:
        Vectors (b, 128) and people (b,) of ``BLOCK`` people at a time.

    Raises:
        ValueError: as ``synthetic_faces``.
    """
    counts = _counts(people, per_person)
    for number, block in enumerate(_blocks(counts, seed)):
        first = number * BLOCK
        some = counts[first : first + BLOCK]
        yield block, np.repeat(np.arange(first, first + len(some)), some)


def _counts(people: int, per_person: int | Sequence[int]) -> NDArray[np.int64]:
    counts = np.full(max(people, 0), per_person) if isinstance(per_person, int) else np.asarray(per_person, np.int64)
    if people < 0 or counts.shape != (people,) or (counts < 0).any():
        raise ValueError(f"{people} people need as many numbers of faces, from 0")
    return counts


def _blocks(counts: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.float32]]:
    """Unit rows of ``BLOCK`` people at a time."""
    model = _model()
    deviation = np.sqrt(model.within) * np.float32(model.spread)
    groups = _normal(np.random.default_rng([seed, 0]), model.groups) * np.sqrt(model.between * model.resemblance)
    for number, first in enumerate(range(0, len(counts), BLOCK)):
        random = np.random.default_rng([seed, 1, number])
        some = counts[first : first + BLOCK]
        own = _normal(random, len(some)) * np.sqrt(model.between * (1 - model.resemblance))
        centres = groups[random.integers(0, model.groups, size=len(some))] + own + np.float32(model.mean)
        rows = _normal(random, int(some.sum())) * deviation
        rows *= np.exp(random.normal(scale=model.unevenness, size=(len(rows), 1))).astype(np.float32)
        rows += np.repeat(centres, some, axis=0)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield rows


def _normal(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    return random.standard_normal((count, len(_model().between)), dtype=np.float32)


@cache
def _model() -> _Model:
    said = json.loads(files("facesearch.testing").joinpath("spectra.json").read_text(encoding="utf-8"))
    between, within = (np.array(said[name], dtype=np.float32) for name in ("between", "within"))
    rest = {name: said[name] for name in ("groups", "resemblance", "spread", "unevenness")}
    return _Model(between, within, mean=float(said["mean_length"] / np.sqrt(len(between))), **rest)
