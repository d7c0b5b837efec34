"""Who is it, by a linear SVM on the enrolled faces that can still say "unknown".

One linear classifier a person, that person against everybody else enrolled. Left alone it names somebody for every
stranger: it has learned how the enrolled people differ, not what a stranger looks like. So a person is nameable only
where both hold:

- the classifier does not put the probe among the others: its margin is above ``floor``;
- an enrolled face *of that very person* is nearer than ``threshold``, the same squared distance as for k-NN.

Among those the largest margin wins. scikit-learn is imported to train only; a trained SVM is plain arrays.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from facesearch.errors import ModelError
from facesearch.identify.decide import Decision, decide
from facesearch.identify.table import Enrolled, Table

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

C = 10.0
"""Inverse strength of regularization. On lfw-dev (125 people, 3 photos each) 1 leaves the margins of many right faces
below 0, 100 trains four times as long and separates no better."""

FLOOR = -0.5
"""Halfway from the boundary, 0, to where training pulls the others' faces, -1 (the hinge). On lfw-dev, 99 of 100 right
faces are above -0.15 where 3 photos a person are enrolled, 95 of 100 above -0.4 with a single one; strangers' best
margin is -0.5 in the median. So it rejects clear strangers and leaves the rest to the distance; 0 rejects far more
strangers, at the price of a tenth of the right answers for people with a single photo."""


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

    def to_bytes(self) -> bytes:
        """The SVM as an ``.npz`` file, without pickles."""
        file = io.BytesIO()
        people = np.array(self.people, dtype=np.str_)
        np.savez(file, allow_pickle=False, people=people, coef=self.coef, intercept=self.intercept)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Svm:
        """The SVM that gave these bytes.

        Raises:
            ModelError: the bytes are not a trained SVM.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                people, coef, intercept = held["people"], held["coef"], held["intercept"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, AttributeError, TypeError, RuntimeError) as exc:
            raise ModelError("svm", f"not a trained SVM: {exc}", hint="train it again") from exc
        if coef.ndim != 2 or people.shape != intercept.shape or len(people) != len(coef):
            raise ModelError(
                "svm", f"arrays do not fit: {people.shape}, {coef.shape}, {intercept.shape}", hint="train it again"
            )
        return cls(tuple(people.tolist()), coef.astype(np.float64), intercept.astype(np.float64))


def train(enrolled: NDArray[np.float32], persons: Sequence[str], *, c: float = C) -> Svm:
    """Train on the enrolled faces; equal input gives equal arrays.

    Every person weighs the same against the others, however many faces they have. With one person there is nobody to
    tell them from: the margin is always 1 and the distance alone decides. With nobody the SVM is empty.

    Args:
        enrolled: unit rows, shape (n, d), float32.
        persons: the n person ids.
        c: inverse strength of regularization.

    Raises:
        ValueError: there are not as many ids as rows.
    """
    faces = Enrolled.of(enrolled, persons)
    shape = len(faces.people), enrolled.shape[1]
    if len(faces.people) < 2:
        return Svm(faces.people, np.zeros(shape), np.ones(shape[0]))
    from sklearn.svm import LinearSVC

    counts = np.diff(np.append(faces.starts, len(faces.vectors)))
    codes = np.repeat(np.arange(len(faces.people)), counts)
    # The primal solver draws no random numbers.
    machine = LinearSVC(C=c, class_weight="balanced", dual=False)
    with warnings.catch_warnings():
        # Many people with a single face each are normal here; scikit-learn suspects a regression problem.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        machine.fit(faces.vectors, codes)
    coef, intercept = np.asarray(machine.coef_), np.broadcast_to(machine.intercept_, len(machine.coef_))
    if len(faces.people) == 2:
        # Between two people scikit-learn trains one classifier, for the second.
        coef, intercept = np.vstack([-coef, coef]), np.concatenate([-intercept, intercept])
    return Svm(faces.people, coef.copy(), intercept.copy())


def compare(
    machine: Svm,
    probes: NDArray[np.float32],
    enrolled: NDArray[np.float32],
    persons: Sequence[str],
    *,
    threshold: float,
    floor: float = FLOOR,
    usable: NDArray[np.bool_] | None = None,
) -> Table:
    """Weigh every person for every probe.

    Args:
        machine: trained on these or slightly older enrolments; whom it does not know cannot be named.
        probes: unit rows, shape (q, d), float32; q may be 0.
        enrolled: unit rows of the faces that have a person, shape (n, d), float32; n may be 0.
        persons: the n person ids.
        threshold: squared distance, 0 to 4, to the person's nearest enrolled face.
        floor: the margin at or below which a person is not nameable.
        usable: shape (q, n); False where an enrolled face is no evidence for a probe. None: all are. It governs the
            distance; the SVM itself may have been trained on the face.

    Returns:
        The table of q probes and the distinct ``persons``. A gain is the margin above ``floor``, a score the margin
        from -1 … 1 brought to 0 … 1, votes the person's faces within the threshold.

    Raises:
        ValueError: there are not as many ids as enrolled faces.
    """
    faces = Enrolled.of(enrolled, persons)
    shape = len(probes), len(faces.people)
    margins = np.full(shape, -np.inf)
    known = {person: place for place, person in enumerate(machine.people)}
    pairs = [(column, known[person]) for column, person in enumerate(faces.people) if person in known]
    if pairs:
        columns, places = zip(*pairs, strict=True)
        margins[:, columns] = machine.margins(probes)[:, places]
    distances, votes = np.empty(shape), np.empty(shape, dtype=np.int64)
    for rows, apart in faces.distances(probes, usable):
        distances[rows] = faces.nearest(apart)
        votes[rows] = faces.total((apart < threshold).astype(np.float64))
    gains = np.where(distances < threshold, np.maximum(margins - floor, 0.0), 0.0)
    return Table(faces.people, distances, gains, np.clip((margins + 1) / 2, 0.0, 1.0), votes)


def identify(
    machine: Svm,
    probes: NDArray[np.float32],
    enrolled: NDArray[np.float32],
    persons: Sequence[str],
    photos: Sequence[Hashable],
    *,
    threshold: float,
    floor: float = FLOOR,
    usable: NDArray[np.bool_] | None = None,
) -> list[Decision]:
    """Name q probes of the given photos; arguments as for ``compare`` and ``decide``."""
    return decide(compare(machine, probes, enrolled, persons, threshold=threshold, floor=floor, usable=usable), photos)
