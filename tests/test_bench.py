"""Measurements: what they count, and that they can be made."""

import json
import math

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from facesearch.bench import STAGES, Arithmetic, Embedding, Product, arithmetic, bench_stages, child, stages
from facesearch.errors import ConfigError, FacesearchError, ModelError
from facesearch.models import export
from facesearch.models.arithmetic import flop, product
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def album(tmp_path):
    """Three photos with one, two and no faces, a copy of the first, and a file that is no picture."""
    folder = tmp_path / "album"
    folder.mkdir()
    left, right = (Box(20, 60, 90, 130), (220, 40, 40)), (Box(110, 60, 180, 130), (40, 220, 40))
    for name, faces, width in (("a", [left], 320), ("b", [left, right], 330), ("c", [], 340), ("d", [left], 320)):
        Image.fromarray(paint(faces, width=width)).save(folder / f"{name}.png")
    (folder / "e.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def fake():
    """A front end that sees painted faces."""
    return FrontEnd(FakeDetector(), FakeEmbedder())


def progress_in(text: str) -> list[tuple[int, int]]:
    """Photos done and to do, in the lines that a child prints."""
    return [(said["done"], said["total"]) for said in map(json.loads, text.splitlines())]


def test_stages_count_first_copies_of_photos_that_can_be_used(fake, album, capsys):
    """A stage's time is divided by the photos that went through all stages: no second copies, no failures."""
    found = child.measure_stages(fake, album)
    assert (found["photos"], found["faces"]) == (3, 3)
    assert progress_in(capsys.readouterr().out)[-1] == (5, 5)


def test_every_stage_takes_time(fake, album):
    """Decoding, detecting, cropping, embedding and storing are all measured, in milliseconds a photo."""
    ms = child.measure_stages(fake, album)["ms"]
    assert tuple(ms) == STAGES
    assert all(0 < spent < 1000 for spent in ms.values())


def test_store_is_the_time_of_the_database_and_the_index(fake, album, monkeypatch):
    """Time that the database takes is counted as storing, by the photo."""
    real = child.Store.add_photos

    def slow(*args, **kwargs):
        begun = child.time.thread_time()
        while child.time.thread_time() - begun < 0.05 * len(args[1]):
            pass
        return real(*args, **kwargs)

    monkeypatch.setattr(child.Store, "add_photos", slow)
    ms = child.measure_stages(fake, album)["ms"]
    assert ms["store"] >= 50
    assert ms["crop"] < 50


def test_indexing_is_measured_as_it_is_done(fake, album, capsys):
    """The throughput is that of ``Gallery.index`` into an empty gallery: failures are work too, copies are skipped."""
    found = child.measure_index(fake, album, jobs=1)
    assert (found["photos"], found["faces"]) == (4, 3)
    assert 0 < found["seconds"] < 60
    assert 20e6 < found["peak_bytes"] < 100e9
    assert progress_in(capsys.readouterr().out)[-1] == (5, 5)


def test_tasks_run_in_turn_and_the_first_call_does_not_count():
    """All sides of a comparison are measured in turn, after a call that loads what is loaded on first use."""
    calls = []

    def task(name):
        calls.append(name)
        if calls.count(name) == 1:
            sum(range(3_000_000))

    spent = arithmetic._fastest({(name, None): lambda name=name: task(name) for name in ("a", "b")}, rounds=3)
    assert calls == ["a", "b"] * 4
    assert all(0 <= seconds < 0.01 for seconds in spent.values())


def test_the_share_is_that_of_the_fastest_product():
    """The embedder is compared with the best product of any library."""
    products = (Product("NumPy", 80.0, (2, 2, 2)), Product("ONNX Runtime", 60.0, (2, 2, 2)))
    found = Arithmetic(2_000_000_000, 16, products, (Embedding("fp32", 50.0), Embedding("int8", 10.0)))
    assert found.gflops == pytest.approx(40)
    assert found.share == pytest.approx(0.5)


def test_a_product_network_multiplies_matrices(tmp_path):
    """What ONNX Runtime is measured with is a product of matrices of any shape."""
    rng = np.random.default_rng(0)
    multiply = product(tmp_path / "product.onnx")
    for m, k, n in ((2, 3, 4), (5, 1, 2)):
        a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
        np.testing.assert_allclose(multiply(["c"], a=a, b=b)[0], a @ b, rtol=1e-5)


def test_operations_are_two_for_each_multiply_add(tmp_path):
    """A convolution and a fully connected layer are counted by hand's rule, for one row of the input."""
    weights = {"w": (4, 3, 3, 3), "v": (4, 10)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
        helper.make_node("GlobalAveragePool", ["z"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in weights.items()],
    )
    path = tmp_path / "small.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    assert flop(path) == 2 * (math.prod((4, 6, 6)) * math.prod((3, 3, 3)) + 4 * 10)


def test_operations_of_a_damaged_file_are_an_error(tmp_path):
    """A file that is no network is a clear error."""
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot read"):
        flop(tmp_path / "broken.onnx")


def test_a_folder_without_photos_is_refused(tmp_path):
    """There is nothing to measure without photos, and that is said before models are fetched."""
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ConfigError, match="no photos there"):
            bench_stages(folder)


def test_a_measurement_that_fails_says_why_in_one_line():
    """What went wrong in the measuring process is one line, without a traceback."""
    with pytest.raises(FacesearchError, match=r"the measurement failed: .*argument") as caught:
        stages._child(["arithmetic", "a", "b", "c"], lambda *_: None)
    assert "\n" not in caught.value.message


def test_facenet_is_as_much_arithmetic_as_is_said(models):
    """FaceNet is 2.83 GFLOP a face, as the layers of Inception-ResNet-v1 at 160 × 160 add up to."""
    assert flop(export.facenet_file()) == pytest.approx(2.834e9, rel=1e-3)


def test_the_sample_photos_can_be_measured(models, samples):
    """Everything is measured on real photos: each stage, one job and two, and the embedder beside products."""
    told, moved = [], []
    found = bench_stages(
        samples / "val", jobs=2, runs=1, tell=told.append, progress=lambda done, total, _: moved.append((done, total))
    )
    assert (found.photos, found.runs) == (25, 1)
    assert 25 <= found.faces <= 35
    assert min(found.ms.values()) > 0
    assert found.ms["embed"] > found.ms["decode"]
    assert [one.jobs for one in found.throughput] == [1, 2]
    assert all(one.faces_per_second >= one.photos_per_second > 0 for one in found.throughput)
    assert 0.3 < found.arithmetic.share < 1.3
    assert found.precision == found.arithmetic.embeddings[-1].precision
    assert moved[-1] == (25, 25)
    assert len(told) == 4
