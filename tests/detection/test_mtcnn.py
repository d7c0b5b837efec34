"""The cascade as a detector: its contract, and pictures that nobody would call a photo."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facesearch.detection.mtcnn import CELL, MOST_SIDE, MtcnnDetector, MtcnnSettings, fit, to_detections
from facesearch.images.load import load
from facesearch.testing import check_detector
from facesearch.types import Box


@pytest.fixture(scope="module")
def photo(samples):
    """A photo with one large face, (H, W, 3)."""
    return load(min((samples / "val" / "ben_afflek").iterdir())).pixels


def test_it_keeps_the_contract(detector, photo):
    """The cascade is a detector as ``facesearch.testing`` defines one."""
    (face,) = detector.detect(photo)
    check_detector(detector, photo, [face.box], min_iou=0.99)


@pytest.mark.parametrize(
    "shape", [(1, 1), (11, 11), (12, 12), (13, 400), (1, 3000), (5000, 3), (12, 20000), (40, 40), (2000, 2000)]
)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_plain_pictures_hold_no_face(detector, shape, level):
    """Black, grey and white pictures of any shape, tiny, huge or thin, give no face and no error."""
    assert detector.detect(np.full((*shape, 3), level, np.uint8)) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 120), st.integers(1, 120), st.integers(0, 2**31))
def test_noise_of_any_size_gives_boxes_inside_or_nothing(detector, height, width, seed):
    """Random noise never fails; whatever is found lies inside, best first."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = detector.detect(image)
    assert [face.confidence for face in found] == sorted((face.confidence for face in found), reverse=True)
    for face in found:
        assert 0 <= face.box.left < face.box.right <= width
        assert 0 <= face.box.top < face.box.bottom <= height


def test_a_face_is_found_at_the_same_place_in_any_size(detector, photo):
    """Enlarging the photo enlarges the box: sizes are relative to the photo, and positions come back in its pixels."""
    (small,) = detector.detect(photo)
    height, width = photo.shape[:2]
    for factor in (2, 5):
        large = np.asarray(Image.fromarray(photo).resize((width * factor, height * factor), Image.Resampling.BICUBIC))
        best = max(detector.detect(large), key=lambda face: face.box.area)
        assert best.box.scaled(1 / factor).iou(small.box) > 0.85


@pytest.mark.parametrize("place", [(0, 0), (600, 300), (300, 0)])
def test_a_face_moves_with_its_place_in_the_picture(detector, photo, place):
    """The same face pasted elsewhere is found there."""
    (face,) = detector.detect(photo)
    canvas = np.full((photo.shape[0] + 300, photo.shape[1] + 600, 3), 90, np.uint8)
    left, top = place
    canvas[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
    moved = Box(face.box.left + left, face.box.top + top, face.box.right + left, face.box.bottom + top)
    assert max(other.box.iou(moved) for other in detector.detect(canvas)) > 0.8


def test_landmarks_lie_where_a_face_has_them(detector, photo):
    """Left and right are the viewer's: an upright left eye has the smaller x, the mouth is below the nose."""
    (face,) = detector.detect(photo)
    points = face.landmarks
    assert points.left_eye[0] < points.right_eye[0]
    assert points.mouth_left[0] < points.mouth_right[0]
    assert points.left_eye[1] < points.nose[1] < points.mouth_left[1]


def test_settings_go_into_the_recipe(detector):
    """What changes the box of a face is in ``settings``, as plain values; which faces are looked for is not."""
    assert detector.settings["threshold_r"] == 0.6
    assert set(detector.settings) == {
        *("factor", "threshold_p", "threshold_r", "threshold_o", "nms_level", "nms_stage"),
    }


def test_stricter_settings_find_less(detector, photo):
    """A threshold that nothing reaches finds nothing."""
    networks = {"pnet": detector._pnet, "rnet": detector._rnet, "onet": detector._onet}
    for name in ("threshold_p", "threshold_r", "threshold_o"):
        assert MtcnnDetector(networks, MtcnnSettings(**{name: 1.0})).detect(photo) == []


@given(st.integers(1, 4000), st.integers(1, 4000))
@settings(max_examples=25)
def test_large_pictures_are_shrunk_to_about_the_longer_side(height, width):
    """The longer side comes near 1280 where it was more; the scale says by how much, and no side becomes 0."""
    image = np.zeros((height, width, 3), np.uint8)
    small, scale = fit(image, 1280)
    assert 850 <= max(small.shape[:2]) <= 1920 or small.shape == image.shape
    assert max(height, width) > 1280 or scale == 1
    assert min(small.shape[:2]) >= 1
    assert small.shape[:2] == (-(-height // round(1 / scale)), -(-width // round(1 / scale)))


def test_boxes_are_cut_off_at_the_edge():
    """Boxes end at the picture's edge; one that lies outside wholly is dropped; a confidence is 0 to 1."""
    boxes = np.array([[-5, -5, 10, 10], [200, 10, 220, 30]], np.float32)
    points = np.zeros((2, 5, 2), np.float32)
    (only,) = to_detections(boxes, np.array([1.0000001, 0.9], np.float32), points, (50, 100, 3))
    assert only.box == Box(0, 0, 10, 10)
    assert only.confidence == 1.0


def within(photo, side, canvas):
    """The photo shrunk to a longer side of so many pixels, in the middle of a grey square picture."""
    scale = side / max(photo.shape[:2])
    size = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    small = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.HAMMING))
    picture = np.full((canvas, canvas, 3), 128, np.uint8)
    top, left = (canvas - size[1]) // 2, (canvas - size[0]) // 2
    picture[top : top + size[1], left : left + size[0]] = small
    return picture


def asking(detector, settings):
    """The same networks with other settings."""
    return MtcnnDetector({"pnet": detector._pnet, "rnet": detector._rnet, "onet": detector._onet}, settings)


def test_a_small_face_is_found_where_it_is_asked_for(detector, photo):
    """A face of 1 % of a large photo is not looked for by default, and found by thorough, by share and by pixels."""
    picture = within(photo, 50, 2400)
    assert detector.detect(picture) == []
    for wanted in (MtcnnSettings.thorough(), MtcnnSettings(min_face=0.01), MtcnnSettings(min_face=24.0)):
        (face,) = asking(detector, wanted).detect(picture)
        assert 15 < face.box.width < 45


def test_pixels_are_those_of_the_full_photo(detector, photo):
    """The smallest face in pixels means the photo at full resolution, also where the picture is half as large."""
    picture = within(photo, 60, 600)
    large = asking(detector, MtcnnSettings(min_face=70.0))
    (face,) = large.detect(picture, scale=0.4)
    assert 20 < face.box.width < 40
    assert large.detect(picture) == []


@pytest.mark.parametrize(
    ("min_face", "full", "side"),
    [
        (1 / 25, 4000, 1280),  # 51 pixels of 1280
        (0.01, 4000, 2000),  # 40 pixels of the photo, 20 of 2000
        (40.0, 4000, 2000),
        (10.0, 2000, 2000),  # never enlarged
        (0.001, 9000, MOST_SIDE),
        (15.0, 9000, MOST_SIDE),
        (500.0, 4000, 1280),
    ],
)
def test_a_photo_is_shrunk_less_for_small_faces(min_face, full, side):
    """The smallest face has 20 pixels where the photo gives them, and no picture is larger than the limit."""
    assert MtcnnSettings(min_face=min_face).side(full) == side


def test_the_smallest_face_is_what_was_said():
    """Shares have a floor of 20 pixels, pixels one of the first network's window; default photos are as ever."""
    assert MtcnnSettings().smallest(960, 1280) == pytest.approx(51.2)
    assert MtcnnSettings().smallest(300, 250) == 20
    assert MtcnnSettings(min_face=15.0).smallest(300, 250) == 15
    assert MtcnnSettings(min_face=15.0).smallest(300, 250, scale=0.5) == CELL
    assert MtcnnSettings(min_face=80.0).smallest(300, 250, scale=0.5) == 40
