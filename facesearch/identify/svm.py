"""Who is it, by a linear SVM on the enrolled faces that can still say "unknown".

One linear classifier a person, that person against everybody else enrolled. Left alone it names somebody for every
stranger: it has learned how the enrolled people differ, not what a stranger looks like. So a person is nameable only
where both hold:

- the classifier does not put the probe among the others: its margin is above ``floor``;
- the faces *of that very person* are nearer than ``threshold``: the normalized distance, as for k-NN, or where that was
  asked for the plain distance to the nearest one.

Among those the largest margin wins. scikit-learn is imported to train only; a trained SVM is plain arrays.

A margin is no probability, and none is made of it: what an answer promises is the FPIR of its normalized distance,
which was measured on people by the hundred (``calibration``), where a gallery has a handful of wrong margins.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from facesearch.errors import ModelError
from facesearch.identify.decide import Decision, decide
from facesearch.identify.normalize import USUAL, normalized
from facesearch.identify.table import Enrolled, Table

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

C = 10.0
"""Inverse strength of regularization. On lfw-dev (125 people, 3 photos each) 1 leaves the margins of many right faces
below 0, 100 trains four times as long and separates no better."""

RIVALS = 1000
"""How many faces of others a person is told from: those most like the mean of the person's own (hard negatives,
Felzenszwalb et al. 2010). The others are far on their side of the boundary anyway. With 10,000 random faces of 500
people it takes a sixth of the time of a training on all faces; margins above -0.7 are within 0.001 of those, and within
0.013 on 1,903 faces of 496 people of lfw-dev."""

FLOOR = -0.5
"""Halfway from the boundary, 0, to where training pulls the others' faces, -1 (the hinge). It is a second look at clear
strangers, the normalized distance decides. On lfw-dev (threshold from one half of the people, at FPIR 1e-2) it changes
the detection rate of the other half by less than 0.0005, with 1 photo enrolled or 3, and so would sparing people with a
single photo. With those, -0.4 costs 0.001, -0.3 0.005 and -0.2 0.013."""


@dataclass(frozen=True, slots=True, eq=False)
class Svm:
    """A trained SVM: margin of person i = ``coef[i] · vector + intercept[i]``.

    ``people`` are the c person ids, ascending; ``coef`` has shape (c, d), ``intercept`` (c,), both float64.
    """

    people: tuple[str, ...]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def margins(self, probes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Signed margins (q, c) of unit rows (q, d); above 0 is this person's side."""
        return probes.astype(np.float64) @ self.coef.T + self.intercept

    def to_bytes(self, *, recipe: str, token: str) -> bytes:
        """The SVM as an ``.npz`` file, without pickles.

        Args:
            recipe: key of the recipe of the embeddings that it was trained on.
            token: of the state of the enrolments, likewise.
        """
        file = io.BytesIO()
        people, of = np.array(self.people, dtype=np.str_), np.array([recipe, token])
        np.savez(file, allow_pickle=False, of=of, people=people, coef=self.coef, intercept=self.intercept)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, *, recipe: str, token: str) -> Svm:
        """The SVM that gave these bytes.

        Raises:
            ModelError: the bytes are not a trained SVM, or one of another recipe or of other enrolments.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                of, people, coef, intercept = held["of"], held["people"], held["coef"], held["intercept"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, AttributeError, TypeError, RuntimeError) as exc:
            raise ModelError("svm", f"not a trained SVM: {exc}", hint="train it again") from exc
        if of.tolist() != [recipe, token]:
            raise ModelError("svm", "trained on another recipe or other enrolments", hint="train it again")
        if coef.ndim != 2 or people.shape != intercept.shape or len(people) != len(coef):
            raise ModelError(
                "svm", f"arrays do not fit: {people.shape}, {coef.shape}, {intercept.shape}", hint="train it again"
            )
        return cls(tuple(people.tolist()), coef.astype(np.float64), intercept.astype(np.float64))


def train(enrolled: NDArray[np.float32], persons: Sequence[str], *, c: float = C, rivals: int = RIVALS) -> Svm:
    """Train on the enrolled faces; equal faces give equal arrays, in whatever order they come.

    Every person weighs the same against the others, however many faces they have. With one person there is nobody to
    tell them from: the margin is always 1 and the distance alone decides. With nobody the SVM is empty.

    Args:
        enrolled: unit rows, shape (n, d), float32.
        persons: the n person ids.
        c: inverse strength of regularization.
        rivals: how many faces of others each person is told from, the most alike.

    Raises:
        ValueError: there are not as many ids as rows.
    """
    if len(enrolled) != len(persons):
        raise ValueError(f"{len(persons)} person ids for {len(enrolled)} enrolled faces")
    order = canonical_order(enrolled)
    vectors = enrolled[order].astype(np.float64)
    people, codes = np.unique(np.asarray(persons, dtype=np.str_)[order], return_inverse=True)
    coef, intercept = np.zeros((len(people), enrolled.shape[1])), np.ones(len(people))
    if len(people) > 1:
        for place in range(len(people)):
            own = codes == place
            rows = np.union1d(np.flatnonzero(own), _rivals(vectors, own, rivals))
            weight = len(own) / (len(people) * own.sum())
            coef[place], intercept[place] = _told_from(vectors[rows], own[rows], c, weight)
    return Svm(tuple(people.tolist()), coef, intercept)


def canonical_order(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """An order of rows (n, d) that depends on the rows alone, (n,): ascending by their numbers."""
    return np.lexsort(vectors.T[::-1])


def _rivals(vectors: NDArray[np.float64], own: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """The rows of the ``count`` faces that are most like the mean of the person's own, of those that are not."""
    alike = vectors @ vectors[own].mean(axis=0)
    alike[own] = -np.inf
    most = min(count, len(own) - int(own.sum()))
    return np.argpartition(-alike, most - 1)[:most]


def _told_from(
    vectors: NDArray[np.float64], own: NDArray[np.bool_], c: float, weight: float
) -> tuple[NDArray[np.float64], float]:
    """Coefficients and intercept of one person's boundary; an error in the person's own faces weighs ``weight``."""
    from sklearn.svm import LinearSVC

    # The primal solver draws no random numbers.
    machine = LinearSVC(C=c, class_weight={True: weight}, dual=False).fit(vectors, own)
    return machine.coef_[0], float(machine.intercept_[0])


def compare(
    machine: Svm,
    probes: NDArray[np.float32],
    faces: Enrolled,
    *,
    threshold: float,
    usual: float = USUAL,
    plain: bool = False,
    floor: float = FLOOR,
    usable: NDArray[np.bool_] | None = None,
) -> Table:
    """Weigh every person for every probe.

    Args:
        machine: trained on these or slightly older enrolments; whom it does not know cannot be named.
        probes: unit rows, shape (q, d), float32; q may be 0.
        faces: the n faces that have a person; n may be 0.
        threshold: the normalized distance, or with ``plain`` the squared distance to the person's nearest enrolled
            face, 0 to 4, below which they are nameable.
        usual: that of the calibration (``normalize``).
        plain: go by the plain distance.
        floor: the margin at or below which a person is not nameable.
        usable: shape (q, n); False where an enrolled face is no evidence for a probe. None: all are. It governs the
            distance; the SVM itself may have been trained on the face.

    Returns:
        The table of q probes and the enrolled people. A gain is the margin above ``floor``, a score the margin
        from -1 … 1 brought to 0 … 1 (no probability), votes the person's faces within the threshold.
    """
    shape = len(probes), len(faces.people)
    margins = np.full(shape, -np.inf)
    known = {person: place for place, person in enumerate(machine.people)}
    pairs = [(column, known[person]) for column, person in enumerate(faces.people) if person in known]
    if pairs:
        columns, places = zip(*pairs, strict=True)
        margins[:, columns] = machine.margins(probes)[:, places]
    distances, beside, votes = np.empty(shape), np.empty(shape), np.empty(shape, dtype=np.int64)
    for rows, apart in faces.distances(probes, usable):
        distances[rows] = faces.nearest(apart)
        beside[rows] = normalized(faces.evidence(apart), usual)
        votes[rows] = faces.total((apart < threshold).astype(np.float64))
    gains = np.where((distances if plain else beside) < threshold, np.maximum(margins - floor, 0.0), 0.0)
    return Table(faces.people, distances, beside, gains, np.clip((margins + 1) / 2, 0.0, 1.0), votes)


def identify(
    machine: Svm,
    probes: NDArray[np.float32],
    enrolled: NDArray[np.float32],
    persons: Sequence[str],
    photos: Sequence[Hashable],
    *,
    threshold: float,
    usual: float = USUAL,
    plain: bool = False,
    floor: float = FLOOR,
    usable: NDArray[np.bool_] | None = None,
) -> list[Decision]:
    """Name q probes of the given photos; arguments as for ``Enrolled.of``, ``compare`` and ``decide``."""
    faces = Enrolled.of(enrolled, persons)
    table = compare(machine, probes, faces, threshold=threshold, usual=usual, plain=plain, floor=floor, usable=usable)
    return decide(table, photos)
