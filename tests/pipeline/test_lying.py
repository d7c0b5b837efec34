"""Photos that lie on their side and do not say so."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box, Landmarks

TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
"""What Pillow calls the turn (anticlockwise) that this many clockwise quarter turns take back."""


@pytest.fixture
def portrait(val):
    """A sample photo with one face."""
    return next(path for path in val if "madonna" in str(path))


@pytest.mark.parametrize("turns", TURNS)
def test_a_face_in_a_lying_photo_is_found_and_embedded_upright(front_end, portrait, tmp_path, turns):
    """However a photo lies, its face is found in its place, and its vector is that of the upright photo."""
    upright = front_end.analyse(portrait)
    path = tmp_path / "lying.png"
    with Image.open(portrait) as image:
        width, height = image.size
        image.convert("RGB").transpose(TURNS[turns]).save(path)
    lying = front_end.analyse(path)
    (face,), (before,) = lying.faces, upright.faces
    assert face.landmarks.quarter_turns == turns
    left, top, right, bottom = before.box.left, before.box.top, before.box.right, before.box.bottom
    expected = {
        1: Box(top, width - right, bottom, width - left),
        2: Box(width - right, height - bottom, width - left, height - top),
        3: Box(height - bottom, left, height - top, right),
    }[turns]
    assert face.box.iou(expected) > 0.95
    assert np.square(lying.vectors - upright.vectors).sum() < 0.05
    assert np.square(lying.crops.astype(float) - upright.crops).mean() < 60


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_known_faces_are_embedded_as_they_were_found(front_end, portrait, tmp_path, turns):
    """Embedding the stored faces of a photo gives the vectors that finding them gave, also where it lies."""
    path = tmp_path / "photo.png"
    with Image.open(portrait) as image:
        image.convert("RGB").rotate(90 * turns, expand=True).save(path)
    found = front_end.analyse(path)
    vectors = front_end.embed_faces(path, lambda _: found.faces)
    np.testing.assert_allclose(vectors, found.vectors, atol=1e-6)


def test_a_photo_with_an_upright_face_is_looked_at_once(tmp_path):
    """The other orientations are tried only for photos without a face that is sure."""
    looked = []

    class Counting(FakeDetector):
        def detect(self, image, **more):
            looked.append(image.shape)
            return super().detect(image, **more)

    front_end = FrontEnd(Counting(), FakeEmbedder())
    path = tmp_path / "photo.png"
    Image.fromarray(paint([(Box(20, 10, 300, 230), (220, 40, 40))])).save(path)
    assert len(front_end.analyse(path).faces) == 1
    assert len(looked) == 1
    Image.fromarray(paint([])).save(path)
    assert front_end.analyse(path).faces == ()
    assert len(looked) == 5


def test_the_mouth_says_which_side_is_up():
    """Quarter turns are counted from where the mouth lies, clockwise back to upright."""
    upright = Landmarks((30, 40), (70, 40), (50, 60), (35, 80), (65, 80))
    right = Landmarks(*((100 - y, x) for x, y in upright.points))
    down = Landmarks(*((100 - x, 100 - y) for x, y in upright.points))
    left = Landmarks(*((y, 100 - x) for x, y in upright.points))
    assert [marks.quarter_turns for marks in (upright, left, down, right)] == [0, 1, 2, 3]
