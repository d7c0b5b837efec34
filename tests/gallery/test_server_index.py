"""pgvector's approximate index: tuned on the gallery's own vectors, and as good after whatever happens to them."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from facesearch.gallery import server_index, server_tuning
from facesearch.gallery.server_index import ServerIndex
from facesearch.gallery.server_tuning import effort_for, maintain, tuned_of
from facesearch.index.exact import ExactIndex
from facesearch.index.tuning import TARGET
from facesearch.store import Store
from facesearch.store.hnsw import LONGEST, LONGEST_HALF
from facesearch.testing import random_units, synthetic_faces

from ..index.test_histories import History
from ..vector_tables import new_table, same_table
from .pictures import painted

pytestmark = pytest.mark.slow

NAMES = (f"held{number}" for number in itertools.count())
KINDS = pytest.mark.parametrize("half", [False, True], ids=["full", "half"])
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def stores(server):
    """Two machines at one gallery."""
    url = server.new_place()
    with Store.open(url) as one, Store.open(url) as other:
        yield one, other


def tuned(table):
    """What was measured."""
    with table.reading() as view:
        return tuned_of(view.graph())


def recall(index, rows, ids):
    """The share of the ten nearest others that is found, of every third of the rows (n, dim), which are all."""
    exact, probes = ExactIndex(rows.shape[1]), rows[::3]
    exact.add(ids, rows)
    farthest = exact.search(probes, 11).distances[:, -1:]
    found = np.count_nonzero(index.search(probes, 11).distances <= farthest, axis=1)
    return np.mean((found - 1) / 10)


# With half precision only, for time: tuning below goes with full.
@pytest.mark.parametrize("half", [True], ids=["half"])
def test_any_history(half, stores, monkeypatch):
    """Add, replace, remove, measure, reopen and ask in any order: the answers of NumPy, or nearly all of them."""
    monkeypatch.setattr(server_tuning, "EFFORTS", (20, 40, *server_tuning.EFFORTS))

    class ServerHistory(History):
        def __init__(self):
            super().__init__()
            self.name = next(NAMES)
            self.table, self.machines = new_table(stores[0], self.name, 128, half=half), itertools.cycle(stores)
            self.index = ServerIndex(self.table)

        @rule()
        def settle(self):
            """The end of an index run."""
            maintain(self.table, 100, lambda _: None)
            facts = self.index.about()
            assert facts.recall is None or facts.recall >= TARGET

        @rule()
        def save_and_reopen(self):
            """Another machine goes on."""
            self.table = same_table(next(self.machines), self.name, 128, half=half)
            self.index = ServerIndex(self.table)

        @rule(full=st.booleans())
        def save_and_go_on(self, full):
            """The server clears away what was deleted."""
            with self.table._database.engine.connect() as pooled:
                raw = pooled.execution_options(isolation_level="AUTOCOMMIT")
                raw.exec_driver_sql(f"VACUUM {'(FULL)' if full else ''} {self.name}")

        def teardown(self):
            super().teardown()
            with self.table._write() as connection:
                connection.exec_driver_sql(f"DROP TABLE {self.name}")

    options = settings(max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=QUIET)
    run_state_machine_as_test(ServerHistory, settings=options)


# With full precision only, for time: the history above is of half.
@pytest.mark.parametrize("half", [False], ids=["full"])
def test_recall_holds(half, stores, monkeypatch):
    """It is tuned to the least that does; deleting half of the people, and many more faces, leave it above 0.99."""
    # So little that these few vectors need more than the least of it.
    monkeypatch.setattr(server_tuning, "EFFORTS", (11, 16, 24, 40, 64, 100, 200))
    monkeypatch.setattr(server_tuning, "SAMPLE", 80)
    rows, people = synthetic_faces(300, 5, seed=4)
    ids = np.arange(1500)
    table = new_table(stores[0], next(NAMES), 128, half=half)
    index = ServerIndex(table)
    index.add(ids[:1000], rows[:1000])
    told = []
    maintain(table, 500, told.append)
    first = tuned(table)
    assert (first.vectors, first.sample, len(told)) == (1000, 160, 2)
    assert first.recall >= TARGET
    assert index.about().candidates == first.candidates <= 100
    assert recall(index, rows[:1000], ids[:1000]) >= TARGET

    index.add(ids[1000:1450], rows[1000:1450])
    maintain(table, 500, told.append)
    assert tuned(table) == first
    assert recall(index, rows[:1450], ids[:1450]) >= TARGET
    index.add(ids[1450:], rows[1450:])
    maintain(table, 500, told.append)
    assert (tuned(table).vectors, len(told)) == (1500, 3)

    odd = people % 2 == 1
    index.remove(ids[odd])
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with table.reading() as view:
            state = view.graph()
        if state.live < 0.6:
            break
        time.sleep(0.2)
    assert effort_for(state, 10) > 1.6 * tuned(table).candidates
    assert recall(index, rows[~odd], ids[~odd]) >= TARGET
    assert (index.search(rows[:50], 400).ids >= 0).all()
    maintain(table, 500, told.append)
    assert (tuned(table).vectors, len(told)) == (odd.size - odd.sum(), 4)
    assert recall(index, rows[~odd], ids[~odd]) >= TARGET


def test_out_of_reach(stores, monkeypatch):
    """Where no effort does, everything is compared, and it is said; one that did before is made anew first."""
    rows, _ = synthetic_faces(60, 5, seed=5)
    table = new_table(stores[0], next(NAMES), 128)
    index = ServerIndex(table)
    index.add(np.arange(150), rows[:150])
    maintain(table, 100, lambda _: None)
    assert index.about().recall >= TARGET
    monkeypatch.setattr(server_tuning, "EFFORTS", ())
    index.add(np.arange(150, 300), rows[150:])
    told = []
    maintain(table, 100, told.append)
    assert told == [
        "making the database's index of 300 faces anew",
        "it does not find enough of the ten nearest: everything is compared",
    ]
    assert (index.about().recall, index.about().vectors) == (None, 300)
    assert recall(index, rows, np.arange(300)) == 1
    maintain(table, 100, told.append)
    assert len(told) == 2


@KINDS
def test_longer_vectors_than_a_graph_holds(half, stores):
    """No graph can be made of longer vectors, as a network of the user may give: all are compared, without error."""
    dim = LONGEST_HALF if half else LONGEST
    for longer in (0, 1):
        table = new_table(stores[0], next(NAMES), dim + longer, half=half)
        index, rows, ids = ServerIndex(table), random_units(6, dim + longer, seed=1), np.arange(1, 7)
        index.add(ids, rows)
        maintain(table, 5, lambda _: None)
        assert (tuned(table) is None) == bool(longer)
        assert index.search(rows, 1).ids.ravel().tolist() == ids.tolist()


@pytest.mark.parametrize("engine", ["pgvector", "pgvector-half"])
def test_a_gallery_says_its_recall(engine, server, fake, open_gallery, tmp_path, monkeypatch):
    """An index run makes and measures the index, ``stats`` says the recall, and answers are those of NumPy."""
    monkeypatch.setattr(server_index, "APPROXIMATE_FROM", 20)
    colours = np.random.default_rng(3).integers(0, 256, (60, 3))
    bright = [tuple(map(int, colour)) for colour in colours if np.ptp(colour) > 120][:24]
    url = server.new_place()
    gallery = open_gallery(url, fake, index=engine)

    def album(numbers):
        for number in numbers:
            painted(tmp_path / "photos" / f"{number}.png", bright[number], shade=number)
        gallery.index(tmp_path / "photos")
        return gallery.stats().index

    facts = album(range(15))
    assert (facts.kind, facts.vectors, facts.recall) == (engine, 15, None)
    facts = album(range(24))
    assert (facts.kind, facts.vectors, facts.candidates) == (engine, 24, 100)
    assert facts.recall >= TARGET
    # Whoever does not name the index sees it too, as long as there is no file of their own.
    assert open_gallery(url, fake).stats().index == facts
    exact = open_gallery(url, fake, index="exact")
    for number in range(0, 24, 6):
        probe = painted(tmp_path / f"probe-{number}.png", bright[number], shade=200 + number)
        found = [
            [(match.path, match.distance) for match in one.search(probe, threshold=4.0, limit=5, **options)[0].matches]
            for one, options in ((gallery, {}), (gallery, {"exact": True}), (exact, {}))
        ]
        assert found[0] == found[1] == found[2]
    assert open_gallery(url, fake).stats().index.kind == "exact"
