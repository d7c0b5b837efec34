"""Which face of each photo belongs to the person that a folder is named after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FITS = 1.2
"""Squared distance to the nearest chosen face of another photo, beyond which a face of a group photo fits nobody: the
distance at which verification is most accurate on LFW (design.md, section 9). FaceNet's; others have the one that pairs
of strangers are as rare at (``Calibration.as_rare_as``)."""

ROUNDS = 5


def choose_faces(
    photos: Sequence[NDArray[np.float32]], prominent: Sequence[int], *, fits: float = FITS
) -> list[int | None]:
    """Choose one face a photo so that the chosen ones fit each other; bystanders are left out.

    Each round takes, in each photo, the face nearest to the mean of the faces chosen in the others; it starts from
    photos with a single face, which leave no doubt, or where there are none from the face that is nearest to some face
    of most other photos.

    Args:
        photos: for each photo the embeddings of its faces, shape (n, d), unit rows, n may be 0.
        prominent: for each photo the place of its most prominent face, which is taken where nothing else speaks.
        fits: what ``FITS`` is for the embedder.

    Returns:
        For each photo the place of its face, or None where it has none or none fits the other photos.
    """
    filled = [place for place, vectors in enumerate(photos) if len(vectors)]
    chosen: list[int | None] = [None] * len(photos)
    if len(filled) == 1:
        chosen[filled[0]] = prominent[filled[0]]
        return chosen
    for place in filled:
        chosen[place] = 0 if len(photos[place]) == 1 else None
    if all(chosen[place] is None for place in filled):
        for place in filled:
            chosen[place] = _popular(photos, place, filled)
    for _ in range(ROUNDS):
        before = list(chosen)
        for place in filled:
            if len(photos[place]) > 1:
                others = _chosen_vectors(photos, chosen, without=place)
                if len(others):
                    chosen[place] = int(np.argmax(photos[place] @ others.mean(axis=0)))
        if chosen == before:
            break
    return [_fitting(photos, chosen, place, fits) for place in range(len(photos))]


def _popular(photos: Sequence[NDArray[np.float32]], place: int, filled: list[int]) -> int:
    """The face of one photo whose nearest faces in the other photos are nearest, by the median."""
    nearest = [(photos[place] @ photos[other].T).max(axis=1) for other in filled if other != place]
    return int(np.argmax(np.median(nearest, axis=0)))


def _chosen_vectors(
    photos: Sequence[NDArray[np.float32]], chosen: list[int | None], *, without: int
) -> NDArray[np.float32]:
    rows = [photos[i][face] for i, face in enumerate(chosen) if face is not None and i != without]
    return np.array(rows, dtype=np.float32)


def _fitting(photos: Sequence[NDArray[np.float32]], chosen: list[int | None], place: int, fits: float) -> int | None:
    """The chosen face, unless the photo offers several and even this one fits no other photo."""
    face = chosen[place]
    if face is None or len(photos[place]) == 1:
        return face
    others = _chosen_vectors(photos, chosen, without=place)
    nearest = 2 - 2 * float((others @ photos[place][face]).max()) if len(others) else 0.0
    return face if nearest < fits else None
