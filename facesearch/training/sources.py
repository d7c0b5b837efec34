"""Where a batch comes from: crops, or what the frozen part of a network makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from facesearch.training.augment import NONE, augmented

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facesearch.training.augment import Augmentation
    from facesearch.training.faces import TrainingFaces

AT_ONCE = 64


class Source(Protocol):
    """**Protocol:** the input of a network for n faces; ``people`` and ``photos`` are (n,), as in ``TrainingFaces``."""

    people: NDArray[np.int64]
    photos: NDArray[np.int64]

    def batch(self, rows: NDArray[np.int64], seed: tuple[int, int]) -> Any:  # noqa: ANN401 - tensors
        """The input of these faces, changed at random; the same for the same seed."""
        ...

    def plain(self, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """The input of these faces as it is."""
        ...


class CropSource:
    """Crops, changed and standardized.

    Args:
        faces: n of them.
        how: how far crops are changed.
    """

    def __init__(self, faces: TrainingFaces, how: Augmentation = NONE) -> None:
        self._crops = faces.crops
        self._how = how
        self.people = faces.people
        self.photos = faces.photos

    def batch(self, rows: NDArray[np.int64], seed: tuple[int, int]) -> Any:  # noqa: ANN401
        """See ``Source``."""
        return standardized(augmented(self._crops[rows], seed, self._how))

    def plain(self, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """See ``Source``."""
        return standardized(self._crops[rows])


class ActivationSource:
    """What a frozen trunk made of crops, once as they are and a few times changed: each costs the trunk only once.

    Args:
        trunk: standardized crops to activations, a compiled function.
        faces: n of them.
        how: how far crops are changed.
        variants: how many changed ones of each face there are to choose from; 0 for the plain one alone.
        seed: of the changes.
        told: called with faces done and to do.
    """

    def __init__(
        self,
        trunk: Any,  # noqa: ANN401 - Keras
        faces: TrainingFaces,
        how: Augmentation = NONE,
        *,
        variants: int = 0,
        seed: int = 0,
        told: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self.people = faces.people
        self.photos = faces.photos
        # Half precision: a last block's input is 64 kB a face otherwise.
        self._held: list[NDArray[np.float16]] = []
        done = 0
        for variant in range(variants + 1):
            source = CropSource(faces, how if variant else NONE)
            parts = []
            for start in range(0, len(faces), AT_ONCE):
                rows = np.arange(start, min(start + AT_ONCE, len(faces)))
                images = source.batch(rows, (seed, variant * 1_000_003 + start))
                parts.append(np.asarray(trunk(images)).astype(np.float16))
                done += len(rows)
                told(done, (variants + 1) * len(faces))
            self._held.append(np.concatenate(parts))

    def batch(self, rows: NDArray[np.int64], seed: tuple[int, int]) -> Any:  # noqa: ANN401
        """See ``Source``."""
        which = np.random.default_rng(seed).integers(0, len(self._held), len(rows))
        chosen = np.stack([self._held[variant][row] for variant, row in zip(which, rows, strict=True)])
        return chosen.astype(np.float32)

    def plain(self, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401
        """See ``Source``."""
        return self._held[0][rows].astype(np.float32)


def standardized(crops: Any) -> Any:  # noqa: ANN401 - tensors
    """``models.standardize`` as a tensor: each crop to mean 0 and deviation 1."""
    import tensorflow as tf

    return tf.image.per_image_standardization(tf.cast(crops, tf.float32))
