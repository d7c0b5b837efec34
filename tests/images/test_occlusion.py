"""Hiding parts of a face: the same part in every crop, and every part."""

import numpy as np
import pytest

from facesearch.images.align import DEFAULT_CROPS, THOROUGH_CROPS, crop, region
from facesearch.images.occlusion import PLACES, hide, strongest, whole
from facesearch.types import Box

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

BOX = Box(90, 80, 150, 170)
MIDDLE = [row * PLACES + column for row in range(2, PLACES - 2) for column in range(2, PLACES - 2)]


def places():
    """A picture whose red is the column and whose green is the row."""
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(256)[None, :], np.arange(256)[:, None]
    return picture


def upright(crops, turns):
    """Crops as the front end turns them."""
    return np.stack(
        [np.rot90(one, turns if how.mirror else -turns) for one, how in zip(crops, THOROUGH_CROPS, strict=True)]
    )


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("tilt", [0.0, 25.0, -30.0])
def test_the_same_part_is_hidden_in_every_crop(turns, tilt):
    """What a square hides lies at the same place of the photo in every crop, mirrored, levelled or turned, and moves
    with the square from the top left of the upright face to its bottom right.
    """  # noqa: D205
    where = upright(
        np.stack([crop(places(), [BOX], tilts=[tilt], settings=one)[0] for one in THOROUGH_CROPS]), turns
    ).astype(float)
    noise = np.random.default_rng(1).integers(0, 256, where.shape, np.uint8)
    hidden = (hide(noise, THOROUGH_CROPS, BOX, turns) != noise).any(axis=-1)  # (81, k, 160, 160)
    for place in MIDDLE:
        middles = [where[k][hidden[place, k]][:, :2].mean(axis=0) for k in range(len(THOROUGH_CROPS))]
        assert np.abs(np.array(middles) - middles[0]).max() < 1
    first, last = (np.argwhere(hidden[place, 0]).mean(axis=0) for place in (MIDDLE[0], MIDDLE[-1]))
    assert (first < 80).all()
    assert (last > 80).all()


def test_every_spot_is_hidden_once_at_least():
    """All that any crop shows is hidden by some square, and no square hides more than a fifth of the frame's side."""
    noise = np.random.default_rng(1).integers(0, 256, (2, 160, 160, 3), np.uint8)
    hidden = (hide(noise, DEFAULT_CROPS, BOX, 0) != noise).any(axis=-1)
    assert hidden.any(axis=0).mean() > 0.999
    left, top, right, bottom = region(BOX, whole(DEFAULT_CROPS))
    shown = region(BOX, DEFAULT_CROPS[0])
    share = (right - left) * (bottom - top) / ((shown[2] - shown[0]) * (shown[3] - shown[1])) / 25
    assert hidden[:, 0].mean(axis=(1, 2)).max() <= share * 1.05


def test_what_is_hidden_has_the_crops_mean_colour():
    """A hidden part shows one colour, the crop's mean, and what is not hidden stays as it was."""
    crops = np.random.default_rng(2).integers(0, 256, (2, 160, 160, 3), np.uint8)
    crops[1] //= 2
    one = hide(crops, DEFAULT_CROPS, BOX, 0)[MIDDLE[0]]
    for before, after in zip(crops, one, strict=True):
        changed = (before != after).any(axis=-1)
        assert (after[changed] == before.mean(axis=(0, 1)).round()).all()


def test_the_frame_shows_all_that_the_crops_show():
    """Nothing that an embedding is made of lies outside of the frame, for wide boxes and for high ones."""
    for box in (BOX, Box(0, 0, 100, 60)):
        left, top, right, bottom = region(box, whole(THOROUGH_CROPS))
        for one in THOROUGH_CROPS:
            inner = region(box, one)
            assert left <= inner[0] + 1e-6
            assert top <= inner[1] + 1e-6
            assert right >= inner[2] - 1e-6
            assert bottom >= inner[3] - 1e-6


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [(3, 3, "the eyes"), (5, 4, "the nose"), (6, 4, "the mouth"), (8, 4, "the chin"), (3, 0, "the eyes, on the left")],
)
def test_the_strongest_part_has_a_name(row, column, words):
    """The square with the largest rise, or fall where that is asked for, is named by the part that it lies on."""
    grid = [[0.0] * PLACES for _ in range(PLACES)]
    grid[row][column] = 0.4
    assert strongest(tuple(map(tuple, grid)), alike=True) == (words, 0.4)
    assert strongest(tuple(map(tuple, grid)), alike=False) is None
    grid[row][column] = -0.4
    assert strongest(tuple(map(tuple, grid)), alike=False) == (words, -0.4)
