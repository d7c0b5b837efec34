"""The plain values that facesearch takes and returns: frozen, slotted, free of NumPy and of the database.

Coordinates are pixels of the *upright* photo (EXIF orientation applied, full resolution), x to the right and y
down, ``right`` and ``bottom`` exclusive. Distances are squared Euclidean distances of two unit embeddings, 0 to 4,
smaller is more alike (Schroff et al. 2015, section 3, the paper's D).
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Literal

Point = tuple[float, float]
"""An (x, y) position in pixels of the upright photo."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright photo; it may reach beyond the photo's edge."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Square pixels; 0 for an empty or inverted box."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def center(self) -> Point:
        """The middle of the box."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def iou(self, other: Box) -> float:
        """Intersection over union with ``other``, 0 to 1; 0 where both are empty."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(wide, 0.0) * max(high, 0.0)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def scaled(self, factor: float) -> Box:
        """The same box in a picture that is ``factor`` times as large."""
        return Box(self.left * factor, self.top * factor, self.right * factor, self.bottom * factor)

    def as_list(self) -> list[float]:
        """``[left, top, right, bottom]``, rounded to a tenth of a pixel, as in JSON output."""
        return [round(side, 1) for side in (self.left, self.top, self.right, self.bottom)]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The five points of a face; left and right are the *viewer's*, so an upright ``left_eye`` has the smaller x."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth_left: Point
    mouth_right: Point

    @property
    def points(self) -> tuple[Point, Point, Point, Point, Point]:
        """The points in the order of the fields."""
        return self.left_eye, self.right_eye, self.nose, self.mouth_left, self.mouth_right

    @property
    def quarter_turns(self) -> int:
        """How many quarter turns clockwise, 0 to 3, bring the face upright: 0 where the mouth lies below the eyes."""
        (x0, y0), (x1, y1), _, (x2, y2), (x3, y3) = self.points
        right, down = x2 + x3 - x0 - x1, y2 + y3 - y0 - y1
        if abs(down) >= abs(right):
            return 0 if down >= 0 else 2
        return 1 if right > 0 else 3

    @property
    def tilt(self) -> float:
        """How many degrees clockwise, -180 to 180, the eyes lean once ``quarter_turns`` have brought the face upright.

        0 where both eyes are one point.
        """
        (x0, y0), (x1, y1) = self.left_eye, self.right_eye
        if (x0, y0) == (x1, y1):
            return 0.0
        return (math.degrees(math.atan2(y1 - y0, x1 - x0)) + 90 * self.quarter_turns + 180) % 360 - 180

    def scaled(self, factor: float) -> Landmarks:
        """The same points in a picture that is ``factor`` times as large."""
        return Landmarks(*((x * factor, y * factor) for x, y in self.points))


@dataclass(frozen=True, slots=True)
class Detection:
    """One face as a detector saw it; ``confidence`` is 0 to 1."""

    box: Box
    landmarks: Landmarks
    confidence: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """What made an embedding. Vectors of two recipes are never compared.

    ``settings`` holds everything that changes a vector (weights' hash, crop, filter, mirror, precision, detector
    settings, code revision) as sorted (name, value) pairs, so that equal recipes have equal keys.
    """

    model: str
    dim: int
    settings: tuple[tuple[str, str | int | float | bool], ...]

    @property
    def key(self) -> str:
        """16 hexadecimal digits of the SHA-256 over the canonical JSON of the recipe."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:16]

    def as_json(self) -> str:
        """Canonical JSON: sorted names, no white space."""
        parts = {"model": self.model, "dim": self.dim, "settings": dict(self.settings)}
        return json.dumps(parts, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Face:
    """One detection in one photo. ``id`` is None for a face of a probe that is not in the gallery.

    ``quality`` is 0 to 1 or None where it was not measured. ``person_id`` and ``person`` are None for a face that
    nobody has named.
    """

    box: Box
    landmarks: Landmarks
    confidence: float
    quality: float | None = None
    id: int | None = None
    photo_id: int | None = None
    person_id: str | None = None
    person: str | None = None


PhotoStatus = Literal["done", "no_face"]
"""What became of a photo: faces found, or none. Files that could not be read never become photos."""

Mark = Literal["collage"]
"""What somebody may say about a whole photo: that it shows people several times."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture in the gallery, known by its bytes and its stored pixels; ``paths`` are where it was last seen.

    ``width`` and ``height`` are of the upright photo; ``orientation`` is the EXIF value 1 to 8 that was applied.
    """

    id: int
    byte_hash: str
    pixel_hash: str
    width: int
    height: int
    orientation: int
    taken_at: str | None
    status: PhotoStatus
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a name (names need not be unique: ``id`` is a UUID) and how often they were enrolled."""

    id: str
    name: str
    faces: int
    photos: int


@dataclass(frozen=True, slots=True)
class Match:
    """One gallery face that was compared with a probe face, and where it is."""

    face: Face
    distance: float
    path: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person beside a distance: the runner-up of an answer, or the nearest person of a stranger."""

    person_id: str
    person: str
    distance: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Who one face of a probe is. ``person`` is None for "unknown".

    ``distance`` is to the nearest enrolled face of the answered person (of the nearest person where unknown), None
    where nobody is enrolled. ``fpir`` says what that is worth: the share of strangers who would get a name too if this
    face gets one (the smallest measured, where rarer still); None where the embedder is not calibrated. ``score`` is
    the method's own certainty, 0 to 1, or None. ``displaced`` is who it would have been, had not another face of the
    photo been given them. ``doubt`` says why no answer about this face can be trusted ("18 px", "blurred"), or is None.
    """

    face: Face
    person_id: str | None
    person: str | None
    distance: float | None
    method: str
    runner_up: Candidate | None = None
    nearest: Candidate | None = None
    score: float | None = None
    fpir: float | None = None
    displaced: str | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the two photos show the same person.

    ``far`` is the share of pairs of strangers that are as near (the smallest measured, where it is rarer still),
    ``tar`` that of pairs of one person; None where the embedder is not calibrated.
    """

    same: bool
    distance: float
    threshold: float
    a: Face
    b: Face
    far: float | None
    tar: float | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A photo that could not be used, and why."""

    path: str
    error: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about a photo that was taken in all the same."""

    path: str
    warning: str


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an ``index`` run did.

    ``warnings`` are photos that were taken in with something odd about them. ``people`` counts people who were enrolled
    from folders, ``kept_out`` photos that were forgotten with a tombstone, so that faces in them were left out. From
    regions, ``named`` faces got names, ``unplaced`` are where no face is, ``conflicts`` contradict what was decided.
    """

    added: int
    skipped: int
    no_face: int
    faces: int
    failed: tuple[Failure, ...]
    seconds: float
    warnings: tuple[Remark, ...] = ()
    people: int = 0
    kept_out: int = 0
    pruned: int = 0
    interrupted: bool = False
    named: int = 0
    unplaced: tuple[Remark, ...] = ()
    conflicts: tuple[Remark, ...] = ()

    @property
    def photos_per_second(self) -> float:
        """Photos that were decoded and analysed, a second; 0 where none were."""
        worked = self.added + self.no_face + len(self.failed)
        return worked / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What a ``reindex`` run did.

    ``recipe`` is the key of the recipe that the gallery was to be moved to, ``switched`` whether it answers by that
    recipe now. ``faces`` were embedded in this run. ``failed`` are photos with faces that could not be embedded, and
    ``dropped`` how many faces lost their vectors. ``boxes_by`` is what found their boxes, if the new recipe's does not.
    """

    recipe: str
    switched: bool
    faces: int
    dropped: int
    failed: tuple[Failure, ...]
    seconds: float
    interrupted: bool = False
    boxes_by: str | None = None


@dataclass(frozen=True, slots=True)
class ProbePhoto:
    """A probe and the answers for its faces, left to right; ``error`` says why there are none.

    ``warnings`` say what was odd about the photo but did not hinder, one sentence each.
    """

    path: str
    answers: tuple[Answer, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe face and the gallery faces nearest to it, nearest first."""

    face: Face
    matches: tuple[Match, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What a vector index is: the ``kind`` by its name, and how many ``vectors`` it holds.

    ``recall`` is the share of the ten nearest that it finds, measured on vectors of its own; None where it is exact.
    It then looks at ``candidates`` by codes for ten neighbours, in ``lists`` lists. ``place`` is its server, if any.
    """

    kind: str
    vectors: int
    recall: float | None = None
    candidates: int | None = None
    lists: int | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """How much a gallery holds.

    ``photos`` have faces, ``no_face`` have none, ``failed`` counts files that could not be used, ``files`` all that
    are known. ``embeddings`` are those of the active ``recipe`` (its key; None before the first ``index``).
    ``index`` is the file that finds the nearest of them, as it was when it was last written; None without one.
    """

    folder: str
    photos: int
    no_face: int
    failed: int
    files: int
    faces: int
    people: int
    enrolled: int
    embeddings: int
    recipe: str | None
    index: IndexFacts | None = None


Grid = tuple[tuple[float, ...], ...]
"""Numbers in rows, from the top; each row from the left."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two faces match, or do not.

    ``a`` and ``b`` are the photos of the two faces that ``verdict`` compares. ``map_a`` says by how much the distance
    rises when one square of the first face is hidden, square by square of the upright face: a part above 0 makes the
    faces alike, one below 0 tells them apart; ``map_b`` likewise. ``notes_a`` and ``notes_b`` describe the faces.

    ``person`` is the enrolled person whose nearest face is the second one; None where two photos were given.
    ``nearest`` is the nearest other enrolled person, None where there is none or no gallery.
    """

    verdict: Verdict
    a: str
    b: str
    map_a: Grid
    map_b: Grid
    notes_a: tuple[str, ...] = ()
    notes_b: tuple[str, ...] = ()
    person: Candidate | None = None
    nearest: Candidate | None = None
