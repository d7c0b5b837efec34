"""The normalized distance: how near a probe is to a person beside everybody else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.identify.normalize import OTHERS, USUAL, WEIGHT, evidence, normalized, share_of_shift
from facesearch.identify.table import Enrolled
from facesearch.testing import random_units

distances = st.lists(st.floats(0, 4) | st.just(float("inf")), min_size=1, max_size=7)


@settings(max_examples=300, deadline=None)
@given(distances)
def test_it_is_the_formula(found):
    """Each person's evidence, less half of what the three nearest others are nearer than usual."""
    got = normalized(np.array([found]))[0]
    for place, own in enumerate(found):
        others = sorted(min(one, USUAL) for i, one in enumerate(found) if i != place)[:OTHERS]
        others += [USUAL] * (OTHERS - len(others))
        assert got[place] == pytest.approx(own - WEIGHT * (np.mean(others) - USUAL))


@settings(max_examples=300, deadline=None)
@given(distances)
def test_the_order_of_people_stays(found):
    """Whom the evidence puts first is first by the normalized distance too, and nobody comes nearer by it."""
    evident, got = np.array([found]), normalized(np.array([found]))
    finite = np.isfinite(evident[0])
    assert (got[0] >= evident[0] - 1e-12)[finite].all()
    if finite.any():
        assert evident[0, got[0].argmin()] == pytest.approx(evident[0].min())


def test_nobody_enrolled():
    """A gallery without people has no normalized distances."""
    assert normalized(np.empty((3, 0))).shape == (3, 0)


def test_a_shift_of_all_distances():
    """Of a shift common to all distances, the part remains that is promised."""
    for people in (1, 2, 3, 4, 10):
        found = np.full((1, people), 0.5)
        assert normalized(found + 0.1) - normalized(found) == pytest.approx(0.1 * share_of_shift(people))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_evidence_is_of_the_usable_faces_alone(seed, masked):
    """The mean of a person's faces leaves out what is no evidence for a probe, as if it were not enrolled."""
    random = np.random.default_rng(seed)
    vectors, probes = random_units(12, 5, seed), random_units(4, 5, seed + 1)
    persons = [f"p{i}" for i in random.integers(0, 4, 12)]
    usable = random.random((4, 12)) > 0.4 if masked else None
    faces = Enrolled.of(vectors, persons)
    ((_, apart),) = faces.distances(probes, usable)
    got = faces.evidence(apart)
    for row, probe in enumerate(probes.astype(float)):
        for column, person in enumerate(faces.people):
            own = [
                vectors[i].astype(float)
                for i in range(12)
                if persons[i] == person and (usable is None or usable[row, i])
            ]
            if not own:
                assert got[row, column] == np.inf
                continue
            mean = np.mean(own, axis=0) / np.linalg.norm(np.mean(own, axis=0))
            near = min(np.square(probe - one).sum() for one in own)
            expected = evidence(np.array(near), np.array(np.square(probe - mean).sum()))
            assert got[row, column] == pytest.approx(expected, abs=1e-6)
