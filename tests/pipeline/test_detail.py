"""How much of a photo is looked at: the smallest face, and the detail that it is cut from."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facesearch.detection.prominence import most_prominent
from facesearch.images.align import DEFAULT_CROPS, crop
from facesearch.images.load import load
from facesearch.pipeline import Scope, make_front_end


@pytest.fixture(scope="module")
def portrait(front_end, val):
    """A sample photo with one face, and the width of the face in it."""
    path = next(path for path in val if "madonna" in str(path))
    (face,) = front_end.analyse(path).faces
    return Image.open(path).convert("RGB"), face.box.width


@pytest.fixture
def scene(portrait, tmp_path):
    """Makes a large grey photo with the portrait in it, its face so many pixels wide."""
    picture, wide = portrait

    def make(face_width, size):
        factor = face_width / wide
        small = picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BOX)
        whole = Image.new("RGB", size, (128, 128, 128))
        whole.paste(small, (size[0] // 2, size[1] // 2))
        path = tmp_path / f"{face_width}-{size[0]}.jpg"
        whole.save(path, quality=95)
        return path

    return make


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(), False),
        (Scope(min_face=18), True),
        (Scope(min_face=0.009), True),
        (Scope(min_face=200), False),
        (Scope(thorough=True), True),
    ],
)
def test_the_smallest_face_is_what_was_asked_for(models, scene, scope, found):
    """A face of 1/80 of the longer side is found with a smaller --min-face, in pixels or as a share, or --thorough."""
    path = scene(25, (2000, 1500))
    faces = make_front_end(scope=scope).analyse(path).faces
    assert len(faces) == found
    assert all(17 < face.box.width < 35 for face in faces)


def test_small_faces_of_a_large_photo_are_cut_from_its_full_detail(front_end, scene):
    """Where the reduced picture would have to be enlarged for the crop, the crop comes from the photo itself."""
    path = scene(130, (3000, 2000))
    assert load(path).scale < 1
    result = front_end.analyse(path)
    face = result.faces[most_prominent(result.faces, 3000, 2000)]
    full = load(path, detail=10_000)
    assert full.scale == 1
    assert np.array_equal(result.crops[0], crop(full.pixels, [face.box], settings=DEFAULT_CROPS[0])[0])


def test_the_pictures_pixels_are_not_kept(front_end, scene):
    """What remains of an analysed photo is what is known of it: it can be kept for thousands."""
    photo = front_end.analyse(scene(130, (3000, 2000))).photo
    assert (photo.width, photo.height, photo.pixels.size, photo.source) == (3000, 2000, 0, b"")


def test_stages_are_timed(front_end, scene):
    """Every stage says what CPU time it took."""
    seconds = front_end.analyse(scene(130, (1000, 800))).seconds
    assert set(seconds) == {"decode", "detect", "crop", "embed"}
    assert all(value > 0 for value in seconds.values())
