"""Folds of pairs that share no person, so that a threshold is never chosen on a face that it is judged by."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FOLDS = 10

_LARGEST = 0.5
"""The share of all pairs that one fold may hold; beyond it people are dealt out instead, and pairs torn apart."""


def split(people: Sequence[tuple[str, str]], same: Sequence[bool], count: int = FOLDS) -> list[int]:
    """A fold for every pair, 0 to ``count`` - 1, such that no person is in two folds.

    A pair of two people ties them into one fold, and so on through all their pairs: what must stay together are the
    connected components of the graph of people. Whole components are dealt out, the largest first, each to the fold
    with the fewest pairs so far, genuine and impostor pairs alike. No pair is lost.

    In a dense list one component holds nearly everybody. Where it holds more than half of the pairs, *people* are dealt
    out instead, by their number of pairs, and a pair whose people came into two folds is in none (-1). It counts for
    everything but cross-validation.

    Args:
        people: who is in the two photos of each pair.
        same: whether a pair is of one person.
        count: how many folds; where there are fewer components or people, some stay empty.

    Returns:
        One fold a pair; equal lists give equal folds.
    """
    groups = joined(people, ())
    sizes = Counter(groups[one] for one, _ in people)
    if max(sizes.values(), default=0) > _LARGEST * len(people):
        groups = {person: person for pair in people for person in pair}
    # genuine and impostor pairs of each group; an impostor pair counts for both of its people
    loads: dict[str, list[int]] = {}
    for (one, two), genuine in zip(people, same, strict=True):
        for group in {groups[one], groups[two]}:
            loads.setdefault(group, [0, 0])[0 if genuine else 1] += 1
    totals = [[0, 0] for _ in range(count)]
    fold_of: dict[str, int] = {}
    for group in sorted(loads, key=lambda name: (-sum(loads[name]), name)):
        own, other = loads[group]
        fold = min(range(count), key=lambda at: (totals[at][0] + own) ** 2 + (totals[at][1] + other) ** 2)
        totals[fold][0] += own
        totals[fold][1] += other
        fold_of[group] = fold
    found = [(fold_of[groups[one]], fold_of[groups[two]]) for one, two in people]
    return [one if one == two else -1 for one, two in found]


def joined(links: Iterable[tuple[str, str]], names: Iterable[str]) -> dict[str, str]:
    """The connected component of every name, called after its smallest member; ``names`` may be linked or not."""
    root: dict[str, str] = {name: name for name in names}

    def top(name: str) -> str:
        root.setdefault(name, name)
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for one, two in links:
        low, high = sorted((top(one), top(two)))
        root[high] = low
    return {name: top(name) for name in list(root)}
