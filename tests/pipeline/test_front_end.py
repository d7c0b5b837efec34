"""From files to embeddings, one photo or many side by side."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError, PhotoError
from facesearch.images.align import CropSettings
from facesearch.pipeline import ENGINES, FrontEnd, make_front_end
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

        def side(self, full_side):
            pytest.fail("asked")

        def detect(self, image, **options):
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


def test_an_unknown_engine_lists_the_known_ones():
    """A misspelt engine is an error that says which there are."""
    with pytest.raises(ConfigError, match="no engine 'tensorrt'") as caught:
        make_front_end(engine="tensorrt")
    assert caught.value.hint == "engines: onnx, reference"
    assert ENGINES == ("onnx", "reference")


def test_the_engines_do_not_share_a_recipe(front_end):
    """Vectors of the reference are never compared with ours: the recipes differ."""
    assert make_front_end(engine="reference").recipe.key != front_end.recipe.key


def test_the_limit_of_megapixels_is_kept(photos):
    """A photo above the limit is refused; the limit is a setting."""
    tight = FrontEnd(FakeDetector(), FakeEmbedder(), max_megapixels=0.01)
    with pytest.raises(PhotoError, match="megapixel"):
        tight.analyse(photos[0])
