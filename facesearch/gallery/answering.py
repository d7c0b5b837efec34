"""1:N: who is this, and where else is this face?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from facesearch.errors import ConfigError
from facesearch.gallery.places import place_of
from facesearch.gallery.training import chosen_method, trained_svm
from facesearch.identify import knn, svm
from facesearch.identify.calibration import FPIR
from facesearch.identify.decide import decide
from facesearch.identify.normalize import USUAL
from facesearch.images.quality import doubt
from facesearch.store.region import pair_up, to_stored
from facesearch.types import Answer, Candidate, Match, Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.gallery.cache import Cache
    from facesearch.gallery.evidence import EvidenceCache
    from facesearch.identify.calibration import Calibration
    from facesearch.identify.decide import Decision
    from facesearch.index.base import Hits
    from facesearch.pipeline import Analysis, FrontEnd
    from facesearch.store.store import Store
    from facesearch.store.values import Enrolled
    from facesearch.types import Face

Method = Literal["auto", "knn", "svm"]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A probe beside the gallery: its faces carry the ids they have there; ``photo_id`` is None where it is new."""

    analysis: Analysis
    faces: tuple[Face, ...]
    photo_id: int | None


def look_at(store: Store, front_end: FrontEnd, path: Path) -> Seen:
    """Analyse a probe and find it in the gallery, should it be there.

    Raises:
        PhotoError: the photo cannot be used.
    """
    analysis = front_end.analyse(path)
    photo = store.photo_by_pixel_hash(analysis.photo.pixel_hash)
    if photo is None:
        return Seen(analysis, analysis.faces, None)
    held = [face for face in store.faces_of_photo(photo.id) if face.id is not None]
    old = [to_stored(face.box, photo.orientation, photo.width, photo.height) for face in held]
    shape = analysis.photo.orientation, analysis.photo.width, analysis.photo.height
    pairs = pair_up(old, [to_stored(face.box, *shape) for face in analysis.faces])
    faces = tuple(
        replace(
            face,
            id=held[pairs[i]].id,
            photo_id=photo.id,
            person_id=held[pairs[i]].person_id,
            person=held[pairs[i]].person,
        )
        if i in pairs
        else replace(face, photo_id=photo.id)
        for i, face in enumerate(analysis.faces)
    )
    return Seen(analysis, faces, photo.id)


def who(
    store: Store,
    front_end: FrontEnd,
    seen: Seen,
    *,
    evidence: EvidenceCache,
    calibration: Calibration | None,
    method: Method,
    fpir: float | None,
    threshold: float | None,
    k: int | None,
    train: bool,
    without: Collection[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Answer, ...]:
    """Name the faces of a probe, left to right; see ``Gallery.who``. Without a calibration there is a threshold.

    ``tell`` as for ``training.chosen_method``.
    """
    if method not in get_args(Method):
        raise ConfigError(f"no method {method!r}", hint=f"methods: {', '.join(get_args(Method))}")
    if fpir is not None and threshold is not None:
        raise ConfigError("give either a FPIR or a threshold: each decides the other")
    # All of one state: an SVM must not be kept under the mark of enrolments that came after those it was trained on.
    with store.reading():
        known = evidence.current(front_end.recipe).without(without)
        usable = _usable(store, seen, known.stored)
        # In a collage two faces may be one person's: each face is a photo of its own.
        several = seen.photo_id is not None and seen.photo_id in store.marked("collage")
    photos = range(len(seen.faces)) if several else [0] * len(seen.faces)
    probes = seen.analysis.vectors
    plain, usual = threshold is not None, USUAL if calibration is None else calibration.usual
    if threshold is not None:
        method, limit = ("knn" if method == "auto" else method), threshold
    elif calibration is not None:
        rate = FPIR if fpir is None else fpir
        limit = calibration.limit(rate, known.sizes)
        if method == "auto":
            method = chosen_method(store, front_end.recipe, known.mark, calibration, rate, tell).method
    else:
        raise ValueError("a rate needs a calibration")
    machine = None
    if method == "svm":
        machine = trained_svm(
            store, front_end.recipe, known.stored, without_photo=seen.photo_id, mark=known.mark, train=train
        )
    if machine is None:
        method = "knn"
        votes = knn.K if k is None else k
        if votes < 1:
            raise ConfigError(f"k must be 1 or more, not {votes}")
        table = knn.compare(probes, known.faces, threshold=limit, usual=usual, plain=plain, k=votes, usable=usable)
    else:
        table = svm.compare(machine, probes, known.faces, threshold=limit, usual=usual, plain=plain, usable=usable)
    answers = []
    for face, decision in zip(seen.faces, decide(table, photos), strict=True):
        answer = _answer(face, decision, method, known.names)
        if calibration is not None and decision.normalized is not None:
            answer = replace(answer, fpir=calibration.fpir(decision.normalized, known.sizes))
        answers.append(answer)
    return tuple(answers)


def _usable(store: Store, seen: Seen, enrolled: Enrolled) -> NDArray[np.bool_] | None:
    """Which enrolled faces are evidence for which probe face: never those of the same photo, nor of somebody whom the
    user has said it is not.
    """  # noqa: D205
    if seen.photo_id is None or not len(seen.faces):
        return None
    usable = np.tile(enrolled.photo_ids != seen.photo_id, (len(seen.faces), 1))
    rejections = store.rejections()
    for row, face in enumerate(seen.faces):
        never = rejections.get(face.id or 0, frozenset())
        if never:
            usable[row] &= np.array([person not in never for person in enrolled.person_ids], dtype=bool)
    return usable


def _answer(face: Face, decision: Decision, method: str, names: dict[str, str]) -> Answer:
    def candidate(pair: tuple[str, float] | None) -> Candidate | None:
        return None if pair is None else Candidate(pair[0], names.get(pair[0], "?"), pair[1])

    nearest = candidate(decision.nearest)
    return Answer(
        face=face,
        person_id=decision.person,
        person=None if decision.person is None else names.get(decision.person, "?"),
        distance=decision.distance if decision.person is not None else (nearest.distance if nearest else None),
        method=method,
        runner_up=candidate(decision.runner_up),
        nearest=nearest,
        score=decision.score,
        displaced=None if decision.displaced is None else names.get(decision.displaced, "?"),
        doubt=doubt(face),
    )


def search(
    store: Store, cache: Cache, seen: Seen, *, limit: int, threshold: float, exact: bool = False
) -> tuple[Probe, ...]:
    """The photos that hold each face of a probe, nearest first, one match a photo; see ``Gallery.search``."""
    if limit < 1:
        raise ConfigError(f"the limit must be 1 or more, not {limit}")
    nearest = partial(cache.search, exact=exact)
    found = [_nearest_photos(store, nearest, vector, seen, limit, threshold) for vector in seen.analysis.vectors]
    paths = store.paths_of(sorted({face.photo_id for hits in found for face, _ in hits if face.photo_id is not None}))
    probes = []
    for face, hits in zip(seen.faces, found, strict=True):
        matches = [Match(hit, apart, place_of(paths, hit)) for hit, apart in hits]
        probes.append(Probe(face, tuple(matches)))
    return tuple(probes)


def _nearest_photos(
    store: Store, nearest: Callable[..., Hits], vector: NDArray[np.float32], seen: Seen, limit: int, threshold: float
) -> list[tuple[Face, float]]:
    """The nearest face of each of the ``limit`` nearest photos, the probe's own photo left out."""
    k = limit + len(seen.faces)
    while True:
        hits = nearest(vector[None], k)
        near = [(int(i), float(d)) for i, d in zip(hits.ids[0], hits.distances[0], strict=True) if i >= 0]
        within = [(face_id, apart) for face_id, apart in near if apart < threshold]
        faces = store.faces([face_id for face_id, _ in within])
        best: dict[int, tuple[Face, float]] = {}
        for face_id, apart in within:
            face = faces.get(face_id)
            if face is not None and face.photo_id is not None and face.photo_id != seen.photo_id:
                best.setdefault(face.photo_id, (face, apart))
        # Several faces of one photo may be near: look further until there are photos enough, or no more faces.
        if len(best) >= limit or len(within) < k:
            return list(best.values())[:limit]
        k *= 4
