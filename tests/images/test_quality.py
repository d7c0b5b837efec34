"""The quality number, and what is doubtful about a face."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from facesearch.images.quality import doubt, is_low, quality
from facesearch.pipeline import Scope, make_front_end
from facesearch.types import Box, Face, Landmarks

from .conftest import scene


def face(side=120.0, *, tilt=0.0, nose=0.5):
    """A face whose eyes are tilted by some degrees, the nose at this share of the way from the left one to the right.

    The box is of ``side`` by 1.2 ``side`` pixels, and stays as it is.
    """
    box = Box(100, 100, 100 + side, 100 + 1.2 * side)
    turn, center = math.radians(tilt), box.center

    def point(x, y):
        along, down = x * side, y * side
        return (
            center[0] + along * math.cos(turn) - down * math.sin(turn),
            center[1] + along * math.sin(turn) + down * math.cos(turn),
        )

    eyes = point(-0.2, -0.15), point(0.2, -0.15)
    return Face(box, Landmarks(*eyes, point(0.4 * nose - 0.2, 0.05), point(-0.15, 0.25), point(0.15, 0.25)), 0.99)


def judged(one, blur=0.0):
    """The face with the quality that it has in a sharp scene, blurred by this many pixels."""
    image = scene(400, 400)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)) if blur else image)
    return replace(one, quality=quality(pixels, one))


def test_quality_falls_with_size_and_blur():
    """A smaller and a blurred face are each worth less than the same face without that, down to nothing."""
    best = judged(face()).quality
    assert 0 < judged(face(), blur=3).quality < best <= 1
    assert judged(face(20)).quality < best
    assert judged(face(0)).quality == 0


def test_a_flat_face_is_worth_nothing():
    """One colour shows nobody, and is no division by zero."""
    assert quality(np.full((400, 400, 3), 90, np.uint8), face()) == 0


def test_sharpness_does_not_depend_on_the_light():
    """Half the light, or half the contrast, leaves the number nearly as it is."""
    pixels = np.asarray(scene(400, 400))
    best = quality(pixels, face())
    assert quality(pixels // 2, face()) == pytest.approx(best, rel=0.05)
    assert quality(pixels // 2 + np.uint8(60), face()) == pytest.approx(best, rel=0.05)


def test_what_does_not_predict_errors_takes_nothing_off():
    """A head that leans, lies on its side or looks to a side is worth as much as one that does not."""
    pixels = np.asarray(scene(400, 400))
    best = quality(pixels, face())
    assert quality(pixels, face(tilt=30)) == quality(pixels, face(tilt=-110)) == best
    assert quality(pixels, face(nose=1.2)) == best


@pytest.mark.parametrize(
    ("one", "blur", "reason"),
    [
        (face(), 0, None),
        (face(24), 0, None),
        (face(nose=1.2), 0, None),
        (face(tilt=40), 0, None),
        (face(18.9), 0, "18 px"),
        (face(19.9), 0, "19 px"),
        (face(0), 0, "0 px"),
        (face(), 8, "blurred"),
        (face(60, tilt=20), 8, "blurred"),
    ],
)
def test_the_reason_is_named(one, blur, reason):
    """Small and blurred faces are told apart by the number and the box, and good ones are not doubted."""
    known = judged(one, blur)
    assert doubt(known) == reason
    assert is_low(known) == (reason is not None)


def test_a_face_without_quality_is_not_doubted():
    """What was never judged is no reason for doubt, however small."""
    assert doubt(face(5)) is None
    assert not is_low(face(5))


@given(st.floats(20, 400), st.floats(0.251, 1), st.floats(0, 0.249))
def test_only_sharpness_decides_about_blur(side, sharp, blurred):
    """The same sharpness gives the same answer for every size that is not doubted itself."""
    size = min(1, side / 80)
    assert doubt(replace(face(side), quality=sharp * size)) is None
    assert doubt(replace(face(side), quality=blurred * size)) == "blurred"


def test_no_face_with_a_name_in_the_samples_is_doubted(sample_gallery):
    """Each of the 93 faces that the sample gallery enrols can be trusted, at the size at which it is stored."""
    faces = [match.face for person in sample_gallery.people() for match in sample_gallery.faces_of(person.id)]
    assert len(faces) == 93
    assert [doubt(one) for one in faces] == [None] * 93


@pytest.fixture(scope="module")
def portrait(front_end, val):
    """A photo of one face that can be trusted, and the shorter side of its box."""
    for path in val:
        faces = front_end.look(path).faces
        if len(faces) == 1 and not is_low(faces[0]):
            return Image.open(path).convert("RGB"), min(faces[0].box.width, faces[0].box.height)
    raise AssertionError("no photo of val shows a single good face")


def test_a_real_face_of_16_pixels_is_doubted(portrait, models, tmp_path):
    """Where faces that small are looked for, one is found, and its size is the reason not to trust it."""
    image, side = portrait
    small = Image.new("RGB", image.size, "grey")
    small.paste(image.resize((round(image.width * 16 / side), round(image.height * 16 / side))), (20, 20))
    small.save(tmp_path / "small.png")
    (found,) = make_front_end(scope=Scope(min_face=12)).look(tmp_path / "small.png").faces
    assert doubt(found) in {"15 px", "16 px", "17 px"}


@pytest.mark.parametrize("enlarged", [1, 14])
def test_a_real_face_that_is_blurred_is_doubted(portrait, front_end, tmp_path, enlarged):
    """A blur of a twentieth of the face is a reason, also in a large photo, which is decoded at a reduced size."""
    image, side = portrait
    large = image.resize((image.width * enlarged, image.height * enlarged))
    for radius, reason in ((0, None), (side / 20, "blurred")):
        large.filter(ImageFilter.GaussianBlur(radius * enlarged)).save(tmp_path / "photo.jpg")
        seen = front_end.look(tmp_path / "photo.jpg")
        assert (seen.photo.scale < 1) == (enlarged > 1)
        assert [doubt(one) for one in seen.faces] == [reason]


@pytest.mark.parametrize("grain", ["noise", "jpeg"])
def test_grain_does_not_hide_a_blur(portrait, front_end, tmp_path, grain):
    """A blurred face stays doubted with the noise of a dark photo upon it, or after strong compression."""
    image, side = portrait
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(side / 20)))
    noise = np.random.default_rng(0).normal(0, 3 if grain == "noise" else 0, blurred.shape)
    spoilt = Image.fromarray((blurred + noise).clip(0, 255).astype(np.uint8))
    spoilt.save(tmp_path / "photo.jpg", quality=95 if grain == "noise" else 60)
    assert [doubt(one) for one in front_end.look(tmp_path / "photo.jpg").faces] == ["blurred"]
