"""Contract tests for whatever is plugged into the three seams.

The ``check_…`` functions raise AssertionError with a sentence about what must hold; call them from a test of your own
detector, embedder or index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.detection.plugged import flaw_of_settings
from facesearch.errors import DimensionMismatchError
from facesearch.testing.detectors import check_faces, check_sides, check_sizes, check_worker, look
from facesearch.testing.requiring import require
from facesearch.testing.synthetic import random_units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from facesearch.detection.base import Detector
    from facesearch.embedding.base import Embedder
    from facesearch.index.base import Hits, VectorIndex
    from facesearch.types import Box


def check_detector(
    detector: Detector,
    image: NDArray[np.uint8],
    faces: Sequence[Box],
    *,
    min_iou: float = 0.5,
    others: Sequence[Detector] = (),
    workers: bool = True,
) -> None:
    """Hold a detector to its contract on one picture.

    Args:
        detector: what to check.
        image: upright RGB, shape (H, W, 3), uint8.
        faces: boxes of upright faces in it that must be found, the more the better; one of them without any doubt.
        min_iou: how well a found box must overlap with an expected one.
        others: the same detector with other settings: what finds other boxes must say so in its settings.
        workers: whether it must be fit for worker processes, of which one is started; else one process looks for faces.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    require(isinstance(getattr(detector, "name", None), str) and bool(detector.name), "a detector has a name")
    _require_settings(getattr(detector, "settings", None))
    called = detector.name, dict(detector.settings)
    check_sides(detector)
    picture = np.array(image, order="C")
    found = look(detector, picture, "a picture is looked at without an error")
    require(np.array_equal(image, picture), "detecting leaves the picture as it was")
    check_faces(found, picture, faces, min_iou)
    frozen = np.array(image, order="C")
    frozen.flags.writeable = False  # as decoded photos are
    require(look(detector, frozen, "a picture may be read-only") == found, "the same picture gives the same detections")
    check_sizes(detector, frozen, faces, found, min_iou)
    if workers:
        check_worker(detector, frozen, found)
    for other in others:
        says = (other.name, other.settings) != called
        rule = "what changes a box is in the settings, and so in the recipe"
        require(says or look(other, frozen, "the others look at the picture") == found, rule)
    require((detector.name, detector.settings) == called, "name and settings stay as they were")


def check_embedder(embedder: Embedder, crops: NDArray[np.uint8] | None = None, *, tolerance: float = 1e-5) -> None:
    """Hold an embedder to its contract.

    Args:
        embedder: what to check.
        crops: RGB, shape (n, input_size, input_size, 3), uint8, n at least 2; None makes five of noise on colours.
        tolerance: how much an element may differ where a crop is embedded in another batch.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    require(bool(embedder.name), "an embedder has a name")
    _require_settings(embedder.settings)
    size = embedder.input_size
    if crops is None:
        random = np.random.default_rng(0)
        colours = random.integers(0, 206, size=(5, 1, 1, 3))
        crops = (colours + random.integers(0, 50, size=(5, size, size, 3))).astype(np.uint8)
    before = crops.copy()
    rows = embedder.embed(crops)
    require(np.array_equal(crops, before), "embedding leaves the crops as they were")
    require(rows.shape == (len(crops), embedder.dim), f"{len(crops)} crops give {len(crops)} rows, not {rows.shape}")
    require(rows.dtype == np.float32, f"embeddings are float32, not {rows.dtype}")
    require(bool(np.isfinite(rows).all()), "embeddings are finite")
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    require(bool(np.all(np.abs(lengths - 1) < 1e-5)), f"embeddings are of length 1, not {lengths}")
    require(np.array_equal(embedder.embed(crops), rows), "the same crops give the same embeddings")
    backward = embedder.embed(crops[::-1].copy())[::-1]
    require(bool(np.allclose(backward, rows, rtol=0, atol=tolerance)), "row i belongs to crop i")
    alone = np.concatenate([embedder.embed(crops[i : i + 1]) for i in range(len(crops))])
    require(bool(np.allclose(alone, rows, rtol=0, atol=tolerance)), "an embedding does not depend on its batch")
    none = embedder.embed(crops[:0])
    require(none.shape == (0, embedder.dim) and none.dtype == np.float32, "no crops give shape (0, dim), float32")


def check_vector_index(factory: Callable[[int], VectorIndex], dim: int = 16) -> None:
    """Hold a vector index to its contract.

    Args:
        factory: makes an empty index for a dimension; what it made before may be emptied by then.
        dim: the dimension to check with.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    _check_empty(factory(dim), dim)
    _check_changes(factory(dim), dim)
    _check_search(factory(dim), dim)
    _check_refusals(factory(dim), dim)


def _check_empty(index: VectorIndex, dim: int) -> None:
    """What an index without vectors answers."""
    require(index.dim == dim and len(index) == 0, "a new index has the dimension asked for and no vectors")
    require(index.ids().shape == (0,), "a new index has no ids")
    hits = index.search(random_units(2, dim), 3)
    _require_hits(hits, [[-1] * 3] * 2, "an empty index answers with padding")
    require(bool(np.isinf(hits.distances).all()), "padding is infinitely far")
    index.add(np.empty(0, dtype=np.int64), np.empty((0, dim), dtype=np.float32))
    require(index.remove(np.array([7])) == 0 and len(index) == 0, "nothing to add or remove is fine")


def _check_changes(index: VectorIndex, dim: int) -> None:
    """Adding, replacing and removing."""
    rows, ids = random_units(5, dim, seed=1), np.array([40, 10, 2**40, 0, 30])
    index.add(ids, rows)
    require(len(index) == 5 and index.ids().tolist() == sorted(ids.tolist()), "ids come back in ascending order")
    _require_hits(index.search(rows, 1), [[one] for one in ids.tolist()], "every vector is its own nearest")
    fresh = random_units(3, dim, seed=2)
    index.add(np.array([10, 50, 10]), fresh)
    require(len(index) == 6, "a known id is replaced, and the last of an id given twice stays")
    _require_hits(index.search(fresh[1:], 1), [[50], [10]], "a replaced vector answers under its id")
    require(bool(index.search(rows[1:2], 1).distances[0, 0] > 0.1), "the vector that was replaced is gone")
    require(index.remove(np.array([10, 99, 0, 10])) == 2, "remove counts what was there, once")
    require(index.ids().tolist() == [30, 40, 50, 2**40], "what was removed is gone and the rest stays")
    _require_hits(index.search(rows[[0, 2, 4]], 1), [[40], [2**40], [30]], "ids keep their own vectors after a removal")


def _check_search(index: VectorIndex, dim: int) -> None:
    """Distances, order, ties, padding and ``only``."""
    rows, ids = random_units(200, dim, seed=3), np.arange(200) * 3 + 1
    rows[100:140] = rows[7]
    index.add(ids[::-1].copy(), rows[::-1].copy())
    probes = np.concatenate([random_units(6, dim, seed=4), rows[7:8]])
    apart = ((probes[:, None].astype(np.float64) - rows) ** 2).sum(axis=2)
    order = np.lexsort((np.broadcast_to(ids, apart.shape), apart.astype(np.float32)))
    hits = index.search(probes, 20)
    _require_hits(hits, ids[order[:, :20]].tolist(), "the nearest come first, ties by id")
    expected = np.take_along_axis(apart, order[:, :20], axis=1)
    require(bool(np.allclose(hits.distances, expected, rtol=0, atol=1e-5)), "distances are squared Euclidean")
    require(bool((hits.distances >= 0).all() and (hits.distances <= 4).all()), "distances are 0 to 4")
    _require_hits(index.search(probes, 300), [[*ids[o].tolist(), *[-1] * 100] for o in order], "padding fills up to k")
    some = np.array([22, 5, 10**9, 1, 5, 400])
    wanted = [[one for one in ids[o].tolist() if one in some.tolist()] for o in order]
    _require_hits(index.search(probes, 2, only=some), [row[:2] for row in wanted], "only restricts the search")
    _require_hits(
        index.search(probes, 4, only=some), [[*row, -1] for row in wanted], "only pads, unknown ids count not"
    )
    _require_hits(index.search(probes, 2, only=some[:0]), [[-1, -1]] * len(probes), "an empty only finds nothing")
    require(index.search(probes[:0], 4).ids.shape == (0, 4), "no probes give shape (0, k)")


def _check_refusals(index: VectorIndex, dim: int) -> None:
    """What must be refused without a change."""
    good = random_units(2, dim, seed=5)
    index.add(np.array([1, 2]), good)
    wrong, bad, both = random_units(2, dim + 1), good.copy(), np.array([3, 4])
    bad[1, 0] = np.nan
    _require_raises(DimensionMismatchError, lambda: index.add(both, wrong), "adding another dimension is refused")
    _require_raises(DimensionMismatchError, lambda: index.search(wrong, 1), "searching another dimension is refused")
    _require_raises(ValueError, lambda: index.add(both, bad), "a vector that is not finite is refused")
    _require_raises(ValueError, lambda: index.add(both, good * 2), "a vector that is not of length 1 is refused")
    _require_raises(ValueError, lambda: index.add(both[:1], good), "fewer ids than vectors are refused")
    _require_raises(ValueError, lambda: index.add(-both, good), "negative ids are refused")
    _require_raises(ValueError, lambda: index.search(good, 0), "k below 1 is refused")
    require(index.ids().tolist() == [1, 2], "what was refused left no trace")


def _require_settings(settings: object) -> None:
    """Settings go into the recipe, so they are a dict of plain values."""
    wrong = flaw_of_settings(settings)
    require(wrong is None, wrong or "")


def _require_hits(hits: Hits, ids: list[list[int]], rule: str) -> None:
    """The ids, shapes and dtypes of an answer."""
    require(hits.ids.dtype == np.int64 and hits.distances.dtype == np.float32, "hits are int64 ids, float32 distances")
    require(hits.ids.shape == hits.distances.shape, "ids and distances have one shape")
    require(hits.ids.tolist() == ids, f"{rule}: expected {ids}, got {hits.ids.tolist()}")
    require(bool(np.isinf(hits.distances[hits.ids == -1]).all()), "padding is infinitely far")


def _require_raises(error: type[Exception], action: Callable[[], object], rule: str) -> None:
    """The action must raise this error."""
    try:
        action()
    except error:
        return
    raise AssertionError(rule)
