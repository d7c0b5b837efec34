"""What an album tells without being asked: which faces are of two people, and which of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from facesearch.cluster import ALONE, cluster
from facesearch.gallery.clusters import CUT
from facesearch.gallery.places import shape_of
from facesearch.identify.album import Pairs
from facesearch.images.quality import is_low
from facesearch.store.region import pair_up, to_stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from facesearch.store.store import Store
    from facesearch.types import Face, Photo, Recipe

BURST = 3.0
"""Seconds between two photos of a burst."""

MOST_FACES = 40
"""Faces of one person that are compared with each other: 780 pairs tell as much as a million do."""


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """The faces of a gallery that can be trusted, and are not in photos that are marked as a collage.

    ``faces`` (n) by ascending id, ``vectors`` (n, dim), ``person_ids`` (n) of those that are enrolled, else None.
    ``poor`` faces, and ``marked`` photos, were left out.
    """

    faces: tuple[Face, ...]
    vectors: NDArray[np.float32]
    person_ids: tuple[str | None, ...]
    poor: int
    marked: int

    def by_photo(self) -> dict[int, list[int]]:
        """The rows of each photo's faces."""
        found: dict[int, list[int]] = defaultdict(list)
        for row, face in enumerate(self.faces):
            found[face.photo_id or 0].append(row)
        return found


def read_album(store: Store, recipe: Recipe) -> Album:
    """The faces that a calibration may rest on."""
    with store.reading():
        stacks = list(store.embeddings(recipe))
        ids = [face_id for some, _ in stacks for face_id in some.tolist()]
        faces = store.faces(ids)
        marked = store.marked("collage")
        none = {face_id for face_id, people in store.rejections().items() if None in people}
        enrolled = store.enrolled(recipe)
    person_of = dict(zip(enrolled.face_ids.tolist(), enrolled.person_ids, strict=True))
    able = [face_id not in none and faces[face_id].photo_id not in marked for face_id in ids]
    good = [fit and not is_low(faces[face_id]) for fit, face_id in zip(able, ids, strict=True)]
    kept = [face_id for face_id, keep in zip(ids, good, strict=True) if keep]
    vectors = np.concatenate([np.empty((0, recipe.dim), np.float32), *(rows for _, rows in stacks)])
    return Album(
        faces=tuple(faces[face_id] for face_id in kept),
        vectors=vectors[np.array(good, dtype=np.bool_)],
        person_ids=tuple(person_of.get(face_id) for face_id in kept),
        poor=sum(able) - len(kept),
        marked=len(marked),
    )


def sharing(album: Album, cut: float = CUT) -> tuple[Pairs, int]:
    """Pairs of faces that share a photo, and how many of them were left out because they are known to be one person.

    Who is who is taken from the enrolled faces, and where there are none from clusters, which are ``cut`` as
    ``clusters.CUT`` says for the embedder.
    """
    shared = {photo: rows for photo, rows in album.by_photo().items() if len(rows) > 1}
    rows = np.array([row for some in shared.values() for row in some], dtype=np.int64)
    photos = np.array([photo for photo, some in shared.items() for _ in some], dtype=np.int64)
    people = np.full(len(album.faces), -1, dtype=np.int64)
    people[rows] = _people(
        cluster(album.vectors[rows], photos, threshold=cut), [album.person_ids[row] for row in rows.tolist()]
    )
    of = np.array([photo for photo, some in shared.items() for _ in combinations(some, 2)], dtype=np.int64)
    both = np.array([two for some in shared.values() for two in combinations(some, 2)], dtype=np.int64).reshape(-1, 2)
    strangers = people[both[:, 0]] != people[both[:, 1]]
    kept = both[strangers]
    return Pairs(distances(album, kept), people[kept], of[strangers]), int(np.sum(~strangers))


def distances(album: Album, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared distances (n,) of pairs of rows (n, 2)."""
    one, other = album.vectors[pairs[:, 0]], album.vectors[pairs[:, 1]]
    return np.asarray(np.clip(2 - 2 * np.einsum("ij,ij->i", one, other, dtype=np.float64), 0, 4))


def same_person(album: Album) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows (n, 2) in different photos that are enrolled as one person, and the person of each, a number."""
    owned: dict[str, list[int]] = defaultdict(list)
    for row, person in enumerate(album.person_ids):
        if person is not None:
            owned[person].append(row)
    pairs: list[tuple[int, int]] = []
    owners: list[int] = []
    for number, rows in enumerate(owned.values()):
        some = [rows[place] for place in np.linspace(0, len(rows) - 1, min(len(rows), MOST_FACES)).astype(int)]
        found = [two for two in combinations(some, 2) if album.faces[two[0]].photo_id != album.faces[two[1]].photo_id]
        pairs += found
        owners += [number] * len(found)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2), np.array(owners, dtype=np.int64)


def bursts(album: Album, photos: dict[int, Photo]) -> NDArray[np.int64]:
    """Pairs of rows (n, 2): faces at one place in two photos that were taken within ``BURST`` seconds."""
    by_photo = album.by_photo()
    timed = sorted((moment, photo.id) for photo in photos.values() if (moment := _moment(photo)) is not None)
    found: list[tuple[int, int]] = []
    for (before, first), (after, second) in pairwise(timed):
        if (after - before).total_seconds() <= BURST and shape_of(photos[first]) == shape_of(photos[second]):
            found += _overlapping(album, by_photo[first], by_photo[second], photos[first])
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _overlapping(album: Album, old: list[int], new: list[int], photo: Photo) -> Iterator[tuple[int, int]]:
    shape = shape_of(photo)
    before, after = ([to_stored(album.faces[row].box, *shape) for row in rows] for rows in (old, new))
    for place, which in pair_up(before, after).items():
        yield old[which], new[place]


def _people(labels: NDArray[np.int64], person_ids: Sequence[str | None]) -> NDArray[np.int64]:
    """A number for each face's person: the one it is enrolled as, else the one that most of its cluster are."""
    held: dict[int, Counter[str]] = defaultdict(Counter)
    for label, person in zip(labels.tolist(), person_ids, strict=True):
        if person is not None and label != ALONE:
            held[label][person] += 1
    numbers: dict[object, int] = {}
    found = []
    for row, (label, person) in enumerate(zip(labels.tolist(), person_ids, strict=True)):
        known = person or (held[label].most_common(1)[0][0] if label in held else None)
        alone = ("face", row) if label == ALONE else ("cluster", label)
        found.append(numbers.setdefault(known or alone, len(numbers)))
    return np.array(found, dtype=np.int64)


def _moment(photo: Photo) -> datetime | None:
    """When a photo was taken, by its own clock."""
    return datetime.fromisoformat(photo.taken_at[:19]) if photo.taken_at else None
