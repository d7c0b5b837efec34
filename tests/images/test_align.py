"""Crops: geometry and edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facesearch.images.align import CropSettings, _patch, crop, region
from facesearch.types import Box

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

BOXES = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.floats(-80, 260),
    st.floats(-80, 200),
    st.floats(0, 200),
    st.floats(0, 200),
)
SETTINGS = st.builds(
    CropSettings,
    scale=st.floats(0.5, 2),
    square=st.booleans(),
    margin=st.floats(0, 40),
    resample=st.sampled_from(["box", "bilinear", "hamming", "bicubic", "lanczos"]),
    edge=st.sampled_from(["replicate", "grey"]),
)


def ramp(width=200, height=150):
    """A picture whose red is x and whose green is y."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.zeros_like(rows)], -1).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.lists(BOXES, max_size=3), SETTINGS, st.sampled_from([1, 17, 160]))
def test_any_box_gives_a_crop(boxes, how, size):
    """Whatever the boxes, one crop each of the asked size, the same ones each time."""
    crops = crop(ramp(), boxes, size=size, settings=how)
    assert (crops.shape, crops.dtype) == ((len(boxes), size, size, 3), np.uint8)
    assert np.array_equal(crops, crop(ramp(), boxes, size=size, settings=how))


@given(BOXES, SETTINGS)
def test_the_region_keeps_the_centre(box, how):
    """What is cut out lies about the box's centre, is no smaller than the scaled box, and is square where asked."""
    left, top, right, bottom = region(box, how)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx(box.center, abs=1e-6)
    assert right - left >= box.width * how.scale - 1e-6
    assert bottom - top >= box.height * how.scale - 1e-6
    if how.square:
        assert right - left == pytest.approx(bottom - top)


@given(st.floats(20, 140), st.floats(20, 110), st.floats(8, 30))
def test_a_crop_shows_what_lies_there(x, y, side):
    """The middle of a crop has the colour of the middle of its box, to sub-pixel accuracy."""
    middle = crop(ramp(), [Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)], size=9)[0][4, 4]
    assert middle[:2] == pytest.approx([x - 0.5, y - 0.5], abs=0.8)


def test_no_boxes_give_no_crops():
    """The shape of an answer does not depend on whether there are faces."""
    assert crop(ramp(), []).shape == (0, 160, 160, 3)


def test_inside_a_photo_it_is_pillows_resize():
    """A crop inside the photo is bit for bit what Pillow makes of the whole photo with `box=`."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for name, resampling in (("bilinear", Image.Resampling.BILINEAR), ("lanczos", Image.Resampling.LANCZOS)):
        ours = crop(pixels, [Box(60.3, 70.2, 260.9, 210.4)], settings=CropSettings(resample=name, square=False))[0]
        window = region(Box(60.3, 70.2, 260.9, 210.4), CropSettings(square=False))
        theirs = np.asarray(Image.fromarray(pixels).resize((160, 160), resampling, box=window))
        assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_beyond_the_edge():
    """Beyond the photo its edge pixels go on, or one grey begins where that is asked."""
    pixels = np.full((100, 100, 3), 50, np.uint8)
    pixels[:, 0] = 200
    box = Box(-40, 30, 0, 70)
    assert (crop(pixels, [box], settings=CropSettings(margin=0))[0][:, :150] == 200).all()
    assert (crop(pixels, [box], settings=CropSettings(margin=0, edge="grey"))[0][:, :150] == 128).all()
    assert (crop(pixels, [Box(-900, -900, -880, -880)])[0] == 200).all()


def test_stretched_and_square():
    """A square crop of a tall box shows more to the sides; a stretched one shows the box alone."""
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:, 40:60] = 255
    tall = [Box(40, 20, 60, 80)]
    assert (crop(pixels, tall, settings=CropSettings(margin=0))[0][:, 8:-8] == 255).all()
    assert crop(pixels, tall, settings=CropSettings(square=True, margin=0))[0].mean() == pytest.approx(255 / 3, abs=2)


def test_margin_is_in_pixels_of_the_crop():
    """A margin of 16 leaves 128 of the crop's 160 pixels to the box."""
    left, _, right, _ = region(Box(0, 0, 128, 128), CropSettings(square=True, margin=16))
    assert (left, right) == (-16, 144)


def test_a_mirrored_crop_shows_left_as_right():
    """With ``mirror`` a crop is the same crop with left and right exchanged."""
    plain = crop(ramp(), [Box(20, 30, 120, 130)], settings=CropSettings(margin=7))
    mirrored = crop(ramp(), [Box(20, 30, 120, 130)], settings=CropSettings(margin=7, mirror=True))
    assert np.array_equal(mirrored, plain[:, :, ::-1])
    assert not np.array_equal(mirrored, plain)


@pytest.mark.parametrize("tilt", [-40, -15, 15, 40])
def test_a_leaning_face_is_levelled(tilt):
    """A face that leans more than ``level`` is cut out of the photo turned back about it; others are not."""
    y, x = np.mgrid[:200, :240]
    upright = np.stack([x, y, 255 - x], axis=2).astype(np.uint8)
    box = Box(70, 50, 170, 150)
    leaning = np.asarray(Image.fromarray(upright).rotate(-tilt, Image.Resampling.BICUBIC, center=box.center))
    settings = CropSettings(margin=0, square=True, level=12)
    turned = crop(leaning, [box], tilts=[tilt], settings=settings)[0].astype(float)
    grown = abs(np.cos(np.radians(tilt))) + 0.5 * abs(np.sin(np.radians(tilt)))
    expected = crop(upright, [box], settings=CropSettings(margin=0, square=True, scale=1 / grown))[0].astype(float)
    assert np.abs(turned - expected)[20:-20, 20:-20].mean() < 2
    plain = crop(leaning, [box], settings=settings)
    assert np.array_equal(crop(leaning, [box], tilts=[11.9], settings=settings), plain)
    assert np.array_equal(crop(leaning, [box], tilts=[tilt], settings=CropSettings(margin=0, square=True)), plain)


@given(st.tuples(st.integers(-60, 60), st.integers(-60, 60)), st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_the_surroundings_of_a_face_repeat_the_edge(corner, sides):
    """Inside, partly or wholly beyond the photo: each pixel of an area is the nearest one of the photo."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    (x, y), (wide, high) = corner, sides
    patch, place = _patch(pixels, (x, y, x + wide, y + high))
    rows, columns = np.arange(y, y + high + 1).clip(0, 19), np.arange(x, x + wide + 1).clip(0, 29)
    assert place == (x, y)
    assert np.array_equal(patch, pixels[rows[:, None], columns[None]])


def test_a_leaning_face_at_the_edge_repeats_it():
    """What a levelled crop shows beyond the photo repeats its edge."""
    white = np.full((50, 50, 3), 255, np.uint8)
    settings = CropSettings(level=12)
    assert (crop(white, [Box(-20, -20, 20, 20), Box(40, 10, 90, 60)], tilts=[30, -30], settings=settings) == 255).all()
    with pytest.raises(ValueError, match="no box of a face"):
        crop(white, [Box(0, 0, 1e6, 10)], tilts=[30], settings=settings)


def test_settings_for_a_recipe():
    """The settings are sorted plain pairs, and every one of them is there."""
    assert CropSettings().as_settings() == (
        ("edge", "replicate"),
        ("level", 180.0),
        ("margin", 12.0),
        ("mirror", False),
        ("resample", "bilinear"),
        ("scale", 1.0),
        ("square", False),
    )


@pytest.mark.parametrize(
    ("pixels", "box", "how"),
    [
        (np.zeros((5, 5), np.uint8), Box(0, 0, 1, 1), CropSettings()),
        (np.zeros((5, 5, 3), np.float32), Box(0, 0, 1, 1), CropSettings()),
        (np.zeros((0, 5, 3), np.uint8), Box(0, 0, 1, 1), CropSettings()),
        (np.zeros((5, 5, 3), np.uint8), Box(0, 0, float("nan"), 1), CropSettings()),
        (np.zeros((5, 5, 3), np.uint8), Box(0, 0, 1e9, 1e9), CropSettings()),
        (np.zeros((5, 5, 3), np.uint8), Box(0, 0, 1, 1), CropSettings(resample="nearest-ish")),
    ],
)
def test_nonsense_is_refused(pixels, box, how):
    """A picture of another kind, a box that is none and an unknown filter are programming errors."""
    with pytest.raises(ValueError):
        crop(pixels, [box], settings=how)
