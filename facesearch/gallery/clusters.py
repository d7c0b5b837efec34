"""Groups of faces that nobody has named yet, which keep their numbers while new photos come in."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.cluster import ALONE, cluster
from facesearch.errors import ConfigError
from facesearch.gallery import layout
from facesearch.gallery.grouped import Alike, Cluster, Clustering
from facesearch.gallery.places import GONE, place_of
from facesearch.gallery.recipes import take_recipe
from facesearch.types import Candidate, Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from facesearch.gallery.layout import How, Layout
    from facesearch.pipeline import FrontEnd
    from facesearch.store.store import Store
    from facesearch.store.values import Unnamed
    from facesearch.types import Recipe

CUT = 0.75
"""Mean squared distance at which clusters are no longer joined. On lfw-dev, of 0.60 to 0.95, the best BCubed F at
pairwise precision of 0.985 or more (0.978 at 0.994, `facesearch evaluate clustering`)."""

_ROWS = 1024
"""Clusters that are compared with all others in one step."""


def cluster_unnamed(
    store: Store, front_end: FrontEnd, *, threshold: float = CUT, afresh: bool = False, ignored: bool = False
) -> Clustering:
    """Group the unnamed faces, keep the groups in the gallery, and describe them; see ``Gallery.cluster``.

    Groups that stand grow and are never joined with each other; a new group gets a number that none had before. Faces
    that cannot be trusted (``images.quality``) join groups of others at most, and come last in them.
    """
    recipe = front_end.recipe
    with store.writing():
        faces = store.unnamed(recipe)
        every = store.clusters(recipe.key, named=True)
        before = {name: list(_known(ids, faces)) for name, ids in every.items()}
        collages = np.isin(faces.photo_ids, list(store.marked("collage")))
        # In a collage two faces may be one person's: each face is a photo of its own.
        photos = np.where(collages, -faces.face_ids, faces.photo_ids)
        cannot = _pairs(faces, store.apart())
        held = np.full(len(photos), ALONE) if afresh else _held(before, faces, photos, cannot)
        labels = cluster(faces.vectors, photos, threshold=threshold, cannot=cannot, weak=faces.low, held=held)
        groups = _numbered(labels, held, before, store.highest_cluster(), faces)
        take_recipe(store, recipe)
        grouped = {name: faces.face_ids[rows].tolist() for name, rows in groups.items()}
        store.save_clusters(recipe.key, _with_the_absent(grouped, every, before, faces, afresh=afresh))
        return _describe(store, recipe, groups, faces, threshold, (photos, cannot), ignored=ignored)


def lay_out(clustering: Clustering, target: Path, how: How) -> Layout:
    """Lay the photos of clusters out as folders of links or copies, one a cluster; see ``layout.lay_out``.

    Raises:
        ConfigError: there is no cluster, or ``target`` is a file.
        FacesearchError: something cannot be written.
    """
    groups = {
        f"group {one.id}": [Path(match.path) for match in one.matches if match.path != GONE]
        for one in clustering.clusters
    }
    if not groups:
        raise ConfigError("there is no group to lay out", hint="index more photos, or give a larger --threshold")
    return layout.lay_out(groups, target, how)


def _known(face_ids: Iterable[int], faces: Unnamed) -> Iterable[int]:
    """The rows of those of some faces that have no name."""
    for face_id in face_ids:
        row = int(np.searchsorted(faces.face_ids, face_id))
        if row < len(faces.face_ids) and faces.face_ids[row] == face_id:
            yield row


def _pairs(faces: Unnamed, apart: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Rows of faces that somebody has kept apart."""
    found = [list(_known(pair, faces)) for pair in apart]
    return [(rows[0], rows[1]) for rows in found if len(rows) == 2]


def _held(
    before: Mapping[str, Sequence[int]],
    faces: Unnamed,
    photos: NDArray[np.int64],
    cannot: Sequence[tuple[int, int]],
) -> NDArray[np.int64]:
    """The place of each face's cluster among those that stand, (n,).

    A face that must not be with an earlier one of its cluster any more (a collage that is none after all, a split) is
    free, and so is everybody in a cluster of which fewer than two faces are left that can be trusted.
    """
    held = np.full(len(photos), ALONE)
    others: dict[int, set[int]] = defaultdict(set)
    for one, other in cannot:
        others[one].add(other)
        others[other].add(one)
    for place, rows in enumerate(before.values()):
        kept: list[int] = []
        for row in rows:
            if photos[row] not in photos[kept] and others[row].isdisjoint(kept):
                kept.append(row)
        if np.count_nonzero(~faces.low[kept]) > 1:
            held[kept] = place
    return held


def _numbered(
    labels: NDArray[np.int64],
    held: NDArray[np.int64],
    before: Mapping[str, Sequence[int]],
    highest: int,
    faces: Unnamed,
) -> dict[str, NDArray[np.int64]]:
    """The rows of each group by its number, the most central first, the faces that cannot be trusted last.

    A group has the number of the one it grew from. In a regrouping that is the one that is in it as a whole, if no
    face of it is from another group.
    """
    names = list(before)
    came_from = np.full(len(labels), ALONE)
    for place, earlier in enumerate(before.values()):
        came_from[list(earlier)] = place
    groups: dict[str, NDArray[np.int64]] = {}
    for label in range(int(labels.max(initial=ALONE)) + 1):
        rows = np.flatnonzero(labels == label)
        standing = np.unique(held[rows][held[rows] >= 0])
        if not len(standing):
            origins = np.unique(came_from[rows][came_from[rows] >= 0])
            whole = len(origins) == 1 and np.isin(list(before[names[origins[0]]]), rows).all()
            standing = origins if whole and names[origins[0]] not in groups else standing
        if len(standing):
            name = names[int(standing[0])]
        else:
            highest += 1
            name = str(highest)
        mean = faces.vectors[rows[~faces.low[rows]]].mean(axis=0)
        groups[name] = rows[np.lexsort((-(faces.vectors[rows] @ mean), faces.low[rows]))]
    return groups


def _with_the_absent(
    groups: Mapping[str, list[int]],
    every: Mapping[str, Sequence[int]],
    before: Mapping[str, Sequence[int]],
    faces: Unnamed,
    *,
    afresh: bool,
) -> dict[str, list[int]]:
    """The groups, with faces that have a name now and must be in their group again when that is undone.

    Of a group that is no more, the faces that went to no other one stay (one of them after a regrouping, so that its
    number is not given to others).
    """
    taken = {face_id for ids in groups.values() for face_id in ids}
    saved = {name: list(ids) for name, ids in groups.items()}
    for name, ids in every.items():
        unnamed = set(faces.face_ids[list(before[name])].tolist())
        named = [face_id for face_id in ids if face_id not in unnamed]
        left = [face_id for face_id in ids if face_id in unnamed and face_id not in taken]
        if name in groups:
            left = []
        rest = [*left[: 1 if afresh else None], *named]
        if rest:
            saved[name] = [*saved.get(name, []), *rest]
    return saved


def _describe(
    store: Store,
    recipe: Recipe,
    groups: Mapping[str, NDArray[np.int64]],
    faces: Unnamed,
    threshold: float,
    rules: tuple[NDArray[np.int64], Sequence[tuple[int, int]]],
    *,
    ignored: bool,
) -> Clustering:
    """The groups as values, largest first; with ``ignored`` those that are mostly of ignored faces, else the others."""
    unwanted = np.isin(faces.face_ids, list(store.ignored()))
    hidden = {name for name, rows in groups.items() if 2 * np.count_nonzero(unwanted[rows]) > len(rows)}
    shown = {name: rows for name, rows in groups.items() if (name in hidden) == ignored}
    wanted = sorted(shown, key=lambda name: (-len(shown[name]), int(name)))
    held = store.faces(faces.face_ids[np.concatenate([np.empty(0, np.int64), *shown.values()])].tolist())
    photos = store.photos(sorted({face.photo_id for face in held.values() if face.photo_id is not None}))
    paths = {photo.id: photo.paths for photo in photos.values()}
    nearest = _nearest(store, recipe, [faces.vectors[shown[name][0]] for name in wanted])
    clusters = []
    for name, near in zip(wanted, nearest, strict=True):
        rows = shown[name]
        apart = np.clip(2 - 2 * (faces.vectors[rows] @ faces.vectors[rows[0]]).astype(np.float64), 0, 4)
        members = [held[face_id] for face_id in faces.face_ids[rows].tolist()]
        matches = tuple(
            Match(face, float(distance), place_of(paths, face)) for face, distance in zip(members, apart, strict=True)
        )
        days = sorted(day[:10] for face in members if (day := photos[face.photo_id or 0].taken_at))
        clusters.append(Cluster(name, matches, near, days[0] if days else None, days[-1] if days else None))
    grouped = np.concatenate([np.empty(0, np.int64), *groups.values()])
    alone = np.setdiff1d(np.arange(len(unwanted)), grouped)
    strangers = sum(len(groups[name]) for name in hidden) + np.count_nonzero(unwanted[alone])
    return Clustering(
        tuple(clusters),
        unclustered=int(np.count_nonzero(~unwanted[alone])),
        ignored=int(strangers),
        alike=_alike(shown, faces, threshold, *rules),
    )


def _nearest(store: Store, recipe: Recipe, centers: Sequence[NDArray[np.float32]]) -> list[Candidate | None]:
    """Whom each face is nearest to."""
    enrolled = store.enrolled(recipe)
    if not len(enrolled.vectors):
        return [None] * len(centers)
    names = store.names()
    found: list[Candidate | None] = []
    for center in centers:
        apart = np.clip(2 - 2 * (enrolled.vectors @ center), 0, 4)
        best = int(np.argmin(apart))
        person_id = enrolled.person_ids[best]
        found.append(Candidate(person_id, names[person_id], float(apart[best])))
    return found


def _alike(
    groups: Mapping[str, NDArray[np.int64]],
    faces: Unnamed,
    threshold: float,
    photos: NDArray[np.int64],
    cannot: Sequence[tuple[int, int]],
) -> tuple[Alike, ...]:
    """Pairs of groups that would be one, had not both stood before; the nearest first."""
    if not groups:
        return ()
    names, rows = list(groups), list(groups.values())
    means = np.stack([faces.vectors[some[~faces.low[some]]].mean(axis=0) for some in rows])
    barred = {frozenset(pair) for pair in cannot}
    found = []
    for start in range(0, len(names), _ROWS):
        apart = 2 - 2 * (means[start : start + _ROWS] @ means.T)
        ones, others = np.nonzero(np.triu(apart <= threshold, 1 + start))
        for one, other in zip((ones + start).tolist(), others.tolist(), strict=True):
            together = [*rows[one].tolist(), *rows[other].tolist()]
            may = len(np.unique(photos[together])) == len(together)
            if may and not any(pair <= set(together) for pair in barred):
                found.append(Alike(names[one], names[other], float(apart[one - start, other])))
    return tuple(sorted(found, key=lambda pair: pair.distance))
