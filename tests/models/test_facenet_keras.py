"""The Keras graph is rebuilt from its description; the code that the file carries is never run."""

import base64
import json
import marshal
import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from facesearch.errors import ModelError
from facesearch.models import fetch
from facesearch.models.facenet_keras import load_keras_model

pytestmark = pytest.mark.slow  # TensorFlow


def layer(kind, name, inputs, **config):
    """A layer as Keras 2.1 describes it."""
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": [[[source, 0, 0, {}] for source in inputs]] if inputs else [],
    }


def write_model(path, layers, weights):
    """An .h5 as Keras 2.1 writes it."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": {"layers": layers}}).encode()
        groups = file.create_group("model_weights")
        for name, arrays in weights.items():
            group = groups.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in arrays]
            for key, array in arrays.items():
                group[f"{name}/{key}:0"] = array


@pytest.fixture
def trap(tmp_path):
    """A small model whose Lambda layer carries code that would leave a mark, and where the mark would be."""
    mark = tmp_path / "executed"
    code = compile(f"lambda inputs, scale: open({str(mark)!r}, 'w')", "<lambda>", "eval")
    function = [base64.b64encode(marshal.dumps(code.co_consts[0])).decode(), None, None]
    layers = [
        layer("InputLayer", "image", [], batch_input_shape=[None, 4, 4, 3]),
        layer("GlobalAveragePooling2D", "pool", ["image"]),
        layer("Dense", "branch", ["pool"], units=3, use_bias=False),
        layer("Lambda", "sum", ["pool", "branch"], function=function, arguments={"scale": 0.5}),
    ]
    write_model(tmp_path / "trap.h5", layers, {"branch": {"kernel": np.eye(3, dtype=np.float32) * 2}})
    return tmp_path / "trap.h5", mark


def test_the_code_of_a_lambda_layer_is_never_touched(trap, monkeypatch):
    """A Lambda layer's bytecode is neither decoded nor run; an ordinary scaled sum takes its place."""
    path, mark = trap
    real = marshal.loads

    def loads(data, *rest):
        # Importing a module reads its bytecode from the .pyc: that is not what is meant.
        assert "importlib" in sys._getframe(1).f_code.co_filename, "bytecode was read"
        return real(data, *rest)

    monkeypatch.setattr(marshal, "loads", loads)
    monkeypatch.setattr(marshal, "load", lambda *_: pytest.fail("bytecode was read"))
    model = load_keras_model(path)
    image = np.zeros((1, 4, 4, 3), np.float32) + np.array([1, 2, 3], np.float32)
    assert np.asarray(model(image)).tolist() == [[2, 4, 6]]  # x + 0.5 · 2x
    assert not mark.exists()


def test_garbage_in_place_of_bytecode_changes_nothing(trap, tmp_path):
    """Bytes that no marshal could read do no harm, because nobody reads them."""
    path, _ = trap
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][3]["config"]["function"] = ["!!!", None, None]
        file.attrs["model_config"] = json.dumps(config)
    assert load_keras_model(path).output_shape == (None, 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.attrs.__delitem__("model_config"),
        lambda file: file.__delitem__("model_weights"),
        lambda file: file["model_weights"].__delitem__("branch"),
        lambda file: file.attrs.__setitem__("model_config", "{"),
        lambda file: file.attrs.__setitem__("model_config", json.dumps({"config": {"layers": []}})),
        lambda file: file.attrs.__setitem__(
            "model_config", json.dumps({"config": {"layers": [layer("Evil", "x", [])]}})
        ),
    ],
)
def test_a_file_that_holds_something_else_is_a_model_error(trap, spoil):
    """A file without the network is one clear error."""
    path, _ = trap
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(ModelError, match="does not hold the network"):
        load_keras_model(path)


def test_what_is_no_hdf5_is_a_model_error(tmp_path):
    """Any other file is one clear error."""
    (tmp_path / "a.h5").write_bytes(b"not HDF5")
    with pytest.raises(ModelError, match="does not hold the network"):
        load_keras_model(tmp_path / "a.h5")


def test_the_original_weights_load_whole(models):
    """The rebuilt graph takes all 22.8 million published numbers, without one line of the file's bytecode."""
    code = """
        import marshal, sys
        real = marshal.loads
        def loads(data, *rest):
            if "importlib" not in sys._getframe(1).f_code.co_filename:
                raise SystemExit("bytecode was read")
            return real(data, *rest)
        marshal.loads = loads
        from pathlib import Path
        from facesearch.models.facenet_keras import load_keras_model
        model = load_keras_model(Path(sys.argv[1]))
        scales = sorted({round(layer.scale, 2) for layer in model.layers if type(layer).__name__ == "ScaledSum"})
        count = sum(type(layer).__name__ == "ScaledSum" for layer in model.layers)
        print(model.count_params(), model.input_shape, model.output_shape, count, scales)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(fetch.weights_path())],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        check=False,
    )
    expected = "22808144 (None, 160, 160, 3) (None, 128) 21 [0.1, 0.17, 0.2, 1.0]"
    assert done.stdout.strip().splitlines()[-1:] == [expected], done.stderr
