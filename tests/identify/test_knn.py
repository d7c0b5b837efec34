"""k-NN: an open-set, distance-weighted vote."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.identify import knn
from facesearch.testing import random_units


def at(*distances, dim=16):
    """Unit vectors at these squared distances from the first axis, each in a direction of its own."""
    rows = np.zeros((len(distances), dim))
    rows[:, 0] = 1 - np.array(distances) / 2
    rows[np.arange(len(distances)), np.arange(1, len(distances) + 1)] = np.sqrt(1 - rows[:, 0] ** 2)
    return rows.astype(np.float32)


PROBE = np.eye(1, 16, dtype=np.float32)


def who(distances, persons, **options):
    """The decision for one probe with enrolled faces at these distances."""
    options = {"threshold": 1.0, "plain": True, **options}
    return knn.identify(PROBE, at(*distances), persons, ["photo"], **options)[0]


def test_nearest_person_is_named():
    """The answer carries distance, votes, runner-up and nearest."""
    decision = who([0.3, 0.5, 1.4], ["ann", "ann", "bob"])
    assert (decision.person, decision.votes, decision.displaced) == ("ann", 2, None)
    assert decision.distance == pytest.approx(0.3, abs=1e-6)
    assert decision.score == pytest.approx(1.0)
    assert decision.runner_up == ("bob", pytest.approx(1.4, abs=1e-6))
    assert decision.nearest == ("ann", decision.distance)


def test_beyond_the_threshold_is_unknown():
    """With no face within the threshold nobody is named, but the nearest person is told."""
    decision = who([1.1, 1.3], ["ann", "bob"])
    assert (decision.person, decision.score, decision.votes, decision.runner_up) == (None, None, 0, None)
    assert decision.nearest == ("ann", decision.distance)
    assert decision.distance == pytest.approx(1.1, abs=1e-6)


def test_faces_beyond_the_threshold_do_not_vote():
    """Many faces just beyond the threshold do not outweigh one within it."""
    assert who([0.9, 1.01, 1.02, 1.03], ["ann", "bob", "bob", "bob"]).person == "ann"


def test_one_wrongly_enrolled_face_is_outvoted():
    """Three faces nearly as near outvote a single nearest one; the distance is then the named person's."""
    decision = who([0.30, 0.35, 0.36, 0.37], ["bob", "ann", "ann", "ann"])
    assert decision.person == "ann"
    assert decision.distance == pytest.approx(0.35, abs=1e-6)
    assert decision.nearest[0] == decision.runner_up[0] == "bob"
    assert 0.5 < decision.score < 1


def test_only_k_faces_vote():
    """With k = 1 the nearest face decides alone."""
    assert who([0.30, 0.35, 0.36, 0.37], ["bob", "ann", "ann", "ann"], k=1).person == "bob"


def test_nobody_enrolled():
    """Without enrolled faces everybody is unknown and there is no distance."""
    decision = knn.identify(PROBE, np.empty((0, 16), np.float32), [], ["photo"], threshold=1.0)[0]
    assert (decision.person, decision.distance, decision.nearest) == (None, None, None)


def test_no_probes():
    """No probes give no decisions."""
    assert knn.identify(PROBE[:0], at(0.2), ["ann"], [], threshold=1.0) == []


def test_unusable_faces_are_no_evidence():
    """A face that is no evidence for a probe, such as its own, neither votes nor is near."""
    usable = np.array([[False, True]])
    decision = who([0.0, 0.8], ["ann", "bob"], usable=usable)
    assert (decision.person, decision.runner_up) == ("bob", None)
    assert who([0.0, 0.8], ["ann", "bob"], usable=~usable | True).person == "ann"
    assert who([0.0], ["ann"], usable=np.array([[False]])).distance is None


def test_ties_go_to_the_smaller_id_whatever_the_order():
    """Equal faces under two names give the same answer in every order of enrolment."""
    for persons in (["bob", "ann"], ["ann", "bob"]):
        decision = knn.identify(PROBE, np.repeat(at(0.4), 2, axis=0), persons, ["photo"], threshold=1.0)[0]
        assert (decision.person, decision.runner_up[0]) == ("ann", "bob")


def test_order_of_enrolment_does_not_matter():
    """Permuting the enrolled faces changes no decision."""
    enrolled, probes = random_units(60, 4, seed=1), random_units(30, 4, seed=2)
    persons, photos = [f"p{i % 13}" for i in range(60)], list(range(30))
    order = np.random.default_rng(3).permutation(60)
    shuffled = knn.identify(probes, enrolled[order], [persons[i] for i in order], photos, threshold=0.5)
    assert knn.identify(probes, enrolled, persons, photos, threshold=0.5) == shuffled


def test_blocks_do_not_matter(monkeypatch):
    """Large inputs are worked on in blocks with the same result."""
    enrolled, probes = random_units(40, 8, seed=1), random_units(30, 8, seed=2)
    persons, photos, usable = [f"p{i % 7}" for i in range(40)], list(range(30)), random_units(30, 40, seed=3) > -0.1
    whole = knn.identify(probes, enrolled, persons, photos, threshold=0.9, usable=usable)
    monkeypatch.setattr("facesearch.identify.table.CHUNK", 100)
    assert knn.identify(probes, enrolled, persons, photos, threshold=0.9, usable=usable) == whole


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 2.5), st.booleans())
def test_an_added_person_who_is_farther_never_wins(seed, threshold, plain):
    """Somebody added with one face, farther than the nearest face of whom the probe was, is never the answer."""
    random = np.random.default_rng(seed)
    enrolled, probes = random_units(int(random.integers(1, 12)), 4, seed), random_units(8, 4, seed + 1)
    persons = [f"p{i}" for i in random.integers(0, 4, size=len(enrolled))]
    added = random_units(1, 4, seed + 2)
    options = {"threshold": threshold, "plain": plain}
    before = knn.identify(probes, enrolled, persons, range(8), **options)
    after = knn.identify(probes, np.vstack([enrolled, added]), [*persons, "new"], range(8), **options)
    far = np.square(probes.astype(float) - added).sum(axis=1)
    for one, two, distance in zip(before, after, far, strict=True):
        if one.person is not None and distance > one.distance + 1e-8:
            assert two.person != "new"


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, float("inf")]), max_size=9), st.integers(1, 6))
def test_the_k_nearest_are_those_of_a_stable_sort(apart, k):
    """Of equal distances the first ones are among the k nearest."""
    row = np.array([apart])
    expected = np.zeros(len(apart), dtype=bool)
    expected[np.argsort(row[0], kind="stable")[:k]] = True
    assert knn._nearest(row, k)[0].tolist() == expected.tolist()


def test_bad_arguments():
    """A k below 1 and ids that do not match the faces are refused."""
    with pytest.raises(ValueError, match="k must be"):
        who([0.1], ["ann"], k=0)
    with pytest.raises(ValueError, match="2 person ids for 1"):
        who([0.1], ["ann", "bob"])
