"""pgvector as a vector index: the contract, both ways of searching, and the rows of a gallery."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import BigInteger, Column, MetaData, String, Table

from facesearch.errors import ConfigError
from facesearch.gallery.server_index import ServerIndex
from facesearch.index.exact import ExactIndex
from facesearch.store import Store
from facesearch.store.columns import Embedding
from facesearch.store.nearest import VectorTable
from facesearch.testing import check_vector_index, random_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def table(server) -> Iterator[Callable[..., VectorTable]]:
    """Makes tables of vectors without faces: ``table(dim, half=False)``."""
    numbers = itertools.count()
    with Store.open(server.new_place()) as store:

        def make(dim: int, *, half: bool = False) -> VectorTable:
            columns = Column("face_id", BigInteger, primary_key=True), Column("recipe", String(16), primary_key=True)
            held = Table(f"held{next(numbers)}", MetaData(), *columns, Column("embedding", Embedding))
            held.create(store._engine)
            return VectorTable(store._database, "fake", dim, half=half, table=held)

        yield make


def test_the_contract(table):
    """Pgvector holds what is promised of every vector index."""
    check_vector_index(lambda dim: ServerIndex(table(dim)))


@pytest.mark.parametrize("half", [False, True])
def test_the_contract_with_an_approximate_index(table, half):
    """It holds it by HNSW too, in full and in half precision, ties and all."""

    def make(dim: int) -> ServerIndex:
        held = table(dim, half=half)
        assert held.build_index()
        return ServerIndex(held)

    check_vector_index(make)


@pytest.mark.slow
def test_hnsw_finds_what_is_near(table):
    """By HNSW, of 3,000 vectors, 99 % of the ten nearest are found at exact distances; the planner can use it."""
    rows, ids = random_units(3000, 32, seed=1), np.arange(3000)
    probes = random_units(20, 32, seed=2)
    held = table(32)
    index, reference = ServerIndex(held), ExactIndex(32)
    index.add(ids, rows)
    reference.add(ids, rows)
    expected = reference.search(probes, 10)
    assert np.array_equal(index.search(probes, 10).ids, expected.ids)
    assert held.build_index()
    assert not held.build_index()
    with held._read() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = connection.exec_driver_sql(
            f"EXPLAIN SELECT face_id FROM \"{held._table.name}\" WHERE recipe = 'fake' "
            "ORDER BY (embedding::vector(32)) <-> (SELECT embedding::vector(32) FROM "
            f'"{held._table.name}" LIMIT 1) LIMIT 5'
        )
        assert held.index_name in "\n".join(plan.scalars())
    found = index.search(probes, 10)
    shared = sum(len(set(a) & set(b)) for a, b in zip(found.ids.tolist(), expected.ids.tolist(), strict=True))
    assert shared >= 0.99 * expected.ids.size
    assert np.array_equal(index.search(probes, 10, exact=True).ids, expected.ids)
    both = found.ids == expected.ids
    assert np.array_equal(found.distances[both], expected.distances[both])


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
