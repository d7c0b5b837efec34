"""Box arithmetic of the cascade, on arrays: rows are (left, top, right, bottom) in pixels, float32, shape (n, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Boxes = NDArray[np.float32]
    Scores = NDArray[np.float32]

_BLOCK = 256
"""Rows whose overlaps are held at once: bounds the memory of NMS on a noisy picture."""


def overlaps(a: Boxes, b: Boxes, over: Literal["union", "smaller"] = "union") -> NDArray[np.float32]:
    """How far each box of ``a`` covers each of ``b``: shared area over union (IoU), or over the smaller of the two.

    Returns:
        Shape (len(a), len(b)), 0 to 1; 0 where an area is empty.
    """
    left, top, right, bottom = (column[:, None] for column in a.T)
    shared = np.maximum(np.minimum(right, b[:, 2]) - np.maximum(left, b[:, 0]), 0)
    shared *= np.maximum(np.minimum(bottom, b[:, 3]) - np.maximum(top, b[:, 1]), 0)
    area_a, area_b = (right - left) * (bottom - top), (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    whole = area_a + area_b - shared if over == "union" else np.minimum(area_a, area_b)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def nms(
    boxes: Boxes,
    scores: Scores,
    threshold: float,
    over: Literal["union", "smaller"] = "union",
    groups: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Non-maximum suppression as the ``mtcnn`` package does it.

    A box goes if *any* better box overlaps it by more than ``threshold``, even one that goes itself.

    Args:
        boxes: shape (n, 4).
        scores: shape (n,).
        threshold: an overlap, 0 to 1.
        over: what an overlap is a share of; see ``overlaps``.
        groups: shape (n,); boxes of different groups leave each other alone. None where all are of one.

    Returns:
        Indices of the boxes that stay, best score first; equal scores keep their order.
    """
    kinds = np.zeros(len(scores), np.intp) if groups is None else groups
    order = np.lexsort((-scores, kinds))
    ranked, kinds = boxes[order], kinds[order]
    stays = np.ones(len(order), dtype=bool)
    for start in range(0, len(order), _BLOCK):
        stop = min(start + _BLOCK, len(order))
        first = int(np.searchsorted(kinds, kinds[start]))
        covered = overlaps(ranked[start:stop], ranked[first:stop], over) > threshold
        covered &= kinds[start:stop, None] == kinds[first:stop]
        # Row i of the block has rank start + i: only better-ranked columns count.
        stays[start:stop] = ~np.tril(covered, start - first - 1).any(axis=1)
    kept = np.sort(order[stays])
    return kept[np.argsort(-scores[kept], kind="stable")]


def squared(boxes: Boxes) -> Boxes:
    """Each box grown to a square about its centre, as the next network wants it."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True) / 2
    return np.hstack([middle - half, middle + half])


def calibrated(boxes: Boxes, offsets: NDArray[np.float32]) -> Boxes:
    """Boxes moved by the offsets of a network, which are fractions of the inclusive side length (side + 1)."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    moved: Boxes = boxes + offsets * np.hstack([sides, sides])
    return moved
