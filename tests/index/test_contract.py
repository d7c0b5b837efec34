"""Both indexes keep the shipped contract and give the same answers to the last bit."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError, DimensionMismatchError
from facesearch.index.exact import ExactIndex
from facesearch.index.faiss_index import FlatIndex
from facesearch.index.registry import INDEXES, create_index
from facesearch.testing import check_vector_index, random_units

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

POOL = random_units(40, 8, seed=11)
POOL[20:30] = POOL[3]  # equal vectors under different ids
POOL[30:35] = -POOL[3]


@pytest.mark.parametrize("dim", [2, 16, 128, 512])
@pytest.mark.parametrize("name", sorted(INDEXES))
def test_contract(name, dim):
    """Every registered index passes the contract that ships with the package."""
    check_vector_index(lambda dim: create_index(name, dim), dim)


def test_unknown_name_lists_known_ones():
    """A wrong engine name is answered with the right ones."""
    with pytest.raises(ConfigError) as caught:
        create_index("hnsw", 8)
    assert "exact, flat" in caught.value.hint


def test_contract_catches_a_liar():
    """The contract fails for an index whose ties come in another order."""

    class Reversed(ExactIndex):
        def search(self, vectors, k, only=None):
            hits = super().search(vectors, k, only)
            return type(hits)(hits.ids[:, ::-1], hits.distances[:, ::-1])

    with pytest.raises(AssertionError):
        check_vector_index(Reversed)


def brute_force(held, probes, k, only):
    """Nearest neighbours by the definition: a loop over pairs in float64."""
    ids, distances = [], []
    for probe in probes:
        found = []
        for key, vector in held.items():
            if only is None or key in only:
                apart = vector.astype(np.float64) - probe.astype(np.float64)
                found.append((np.float32(min(float(np.sum(apart**2)), 4.0)), key))
        found = sorted(found)[:k] + [(np.float32(np.inf), -1)] * max(0, k - len(found))
        distances.append([distance for distance, _ in found])
        ids.append([key for _, key in found])
    return np.array(ids), np.array(distances, dtype=np.float32)


keys = st.lists(st.integers(0, 25), max_size=8)
places = st.integers(0, len(POOL) - 1)
steps = st.one_of(
    st.tuples(st.just("add"), st.lists(st.tuples(st.integers(0, 25), places), max_size=8)),
    st.tuples(st.just("remove"), keys),
    st.tuples(st.just("search"), st.tuples(st.lists(places, min_size=1, max_size=4), st.integers(1, 12))),
    st.tuples(st.just("only"), st.tuples(st.lists(places, min_size=1, max_size=4), st.integers(1, 12), keys)),
    st.tuples(st.just("reload"), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=14))
def test_any_history_gives_the_same_answers(history):
    """After any adds, replacements, removals and reloads, both indexes and a loop over pairs agree."""
    held, indexes = {}, [ExactIndex(8), FlatIndex(8)]
    for step, argument in history:
        if step == "add":
            ids = np.array([key for key, _ in argument], dtype=np.int64)
            rows = POOL[[place for _, place in argument]]
            held |= dict(zip(ids.tolist(), rows, strict=True))
            for index in indexes:
                index.add(ids, rows)
        elif step == "remove":
            gone = {key for key in argument if held.pop(key, None) is not None}
            assert [index.remove(np.array(argument, dtype=np.int64)) for index in indexes] == [len(gone)] * 2
        elif step == "reload":
            indexes = [type(index).restore(index.dump(), 8) for index in indexes]
        else:
            chosen, k, *rest = argument
            only = np.array(rest[0], dtype=np.int64) if rest else None
            exact, other = (index.search(POOL[chosen], k, only) for index in indexes)
            ids, distances = brute_force(held, POOL[chosen], k, only)
            np.testing.assert_array_equal(exact.ids, other.ids)
            np.testing.assert_array_equal(exact.distances, other.distances)
            np.testing.assert_allclose(exact.distances, distances, rtol=0, atol=1e-6)
            np.testing.assert_array_equal(exact.ids, ids)
        assert all(index.ids().tolist() == sorted(held) for index in indexes)


@pytest.mark.parametrize("index_type", [ExactIndex, FlatIndex])
def test_answers_do_not_depend_on_the_batch(index_type):
    """A probe gets the same neighbours and distances, bit for bit, alone or among others."""
    index = index_type(128)
    index.add(np.arange(3000), random_units(3000, 128, seed=1))
    probes = random_units(50, 128, seed=2)
    whole = index.search(probes, 7)
    for row in range(50):
        alone = index.search(probes[row : row + 1], 7)
        np.testing.assert_array_equal(alone.ids[0], whole.ids[row])
        np.testing.assert_array_equal(alone.distances[0], whole.distances[row])


@pytest.mark.parametrize("index_type", [ExactIndex, FlatIndex])
def test_many_equal_vectors(index_type):
    """Far more ties than are proposed at first still come in the order of their ids."""
    index = index_type(16)
    index.add(np.arange(900)[::-1].copy(), np.repeat(random_units(1, 16), 900, axis=0))
    hits = index.search(random_units(1, 16), 5)
    assert hits.ids.tolist() == [[0, 1, 2, 3, 4]]
    assert hits.distances.tolist() == [[0.0] * 5]


@pytest.mark.parametrize("index_type", [ExactIndex, FlatIndex])
def test_threads_may_search_at_once(index_type):
    """Concurrent searches, with and without ``only``, answer as one after the other."""
    index = index_type(32)
    index.add(np.arange(2000), random_units(2000, 32, seed=1))
    probes = random_units(64, 32, seed=2)
    jobs = [(probes[i : i + 2], 5, None if i % 4 else np.arange(i, 1000 + i)) for i in range(0, 64, 2)] * 4
    expected = [index.search(*job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda job: index.search(*job), jobs))
    for answer, wanted in zip(answers, expected, strict=True):
        np.testing.assert_array_equal(answer.ids, wanted.ids)


@pytest.mark.parametrize("index_type", [ExactIndex, FlatIndex])
def test_returned_arrays_are_the_callers(index_type):
    """Changing what the index was given or gave does not change the index."""
    index, rows, ids = index_type(8), random_units(3, 8), np.arange(3)
    index.add(ids, rows)
    rows[:], ids[:] = rows[::-1].copy(), 7
    index.ids()[:] = 9
    assert index.search(random_units(3, 8), 1).ids.tolist() == [[0], [1], [2]]


def test_mismatch_names_both_dimensions():
    """The message says what the index holds and what it got."""
    with pytest.raises(DimensionMismatchError, match=r"holds 8-d vectors.*\(2, 16\)"):
        FlatIndex(8).search(random_units(2, 16), 1)


def test_seam_is_light():
    """Importing the seam and the registry imports neither NumPy nor FAISS; an exact index imports no FAISS."""
    code = """if True:
        import sys, facesearch.index.base, facesearch.index.registry as registry
        assert not {"numpy", "faiss"} & set(sys.modules)
        registry.create_index("exact", 8)
        assert "faiss" not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], check=True)
