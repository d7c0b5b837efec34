"""pgvector as a vector index: the contract, both ways of searching, its graph, and the rows of a gallery."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.gallery.server_index import ServerIndex
from facesearch.gallery.server_tuning import maintain
from facesearch.index.exact import ExactIndex
from facesearch.store import Store, hnsw
from facesearch.testing import check_vector_index, random_units

from ..vector_tables import new_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facesearch.store.nearest import VectorTable

HALF = pytest.mark.parametrize("half", [False, True], ids=["full", "half"])


@pytest.fixture
def table(server) -> Iterator[Callable[..., VectorTable]]:
    """Makes tables of vectors without faces: ``table(dim, half=False)``."""
    numbers = itertools.count()
    with Store.open(server.new_place()) as store:

        def make(dim: int, *, half: bool = False) -> VectorTable:
            return new_table(store, f"held{next(numbers)}", dim, half=half)

        yield make


def build(table: VectorTable, count: int = 1000) -> None:
    """A graph of whatever is there, not measured."""
    with table.building() as builder:
        builder.make(count)


def note(table: VectorTable) -> str | None:
    """What is written on the graph."""
    with table.reading() as view:
        state = view.graph()
    return state and state.note


def plan(view, only=None, kind=None) -> str:
    """How the server would answer a question that is asked like this."""
    asked = []

    class Spy:
        def exec_driver_sql(self, statement, values):
            asked.append((statement, values))
            return []

    real, view._connection = view._connection, Spy()
    view._ask(random_units(1, view._graph.dim)[0], 5, only, kind)
    view._connection = real
    ((statement, values),) = asked
    return "\n".join(real.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())


def test_the_contract(table):
    """Pgvector holds what is promised of every vector index."""
    check_vector_index(lambda dim: ServerIndex(table(dim)))


@HALF
def test_the_contract_with_an_approximate_index(table, half):
    """It holds it by HNSW too, in full and in half precision, ties and all."""

    def make(dim: int) -> ServerIndex:
        held = table(dim, half=half)
        build(held)
        with held.building() as builder:
            builder.write(
                '{"facesearch": {"candidates": 200, "lists": 0, "recall": 1.0, "sample": 256, "vectors": 200}}'
            )
        return ServerIndex(held)

    check_vector_index(make)


@HALF
def test_hnsw_finds_what_is_near(table, half):
    """Measured, HNSW finds 99 % of the ten nearest at exact distances; the planner uses it, and not with a filter."""
    rows, ids = random_units(1500, 32, seed=1), np.arange(1500)
    probes = random_units(30, 32, seed=2)
    held = table(32, half=half)
    index, reference = ServerIndex(held), ExactIndex(32)
    index.add(ids, rows)
    reference.add(ids, rows)
    expected = reference.search(probes, 10)
    assert np.array_equal(index.search(probes, 10).ids, expected.ids)
    told = []
    maintain(held, 1501, told.append)
    assert told == []
    maintain(held, 1500, told.append)
    assert len(told) == 2
    with held.reading() as view:
        for sql in ("SELECT 1", "SET LOCAL hnsw.ef_search = 1000"):
            view._connection.exec_driver_sql(sql)
            assert held.graph.name in plan(view, kind=held.graph.kind)
        assert held.graph.name not in plan(view)
        assert held.graph.name not in plan(view, only=np.arange(1000))
    found = index.search(probes, 10)
    shared = sum(len(set(a) & set(b)) for a, b in zip(found.ids.tolist(), expected.ids.tolist(), strict=True))
    assert shared >= 0.99 * expected.ids.size
    assert np.array_equal(index.search(probes, 10, exact=True).ids, expected.ids)
    both = found.ids == expected.ids
    assert np.array_equal(found.distances[both], expected.distances[both])
    assert (index.search(probes[:2], 1400).ids >= 0).all()
    few = index.search(probes, 7, only=np.arange(5, 1500, 200))
    assert np.array_equal(few.ids, reference.search(probes, 7, only=np.arange(5, 1500, 200)).ids)
    maintain(held, 1500, told.append)
    assert len(told) == 2


def test_a_graph_that_nobody_measured_is_not_used(table):
    """Answers are exact until it is known how far a search must look: a killed run leaves it so."""
    held = table(8)
    index = ServerIndex(held)
    index.add(np.arange(50), random_units(50, 8))
    build(held)
    assert note(held) is None
    assert index.about().recall is None
    maintain(held, 1000, print)
    assert index.about().recall == 1.0
    with held.building() as builder:
        builder.write("it's: somebody else's")
    assert (note(held), index.about().recall) == ("it's: somebody else's", None)


def test_one_maker_at_a_time(table):
    """Whoever comes second makes nothing and does not wait."""
    held = table(8)
    ServerIndex(held).add(np.arange(20), random_units(20, 8))
    with held.building() as builder:
        told = []
        thread = threading.Thread(target=maintain, args=(held, 1, told.append))
        thread.start()
        thread.join()
        assert told == []
        builder.make(20)
    maintain(held, 1, told.append)
    assert len(told) == 1


def test_a_graph_that_was_cut_short_is_made_anew(table):
    """An index that is not valid is none."""
    held = table(8)
    ServerIndex(held).add(np.arange(20), random_units(20, 8))
    build(held)
    with held._write() as connection:
        connection.exec_driver_sql(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('{held.graph.name}')"
        )
    with held.reading() as view:
        assert view.graph() is None
    maintain(held, 1, print)
    assert ServerIndex(held).about().recall == 1.0


def test_little_shared_memory(table, monkeypatch):
    """Where the processes that make a graph cannot share enough memory, as in a container, one makes it alone."""
    rows = random_units(300, 16)
    held = table(16)
    with held._write() as connection:
        driver = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {held.graph.table} FROM STDIN") as copy:
            for number, row in enumerate(rows.tolist()):
                copy.write_row((number, "fake", str(row)))
        # Else the server would find one process enough for it.
        connection.exec_driver_sql(f"ALTER TABLE {held.graph.table} SET (parallel_workers = 2)")
    monkeypatch.setattr(hnsw, "MOST_MEMORY", 1 << 50)
    monkeypatch.setattr(hnsw, "SPARE", 1 << 40)
    sets = []
    execute = hnsw.Builder._create

    def create(self):
        sets.append(self._connection.exec_driver_sql("SHOW max_parallel_maintenance_workers").scalar_one())
        execute(self)

    monkeypatch.setattr(hnsw.Builder, "_create", create)
    build(held, 300)
    assert sets == ["2", "0"]
    with held.reading() as view:
        assert view.graph() is not None
        for name, value in (("maintenance_work_mem", "64MB"), ("max_parallel_maintenance_workers", "2")):
            assert view._connection.exec_driver_sql(f"SHOW {name}").scalar_one() == value


def test_an_answer_is_of_one_state(table):
    """What is removed while a question is being answered is in the answer, or not: it is no error."""
    held = table(8)
    index = ServerIndex(held)
    rows = random_units(300, 8)
    index.add(np.arange(300), rows)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            index.remove(np.arange(0, 300, 2))
            index.add(np.arange(0, 300, 2), rows[::2])

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(20):
            hits = index.search(rows[1::60], 250)
            counts = set(np.count_nonzero(hits.ids >= 0, axis=1).tolist())
            assert counts in ({150}, {250})
    finally:
        stop.set()
        thread.join()


def test_the_rows_of_a_gallery_are_the_index(server, make):
    """What is added or deleted with photos is found or gone in the same moment."""
    with Store.open(server.new_place()) as store:
        index = ServerIndex(store.vector_table(make.recipe))
        (one,) = make.add(store, 1)
        (two,) = make.add(store, 2)
        make.add(store, 3, (10,), make.other)
        probe = make.vectors(1, seed=2)
        assert index.search(probe, 3).ids.tolist() == [[two, one, -1]]
        store.delete_photos([store.photo_by_pixel_hash("p2").id])
        assert index.search(probe, 1).ids.tolist() == [[one]]


def test_a_folder_has_no_pgvector(folder, make):
    """A gallery in a folder says that it cannot be searched by pgvector."""
    with Store.open(folder) as store, pytest.raises(ConfigError, match="pgvector"):
        store.vector_table(make.recipe)
