"""What is learnt from: crops of faces, whose they are, and which people are kept back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_VALIDATION = 10
"""People to validate on, at least: below, one person more or less is the whole curve."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFaces:
    """n faces, one row each.

    ``crops`` is RGB, (n, size, size, 3), uint8; ``people`` (n,), int64, indexes ``names``; ``photos`` (n,), int64,
    tells which faces are from one photo.
    """

    crops: NDArray[np.uint8]
    people: NDArray[np.int64]
    photos: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.people)

    @property
    def person_count(self) -> int:
        """How many people have a face here; ``names`` may be of more."""
        return len(set(self.people.tolist()))

    def of(self, rows: NDArray[np.int64]) -> TrainingFaces:
        """These rows alone; ``names`` stays."""
        return TrainingFaces(self.crops[rows], self.people[rows], self.photos[rows], self.names)


def check_share(share: float) -> None:
    """See whether a share of the people can be kept back.

    Raises:
        ConfigError: it is nobody, or everybody.
    """
    if not 0 < share < 1:
        raise ConfigError(f"a share of {share:g} to validate on", hint="--validation takes a number between 0 and 1")


def split_by_person(
    people: NDArray[np.int64], share: float, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from and rows to validate on; nobody is in both.

    Args:
        people: (n,): whose face each row is.
        share: of the people that validate, above 0 and below 1.
        seed: of the draw.

    Raises:
        ConfigError: too few people, or none with two faces on the side of validation.
    """
    check_share(share)
    everybody = np.unique(people)
    count = round(share * len(everybody))
    enough = len(everybody) >= LEAST_VALIDATION + 2
    if count < LEAST_VALIDATION or len(everybody) - count < 2:
        raise ConfigError(
            f"{len(everybody)} people are too few to keep {share:.0%} of them back for validation",
            hint=f"validation takes {LEAST_VALIDATION} people or more, and learning at least 2: add people"
            + (f", or {'raise' if count < LEAST_VALIDATION else 'lower'} --validation" if enough else ""),
        )
    held = np.random.default_rng(seed).permutation(everybody)[:count]
    back = np.isin(people, held)
    if not (np.unique(people[back], return_counts=True)[1] > 1).any():
        raise ConfigError(
            "nobody of those kept back for validation has two faces",
            hint="add people with two photos or more, or take another --seed",
        )
    return np.flatnonzero(~back), np.flatnonzero(back)


def split_faces(faces: TrainingFaces, share: float, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``split_by_person``, and no picture of a face is on both sides.

    A picture that has the names of two people, one on either side, is left out of learning. Faces of one group photo
    are other pictures.

    Raises:
        ConfigError: as ``split_by_person``.
    """
    learn, back = split_by_person(faces.people, share, seed=seed)
    both = np.intersect1d(faces.photos[learn], faces.photos[back])

    def pictures(rows: NDArray[np.int64]) -> list[tuple[int, bytes]]:
        return [(int(faces.photos[row]), faces.crops[row].tobytes()) for row in rows]

    held = set(pictures(back[np.isin(faces.photos[back], both)]))
    asked = learn[np.isin(faces.photos[learn], both)]
    left_out = [row for row, picture in zip(asked, pictures(asked), strict=True) if picture in held]
    return np.setdiff1d(learn, left_out), back
