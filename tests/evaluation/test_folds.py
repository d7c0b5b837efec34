"""Folds share no person and lose no pair where that is possible."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from facesearch.evaluation.folds import joined, split

people = st.integers(0, 30).map(str)
lists = st.lists(st.tuples(people, people), max_size=80)


def members(pairs, folds):
    """The folds of every person."""
    found: dict[str, set[int]] = {}
    for pair, fold in zip(pairs, folds, strict=True):
        for person in pair:
            found.setdefault(person, set()).add(fold)
    return [one - {-1} for one in found.values()]


@given(lists)
def test_nobody_is_in_two_folds(pairs):
    """Whatever the pairs, no person is in two folds, and pairs of one person are always in one."""
    folds = split(pairs, [a == b for a, b in pairs])
    assert all(len(where) <= 1 for where in members(pairs, folds))
    assert all(fold >= 0 for (a, b), fold in zip(pairs, folds, strict=True) if a == b)
    assert split(pairs, [a == b for a, b in pairs]) == folds


def test_sparse_lists_lose_no_pair_and_are_even():
    """Where each person is in a few pairs, every pair is in a fold and both kinds are spread evenly."""
    pairs = [(f"s{i}", f"s{i}") for i in range(100)] + [(f"d{2 * i}", f"d{2 * i + 1}") for i in range(100)]
    same = [a == b for a, b in pairs]
    folds = split(pairs, same)
    assert Counter(zip(same, folds, strict=True)) == {(kind, fold): 10 for kind in (True, False) for fold in range(10)}


def test_dense_lists_are_torn_apart():
    """Where everybody is tied to everybody, people are dealt out and pairs across folds are in none."""
    names = [f"p{i:02}" for i in range(40)]
    pairs = [(a, b) for a in names for b in names if a <= b]
    folds = split(pairs, [a == b for a, b in pairs])
    assert all(len(where) == 1 for where in members(pairs, folds))
    assert set(folds) == {-1, *range(10)}


def test_components_are_named_by_their_smallest_member():
    """Links join, chains too; who is not linked stays alone."""
    assert joined([("b", "c"), ("c", "a"), ("x", "y")], ["z"]) == {
        "a": "a",
        "b": "a",
        "c": "a",
        "x": "x",
        "y": "x",
        "z": "z",
    }
