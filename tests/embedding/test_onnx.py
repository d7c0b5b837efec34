"""Networks of the user's: what is taken in, what comes out, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from facesearch.embedding.onnx import OnnxEmbedder
from facesearch.errors import ConfigError, ModelError
from facesearch.models.runtime import Network
from facesearch.models.standardize import standardize
from facesearch.pipeline.adding import Wishes, examine

from ..onnx_files import network

CROPS = (
    np.random.default_rng(5).integers(0, 256, (5, 16, 16, 3), np.uint8)
    // np.arange(1, 6, dtype=np.uint8)[:, None, None, None]
)


def embedder(path, **wishes):
    """The embedder of a network, as it would be once it is added."""
    model, _ = examine(path, Wishes("mine", **wishes))
    return OnnxEmbedder(model, Network(model.name, path))


def expected(crops, dim=7, seed=0):
    """What ``network`` makes of numbers (n, H, W, 3)."""
    weights = np.random.default_rng(seed).normal(size=(3, dim))
    rows = crops.astype(np.float64).mean(axis=(1, 2)) @ weights + 0.1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("channels_first", [True, False])
@pytest.mark.parametrize("batch", [None, 1, 4])
def test_any_layout_and_batch(tmp_path, channels_first, batch):
    """Channels first or last, any number of pictures or a fixed one: each face gets its own unit vector."""
    path = network(tmp_path / "a.onnx", channels_first=channels_first, batch=batch)
    own = embedder(path, standardize="fixed")
    found = own.embed(CROPS)
    np.testing.assert_allclose(found, expected((CROPS - 127.5) / 128), atol=1e-5)
    assert (found.dtype, found.shape, own.dim, own.input_size) == (np.float32, (5, 7), 7, 16)
    assert own.embed(CROPS[:0]).shape == (0, 7)


@pytest.mark.parametrize("dim", [2, 64, 512])
def test_any_dimension(tmp_path, dim):
    """The vectors may have any length, told in the file or not."""
    own = embedder(network(tmp_path / "a.onnx", dim=dim, told_dim=False), standardize="fixed")
    np.testing.assert_allclose(own.embed(CROPS), expected((CROPS - 127.5) / 128, dim), atol=1e-5)
    assert own.dim == dim


def test_one_number_a_face_cannot_tell_faces_apart(tmp_path):
    """Where all unit vectors are one, the network is refused."""
    with pytest.raises(ModelError, match="same vector whatever"):
        embedder(network(tmp_path / "a.onnx", dim=1, weights=np.ones((3, 1))), standardize="none")


def test_colours_and_numbers(tmp_path):
    """The order bgr turns the colours round; per-image is FaceNet's standardization, none leaves 0 to 255."""
    path = network(tmp_path / "a.onnx")
    bgr = embedder(path, standardize="fixed", color="bgr").embed(CROPS)
    np.testing.assert_allclose(bgr, expected((CROPS[..., ::-1] - 127.5) / 128), atol=1e-5)
    own = embedder(path, standardize="per-image").embed(CROPS)
    np.testing.assert_allclose(own, expected(standardize(CROPS)), atol=1e-4)
    np.testing.assert_allclose(embedder(path, standardize="none").embed(CROPS), expected(CROPS), atol=1e-5)


def test_pixels_as_they_are(tmp_path):
    """A network that takes uint8 standardizes by itself, so nothing else may be asked for."""
    path = network(tmp_path / "a.onnx", kind=TensorProto.UINT8)
    np.testing.assert_allclose(embedder(path, standardize="none").embed(CROPS), expected(CROPS), atol=1e-5)
    with pytest.raises(ModelError, match="uint8") as caught:
        embedder(path)
    assert caught.value.hint == "--standardize none"


def test_the_recipe_says_what_changes_a_vector(tmp_path):
    """Weights, numbers, colours and output are in the settings; equal networks have equal ones."""
    path = network(tmp_path / "a.onnx", extra_output=True)
    one = embedder(path, output="vector", standardize="fixed").settings
    assert one == embedder(path, output="vector", standardize="fixed").settings
    others = [
        embedder(path, output="colour", standardize="fixed").settings,
        embedder(path, output="vector", standardize="fixed", color="bgr").settings,
        embedder(path, output="vector", standardize="none").settings,
        embedder(network(tmp_path / "b.onnx", seed=1), standardize="fixed").settings,
    ]
    assert all(one != other for other in others)


def test_it_can_be_sent_to_another_process(tmp_path):
    """What arrives there gives the same vectors."""
    own = embedder(network(tmp_path / "a.onnx"))
    assert np.array_equal(pickle.loads(pickle.dumps(own)).embed(CROPS), own.embed(CROPS))


def test_the_size_must_be_known_and_fit(tmp_path):
    """A file that leaves the size open needs it; one that says it is not contradicted."""
    path = network(tmp_path / "a.onnx", size=None)
    with pytest.raises(ModelError, match="size of its pictures open") as caught:
        embedder(path)
    assert "--size" in caught.value.hint
    assert embedder(path, size=24).input_size == 24
    with pytest.raises(ModelError, match="takes pictures of 16 pixels, not 24"):
        embedder(network(tmp_path / "b.onnx"), size=24)


def test_several_outputs(tmp_path):
    """Of several outputs one must be named, and there must be one of that name."""
    path = network(tmp_path / "a.onnx", extra_output=True)
    with pytest.raises(ModelError, match=r"2 outputs: vector \(\?, 7\), colour \(\?, 3\)") as caught:
        embedder(path)
    assert "--output" in caught.value.hint
    with pytest.raises(ModelError, match="no output other") as caught:
        embedder(path, output="other")
    assert "vector, colour" in caught.value.hint
    assert embedder(path, output="colour").dim == 3


def test_weights_in_a_file_beside(tmp_path):
    """External data is taken into the one file that is kept; where it is missing, its name is said."""
    saving = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    path = network(tmp_path / "a.onnx", **saving)
    model, data = examine(path, Wishes("mine", standardize="fixed"))
    (tmp_path / "whole.onnx").write_bytes(data)
    whole = OnnxEmbedder(model, Network("mine", tmp_path / "whole.onnx")).embed(CROPS)
    np.testing.assert_allclose(whole, expected((CROPS - 127.5) / 128), atol=1e-5)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"cannot be read: weights\.bin"):
        examine(path, Wishes("mine"))


@pytest.mark.parametrize("content", [b"", b"no network at all", b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_what_is_no_onnx_file(tmp_path, content):
    """Other files are refused in one sentence."""
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="is not an ONNX file"):
        examine(tmp_path / "a.onnx", Wishes("mine"))


def test_a_file_that_is_not_there(tmp_path):
    """So is a path where nothing is."""
    with pytest.raises(ModelError, match="no such file"):
        examine(tmp_path / "a.onnx", Wishes("mine"))


def _graph(path, nodes, shape, output, inputs=("picture",)):
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs]
    given_back = [helper.make_tensor_value_info("vector", TensorProto.FLOAT, output)]
    graph = helper.make_graph(nodes, "odd", given, given_back)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("nodes", "shape", "output", "said"),
    [
        ([helper.make_node("Flatten", ["picture"], ["vector"])], ["n", 1, 8, 8], ["n", 64], r"\(\?, 1, 8, 8\)"),
        ([helper.make_node("Flatten", ["picture"], ["vector"])], ["n", 3, 8, 9], ["n", 216], "squares"),
        ([helper.make_node("Flatten", ["picture"], ["vector"])], ["n", 192], ["n", 192], r"\(\?, 192\)"),
        ([helper.make_node("Relu", ["picture"], ["vector"])], ["n", 3, 8, 8], ["n", 3, 8, 8], r"embeddings are"),
    ],
)
def test_wrong_shapes(tmp_path, nodes, shape, output, said):
    """What does not turn square colour pictures into vectors is refused, with the shape that it has."""
    with pytest.raises(ModelError, match=said):
        examine(_graph(tmp_path / "a.onnx", nodes, shape, output), Wishes("mine"))


def test_several_inputs(tmp_path):
    """A network that wants more than a picture cannot be used."""
    nodes = [helper.make_node("Add", ["a", "b"], ["c"]), helper.make_node("Flatten", ["c"], ["vector"])]
    path = _graph(tmp_path / "a.onnx", nodes, ["n", 3, 8, 8], ["n", 192], ("a", "b"))
    with pytest.raises(ModelError, match="2 inputs, not one picture: a, b"):
        examine(path, Wishes("mine"))


@pytest.mark.parametrize(
    ("weights", "said"),
    [(np.full((3, 7), np.nan), "not finite"), (np.zeros((3, 7)), "same vector whatever")],
)
def test_answers_that_say_nothing(tmp_path, weights, said):
    """Numbers that are not finite, and one vector for all, are found before the network is added."""
    with pytest.raises(ModelError, match=said):
        examine(network(tmp_path / "a.onnx", weights=weights), Wishes("mine"))


def test_an_operator_that_nobody_knows(tmp_path):
    """A custom operator is named."""
    with pytest.raises(ModelError, match=r"org\.example"):
        examine(network(tmp_path / "a.onnx", domain="org.example"), Wishes("mine"))


def test_faces_must_not_depend_on_each_other(tmp_path):
    """A network that was exported for training mixes the pictures of a batch, and is refused."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[0, 2, 3], keepdims=1),
        helper.make_node("Sub", ["picture", "mean"], ["apart"]),
        helper.make_node("ReduceMax", ["apart"], ["vector"], axes=[2, 3], keepdims=0),
    ]
    with pytest.raises(ModelError, match="faces beside it"):
        examine(_graph(tmp_path / "a.onnx", nodes, ["n", 3, 8, 8], ["n", 3]), Wishes("mine", standardize="fixed"))


@pytest.mark.parametrize("name", ["facenet-128", "mtcnn", "facenet-128-reference"])
def test_names_of_built_in_models(tmp_path, name):
    """Nobody's network is taken for a built-in one."""
    with pytest.raises(ConfigError, match="built-in"):
        examine(network(tmp_path / "a.onnx"), Wishes(name))
