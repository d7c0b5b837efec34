"""What is still open in a gallery: unnamed and unconfirmed faces, in the groups that ``review`` asks about."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import NotFoundError
from facesearch.images.quality import is_low

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from facesearch.curate.questions import Question
    from facesearch.store.store import Store
    from facesearch.store.values import Enrolled
    from facesearch.types import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What does not change about m faces while somebody decides: their place by id, photos, vectors, and quality.

    ``photos`` (m,), int64, are photo ids, in a collage a number of the face's own. ``vectors`` (m, d) are unit rows,
    float32. ``low`` (m,), bool, says which faces cannot be trusted. ``clusters`` are the gallery's: what leaves one
    while somebody decides is in it again when that is undone.
    """

    place: Mapping[int, int]
    photos: NDArray[np.int64]
    vectors: NDArray[np.float32]
    low: NDArray[np.bool_]
    clusters: Mapping[str, list[int]]


@dataclass(frozen=True, slots=True, eq=False)
class OpenFaces:
    """The n faces that wait for an answer, group by group, most central first.

    ``rows`` (n,) are their places in ``known``. ``starts`` (g,) are where the groups begin, ``keys`` (g) their names:
    "c" and a cluster's id, or "f" and a face's. ``given`` says who a face was given to automatically, ``shown`` who is
    in a photo already, ``rejected`` whom a face is not; ``apart`` are pairs of faces that must not be together.
    """

    known: Known
    face_ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    keys: tuple[str, ...]
    given: Mapping[int, str]
    shown: Mapping[int, frozenset[str]]
    rejected: Mapping[int, frozenset[str | None]]
    apart: frozenset[tuple[int, int]]
    enrolled: Enrolled

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many faces each group has, (g,)."""
        return np.diff(self.starts, append=len(self.rows))

    @property
    def groups(self) -> list[list[int]]:
        """The face ids of each group."""
        ids: list[int] = self.face_ids.tolist()
        bounds = [*self.starts.tolist(), len(ids)]
        return [ids[first:last] for first, last in pairwise(bounds)]


def read_open(store: Store, recipe: Recipe, known: Known | None = None) -> OpenFaces:
    """What is open in the gallery now; groups are its clusters, and faces alone.

    Ignored faces are no question, nor is what is left of a cluster most of whose faces are ignored.

    Args:
        store: of the gallery.
        recipe: of the vectors.
        known: from an earlier call; what is open since is read anew.
    """
    with store.reading():
        unnamed, given = store.open_faces(recipe), store.unconfirmed(recipe)
        if known is None or not all(face_id in known.place for face_id in (*unnamed, *given)):
            known = _read_known(store, recipe, list(given))
        ignored, shown, rejected = store.ignored(), store.shown(), store.rejections()
        enrolled, apart = store.enrolled(recipe), frozenset(store.apart())
        groups = _grouped(unnamed, known.clusters, ignored, apart)
    groups |= {f"f{face_id}": [face_id] for face_id in given}
    ids = [face_id for held in groups.values() for face_id in held]
    sizes = [len(held) for held in groups.values()]
    return OpenFaces(
        known=known,
        face_ids=np.array(ids, dtype=np.int64),
        rows=np.array([known.place[face_id] for face_id in ids], dtype=np.int64),
        starts=np.cumsum([0, *sizes])[:-1].astype(np.int64),
        keys=tuple(groups),
        given=given,
        shown=shown,
        rejected=rejected,
        apart=apart,
        enrolled=enrolled,
    )


def stands(store: Store, question: Question, opened: OpenFaces) -> bool:
    """Whether a question is still open: its faces and its person are there, and nobody has decided about them since."""
    try:
        store.places_of(question.faces)
        if question.person is not None:
            store.person(question.person)
    except NotFoundError:
        return False
    held = store.decided(question.faces)
    return not any(
        one.no_face or (one.person_id is not None and (one.confirmed or one.person_id != opened.given.get(face_id)))
        for face_id, one in held.items()
    )


def _read_known(store: Store, recipe: Recipe, given: list[int]) -> Known:
    unnamed = store.unnamed(recipe)
    ids, vectors = store.vectors_of(given, recipe)
    faces = store.faces(ids.tolist())
    held = [faces[face_id] for face_id in ids.tolist()]
    every = np.concatenate([unnamed.face_ids, ids])
    photos = np.concatenate([unnamed.photo_ids, np.array([face.photo_id for face in held], dtype=np.int64)])
    return Known(
        place={face_id: row for row, face_id in enumerate(every.tolist())},
        photos=np.where(np.isin(photos, list(store.marked("collage"))), -every, photos),
        vectors=np.concatenate([unnamed.vectors, vectors]),
        low=np.concatenate([unnamed.low, np.array([is_low(face) for face in held], dtype=np.bool_)]),
        clusters=store.clusters(recipe.key),
    )


def _grouped(
    unnamed: list[int],
    clusters: Mapping[str, list[int]],
    ignored: set[int],
    apart: Collection[tuple[int, int]],
) -> dict[str, list[int]]:
    """Face ids by the key of their group; a face that must be apart from another one of its cluster is alone."""
    others: dict[int, set[int]] = defaultdict(set)
    for odd, other in apart:
        others[odd].add(other)
    groups: dict[str, list[int]] = {}
    settled, waiting = set(ignored), set(unnamed)
    for name, faces in clusters.items():
        held = [face_id for face_id in faces if face_id in waiting and others[face_id].isdisjoint(faces)]
        left = [face_id for face_id in held if face_id not in ignored]
        settled.update(held)
        if 2 * len(left) >= len(held) and left:
            groups[f"c{name}"] = left
    groups |= {f"f{face_id}": [face_id] for face_id in unnamed if face_id not in settled}
    return groups
