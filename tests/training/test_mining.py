"""Mining finds what a search through all triplets finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.errors import ConfigError
from facesearch.training.mining import mine, squared_distances

MARGIN = 0.2


@st.composite
def batches(draw):
    """Unit rows, whose they are, and from which photo."""
    n = draw(st.integers(2, 14))
    seed = draw(st.integers(0, 10_000))
    random = np.random.default_rng(seed)
    # Two dimensions and few people: distances within the margin of each other are common.
    rows = random.normal(size=(n, draw(st.sampled_from([2, 3, 8]))))
    rows[draw(st.lists(st.integers(0, n - 1), max_size=3))] = rows[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    people = random.integers(0, draw(st.integers(1, 5)), n)
    photos = random.integers(0, n, n) if draw(st.booleans()) else np.arange(n)
    return rows.astype(np.float32), people, photos


def _all(people, photos):
    """Every anchor with every positive, and the negatives of the anchor."""
    n = len(people)
    for anchor in range(n):
        negatives = [i for i in range(n) if people[i] != people[anchor] and photos[i] != photos[anchor]]
        for positive in range(n):
            if positive != anchor and people[positive] == people[anchor] and negatives:
                yield anchor, positive, negatives


@given(batches())
def test_semi_hard(batch):
    """Each anchor and positive get the nearest negative beyond the positive and within the margin, or none."""
    vectors, people, photos = batch
    distances = squared_distances(vectors)
    wanted = []
    pairs = 0
    for anchor, positive, negatives in _all(people, photos):
        pairs += 1
        near = distances[anchor, positive]
        fitting = [i for i in negatives if near < distances[anchor, i] < near + np.float32(MARGIN)]
        if fitting:
            wanted.append((anchor, positive, min(distances[anchor, i] for i in fitting)))
    mined = mine(vectors, people, photos, "semi-hard", margin=MARGIN, random=np.random.default_rng(0))
    found = [(a, p, distances[a, n]) for a, p, n in mined.triplets.tolist()]
    assert found == wanted
    assert all(people[a] != people[n] and photos[a] != photos[n] for a, _, n in mined.triplets.tolist())
    assert mined.candidates == pairs


@given(batches())
def test_batch_hard(batch):
    """Each anchor gets its farthest positive and its nearest negative."""
    vectors, people, photos = batch
    distances = squared_distances(vectors)
    wanted = {}
    for anchor, positive, negatives in _all(people, photos):
        far = max(wanted.get(anchor, (-1.0, 0.0))[0], distances[anchor, positive])
        wanted[anchor] = (far, min(distances[anchor, i] for i in negatives))
    mined = mine(vectors, people, photos, "batch-hard", margin=MARGIN, random=np.random.default_rng(0))
    found = {a: (distances[a, p], distances[a, n]) for a, p, n in mined.triplets.tolist()}
    assert found == wanted
    assert mined.active == sum(near - far + MARGIN > 0 for near, far in wanted.values())


@given(batches(), st.integers(0, 100))
def test_random(batch, seed):
    """Every anchor with every positive gets a negative of its own."""
    vectors, people, photos = batch
    mined = mine(vectors, people, photos, "random", margin=MARGIN, random=np.random.default_rng(seed))
    allowed = {(a, p): negatives for a, p, negatives in _all(people, photos)}
    assert [(a, p) for a, p, _ in mined.triplets.tolist()] == list(allowed)
    assert all(n in allowed[a, p] for a, p, n in mined.triplets.tolist())


def test_random_takes_all_alike():
    """Every negative of an anchor is as likely as another."""
    vectors = np.eye(6, dtype=np.float32)
    people = np.array([0, 0, 1, 1, 2, 3])
    random = np.random.default_rng(5)
    drawn = [mine(vectors, people, np.arange(6), "random", random=random).triplets for _ in range(500)]
    counts = np.bincount([n for some in drawn for a, _, n in some.tolist() if a == 0], minlength=6)
    assert counts[:2].sum() == 0
    # 125 on average; 80 and 170 are more than four standard deviations away.
    assert (counts[2:] > 80).all()
    assert (counts[2:] < 170).all()


def test_shares():
    """Where everybody is far from everybody else, no triplet is active."""
    vectors = np.repeat(np.eye(3, dtype=np.float32), 2, axis=0)
    people = np.repeat(np.arange(3), 2)
    for rule, triplets in (("semi-hard", 0), ("batch-hard", 6), ("random", 6)):
        mined = mine(vectors, people, np.arange(6), rule, random=np.random.default_rng(0))
        assert (len(mined.triplets), mined.candidates, mined.active, mined.share) == (triplets, 6, 0, 0.0)


def test_unknown_rule():
    """A rule that does not exist is named, with those that do."""
    with pytest.raises(ConfigError, match="hardest") as caught:
        mine(np.eye(2, dtype=np.float32), np.arange(2), np.arange(2), "hardest", random=np.random.default_rng(0))
    assert "semi-hard" in caught.value.hint
