"""How near a probe is to a person *beside everybody else*: the normalized distance that open-set answers go by.

A distance alone misleads: some strangers are near to many people, and with more people enrolled somebody always is.
Score normalization (T-norm, Auckenthaler et al. 2000, in speaker verification; here with the other enrolled people as
the cohort) takes that out:

    evidence(person)   = ½ · distance to the nearest enrolled face + ½ · min(that, distance to the mean of the faces)
    normalized(person) = evidence − ½ · (mean evidence of the 3 nearest other people − 1.4)

Chosen on lfw-dev (180 people enrolled with 3 photos each, 1,939 photos of strangers, 10 random enrolments), share of
probes that are detected and identified at FPIR 1e-2 and 1e-3, threshold on the same photos:

=================================================  ======  ======
nearest face                                       0.9705  0.8065
mean of the faces                                  0.9799  0.8422
evidence                                           0.9739  0.8153
evidence, less 0.3 / 0.5 of the nearest other      0.9810  0.9284 / 0.9326
evidence, less 0.3 / 0.5 of the 3 nearest others   0.9814  0.9317 / 0.9440
evidence, less 0.3 / 0.5 of the 10 nearest others  0.9809  0.9142 / 0.9447
=================================================  ======  ======

One other person would do as well, but somebody who was named twice by mistake would then block both names. With the
smaller of the two distances in it, evidence never exceeds the distance to the nearest face: a person who was added with
a single face, farther than the nearest face of the right person, never wins. The limit for FPIR 1e-2 hardly depends on
the size of the gallery any more: 0.80 to 0.84 from 5 to 180 people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OTHERS = 3
"""How many other people a distance is measured against."""

WEIGHT = 0.5
"""How much of their nearness is taken off."""

USUAL = 1.4
"""The squared distance at which those who are missing are thought, where fewer people are enrolled: that of lfw-dev's
strangers to the nearest of two or three people, by FaceNet. Other embedders have others: ``USUAL_FAR``."""

USUAL_FAR = 0.0262
"""The share of pairs of strangers that are nearer than ``USUAL``, by FaceNet's calibration."""


def evidence(nearest: NDArray[np.float64], to_mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """What speaks for each person: squared distances (q, P) to the nearest face and to the mean of the faces.

    ``to_mean`` is to the mean brought to length 1. Infinite where the person has no usable face.
    """
    return 0.5 * nearest + 0.5 * np.minimum(nearest, to_mean)


def normalized(found: NDArray[np.float64], usual: float = USUAL) -> NDArray[np.float64]:
    """The normalized distance of each probe to each person, (q, P), from the evidence (q, P).

    ``usual`` is where those who are missing are thought; limits hold for the one they were measured with
    (``Calibration.usual``). No normalized distance is less than its evidence.
    """
    probes, people = found.shape
    if people == 0:
        return found
    missing = np.full((probes, OTHERS), usual)
    bounded = np.where(np.isfinite(found), found, usual)
    # Nobody farther than usual: who is far away tells nothing of how near the probe is to people in general.
    nearest = np.sort(np.minimum(np.hstack([bounded, missing]), usual), axis=1)[:, : OTHERS + 1]
    own = np.minimum(bounded, usual)
    among = own <= nearest[:, -1:]
    # Where a person is among the nearest, the next one takes that place.
    others = np.where(among, nearest.sum(axis=1, keepdims=True) - own, nearest[:, :OTHERS].sum(axis=1, keepdims=True))
    return np.asarray(found - WEIGHT * (others / OTHERS - usual))


def share_of_shift(people: int) -> float:
    """How much of a common shift of all distances is left in a normalized one, with ``people`` enrolled."""
    return 1.0 - WEIGHT * min(people - 1, OTHERS) / OTHERS
