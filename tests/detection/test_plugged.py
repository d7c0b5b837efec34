"""A detector of the user's own: the README's, word for word, on a network with YuNet's inputs and outputs."""

from __future__ import annotations

import importlib
import pickle
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save
from PIL import Image
from typer.testing import CliRunner

from facesearch import Gallery
from facesearch.cli.app import app
from facesearch.detection.mtcnn import MtcnnDetector
from facesearch.detection.plugged import BUILT_IN, DetectionError, PluggedDetector, flaw_of
from facesearch.detection.reference import ReferenceDetector
from facesearch.errors import ConfigError, ModelError, PhotoError
from facesearch.identify.calibration import built_in
from facesearch.models import local
from facesearch.pipeline import Scope, many
from facesearch.pipeline.adding import Wishes, examine
from facesearch.testing import FakeDetector, check_detector, paint
from facesearch.types import Box, Detection, Failure, Landmarks

from ..onnx_files import network

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"
ANN, BOB, BLUE = (255, 0, 0), (120, 255, 0), (0, 0, 255)
SQUARES = [Box(32, 32, 96, 96), Box(192, 96, 256, 160)]


@pytest.fixture(scope="module")
def example():
    """The README's code for a detector, and its code that uses it."""
    section = README.read_text(encoding="utf-8").split("### Your own detector\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def yunet(example, tmp_path, monkeypatch):
    """The README's class, in a module of its own as it says."""
    (tmp_path / "yunet.py").write_text(example[0], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("yunet").YuNet
    sys.modules.pop("yunet", None)


@pytest.fixture
def file(tmp_path):
    """A network that finds squares of 64 pixels, 32 from each other, that hold more red than blue. It takes BGR."""
    return _network(tmp_path / "face_detection_yunet_2023mar.onnx")


def _network(path, right=1.0):
    """Write one; ``right`` is where the middle of a face is, in cells."""
    ring = -np.ones((1, 1, 4, 4), np.float32)
    ring[0, 0, 1:3, 1:3] = 1
    points = [0.6, 0.8, 1.4, 0.8, 1.0, 1.2, 0.7, 1.6, 1.3, 1.6]
    held = {
        "red": np.array([-1, 0, 1], np.float32).reshape(1, 3, 1, 1),
        "ring": ring,
        "enough": np.array(48, np.float32),
        "three": np.array(3, np.float32),
        "rows": np.array([1, 400, 1]),
        "box": np.tile(np.array([right, 1, np.log(2), np.log(2)], np.float32), (1, 400, 1)),
        "points": np.tile(np.array(points, np.float32), (1, 400, 1)),
    }
    nodes = [
        helper.make_node("Conv", ["input", "red"], ["redness"]),
        helper.make_node("AveragePool", ["redness"], ["cells"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Greater", ["cells", "enough"], ["full"]),
        helper.make_node("Cast", ["full"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["counted", "ring"], ["alone"], pads=[1, 1, 2, 2]),
        helper.make_node("Sub", ["alone", "three"], ["beyond"]),
        helper.make_node("Relu", ["beyond"], ["hit"]),
        helper.make_node("Reshape", ["hit", "rows"], ["cls_32"]),
        helper.make_node("Identity", ["cls_32"], ["obj_32"]),
        helper.make_node("Identity", ["box"], ["bbox_32"]),
        helper.make_node("Identity", ["points"], ["kps_32"]),
    ]
    outputs = []
    for stride, count in ((8, 6400), (16, 1600), (32, 400)):
        for kind, wide in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            name = f"{kind}_{stride}"
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, wide]))
            if stride < 32:
                held[f"no_{name}"] = np.zeros((1, count, wide), np.float32)
                nodes.append(helper.make_node("Identity", [f"no_{name}"], [name]))
    takes = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])]
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()]
    graph = helper.make_graph(nodes, "yunet", takes, outputs, kept)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """An embedder that knows colours, by the name "mine"."""
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))
    made = network(tmp_path / "mine.onnx", dim=3, weights=np.eye(3))
    with local.staged(*examine(made, Wishes("mine", standardize="fixed"))) as here:
        local.keep_calibration(here, replace(built_in(), model="mine").as_json())
    return "mine"


@pytest.fixture
def album(tmp_path):
    """Two photos of Ann, two of Bob, and one of a blue square."""
    for name, colour in (("Ann", ANN), ("Bob", BOB)):
        (tmp_path / "album" / name).mkdir(parents=True)
        for number, box in enumerate(SQUARES):
            Image.fromarray(paint([(box, colour)])).save(tmp_path / "album" / name / f"{number}.png")
    Image.fromarray(paint([(SQUARES[0], BLUE)])).save(tmp_path / "album" / "blue.png")
    return tmp_path / "album"


def test_the_readmes_detector_keeps_the_contract(yunet, file, tmp_path):
    """It finds each face where it is, in pictures smaller and larger than its network takes."""
    other = yunet(_network(tmp_path / "other.onnx", right=1.1))
    for width, factor in ((320, 1), (1280, 2)):
        boxes = [box.scaled(factor) for box in SQUARES]
        picture = paint(zip(boxes, [ANN, BOB], strict=True), width, width * 3 // 4)
        check_detector(yunet(file), picture, boxes, min_iou=0.99, others=[other], workers=factor == 1)
    assert yunet(file).detect(paint([(SQUARES[0], BLUE)])) == []


def test_the_readmes_gallery(yunet, file, mine, album, tmp_path, example, monkeypatch):
    """What the README says to do indexes the photos with that detector; only the embedder is another one here."""
    monkeypatch.chdir(tmp_path)
    album.rename(tmp_path / "Pictures")
    opened = Gallery.open
    with monkeypatch.context() as patch:
        patch.setattr(Gallery, "open", partial(opened, model=mine))
        exec(compile(example[1], "README.md", "exec"), {})
    with opened("family.gallery") as gallery:
        assert gallery.stats().faces == 4


def test_a_gallery_with_a_detector_of_ones_own(yunet, file, mine, album, tmp_path):
    """It is indexed, asked and searched like any other, and its recipe names the detector and its settings."""
    with Gallery.open(tmp_path / "gallery", model=mine, detector=yunet(file)) as gallery:
        report = gallery.index(album, people_from_folders=True)
        assert (report.faces, report.no_face) == (4, 1)
        assert gallery.who(album / "Ann/0.png")[0].person == "Ann"
        assert gallery.who(album / "blue.png") == ()
        assert gallery.verify(album / "Bob/0.png", album / "Bob/1.png").same
        assert not gallery.verify(album / "Ann/0.png", album / "Bob/1.png").same
        (face,) = gallery.faces(album / "Ann/0.png")
        assert face.box.iou(SQUARES[0]) > 0.99
        settings = dict(gallery.front_end.recipe.settings)
        assert settings["detector"] == "yunet"
        assert settings["detector_sha256"] == yunet(file).settings["sha256"]
        recipe = gallery.stats().recipe
    with Gallery.open(tmp_path / "gallery", detector=yunet(file)) as gallery:
        assert gallery.index(album).skipped == 5
        assert (gallery.model, gallery.stats().recipe) == (mine, recipe)


def test_a_gallery_keeps_to_its_detector(yunet, file, mine, album, tmp_path):
    """With another one, or another file, it refuses what needs faces, and says the way."""
    with Gallery.open(tmp_path / "gallery", model=mine, detector=yunet(file)) as gallery:
        gallery.index(album, people_from_folders=True)
    other = yunet(_network(tmp_path / "other.onnx", right=1.1))
    for detector, said in (
        (FakeDetector(), "found by yunet, not by fake"),
        (other, "found by yunet with other settings"),
    ):
        with Gallery.open(tmp_path / "gallery", detector=detector) as gallery:
            assert [person.name for person in gallery.people()] == ["Ann", "Bob"]
            for call in (
                lambda: gallery.index(album),
                lambda: gallery.who(album / "Ann/0.png"),
                lambda: gallery.verify(album / "Ann/0.png", album / "Ann/1.png"),
            ):
                with pytest.raises(ConfigError, match=said) as error:
                    call()
                assert "reindex" in error.value.hint


def run(*words):
    """A command: its exit code and what it printed."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def test_a_gallery_without_its_detector(yunet, file, mine, album, tmp_path):
    """The command line does all that needs no detector, refuses to look for faces, and says what to do."""
    here = ("--gallery", tmp_path / "gallery")
    with Gallery.open(tmp_path / "gallery", model=mine, detector=yunet(file)) as gallery:
        gallery.index(album)
        recipe = gallery.stats().recipe
    for words, printed in (
        (("cluster",), "2 groups from 4 unnamed faces"),
        (("name", 1, "Ann"), "Ann"),
        (("people",), "Ann"),
        (("stats",), "4 faces"),
        (("index", album), "5 unchanged"),
        (("review", "--json"), "{"),
    ):
        code, said = run(*words, *here)
        assert (code, printed in said) == (0, True), (words, said)
    Image.fromarray(paint([(SQUARES[1], (0, 255, 120))])).save(album / "new.png")
    for words in (("index", album), ("index", album, "--reprocess"), ("who", album / "new.png")):
        code, said = run(*words, *here)
        assert code == 2, (words, said)
        assert "found by the detector yunet, which was not given" in said
        assert "Gallery.open(detector=…)" in said
        assert "facesearch reindex, then facesearch index --reprocess" in said
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert (gallery.stats().recipe, gallery.stats().faces) == (recipe, 4)


def test_reindex_says_whose_the_boxes_are(mine, album, tmp_path):
    """A gallery that moves to another detector's recipe keeps its boxes, and is told so once."""
    with Gallery.open(tmp_path / "gallery", model=mine, detector=FakeDetector()) as gallery:
        gallery.index(album)
        assert gallery.reindex().boxes_by is None
    with Gallery.open(tmp_path / "gallery", detector=FakeDetector(90)) as gallery:
        assert not gallery.reindex(dry_run=True).switched
        assert gallery.reindex().boxes_by == "fake"
        assert gallery.reindex().boxes_by is None
    code, said = run("reindex", "--gallery", tmp_path / "gallery")
    assert code == 0
    assert "5 faces embedded anew" in said
    assert "the boxes are still those of fake: facesearch index --reprocess PHOTOS finds them anew" in said


def test_a_gallery_moves_to_another_detector(yunet, file, mine, album, tmp_path):
    """`reindex` embeds the faces where they are, `index` with ``reprocess`` looks for them anew; names stay."""
    with Gallery.open(tmp_path / "gallery", model=mine, detector=FakeDetector()) as gallery:
        gallery.index(album, people_from_folders=True)
        assert gallery.stats().faces == 5
    with Gallery.open(tmp_path / "gallery", detector=yunet(file)) as gallery:
        assert gallery.reindex().switched
        assert gallery.stats().faces == 5
        gallery.index(album, reprocess=True)
        assert gallery.stats().faces == 4
        assert gallery.who(album / "Bob/0.png")[0].person == "Bob"
        assert [(person.name, person.faces) for person in gallery.people()][:2] == [("Ann", 2), ("Bob", 2)]


def test_a_class_of_a_script_works_in_one_process(mine, album, tmp_path):
    """A detector that cannot be pickled indexes as well, however many processes are asked for."""

    class Local(FakeDetector):
        name = "local"

    for number in range(30):
        colour = (254 - number, 0, 0)
        Image.fromarray(paint([(SQUARES[0], colour)])).save(album / "Ann" / f"more{number}.png")
    with Gallery.open(tmp_path / "gallery", model=mine, detector=Local()) as gallery:
        report = gallery.index(album, jobs=2)
    assert (report.faces, report.failed) == (35, ())


class Odd(FakeDetector):
    """Does what it is told instead."""

    name = "odd"

    def __init__(self, does):
        super().__init__()
        self.does = does

    def side(self, full_side):
        """What it is told."""
        return self.does if isinstance(self.does, int) else super().side(full_side)

    def detect(self, image, *, scale=1.0):
        """What it is told."""
        if isinstance(self.does, Exception):
            raise self.does
        return self.does


FACE = Detection(SQUARES[0], Landmarks((50, 60), (80, 60), (65, 70), (55, 80), (75, 80)), 0.99)
NOWHERE = Detection(Box(0, 0, 1, 1), Landmarks(*[(float("nan"), 0.0)] * 5), 0.99)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (RuntimeError("no such layer\n  in file"), "failed: RuntimeError: no such layer$"),
        (KeyError(), "failed: KeyError$"),
        (None, "gave no list of faces, but None"),
        ([(1, 2, 3, 4)], "gave what cannot be a face: a face is a Detection"),
        ([NOWHERE], "gave what cannot be a face: numbers are finite"),
        ([FACE, FACE], "gave the same box twice"),
        (ModelError("other", "the network failed: no memory"), "failed: the network failed: no memory$"),
        (0, "wants pictures of 0 pixels"),
    ],
)
def test_what_goes_wrong_in_a_detector_is_said(mine, album, tmp_path, does, said):
    """Whatever a detector raises or gives is the error of a photo that names both, and nothing is taken in."""
    with Gallery.open(tmp_path / "gallery", model=mine, detector=Odd(does)) as gallery:
        report = gallery.index(album)
        assert [Path(failure.path) for failure in report.failed] == sorted(album.rglob("*.png"))
        for failure in report.failed:
            assert re.search(f"^the detector odd {said}", failure.error)
        with pytest.raises(PhotoError, match=said) as error:
            gallery.verify(album / "Ann/0.png", album / "Ann/0.png")
        assert error.value.message.startswith(f"{album / 'Ann/0.png'}: the detector odd ")
        assert "check_detector" in error.value.hint
        assert gallery.stats().photos == 0


class Picky(FakeDetector):
    """Fails on pictures with more blue than red in them; or on all, where it is ``useless``."""

    name = "picky"
    useless = False

    def detect(self, image, *, scale=1.0):
        """What the fake finds."""
        if self.useless or image[..., 2].max() > image[..., 0].max():
            raise RuntimeError("too blue")
        return super().detect(image, scale=scale)


def test_a_photo_on_which_a_detector_fails_stops_nothing(mine, album, tmp_path):
    """It is listed, the others are indexed; only one that fails on all of the first photos ends the run, by name."""
    (album / "blue.png").rename(album / "Ann" / "-first.png")
    with Gallery.open(tmp_path / "gallery", model=mine, detector=Picky()) as gallery:
        for _ in range(2):
            report = gallery.index(album, jobs=1)
            assert report.failed == (
                Failure(str(album / "Ann/-first.png"), "the detector picky failed: RuntimeError: too blue"),
            )
        assert gallery.stats().faces == 4
        for number in range(many.HOPELESS):
            Image.fromarray(paint([(SQUARES[0], (0, number, 255))])).save(album / f"{number}.png")
        with pytest.raises(
            ModelError, match=r"^model picky: failed: RuntimeError: too blue \(.*/7.png, and 7 photos"
        ) as error:
            gallery.index(album, jobs=1)
        assert "retry=True" in error.value.hint


def test_what_fails_in_another_process_is_the_same_error():
    """A worker process sends it with all that is said of it."""
    sent = DetectionError("a.png", "picky", "failed: oh", hint="see")
    came = pickle.loads(pickle.dumps(sent))
    assert (type(came), vars(came), str(came)) == (DetectionError, vars(sent), str(sent))


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"box": SQUARES[0].scaled(10)}, "a box touches the picture"),
        ({"box": Box(-9, 9, 0, 20)}, "a box touches the picture"),
        ({"box": Box(9, 9, 9 + 1e-7, 20)}, "a box has an area, one pixel at least"),
        ({"landmarks": FACE.landmarks.scaled(1e7)}, "landmarks are near their box"),
        ({"landmarks": Landmarks(*[(50.0, 60.0)] * 5)}, "landmarks are five points, not one"),
    ],
)
def test_what_cannot_be_a_face_is_not_taken(spoilt, said):
    """A face is in the picture, has a size, and its landmarks are its own."""
    assert flaw_of(FACE, 320, 240) is None
    assert said in flaw_of(replace(FACE, **spoilt), 320, 240)


def test_the_surest_face_comes_first():
    """A detector that gives faces in another order is put right."""
    other = replace(FACE, box=SQUARES[1], confidence=0.5)
    assert PluggedDetector(Odd([other, FACE])).detect(paint([])) == [FACE, other]


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("name", "", "needs a name"),
        ("name", 7, "needs a name"),
        ("name", "mtcnn", "mtcnn is the name of a built-in detector"),
        ("settings", {"sizes": [1]}, "settings are a dict of plain values"),
    ],
)
def test_what_no_recipe_can_hold_is_refused_at_once(tmp_path, attribute, value, said):
    """A detector without a name of its own, or with settings that a recipe cannot hold, opens no gallery."""
    detector = FakeDetector()
    setattr(detector, attribute, value)
    with pytest.raises(ConfigError, match=said):
        Gallery.open(tmp_path / "gallery", detector=detector)
    assert not (tmp_path / "gallery").exists()


def test_the_smallest_face_belongs_to_the_detector():
    """A setting of the built-in detector is not ignored beside another one."""
    with pytest.raises(ConfigError, match="the built-in detector, not of fake"):
        Scope(min_face=0.1, detector=PluggedDetector(FakeDetector()))


def test_the_names_of_the_built_in_detectors():
    """No other detector may take them."""
    assert (MtcnnDetector.name, ReferenceDetector.name) == BUILT_IN
