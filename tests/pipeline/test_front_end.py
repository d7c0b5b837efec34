"""From files to embeddings, one photo or many side by side."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError, ModelError, PhotoError
from facesearch.images.align import CropSettings
from facesearch.pipeline import ENGINES, Analysis, FrontEnd, analyse_many, make_front_end
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box

RED, GREEN, BLUE = (220, 40, 40), (40, 200, 40), (40, 40, 220)
LEFT, MIDDLE, RIGHT = Box(20, 60, 80, 120), Box(120, 20, 200, 100), Box(240, 100, 300, 160)


@pytest.fixture
def fake():
    """A front end of fakes: a face is a coloured square, a person a colour."""
    return FrontEnd(FakeDetector(), FakeEmbedder())


@pytest.fixture
def photos(tmp_path):
    """Twelve photos with one face each, in different places."""
    paths = []
    for number in range(12):
        path = tmp_path / f"{number:02d}.png"
        left = 10 + number * 15
        Image.fromarray(paint([(Box(left, 40, left + 60, 100), RED)])).save(path)
        paths.append(path)
    return paths


def test_faces_run_from_left_to_right(tmp_path, fake):
    """Faces come by their place in the photo, and vectors and crops in the same order, whatever the detector's."""
    path = tmp_path / "three.png"
    Image.fromarray(paint([(MIDDLE, GREEN), (LEFT, RED), (RIGHT, BLUE)])).save(path)
    result = fake.analyse(path)
    assert [face.box for face in result.faces] == [LEFT, MIDDLE, RIGHT]
    middle = result.crops[:, 80, 80]
    assert np.abs(middle.astype(int) - [RED, GREEN, BLUE]).max() < 5
    assert result.vectors.shape == (3, 128)
    for row, colour in zip(result.vectors, (RED, GREEN, BLUE), strict=True):
        plain = np.full((1, 160, 160, 3), colour, np.uint8)
        assert np.sum(np.square(row - FakeEmbedder().embed(plain)[0])) < 0.05


def test_positions_are_in_pixels_of_the_full_photo(tmp_path, fake):
    """A photo that is decoded at a reduced size gives boxes and landmarks of the full one."""
    small = Image.fromarray(paint([(MIDDLE, GREEN)]))
    path = tmp_path / "large.jpg"
    small.resize((320 * 18, 240 * 18), Image.Resampling.NEAREST).save(path, quality=90)
    result = fake.analyse(path)
    assert result.photo.scale < 1
    (face,) = result.faces
    assert face.box.iou(MIDDLE.scaled(18)) > 0.98
    assert face.landmarks.left_eye[0] == pytest.approx((120 + 0.3 * 80) * 18, rel=0.01)


def test_a_photo_without_faces_has_empty_arrays(tmp_path, fake):
    """No faces: arrays of zero rows, with their usual shapes."""
    path = tmp_path / "grey.png"
    Image.fromarray(paint([])).save(path)
    result = fake.analyse(path)
    assert (result.faces, result.vectors.shape, result.crops.shape) == ((), (0, 128), (0, 160, 160, 3))
    assert not result.skipped


def test_a_known_photo_is_decoded_and_no_more(photos):
    """Where the caller knows the photo, nothing is detected or embedded."""

    class Never:
        name, dim, input_size, settings = "never", 128, 160, {}

        def detect(self, image):
            pytest.fail("detected")

        def embed(self, crops):
            pytest.fail("embedded")

    result = FrontEnd(Never(), Never()).analyse(photos[0], known=lambda photo: bool(photo.pixel_hash))
    assert result.skipped
    assert (result.photo.width, result.vectors.shape) == (320, (0, 128))


def test_the_recipe_names_everything_that_changes_a_vector():
    """Detector, embedder and crop settings are in the recipe, and another crop is another recipe."""
    plain = FrontEnd(FakeDetector(), FakeEmbedder()).recipe
    names = {name for name, _ in plain.settings}
    assert {"revision", "detector", "detector_min_side", "embedder_colours", "crop1_scale", "crop2_resample"} <= names
    same = FrontEnd(FakeDetector(), FakeEmbedder()).recipe
    others = [
        FrontEnd(FakeDetector(), FakeEmbedder(), crops=[CropSettings(scale=1.2)]).recipe,
        FrontEnd(FakeDetector(min_side=5), FakeEmbedder()).recipe,
        FrontEnd(FakeDetector(), FakeEmbedder(dim=64)).recipe,
    ]
    assert plain.key == same.key
    assert len({plain.key, *(other.key for other in others)}) == 4


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_results_come_in_the_order_of_the_paths(photos, jobs):
    """However many work at once, and however long each takes, results come in the order asked for."""

    class Uneven(FakeDetector):
        def detect(self, image):
            found = super().detect(image)
            time.sleep(0.02 if found[0].box.left < 60 else 0)
            return found

    results = list(analyse_many(FrontEnd(Uneven(), FakeEmbedder()), photos, jobs=jobs))
    assert [path for path, _ in results] == photos
    assert [result.faces[0].box.left for _, result in results] == [10 + i * 15 for i in range(12)]


def test_a_bad_photo_is_a_value_and_stops_nothing(photos, fake, tmp_path):
    """A photo that cannot be used comes as its error, in its place; the others are analysed."""
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff but then nothing")
    results = list(analyse_many(fake, [photos[0], bad, tmp_path / "missing.jpg", photos[1]], jobs=2))
    kinds = [type(result) if isinstance(result, Analysis) else PhotoError for _, result in results]
    assert kinds == [Analysis, PhotoError, PhotoError, Analysis]
    assert all(isinstance(result, PhotoError) for _, result in results[1:3])
    assert results[2][1].path == tmp_path / "missing.jpg"


def test_a_model_that_fails_ends_the_run(photos):
    """An error of the models is not a bad photo: it is raised."""

    class Broken(FakeDetector):
        def detect(self, image):
            raise ModelError("fake", "out of memory")

    with pytest.raises(ModelError, match="out of memory"):
        list(analyse_many(FrontEnd(Broken(), FakeEmbedder()), photos, jobs=2))


def test_only_a_few_photos_are_ahead(photos, fake):
    """Paths are taken as results are fetched, so memory does not grow with the number of photos."""
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield photos[len(taken) % 12]

    results = analyse_many(fake, endless(), jobs=2)
    for _ in range(5):
        next(results)
    assert len(taken) <= 5 + 2 * 2 + 1
    results.close()


def test_stopping_early_cancels_what_is_waiting(photos):
    """Closing the iteration finishes what runs and starts nothing more."""
    started = []
    gate = threading.Event()

    class Slow(FakeDetector):
        def detect(self, image):
            started.append(1)
            gate.wait(5)
            return super().detect(image)

    results = analyse_many(FrontEnd(Slow(), FakeEmbedder()), photos, jobs=1)
    threading.Timer(0.2, gate.set).start()
    next(results)
    count = len(started)
    results.close()
    assert len(started) <= count + 1 < len(photos)


def test_an_unknown_engine_lists_the_known_ones():
    """A misspelt engine is an error that says which there are."""
    with pytest.raises(ConfigError, match="no engine 'tensorrt'") as caught:
        make_front_end(engine="tensorrt")
    assert caught.value.hint == "engines: onnx, reference"
    assert ENGINES == ("onnx", "reference")


def test_the_engines_do_not_share_a_recipe(front_end):
    """Vectors of the reference are never compared with ours: the recipes differ."""
    assert make_front_end(engine="reference").recipe.key != front_end.recipe.key


def test_real_vectors_do_not_depend_on_the_number_of_jobs(front_end, val):
    """One photo at a time or two at once: boxes and embeddings are equal bit for bit."""
    one, two = (list(analyse_many(front_end, val[:8], jobs=jobs)) for jobs in (1, 2))
    for (_, first), (_, second) in zip(one, two, strict=True):
        assert first.faces == second.faces
        assert np.array_equal(first.vectors, second.vectors)


def test_the_limit_of_megapixels_is_kept(photos):
    """A photo above the limit is refused; the limit is a setting."""
    tight = FrontEnd(FakeDetector(), FakeEmbedder(), max_megapixels=0.01)
    with pytest.raises(PhotoError, match="megapixel"):
        tight.analyse(photos[0])
