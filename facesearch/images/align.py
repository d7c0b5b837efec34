"""Cut faces out of a photo for the embedder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from facesearch.images.arcface import aligned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facesearch.types import Box, Landmarks

_FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_REACH = 3
"""Half the width of the widest filter (Lanczos) in output pixels: how far beyond a crop the resize looks."""

_WIDEST = 8
"""How many times as wide as the photo a crop may be; the replicated edge takes memory."""

_ENOUGH = 1.25
"""How many pixels of a leaning face one of the crop's takes at least; turning more takes time and shows nothing."""

_SHRINK = 0.5
"""By how much of the sine of its tilt a leaning face's box is too large. Of 0, 0.5 and 0.85, tried as for LEVELLED at
28 and 40 degrees, the best: 0.95, 0.96 and 0.94 of genuine pairs accepted, and 0.74, 0.83 and 0.78."""


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How a face is cut out. Part of the recipe: a different crop is a different embedding.

    The box is grown by ``scale`` about its centre, then by ``margin`` pixels a side *of the finished crop of 160
    pixels*, and made a square of its longer side where ``square``; otherwise it is stretched to the square crop.
    ``resample`` is Pillow's filter (box, bilinear, hamming, bicubic, lanczos), which averages where it shrinks.
    An embedding may be the mean of several crops (``DEFAULT_CROPS``, ``THOROUGH_CROPS``). They were chosen on LFW's
    development list, View 1 (3,708 photos, all 6.8 million pairs, weighted by person; TAR at pair FAR 1e-2, 1e-3 and
    1e-4; float32 unless it says otherwise; ``facesearch evaluate verification --all-pairs`` gives such figures):

    ==========================================  ======  ======  ======
    crops                                       1e-2    1e-3    1e-4
    ==========================================  ======  ======  ======
    square, scale 1.0                           0.9911  0.9664
    square, scale 1.1                           0.9904  0.9651  0.9175
    square, scale 1.1, lanczos                  0.9908  0.9674
    square, scale 1.1, and its mirror image     0.9906  0.9703  0.9216
    square, scale 1.2                           0.9924  0.9607
    square, scale 1.2, mirrored                 0.9925  0.9679  0.8937
    square, scale 1.3                           0.9869  0.9443
    stretched, margin 0                         0.9893  0.9640
    stretched, margin 0, and its mirror image   0.9891  0.9669  0.9086
    stretched, margin 6                         0.9896  0.9687
    stretched, margin 10                        0.9929  0.9700
    stretched, margin 12                        0.9932  0.9720
    stretched, margin 14                        0.9931  0.9756  0.9079
    stretched, margin 14, int8                  0.9911  0.9755  0.9080
    … turned so that the eyes are level         0.9926  0.9696  0.9098
    … and its mirror image                      0.9930  0.9787  0.9150
    … and square 1.2 mirrored                   0.9909  0.9769  0.9241
    **the default**: stretched, margin 14,
    and square 1.1 mirrored                     0.9910  0.9787  0.9290
    … in int8                                   0.9910  0.9787  0.9287
    … and both eyes-level                       0.9910  0.9794  0.9260
    **thorough**: both, each with its mirror
    image                                       0.9910  0.9793  0.9301
    … and margin 0 with its mirror image        0.9916  0.9733  0.9311
    ==========================================  ======  ======  ======

    Two different crops of a face err in different ways: for the time of a mirror image they give as much at 1e-3 and
    more at 1e-4. At 1e-3 none of these differences is beyond chance: by paired bootstrap over people the second crop
    adds -0.5 to +1.1 points, int8 -0.5 to +0.3, thorough -0.6 to +0.6.

    What lies beyond the photo's edge repeats the edge pixels (``edge="replicate"``) or is one grey (``"grey"``).
    ``mirror`` exchanges left and right. A face that leans by more than ``level`` degrees is turned until its eyes are
    level; LEVELLED says why not every face is.

    With ``align="arcface"`` the landmarks say what is shown instead of the box, and only ``mirror`` counts of the rest;
    see ``arcface``.
    """

    scale: float = 1.0
    square: bool = False
    margin: float = 12.0
    resample: str = "bilinear"
    edge: Literal["replicate", "grey"] = "replicate"
    mirror: bool = False
    level: float = 180.0
    align: Literal["box", "arcface"] = "box"

    def as_settings(self) -> tuple[tuple[str, str | int | float | bool], ...]:
        """Sorted (name, value) pairs for a recipe."""
        said = asdict(self)
        # Recipes were written before there was a choice, and their keys must not change.
        if self.align == "box":
            del said["align"]
        return tuple(sorted(said.items()))


DEFAULT_CROP = CropSettings()

LEVELLED = 12.0
"""Degrees of tilt from which a face is levelled. Photos of 70 people of lfw-dev, turned by 0, 10, 14, 18, 28 and 40
degrees, against all others at distance 0.96: of genuine pairs 0.97, 0.96, 0.95, 0.93, 0.72 and 0.07 are accepted where
no face is levelled, 0.96, 0.96, 0.97, 0.97, 0.96 and 0.83 where all are, and FAR does not rise. The eyes of an upright
face are not found exactly enough to be worth it."""

DEFAULT_CROPS = (
    CropSettings(margin=14.0, level=LEVELLED),
    CropSettings(scale=1.1, square=True, margin=0.0, mirror=True, level=LEVELLED),
)
"""What one embedding is made of."""

THOROUGH_CROPS = (
    *DEFAULT_CROPS,
    CropSettings(margin=14.0, mirror=True, level=LEVELLED),
    CropSettings(scale=1.1, square=True, margin=0.0, level=LEVELLED),
)
"""What one embedding is made of with ``--thorough``."""

_DLIB = CropSettings(scale=1.5, square=True, margin=0.0, level=LEVELLED)

DLIB_CROPS = (_DLIB, replace(_DLIB, mirror=True))
"""What one embedding of dlib's network is made of. It aligns the face itself, within these surroundings: what it sees
is 1.03 times as high as the face's box on average, and turned by up to LEVELLED degrees."""

Align = Literal["box", "eyes", "arcface"]
"""How a network of one's own wants its faces: as FaceNet, or so with all eyes level, or by landmarks."""


def crops_for(align: Align, *, thorough: bool = False) -> tuple[CropSettings, ...]:
    """The crops of a face for a network that learnt from faces that were cut out this way."""
    if align == "arcface":
        one = CropSettings(margin=0.0, align="arcface")
        return (one, replace(one, mirror=True)) if thorough else (one,)
    crops = THOROUGH_CROPS if thorough else DEFAULT_CROPS
    return crops if align == "box" else tuple(replace(one, level=0.0) for one in crops)


def region(box: Box, settings: CropSettings = DEFAULT_CROP) -> tuple[float, float, float, float]:
    """What a crop of ``box`` shows: left, top, right, bottom in the box's pixels; it may reach beyond the photo."""
    x, y = box.center
    wide, high = max(box.width, 1.0) * settings.scale, max(box.height, 1.0) * settings.scale
    if settings.square:
        wide = high = max(wide, high)
    # a margin of m pixels a side of a finished crop of 160 takes 2m of its 160 pixels
    grow = 160.0 / max(160.0 - 2.0 * settings.margin, 1.0)
    wide, high = wide * grow, high * grow
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def crop(
    pixels: NDArray[np.uint8],
    boxes: Sequence[Box],
    *,
    tilts: Sequence[float] | None = None,
    landmarks: Sequence[Landmarks] | None = None,
    size: int = 160,
    settings: CropSettings = DEFAULT_CROP,
) -> NDArray[np.uint8]:
    """Cut faces out of a photo.

    Args:
        pixels: upright RGB, shape (H, W, 3), uint8.
        boxes: in pixels of ``pixels`` (of a photo that was decoded at a reduced size: ``box.scaled(photo.scale)``);
            a box may lie beyond the edge in part or wholly, one without area counts as one pixel.
        tilts: how many degrees clockwise each face leans; None where all are upright.
        landmarks: of each face, for ``align="arcface"``; a face whose landmarks are as good as one point is cut out by
            its box.
        size: side of a crop in pixels.
        settings: what is cut and how.

    Returns:
        Shape (n, size, size, 3), uint8, crop i for box i; shape (0, size, size, 3) for no boxes.

    Raises:
        ValueError: the picture is not of this shape, a box is not finite or absurdly large, the filter is unknown, or
            landmarks are missing.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise ValueError(f"expected an RGB picture of shape (H, W, 3) and dtype uint8, got {pixels.shape}")
    if settings.resample not in _FILTERS:
        raise ValueError(f"unknown filter {settings.resample!r}, known are {', '.join(_FILTERS)}")
    if settings.align == "arcface" and landmarks is None:
        raise ValueError("crops by landmarks need landmarks")
    crops = np.empty((len(boxes), size, size, 3), np.uint8)
    leans: Sequence[float] = tilts or [0.0] * len(boxes)
    points: Sequence[Landmarks | None] = landmarks or [None] * len(boxes)
    for out, box, tilt, at in zip(crops, boxes, leans, points, strict=True):
        one = aligned(pixels, at, size) if at is not None and settings.align == "arcface" else None
        if one is None:
            one = _by_box(pixels, box, tilt, size, settings)
        out[:] = one[:, ::-1] if settings.mirror else one
    return crops


def _by_box(pixels: NDArray[np.uint8], box: Box, tilt: float, size: int, settings: CropSettings) -> NDArray[np.uint8]:
    """One crop, shape (size, size, 3), turned where the face leans too far."""
    shown = region(box, settings)
    if abs(tilt) > settings.level:
        return _one(*_turned(pixels, shown, tilt, size), size, settings)
    return _one(pixels, shown, size, settings)


def _turned(
    pixels: NDArray[np.uint8], area: tuple[float, float, float, float], tilt: float, size: int
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """The surroundings of an area, turned back by a tilt about its centre, and where the area is in them.

    A detector's box stands upright around a leaning head, so it is larger than the head; the area shrinks by as much.
    Large faces are reduced by a whole factor first, to _ENOUGH times the crop's ``size`` at least.
    """
    left, top, right, bottom = area
    _require_possible(pixels, area)
    reach = 0.75 * max(right - left, bottom - top) + 2
    x, y = (left + right) / 2, (top + bottom) / 2
    patch, (x0, y0) = _patch(pixels, (x - reach, y - reach, x + reach, y + reach))
    factor = max(int(min(right - left, bottom - top) / (_ENOUGH * size)), 1)
    x, y = (x - x0) / factor, (y - y0) / factor
    image = Image.fromarray(patch).reduce(factor) if factor > 1 else Image.fromarray(patch)
    level = np.asarray(image.rotate(tilt, Image.Resampling.BICUBIC, center=(x, y)))
    lean = np.radians(tilt)
    shrunk = 0.5 / factor / (abs(np.cos(lean)) + _SHRINK * abs(np.sin(lean)))
    wide, high = (right - left) * shrunk, (bottom - top) * shrunk
    return level, (x - wide, y - high, x + wide, y + high)


def _patch(
    pixels: NDArray[np.uint8], area: tuple[float, float, float, float]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The whole pixels of an area, with the edge repeated beyond the photo, and where the first of them is."""
    x0, y0, x1, y1 = (int(np.floor(side)) for side in area)
    (rows, above), (columns, before) = (
        _inside(first, last, side) for first, last, side in ((y0, y1, pixels.shape[0]), (x0, x1, pixels.shape[1]))
    )
    return np.pad(pixels[rows, columns], (above, before, (0, 0)), mode="edge"), (x0, y0)


def _inside(first: int, last: int, side: int) -> tuple[slice, tuple[int, int]]:
    """What of the pixels ``first`` to ``last`` is in a photo, one at least; how often the edge comes before, after."""
    start, stop = min(max(first, 0), side - 1), max(min(last + 1, side), 1)
    missing = last + 1 - first - (stop - start)
    before = min(max(start - first, 0), missing)
    return slice(start, stop), (before, missing - before)


def _require_possible(pixels: NDArray[np.uint8], area: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = area
    height, width = pixels.shape[:2]
    if not np.isfinite(area).all() or max(right - left, bottom - top) > _WIDEST * max(height, width):
        raise ValueError(f"no box of a face in a picture of {width} by {height} pixels: {area}")


def _one(
    pixels: NDArray[np.uint8], area: tuple[float, float, float, float], size: int, settings: CropSettings
) -> NDArray[np.uint8]:
    """One crop, shape (size, size, 3). Only the pixels that the filter can reach are copied out of the photo."""
    left, top, right, bottom = area
    height, width = pixels.shape[:2]
    _require_possible(pixels, area)
    reach_x = _REACH * max(1.0, (right - left) / size) + 1
    reach_y = _REACH * max(1.0, (bottom - top) / size) + 1
    x0, x1 = int(np.floor(left - reach_x)), int(np.ceil(right + reach_x))
    y0, y1 = int(np.floor(top - reach_y)), int(np.ceil(bottom + reach_y))
    # clipping the indices *is* edge replication, and costs nothing where the face lies inside
    columns, rows = np.arange(x0, x1), np.arange(y0, y1)
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        patch = pixels[y0:y1, x0:x1]
    else:
        patch = pixels[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None, :]]
        if settings.edge == "grey":
            patch[(rows < 0) | (rows >= height)] = 128
            patch[:, (columns < 0) | (columns >= width)] = 128
    image = Image.fromarray(np.ascontiguousarray(patch))
    window = (left - x0, top - y0, right - x0, bottom - y0)
    return np.asarray(image.resize((size, size), _FILTERS[settings.resample], box=window))
