"""The plain values that go in and out of the store, beside those of ``facesearch.types``."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.types import Face, PhotoStatus

Source = Literal["user", "folder", "region", "auto"]
"""Where an enrolment comes from. Automatic ones are no evidence until somebody confirms them."""

Payload = dict[str, Any]
"""What an event says beside its face and person, as JSON can hold it."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file as ``stat`` saw it; ``relative`` is its path below ``root``, both as the file system spells them."""

    root: Path
    relative: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A picture that was decoded; ``width`` and ``height`` are of the upright photo."""

    byte_hash: str
    pixel_hash: str
    width: int
    height: int
    orientation: int = 1
    taken_at: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NewAnalysis:
    """What was found in a picture.

    ``faces`` are in pixels of the upright photo; their ``id``, ``photo_id`` and people are not looked at. ``vectors``
    is float32, (n, dim), unit rows, row i for ``faces[i]``. ``stamp`` is the file that the photo was read from; None
    leaves files alone.
    """

    photo: NewPhoto
    faces: Sequence[Face]
    vectors: NDArray[np.float32]
    stamp: FileStamp | None = None


@dataclass(frozen=True, slots=True)
class HeldPhoto:
    """A photo in the gallery, as far as it matters whether it must be analysed; ``recipe`` is the key of its recipe."""

    id: int
    recipe: str
    status: PhotoStatus
    orientation: int

    def is_current(self, recipe_key: str, orientation: int) -> bool:
        """Whether there is nothing to find in the photo any more: the one dedupe rule on the level of pixels.

        A photo that showed no face while it lay on its side gets another try once its EXIF orientation is mended.
        """
        return self.recipe == recipe_key and (self.status == "done" or self.orientation == orientation)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the gallery remembers it.

    ``recipe`` is the key of the recipe that its photo was analysed with, ``error`` why it could not be used and
    ``decoder`` by which decoders. ``photo_id`` is None where the file never was a picture.
    """

    id: int
    root: Path
    relative: str
    size: int
    mtime_ns: int
    photo_id: int | None = None
    recipe: str | None = None
    error: str | None = None
    decoder: str | None = None

    @property
    def path(self) -> Path:
        """Where the file is, or was."""
        return self.root / self.relative

    def is_current(self, stamp: FileStamp, *, recipe_key: str, decoder: str, retry: bool = False) -> bool:
        """Whether there is nothing to do for the file: the one dedupe rule on the level of ``stat``.

        Args:
            stamp: the file as it is now.
            recipe_key: of the recipe that photos are analysed with now.
            decoder: version of the decoders now; a file that failed under others is tried again.
            retry: try every failed file again.
        """
        if (self.size, self.mtime_ns) != (stamp.size, stamp.mtime_ns):
            return False
        if self.error is not None:
            return not retry and self.decoder == decoder
        return self.photo_id is not None and self.recipe == recipe_key


@dataclass(frozen=True, slots=True)
class State:
    """Which gallery this is and which state it is in; what a cache is stamped with.

    ``token`` is random and new after every commit that changed something; ``enrolments`` is random and new after
    every commit that changed who is enrolled with which vectors. ``seq`` is the end of the change log.
    """

    gallery: str
    token: str
    seq: int
    recipe: str | None
    enrolments: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to the embeddings of one recipe after a point of the change log, in its end effect.

    ``added`` (a,) and ``removed`` (r,) are int64 face ids in ascending order, disjoint; an added one may be known
    already, with another vector. ``seq`` is how far the log was read.
    """

    added: NDArray[np.int64]
    removed: NDArray[np.int64]
    seq: int


@dataclass(frozen=True, slots=True)
class FaceVectors:
    """Faces with their embeddings by ascending face id: ``face_ids`` (n,) and ``photo_ids`` (n,) int64, ``vectors``
    (n, dim) float32, unit rows. n may be 0.
    """  # noqa: D205

    face_ids: NDArray[np.int64]
    photo_ids: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Enrolled(FaceVectors):
    """Faces that have a person, which ``person_ids`` (n) names, row by row."""

    person_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unnamed(FaceVectors):
    """Faces without a person; ``low`` (n), bool, says which of them cannot be trusted (``images.quality``)."""

    low: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the gallery holds; ``photos`` by status, ``embeddings`` by recipe key, ``failed`` counts files."""

    photos: dict[str, int]
    failed: int
    paths: int
    faces: int
    people: int
    enrolled: int
    embeddings: dict[str, int]


@dataclass(frozen=True, slots=True)
class Region:
    """A box in fractions of the *stored, unrotated* picture, so that it outlives a change of size or orientation."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Place:
    """A face as the journal speaks of it: its photo's pixels and where it is in the stored picture."""

    pixel_hash: str
    region: Region

    def __str__(self) -> str:
        return f"{self.pixel_hash}:" + ",".join(f"{side:.6f}" for side in astuple(self.region))

    @classmethod
    def parse(cls, text: str) -> Place:
        """The inverse of ``str``, to a millionth of the picture."""
        pixel_hash, _, sides = text.rpartition(":")
        return cls(pixel_hash, Region(*(float(side) for side in sides.split(","))))


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A decision about a face that is not in the gallery; ``person`` is the name it was given, or None."""

    place: Place
    person: str | None
    person_id: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One decision in the journal; ``payload`` is what else must be known to repeat it or to take it back."""

    seq: int
    id: str
    action: str
    at: str
    op: str
    pixel_hash: str | None
    region: Region | None
    person_id: str | None
    payload: Payload


@dataclass(frozen=True, slots=True)
class Deed:
    """Events of one action that do the same: how many, about whom, and what they say beside."""

    op: str
    person_id: str | None
    count: int
    payload: Payload


@dataclass(frozen=True, slots=True)
class Action:
    """What was decided in one transaction; ``seq`` is that of its first event."""

    id: str
    seq: int
    at: str
    deeds: list[Deed]
