"""How networks run, and on what."""

import pickle
import threading

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from facesearch.errors import ConfigError, ModelError
from facesearch.models import runtime
from facesearch.models.device import DEVICES, PROVIDERS
from facesearch.models.runtime import Network, cores, precision_for, resolve_device


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


@pytest.fixture
def installed(monkeypatch):
    """``installed("cuda", starts=False)``: an ONNX Runtime that lists the device, and starts it or goes on without."""
    real = onnxruntime.InferenceSession
    forget = runtime._starts.cache_clear
    forget()
    opened = []

    def install(device, *, starts):
        provider = PROVIDERS[device].name

        class Session:
            def __init__(self, model, options, *, providers, enable_fallback):
                opened.append((model, providers))
                self._names = [name if isinstance(name, str) else name[0] for name in providers]
                self._real = real(model, options, providers=["CPUExecutionProvider"])
                self.run = self._real.run

            def get_providers(self):
                return self._names if starts else ["CPUExecutionProvider"]

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [provider, "CPUExecutionProvider"])
        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
        return opened

    yield install
    forget()


def test_every_device_but_auto_has_a_provider():
    """A device is a name that ``--device`` takes and an entry of data."""
    assert set(DEVICES) == {"auto", *PROVIDERS}


def test_without_a_card_auto_is_the_processor():
    """``auto`` runs on the processor where nothing better is installed, without a warning."""
    told = []
    assert resolve_device("auto", told.append) == "cpu"
    assert told == []


def test_an_unknown_device_lists_the_known_ones():
    """A device that nobody knows is a clear error that lists those there are."""
    with pytest.raises(ConfigError, match="no device 'tpu'") as caught:
        resolve_device("tpu")
    assert all(name in caught.value.hint for name in DEVICES)


def test_a_device_that_is_not_installed_says_what_to_install():
    """A device that this ONNX Runtime lacks is refused with what it has and the package that has the device."""
    with pytest.raises(ConfigError, match="it has cpu") as caught:
        resolve_device("cuda")
    assert "pip install onnxruntime-gpu" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        resolve_device("coreml")
    assert "pip" not in caught.value.hint


def test_a_device_that_starts_is_taken(installed):
    """An installed device that starts is used, by ``auto`` too, with the processor behind it and float32 asked for."""
    opened = installed("cuda", starts=True)
    assert resolve_device("cuda") == resolve_device("auto") == "cuda"
    assert opened[0][1] == [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]


def test_auto_passes_over_devices_of_other_precision(installed):
    """``auto`` never moves to a device whose vectors may be those of another precision."""
    installed("coreml", starts=True)
    assert resolve_device("auto") == "cpu"
    assert resolve_device("coreml") == "coreml"


def test_a_device_that_is_listed_but_does_not_start_is_refused(installed):
    """ONNX Runtime's silent move to the processor is found out: an error where a device was named."""
    installed("cuda", starts=False)
    with pytest.raises(ConfigError, match="cuda is installed but does not start; what works is cpu") as caught:
        resolve_device("cuda")
    assert "CUDA and cuDNN" in caught.value.hint


def test_auto_tells_that_it_passed_over_a_device_that_does_not_start(installed):
    """``auto`` goes on with the processor and says so."""
    installed("cuda", starts=False)
    told = []
    assert resolve_device("auto", told.append) == "cpu"
    assert len(told) == 1
    assert "cuda is installed but does not start" in told[0]


def test_a_network_refuses_a_device_that_is_not_there(doubler):
    """A network never runs elsewhere than it was told."""
    with pytest.raises(ConfigError, match="it has cpu"):
        Network("doubler", doubler, device="cuda")(["y"], x=np.zeros(1, np.float32))


def test_a_network_refuses_a_device_that_did_not_take_it(doubler, installed, monkeypatch):
    """A device that starts with a small network and not with this one is an error, not the processor."""
    installed("cuda", starts=False)
    monkeypatch.setattr(runtime, "_starts", lambda device: True)
    with pytest.raises(ModelError, match="cuda did not take the network"):
        Network("doubler", doubler, device="cuda")(["y"], x=np.zeros(1, np.float32))


def test_calls_of_a_card_wait_for_each_other(doubler, installed):
    """Networks on one card run one at a time, networks on the processor side by side."""
    installed("cuda", starts=True)
    how = {}
    for device in ("cuda", "cpu"):
        networks = [Network("doubler", doubler, device=device) for _ in range(2)]
        both = threading.Barrier(2)
        seen = []

        def run(outputs, inputs, both=both, seen=seen):
            try:
                both.wait(timeout=0.5)
                seen.append("together")
            except threading.BrokenBarrierError:
                seen.append("alone")
            return []

        for network in networks:
            network._load().run = run
        threads = [threading.Thread(target=network, args=(["y"],)) for network in networks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        how[device] = set(seen)
    assert how == {"cuda": {"alone"}, "cpu": {"together"}}


def test_int8_is_for_the_processor_alone(monkeypatch):
    """FaceNet runs in int8 where the processor is good at it, and in float32 on every other device."""
    monkeypatch.setattr("facesearch.models.quantize.supported", lambda: True)
    assert precision_for("cpu") == "int8"
    assert {precision_for(device) for device in PROVIDERS if device != "cpu"} == {"fp32"}
    monkeypatch.setattr("facesearch.models.quantize.supported", lambda: False)
    assert precision_for("cpu") == "fp32"


def test_a_network_goes_to_another_process(doubler):
    """A network can be pickled, before and after its first call; its copy loads the file itself, on one thread."""
    network = Network("doubler", doubler, threads=2, device="auto")
    x = np.array([1, 2], np.float32)
    for _ in range(2):
        copy = pickle.loads(pickle.dumps(network))
        assert (copy._threads, copy._device, copy._session) == (1, "auto", None)
        assert copy(["y"], x=x)[0].tolist() == network(["y"], x=x)[0].tolist() == [2, 4]
