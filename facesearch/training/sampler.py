"""Mini-batches of P people with K faces each: what gives anchors their positives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FACES_A_PERSON = 40
"""The paper's K (section 3.2); fewer where a person has fewer."""


class BatchSampler:
    """Batches of faces, each person at most once a batch, all people once an epoch.

    People with one face never give a positive, but they are good negatives: a part of each batch is kept for them.

    Args:
        people: (n,): whose face each is, any integers.
        faces: how many faces a batch has, about.
        faces_a_person: K at most; a person with more gives a random K of them each epoch.
        seed: of everything that is drawn.
        singles: the share of a batch that people with one face may fill, where there are any.

    Raises:
        ConfigError: fewer than two people, or none with two faces, or a batch that cannot hold two people.
    """

    def __init__(
        self,
        people: NDArray[np.int64],
        *,
        faces: int,
        faces_a_person: int = FACES_A_PERSON,
        seed: int = 0,
        singles: float = 0.25,
    ) -> None:
        rows = np.argsort(people, kind="stable")
        _, starts = np.unique(people[rows], return_index=True)
        owned = np.split(rows, starts[1:])
        self._several = [some for some in owned if len(some) > 1]
        self._single = np.array([some[0] for some in owned if len(some) == 1], np.int64)
        if len(owned) < 2 or not self._several:
            raise ConfigError(
                f"nothing to learn from: {len(owned)} people, {len(self._several)} of them with two faces or more",
                hint="give a folder for each person, with two photos or more in most of them",
            )
        if faces < 4 or faces_a_person < 2:
            raise ConfigError(
                f"a batch of {faces} faces, {faces_a_person} a person, holds no triplet",
                hint="take 2 faces a person or more, and 4 faces a batch or more",
            )
        self.faces = faces
        self.faces_a_person = min(faces_a_person, faces // 2)
        self._seed = seed
        self._room = faces - int(singles * faces) if len(self._single) else faces

    def epoch(self, number: int) -> Iterator[NDArray[np.int64]]:
        """The batches of an epoch as rows (b,) of ``people``; the same for the same seed and number.

        Every person with several faces comes once. A last batch of one person is left out where nobody with one face
        can join it, for it has no negatives.
        """
        random = np.random.default_rng([self._seed, number])
        singles = random.permutation(self._single)
        taken = 0
        batch: list[NDArray[np.int64]] = []
        held = 0
        for place in random.permutation(len(self._several)):
            some = random.permutation(self._several[place])[: self.faces_a_person]
            if held + len(some) > self._room and len(batch) > 1:
                rest = self._next(singles, taken, self.faces - held)
                taken += len(rest)
                yield np.concatenate([*batch, rest])
                batch, held = [], 0
            batch.append(some)
            held += len(some)
        rest = self._next(singles, taken, max(self.faces - held, 0))
        if len(batch) > 1 or len(rest):
            yield np.concatenate([*batch, rest])

    @staticmethod
    def _next(singles: NDArray[np.int64], taken: int, count: int) -> NDArray[np.int64]:
        """The next so many people with one face, from the first again after the last; each at most once."""
        count = min(count, len(singles))
        return np.take(singles, range(taken, taken + count), mode="wrap") if count else singles[:0]

    def batches_an_epoch(self) -> int:
        """How many batches epoch 0 has; others have nearly as many."""
        return sum(1 for _ in self.epoch(0))
