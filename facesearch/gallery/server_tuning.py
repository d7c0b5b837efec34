"""How far pgvector's approximate index must look, measured on the gallery's own vectors, and what is noted of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from facesearch.index import ranking
from facesearch.index.coded import GROWN
from facesearch.index.tuning import NEIGHBOURS, SAMPLE, TARGET, TUNE_TO, Tuned, strangers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from facesearch.store.hnsw import GraphState
    from facesearch.store.nearest import VectorTable, VectorView

EFFORTS = (100, 150, 200, 300, 400, 600, 800, 1000)
"""Values of ``hnsw.ef_search`` that are tried; pgvector takes no more.

The number of candidates that are measured again makes no difference, in half precision neither: 10 and 26 of them gave
the same recall to four digits.
"""


def tuned_of(state: GraphState | None) -> Tuned | None:
    """What was measured of a graph; None where there is none, or nothing that can be read was noted."""
    if state is None or state.note is None:
        return None
    try:
        return Tuned(**json.loads(state.note)["facesearch"])
    except (ValueError, TypeError, KeyError):
        return None


def effort_for(state: GraphState | None, k: int) -> int | None:
    """How many vectors a search for k must keep in view; None where everything must be compared.

    As many more as deleted ones are in the way.
    """
    tuned = tuned_of(state)
    if state is None or tuned is None or not tuned.candidates:
        return None
    return int(np.ceil(tuned.candidates * max(k, NEIGHBOURS) / NEIGHBOURS / state.live))


def maintain(table: VectorTable, least: int, tell: Callable[[str], None]) -> None:
    """Make the graph where there are ``least`` vectors and none yet, if pgvector can; measure it where that is due.

    A graph that cannot be searched well enough, after many changes perhaps, is made anew once; if that is no better,
    everything is compared until the gallery has grown.

    Args:
        table: whose graph.
        least: fewer vectors are compared exactly.
        tell: takes a line at a time.
    """
    if not _due(table, least):
        return
    with table.building() as builder:
        # Another process may have done it meanwhile, or be at it.
        if builder is None or not _due(table, least):
            return
        with table.reading() as view:
            count, state = view.count(), view.graph()
        fresh = state is None
        if fresh:
            tell(f"making the database's index of {count:,} faces")
            builder.make(count)
        tuned = _measured(table)
        if not tuned.candidates and not fresh:
            tell(f"making the database's index of {count:,} faces anew")
            builder.make(count)
            tuned = _measured(table)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        builder.write(json.dumps({"facesearch": asdict(tuned), "measured": now}))
        tell(
            f"it finds {tuned.recall:.1%} of the ten nearest"
            if tuned.candidates
            else "it does not find enough of the ten nearest: everything is compared"
        )


def tune(view: VectorView) -> Tuned:
    """The least effort by which faces of the gallery find ``TUNE_TO`` of their neighbours, and strangers ``TARGET``.

    Faces that are in a graph, among others of the same person, are found far more easily than others: of 50,000 faces,
    mostly synthetic, faces among them had a recall of 0.997 by 100, lfw-dev photos one of 0.971, and of 0.992 by 200.
    The strangers had 0.977 by 200 and 0.996 by 400, so what they reach, real ones do. The recall told is the lower one.
    Takes reading all vectors once, and some thousand searches.
    """
    ids = view.ids()
    random = np.random.default_rng(0)
    chosen = random.choice(len(ids), min(SAMPLE, len(ids)), replace=False)
    own = view.vectors(ids[np.sort(chosen)])
    probes = np.concatenate([own, strangers(own, random)])
    # Each of its own is its nearest neighbour itself, which does not count.
    itself = np.arange(len(probes)) < len(own)
    k = min(NEIGHBOURS, len(ids) - 1)
    farthest = _truth(view, probes, k + 1, len(ids))[np.arange(len(probes)), np.where(itself, k, k - 1)]
    for effort in EFFORTS:
        found, _ = view.nearest(probes, k + 1, effort=effort)
        near = np.count_nonzero(_apart(view, probes, found) <= farthest[:, None], axis=1) - itself
        share = np.clip(near / max(k, 1), 0, 1) if k else np.ones(len(probes))
        inside, outside = float(share[itself].mean()), float(share[~itself].mean())
        if inside >= TUNE_TO and outside >= TARGET:
            return Tuned(effort, 0, min(inside, outside), len(probes), len(ids))
    return Tuned(0, 0, 1.0, len(probes), len(ids))


def _due(table: VectorTable, least: int) -> bool:
    with table.reading() as view:
        state, count = view.graph(), view.count()
    if state is None:
        return count >= least and table.graph.possible
    if not count:
        return False
    tuned = tuned_of(state)
    return tuned is None or not tuned.vectors / GROWN < count < tuned.vectors * GROWN


def _measured(table: VectorTable) -> Tuned:
    with table.reading() as view:
        return tune(view)


def _truth(view: VectorView, probes: NDArray[np.float32], k: int, count: int) -> NDArray[np.float32]:
    """Exact distances of the k nearest of all, ascending, (q, k).

    Not by the database: comparing with all of 100,000 takes it 44 ms a probe, and this less than a second for all.
    """
    from facesearch.index.faiss_codes import nearest_of_spans

    ids: list[NDArray[np.int64]] = []

    def spans() -> Iterator[tuple[int, NDArray[np.float32]]]:
        start = 0
        for some, rows in view.spans():
            ids.append(some)
            yield start, rows
            start += len(some)

    places, _ = nearest_of_spans(probes, spans(), min(k + ranking.EXTRA, count))
    return _apart(view, probes, np.concatenate(ids)[places])[:, :k]


def _apart(view: VectorView, probes: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Exact distances of probes (q, dim) to vectors of their own (q, m), ascending."""
    vectors = view.vectors(ids.ravel()).reshape(*ids.shape, probes.shape[1])
    return np.sort(ranking.distances(probes, vectors), axis=1)
