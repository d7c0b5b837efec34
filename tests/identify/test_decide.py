"""Nobody is twice in one photo."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.identify import knn, svm
from facesearch.identify.decide import decide
from facesearch.identify.table import Table
from facesearch.testing import random_units


def table(gains, distances=None):
    """A table of these gains; people are named a, b, c and so on, near where the gain is high."""
    gains = np.array(gains, dtype=float)
    distances = 1 - gains if distances is None else np.array(distances, dtype=float)
    return Table(
        tuple("abcdefgh"[: gains.shape[1]]), distances, distances, gains, np.clip(gains, 0, 1), (gains > 0).astype(int)
    )


def names(decisions):
    """The people of decisions."""
    return [decision.person for decision in decisions]


def test_the_loser_gets_the_next_best():
    """Where two faces of a photo claim one person, the worse one gets the next person its method would name."""
    decisions = decide(table([[0.9, 0.2], [0.6, 0.5]]), ["p", "p"])
    assert names(decisions) == ["a", "b"]
    assert [decision.displaced for decision in decisions] == [None, "a"]
    assert decisions[1].nearest == ("a", pytest.approx(0.4))
    assert decisions[1].runner_up == ("a", pytest.approx(0.4))


def test_the_loser_is_unknown_where_there_is_no_next():
    """Without a next-best person the loser is unknown, and the decision says who it would have been."""
    decisions = decide(table([[0.9, 0.0], [0.6, 0.0]]), ["p", "p"])
    assert names(decisions) == ["a", None]
    assert (decisions[1].displaced, decisions[1].score) == ("a", None)


def test_other_photos_are_not_affected():
    """One person may be in many photos."""
    assert names(decide(table([[0.9, 0.2], [0.6, 0.5]]), ["p", "q"])) == ["a", "a"]


def test_the_sum_of_gains_decides():
    """A face with a good alternative gives way to one without."""
    assert names(decide(table([[0.6, 0.5], [0.5, 0.0]]), ["p", "p"])) == ["b", "a"]


def test_photos_must_match():
    """Each probe needs its photo."""
    with pytest.raises(ValueError, match="1 photos for 2 probes"):
        decide(table([[0.1], [0.1]]), ["p"])


tables = st.integers(1, 4).flatmap(
    lambda people: st.lists(
        st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.35, 0.5, 0.8]), min_size=people, max_size=people), max_size=5
    )
)


@settings(max_examples=200, deadline=None)
@given(tables, st.data())
def test_best_assignment_without_repeats(gains, data):
    """No person twice in a photo, only nameable people, and no other such assignment gains more."""
    if not gains:
        return
    photos = data.draw(st.lists(st.sampled_from("pq"), min_size=len(gains), max_size=len(gains)))
    decisions = decide(table(gains), photos)
    for photo in set(photos):
        rows = [row for row, one in enumerate(photos) if one == photo]
        given_names = [decisions[row].person for row in rows if decisions[row].person is not None]
        assert len(given_names) == len(set(given_names))
        total = 0.0
        for row in rows:
            if decisions[row].person is not None:
                gain = gains[row]["abcd".index(decisions[row].person)]
                assert gain > 0
                total += gain
        columns = range(-1, len(gains[0]))
        best = max(
            sum(gains[row][column] for row, column in zip(rows, choice, strict=True) if column >= 0)
            for choice in product(columns, repeat=len(rows))
            if len(set(named := [column for column in choice if column >= 0])) == len(named)
        )
        assert total == pytest.approx(best)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 4), st.integers(1, 8), st.sampled_from(["knn", "svm"]), st.booleans())
def test_law_holds_for_both_methods(seed, threshold, k, method, plain):
    """With any threshold, k and faces, both methods give no person twice and nobody beyond the threshold."""
    random = np.random.default_rng(seed)
    enrolled, probes = random_units(int(random.integers(1, 15)), 4, seed), random_units(12, 4, seed + 1)
    persons = [f"p{i}" for i in random.integers(0, 5, size=len(enrolled))]
    photos = random.integers(0, 3, size=12).tolist()
    if method == "knn":
        decisions = knn.identify(probes, enrolled, persons, photos, threshold=threshold, plain=plain, k=k)
    else:
        machine = svm.train(enrolled, persons)
        decisions = svm.identify(machine, probes, enrolled, persons, photos, threshold=threshold, plain=plain)
    seen = [(photo, one.person) for photo, one in zip(photos, decisions, strict=True) if one.person]
    assert len(seen) == len(set(seen))
    for one in decisions:
        assert one.person is None or (one.distance if plain else one.normalized) < threshold
        assert one.runner_up is None or one.runner_up[0] != one.person
