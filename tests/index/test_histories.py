"""Whatever is added, removed, saved and reopened: exact indexes answer as NumPy, the others nearly so, none wrongly."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from facesearch.index import file
from facesearch.index.base import Stamp
from facesearch.index.coded import CodedIndex
from facesearch.index.registry import INDEXES, create_index
from facesearch.index.tuning import TARGET
from facesearch.testing import synthetic_faces

pytestmark = pytest.mark.slow

FACES, _ = synthetic_faces(60, 10, seed=3)
STAMP = Stamp("g", "r", "t", 1)
IDS = 700
seeds = st.integers(0, 2**32 - 1)


class History(RuleBasedStateMachine):
    """One index beside a dictionary."""

    kind = "flat"

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "faces.index"
        self.index = create_index(self.kind, 128)
        self.held = {}
        self.found = self.wanted = 0

    @rule(count=st.integers(0, 250), seed=seeds, ascending=st.booleans())
    def add(self, count, seed, ascending):
        """New vectors, replaced ones, and ids given twice."""
        random = np.random.default_rng(seed)
        first = max(self.held, default=-1) + 1
        ids = np.arange(first, first + count) if ascending else random.integers(0, IDS, count)
        rows = FACES[random.integers(0, len(FACES), count)]
        self.index.add(ids, rows)
        self.held |= dict(zip(ids.tolist(), rows, strict=True))

    @rule(count=st.integers(0, 120), seed=seeds)
    def remove(self, count, seed):
        """Known and unknown ids."""
        ids = np.random.default_rng(seed).integers(0, IDS, count)
        gone = {one for one in ids.tolist() if self.held.pop(one, None) is not None}
        assert self.index.remove(ids) == len(gone)

    @rule(seed=seeds)
    def remove_a_neighbourhood(self, seed):
        """Everybody near one face goes, so that most candidates are gone ones."""
        near = FACES[seed % len(FACES)]
        ids = [one for one, row in self.held.items() if ((row - near) ** 2).sum() < 1.0]
        assert self.index.remove(np.array(ids, dtype=np.int64)) == len(ids)
        for one in ids:
            del self.held[one]

    @rule()
    def settle(self):
        """Compaction, learning and tuning."""
        self.index.settle()
        recall = self.index.about().recall
        assert recall is None or recall >= TARGET

    @rule()
    def save_and_reopen(self):
        """Another process goes on with the file."""
        file.save(self.index, self.path, STAMP)
        self.index, stamp = file.load(self.path)
        assert (stamp, self.index.name) == (STAMP, self.kind)

    @rule()
    def save_and_go_on(self):
        """This process goes on after saving."""
        file.save(self.index, self.path, STAMP)

    @rule(seed=seeds, k=st.integers(1, 60))
    def search(self, seed, k):
        """Nearest neighbours of some faces."""
        probes = self.probes(seed)
        hits = self.index.search(probes, k)
        ids, distances = self.truth(probes, k, self.held)
        exact = self.index.search(probes, k, exact=True)
        np.testing.assert_array_equal(exact.ids, ids)
        np.testing.assert_array_equal(exact.distances, distances)
        if self.index.about().recall is None:
            np.testing.assert_array_equal(hits.ids, ids)
        for found, apart, probe in zip(hits.ids, hits.distances, probes, strict=True):
            real = found[found >= 0].tolist()
            assert len(set(real)) == len(real) == min(k, len(self.held))
            np.testing.assert_array_equal(apart[: len(real)], [far(self.held[one], probe) for one in real])
            assert (np.diff(apart[: len(real)]) >= 0).all()
        some = min(10, k, len(self.held))
        if k >= 10 and some:
            self.found += int(np.count_nonzero(hits.distances[:, :some] <= distances[:, some - 1 : some]))
            self.wanted += some * len(probes)

    @rule(seed=seeds, k=st.integers(1, 30), count=st.integers(0, 60))
    def search_only(self, seed, k, count):
        """A filter is exact in every kind."""
        probes, only = self.probes(seed), np.random.default_rng(seed).integers(0, IDS, count)
        hits = self.index.search(probes, k, only)
        allowed = set(only.tolist())
        ids, distances = self.truth(probes, k, {one: row for one, row in self.held.items() if one in allowed})
        np.testing.assert_array_equal(hits.ids, ids)
        np.testing.assert_array_equal(hits.distances, distances)

    @invariant()
    def ids_are_those_held(self):
        """No id is lost and none comes back."""
        assert self.index.ids().tolist() == sorted(self.held)
        assert len(self.index) == len(self.held)

    def teardown(self):
        """Over the whole history, the recall is what was promised."""
        self.folder.cleanup()
        assert self.wanted < 500 or self.found / self.wanted >= TARGET

    def probes(self, seed):
        """Five faces of people who may be in it."""
        return FACES[np.random.default_rng(seed).integers(0, len(FACES), 5)]

    def truth(self, probes, k, held):
        """By NumPy, pair by pair."""
        keys = np.array(sorted(held), dtype=np.int64)
        rows = np.array([held[one] for one in keys.tolist()], dtype=np.float32).reshape(-1, 128)
        ids, distances = np.full((len(probes), k), -1), np.full((len(probes), k), np.inf, dtype=np.float32)
        for place, probe in enumerate(probes):
            apart = far(rows, probe)
            order = np.lexsort((keys, apart))[:k]
            ids[place, : len(order)], distances[place, : len(order)] = keys[order], apart[order]
        return ids, distances


def far(rows, probe):
    """Squared distances in float64, rounded once."""
    apart = rows.astype(np.float64) - probe
    return np.minimum(np.einsum("...d,...d->...", apart, apart), 4).astype(np.float32)


@pytest.mark.parametrize("kind", list(INDEXES))
def test_any_history(kind, monkeypatch):
    """Add, replace, remove, settle, save, reopen and ask in any order."""
    monkeypatch.setattr(CodedIndex, "codes_from", 100)
    machine = type("History", (History,), {"kind": kind})
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine, settings=settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=quiet)
    )
