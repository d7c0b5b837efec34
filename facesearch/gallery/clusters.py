"""Groups of faces that nobody has named yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.cluster import cluster
from facesearch.gallery.places import place_of
from facesearch.gallery.recipes import take_recipe
from facesearch.types import Candidate, Cluster, Clustering, Match

if TYPE_CHECKING:
    from facesearch.pipeline import FrontEnd
    from facesearch.store.store import Store

CUT = 0.8
"""Mean squared distance at which clusters are no longer joined: the best first measurement of design.md, section 9
(average linkage, BCubed F 0.958 at pairwise precision 0.985)."""


def cluster_unnamed(store: Store, front_end: FrontEnd, *, threshold: float = CUT) -> Clustering:
    """Group the unnamed faces, keep the groups in the gallery, and describe them; see ``Gallery.cluster``.

    Faces that cannot be trusted (``images.quality``) join groups of others at most, and come last in them.
    """
    with store.writing():
        unnamed = store.unnamed(front_end.recipe)
        low = unnamed.low
        # In a collage two faces may be one person's: each face is a photo of its own.
        collages = np.isin(unnamed.photo_ids, list(store.marked("collage")))
        photos = np.where(collages, -unnamed.face_ids, unnamed.photo_ids)
        labels = cluster(unnamed.vectors, photos, threshold=threshold, weak=low)
        groups: dict[str, list[int]] = {}
        for label in range(int(labels.max(initial=-1)) + 1):
            rows = np.flatnonzero(labels == label)
            mean = unnamed.vectors[rows[~low[rows]]].mean(axis=0)
            central = rows[np.lexsort((-(unnamed.vectors[rows] @ mean), low[rows]))]
            groups[str(label + 1)] = unnamed.face_ids[central].tolist()
        take_recipe(store, front_end.recipe)
        store.save_clusters(front_end.recipe.key, groups)
    return Clustering(
        tuple(describe(store, front_end, name, ids) for name, ids in groups.items()), int(np.sum(labels < 0))
    )


def describe(store: Store, front_end: FrontEnd, cluster_id: str, face_ids: list[int]) -> Cluster:
    """A cluster with its faces, most central first, their distance to the most central one, and where they are."""
    faces = store.faces(face_ids)
    ids, rows = store.vectors_of(face_ids, front_end.recipe)
    vectors = dict(zip(ids.tolist(), rows, strict=True))
    paths = store.paths_of([face.photo_id for face in faces.values() if face.photo_id is not None])
    center = vectors[face_ids[0]]
    matches = []
    for face_id in face_ids:
        face = faces[face_id]
        apart = float(np.clip(2 - 2 * float(vectors[face_id] @ center), 0, 4))
        matches.append(Match(face, apart, place_of(paths, face)))
    return Cluster(cluster_id, tuple(matches), _nearest_person(store, front_end, center))


def _nearest_person(store: Store, front_end: FrontEnd, center: np.ndarray) -> Candidate | None:
    enrolled = store.enrolled(front_end.recipe)
    if not len(enrolled.vectors):
        return None
    apart = np.clip(2 - 2 * (enrolled.vectors @ center), 0, 4)
    best = int(np.argmin(apart))
    person = store.person(enrolled.person_ids[best])
    return Candidate(person.id, person.name, float(apart[best]))
