"""Milvus as a vector index: the contract, whatever is added and removed, the recall, and errors that say what to do."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from facesearch.errors import ConfigError, StoreError
from facesearch.index import milvus_index, milvus_server
from facesearch.index.exact import ExactIndex
from facesearch.index.milvus_index import MilvusIndex
from facesearch.index.milvus_server import CollectionGoneError, MilvusServer
from facesearch.index.tuning import TARGET
from facesearch.testing import check_vector_index, random_units, synthetic_faces

from ..index.test_histories import History


@pytest.fixture
def make(milvus, new_name):
    """Makes empty collections."""
    return lambda dim, graph=False: MilvusIndex.make(milvus, new_name(), dim, graph=graph)


@pytest.mark.parametrize("dim", [2, 16, 512])
def test_contract(make, dim):
    """A collection that is compared with as a whole keeps the contract that ships with the package."""
    check_vector_index(make, dim)


def test_contract_of_a_graph(make):
    """So does one with a graph."""
    check_vector_index(lambda dim: make(dim, graph=True))


def test_contract_beyond_what_milvus_gives_at_once(make, monkeypatch):
    """Ids, answers and messages in several pieces make no difference, nor do answers that Milvus would not give."""
    monkeypatch.setattr(milvus_index, "PAGE", 16)
    monkeypatch.setattr(milvus_index, "FOUND_MOST", 30)
    check_vector_index(make)


@pytest.mark.parametrize("graph", [False, True])
def test_any_history(graph, milvus, new_name, monkeypatch):
    """Add, replace, remove, settle, reopen and ask in any order: the answers of NumPy, or nearly all of them."""

    class MilvusHistory(History):
        def __init__(self):
            super().__init__()
            self.collection = new_name()
            self.index = MilvusIndex.make(milvus, self.collection, 128, graph=graph)

        @rule()
        def save_and_reopen(self):
            """Another process goes on."""
            self.index = MilvusIndex(milvus, self.collection, 128)

        @rule(part=st.booleans())
        def save_and_go_on(self, part):
            """What is in memory is written."""
            with milvus.seam():
                milvus.client.flush(self.collection)

        def teardown(self):
            super().teardown()
            milvus.drop(self.collection)

    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        MilvusHistory,
        settings=settings(max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=quiet),
    )


def test_a_graph_is_tuned_on_its_own_vectors(make):
    """The recall that is told is kept for others who ask, and measured anew when there are many more vectors."""
    faces, _ = synthetic_faces(200, 10, seed=5)
    index, reference = make(128, graph=True), ExactIndex(128)
    for part in (slice(0, 1000), slice(1000, 2000)):
        ids = np.arange(len(faces))[part]
        index.add(ids, faces[part])
        reference.add(ids, faces[part])
        index.settle()
        told = index.about()
        assert told.vectors == len(ids) + part.start
        assert told.recall >= TARGET
        assert told.candidates >= milvus_index.EF_LADDER[0]
    probes = synthetic_faces(20, 10, seed=6)[0]
    found, true = index.search(probes, 10), reference.search(probes, 10)
    assert np.mean(found.distances <= true.distances[:, -1:]) >= TARGET
    exact = index.search(probes, 10, exact=True)
    np.testing.assert_array_equal(exact.ids, true.ids)
    np.testing.assert_array_equal(exact.distances, true.distances)


def test_a_graph_that_reaches_no_recall_says_so(make, monkeypatch):
    """The largest breadth is taken, and the recall that was measured is told, not the one that is wished for."""
    monkeypatch.setattr(milvus_index, "TUNE_TO", 1.1)
    monkeypatch.setattr(milvus_index, "EF_LADDER", (32, 48))
    index = make(128, graph=True)
    index.add(np.arange(500), synthetic_faces(50, 10, seed=5)[0])
    index.settle()
    assert index.about().candidates == milvus_index.EF_LADDER[-1]
    assert index.about().recall <= 1.0


def test_a_graph_that_is_not_drawn_yet_is_waited_for(make, milvus, monkeypatch):
    """A server draws it in its own time, and until then finds everything; one that fails is told."""
    states = [{"pending_index_rows": 40}, {"pending_index_rows": "7"}, {"pending_index_rows": 0, "state": "Finished"}]
    monkeypatch.setattr(milvus_index, "POLL", 0)
    index = make(128, graph=True)
    index.add(np.arange(100), synthetic_faces(10, 10, seed=5)[0])
    monkeypatch.setattr(milvus.client, "describe_index", lambda *_: states.pop(0))
    index.settle()
    assert states == []
    states.append({"state": "Failed", "pending_index_rows": 100})
    with pytest.raises(StoreError, match="could not make an index"):
        index.settle()


def test_an_alias_moves_at_once(milvus, new_name):
    """Whoever asks by the alias gets the old collection or the new one; dropping takes the alias along."""
    alias, names = new_name(), [new_name(), new_name()]
    assert milvus.target(alias) is None
    for number, name in enumerate(names):
        MilvusIndex.make(milvus, name, 8).add(np.array([number]), random_units(1, 8))
        milvus.point(alias, name)
        assert milvus.target(alias) == name
        assert MilvusIndex(milvus, alias, 8).ids().tolist() == [number]
    milvus.drop(names[1])
    assert milvus.target(alias) is None
    milvus.drop(names[1])
    with pytest.raises(CollectionGoneError):
        MilvusIndex(milvus, names[1], 8).search(random_units(1, 8), 1)
    assert names[0] in milvus.collections("c")


def test_dropping_leaves_no_vector_in_the_files(make, milvus, milvus_uri):
    """Removed vectors stay in segments until Milvus cleans up, dropped collections do not: why forgetting drops."""
    index, rows = make(128), synthetic_faces(10, 10, seed=77)[0]

    def files():
        return [
            path for path in Path(milvus_uri).rglob("*") if path.is_file() and rows[5].tobytes() in path.read_bytes()
        ]

    index.add(np.arange(100), rows)
    index.settle()
    assert files()
    milvus.drop(index._collection)
    assert files() == []


def test_nobody_else_reads_the_files(milvus, milvus_uri):
    """The folder of milvus-lite holds biometrics: it is for its owner alone."""
    assert milvus.collections("") is not None
    assert Path(milvus_uri).stat().st_mode & 0o777 == 0o700


def test_no_server(capfd, caplog):
    """A server that is not there is one error with something to do, and no line of a library on the terminal."""
    server = MilvusServer("http://user:secret@127.0.0.1:9", "user:secret")
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreError, match="cannot be reached") as caught:
        server.collections("")
    assert "FACESEARCH_MILVUS_URI" in caught.value.hint
    assert "secret" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_wrong_token(monkeypatch, capfd):
    """A server that does not take the token is told from one that is not there, and the token is not repeated."""

    class Refusing(grpc.GenericRpcHandler):
        def service(self, details):
            def refuse(request, context):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check api key is correct")

            return grpc.unary_unary_rpc_method_handler(refuse)

    refusing = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Refusing()])
    port = refusing.add_insecure_port("127.0.0.1:0")
    refusing.start()
    monkeypatch.setattr(milvus_server, "TIMEOUT", 5.0)
    try:
        with pytest.raises(ConfigError, match="does not take the token") as caught:
            MilvusServer(f"http://127.0.0.1:{port}", "user:secret").collections("")
    finally:
        refusing.stop(0).wait()
    assert "FACESEARCH_MILVUS_TOKEN" in caught.value.hint
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert capfd.readouterr() == ("", "")


def test_files_that_another_process_uses(milvus, milvus_uri):
    """Milvus-lite serves one process; the second one is told so."""
    assert milvus.collections("") is not None
    code = (
        "from facesearch.index.milvus_server import MilvusServer\nfrom facesearch.errors import StoreError\n"
        f"try:\n    MilvusServer({milvus_uri!r}).collections('')\n"
        "except StoreError as error:\n    print(error.message, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be opened" in done.stdout
    assert "one process at a time" in done.stdout
    assert done.stderr == ""


def test_without_the_package(monkeypatch):
    """Who has not installed it is told how."""
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ConfigError) as caught:
        MilvusServer("http://127.0.0.1:9").collections("")
    assert caught.value.hint == "pip install 'facesearch[milvus]'"
