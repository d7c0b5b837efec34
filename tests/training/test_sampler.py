"""Batches of people with several faces each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.errors import ConfigError
from facesearch.training.sampler import BatchSampler

counts = st.lists(st.integers(1, 12), min_size=2, max_size=30).filter(lambda some: max(some) > 1)


@given(counts, st.integers(4, 40), st.integers(2, 10), st.integers(0, 99))
def test_batches(faces, size, most, seed):
    """A batch is no larger than asked, has no face twice, K of a person at most, and two people at least."""
    people = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(faces)), faces))
    sampler = BatchSampler(people, faces=size, faces_a_person=most, seed=seed)
    several = []
    for batch in sampler.epoch(0):
        assert len(batch) <= size
        assert len(np.unique(batch)) == len(batch)
        owners, held = np.unique(people[batch], return_counts=True)
        assert len(owners) >= 2
        assert held.max() <= most
        several += [owner for owner, count in zip(owners.tolist(), held.tolist(), strict=True) if count > 1]
    # Everybody with two faces or more has a turn, but for the last one where nobody is left to be the negative.
    wanted = {person for person, count in enumerate(faces) if count > 1}
    assert len(several) == len(set(several))
    assert len(wanted - set(several)) <= 1


def test_the_same_seed():
    """The same seed and epoch give the same batches, another epoch others."""
    people = np.repeat(np.arange(40), 5)
    first, again = (BatchSampler(people, faces=30, seed=3) for _ in range(2))
    assert [batch.tolist() for batch in first.epoch(2)] == [batch.tolist() for batch in again.epoch(2)]
    assert [batch.tolist() for batch in first.epoch(2)] != [batch.tolist() for batch in again.epoch(3)]


def test_people_with_one_face_are_negatives():
    """A quarter of each batch is people with one face, each of them in turn."""
    people = np.concatenate([np.repeat(np.arange(20), 4), np.arange(20, 60)])
    batches = [*BatchSampler(people, faces=32, faces_a_person=4, seed=1).epoch(0)]
    singles = [person for batch in batches for person in people[batch].tolist() if person >= 20]
    assert len(singles) >= 0.2 * sum(map(len, batches))
    assert len(set(singles)) == min(len(singles), 40)


@pytest.mark.parametrize("faces", [[3], [1, 1, 1]])
def test_nothing_to_learn(faces):
    """One person alone, or nobody with two faces, is refused with what to do."""
    with pytest.raises(ConfigError, match="nothing to learn from"):
        BatchSampler(np.repeat(np.arange(len(faces)), faces), faces=32)


@pytest.mark.parametrize(("faces", "most"), [(3, 2), (30, 1)])
def test_batch_too_small(faces, most):
    """A batch that holds no triplet is refused."""
    with pytest.raises(ConfigError, match="holds no triplet"):
        BatchSampler(np.repeat(np.arange(5), 5), faces=faces, faces_a_person=most)
