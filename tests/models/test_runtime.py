"""How networks run."""

import threading

import numpy as np
import pytest
from onnx import TensorProto, helper

from facesearch.errors import ModelError
from facesearch.models.runtime import Network, cores


@pytest.fixture
def doubler(tmp_path):
    """An ONNX file that doubles a vector."""
    value = helper.make_tensor_value_info
    node = helper.make_node("Add", ["x", "x"], ["y"])
    shape = ("x", TensorProto.FLOAT, ["N"]), ("y", TensorProto.FLOAT, ["N"])
    graph = helper.make_graph([node], "doubler", [value(*shape[0])], [value(*shape[1])])
    path = tmp_path / "doubler.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    return path


def test_a_network_is_loaded_when_it_is_called(tmp_path):
    """Making a network touches no file; calling it does."""
    network = Network("missing", tmp_path / "missing.onnx")
    with pytest.raises(ModelError, match="cannot load"):
        network(["y"], x=np.zeros(1, np.float32))


def test_outputs_come_by_name(doubler):
    """A network gives the outputs asked for."""
    (y,) = Network("doubler", doubler)(["y"], x=np.array([1, 2], np.float32))
    assert y.tolist() == [2, 4]


def test_it_is_opened_once_however_many_threads_call(doubler, monkeypatch):
    """Threads that call a network at the same moment share one session."""
    network = Network("doubler", doubler)
    opened = []
    real = network._open
    monkeypatch.setattr(network, "_open", lambda: (opened.append(1), real())[1])
    barrier = threading.Barrier(8)
    results = []

    def call(number):
        barrier.wait()
        results.append(network(["y"], x=np.array([number], np.float32))[0][0] == 2 * number)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
    assert opened == [1]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 50])
def test_a_damaged_file_says_how_to_make_it_anew(tmp_path, content):
    """A damaged model file is a clear error with the command that mends it."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot load") as caught:
        Network("broken", path)(["y"], x=np.zeros(1, np.float32))
    assert "facesearch models pull --force" in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_truncated_file_says_how_to_make_it_anew(doubler):
    """Half a model file is a clear error."""
    doubler.write_bytes(doubler.read_bytes()[:-10])
    with pytest.raises(ModelError, match="cannot load"):
        Network("doubler", doubler)(["y"], x=np.zeros(1, np.float32))


def test_a_failing_run_is_ours(doubler):
    """An input of a wrong type or name is a ModelError of one line, not an error of ONNX Runtime."""
    network = Network("doubler", doubler)
    for inputs in ({"x": np.zeros((2, 2, 2), np.float64)}, {"z": np.zeros(1, np.float32)}):
        with pytest.raises(ModelError, match="the network failed") as caught:
            network(["y"], **inputs)
        assert "\n" not in caught.value.message


def test_cores_respects_the_affinity_of_the_process():
    """Work is spread over the processors that this process may use, at least one."""
    import os

    assert cores() == len(os.sched_getaffinity(0))
