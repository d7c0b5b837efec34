"""What every index shares: checks of its input, and the exact ranking of what its engine proposes.

Matrix products round differently with the batch's size, the row's place in it and the instruction set, so the same
pair of vectors can get distances that differ in the last digits, and equal vectors can look unequal. An engine's
product is therefore only used to *propose* neighbours, a few more than asked for; they are measured again pair by pair
in float64. So all indexes give the same distances to the last bit, whoever else is in the batch, a vector's distance
to itself is 0, and ties are real ties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from facesearch.errors import DimensionMismatchError
from facesearch.index.base import Hits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

UNIT_TOLERANCE = 1e-4
"""How far a vector's length may be from 1; float32 normalization is right to about 1e-7."""

MARGIN = 5e-4
"""Proposals this much farther than the k-th are measured too: 2 - 2·ip is off by up to 4 · UNIT_TOLERANCE where
lengths differ, and float32 rounding of a product of a few hundred terms stays far below the rest."""

EXTRA = 16
"""How many proposals more than k are asked for at first."""

CHUNK = 1 << 24
"""Numbers that one step may hold: 64 MiB of float32."""


class Propose(Protocol):
    """**Protocol:** an engine's part of a search."""

    def __call__(self, probes: NDArray[np.float32], m: int, /) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """About the m nearest of probes (q, dim): ids (q, m) and rough distances (q, m), ascending."""
        ...


class Fetch(Protocol):
    """**Protocol:** an engine's vectors."""

    def __call__(self, ids: NDArray[np.int64], /) -> NDArray[np.float32]:
        """The vectors of known ids, shape (n,), as (n, dim)."""
        ...


def checked_vectors(vectors: ArrayLike, dim: int) -> NDArray[np.float32]:
    """The vectors as a C-contiguous (n, dim) float32 array.

    Raises:
        DimensionMismatchError: they have another shape.
        ValueError: one is not finite, or its length is not 1. Such a vector comes from a broken model or a programming
            error; scaled to length 1 it would be a wrong answer instead of a message.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise DimensionMismatchError("vector index", f"holds {dim}-d vectors, got an array of shape {rows.shape}")
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    # Written so that NaN fails it too.
    if not np.all(np.abs(lengths - 1) <= UNIT_TOLERANCE):
        worst = int(np.argmax(np.nan_to_num(np.abs(lengths - 1), nan=np.inf)))
        raise ValueError(f"vector {worst} is not of length 1 but {lengths[worst]:.6g}")
    return rows


def checked_ids(ids: ArrayLike) -> NDArray[np.int64]:
    """The ids as a C-contiguous (n,) int64 array.

    Raises:
        ValueError: they are not a flat array of integers, or one is negative (-1 means "nobody" in ``Hits``).
    """
    flat = np.asarray(ids)
    if flat.ndim != 1 or (flat.size and flat.dtype.kind not in "iu"):
        raise ValueError(f"ids must be a flat array of integers, got {flat.dtype} of shape {flat.shape}")
    flat = np.ascontiguousarray(flat, dtype=np.int64)
    if flat.size and flat.min() < 0:
        raise ValueError(f"id {flat.min()} is negative")
    return flat


def last_of_each(ids: ArrayLike, vectors: ArrayLike, dim: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Checked ids (n,), ascending and unique, with the last vector (n, dim) given for each.

    Raises:
        DimensionMismatchError, ValueError: see ``checked_vectors`` and ``checked_ids``; or the counts differ.
    """
    keys, rows = checked_ids(ids), checked_vectors(vectors, dim)
    if len(keys) != len(rows):
        raise ValueError(f"{len(keys)} ids for {len(rows)} vectors")
    unique, from_the_end = np.unique(keys[::-1], return_index=True)
    return unique, rows[len(keys) - 1 - from_the_end]


def search_exactly(probes: NDArray[np.float32], k: int, available: int, propose: Propose, fetch: Fetch) -> Hits:
    """The k nearest of each probe (q, dim) among ``available`` vectors, from what an engine proposes.

    A row is settled when its farthest proposal lies beyond the k-th by more than ``MARGIN``: nothing that was not
    proposed can then belong to the answer. Rows with longer ties ask again for four times as many.

    Raises:
        ValueError: k is less than 1.
    """
    if k < 1:
        raise ValueError(f"k must be 1 or more, got {k}")
    found = min(k, available)
    ids = np.full((len(probes), k), -1, dtype=np.int64)
    distances = np.full((len(probes), k), np.inf, dtype=np.float32)
    m, open_rows = min(found + EXTRA, available), np.arange(len(probes) if found else 0)
    while len(open_rows):
        unsettled = []
        size = max(1, CHUNK // (m * probes.shape[1]))
        for start in range(0, len(open_rows), size):
            rows = open_rows[start : start + size]
            proposed, rough = propose(probes[rows], m)
            settled = (rough[:, -1] > rough[:, found - 1] + MARGIN) | (m == available)
            unsettled.append(rows[~settled])
            rows = rows[settled]
            ids[rows, :found], distances[rows, :found] = _ranked(probes[rows], proposed[settled], found, fetch)
        m, open_rows = min(4 * m, available), np.concatenate(unsettled)
    return Hits(ids, distances)


def _ranked(
    probes: NDArray[np.float32], proposed: NDArray[np.int64], k: int, fetch: Fetch
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k nearest (q, k) of the proposed ids (q, m), measured pair by pair."""
    vectors = fetch(proposed.ravel()).reshape(*proposed.shape, probes.shape[1])  # (q, m, dim)
    return nearest(proposed, distances(probes, vectors), k)


def distances(probes: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances of probes (q, dim) to vectors of their own (q, m, dim), pair by pair, (q, m), 0 to 4."""
    apart = vectors.astype(np.float64) - probes[:, None, :]
    measured: NDArray[np.float32] = np.minimum(np.einsum("qmd,qmd->qm", apart, apart), 4.0).astype(np.float32)
    return measured


def nearest(
    ids: NDArray[np.int64], apart: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k ids (q, k) at the least of the distances (q, m), nearest first, ties by id, and these distances."""
    order = np.lexsort((ids, apart), axis=-1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(apart, order, axis=1)
