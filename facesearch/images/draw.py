"""Pictures for people: boxes with names on a photo, and contact sheets of faces."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageOps

from facesearch.errors import ConfigError, FacesearchError
from facesearch.images.fonts import fit, font_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.types import Box

Area = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_KNOWN, _UNKNOWN = "#1c7ed6", "#495057"
_INK, _FAINT, _PAPER = "#212529", "#868e96", "#ffffff"

_LEAST = 720
"""Smaller photos are enlarged to this longer side, in pixels: a name must fit beside a face."""


def draw_faces(pixels: NDArray[np.uint8], faces: Sequence[tuple[Box, str, bool]]) -> Image.Image:
    """Draw boxes with labels on a photo.

    Args:
        pixels: upright RGB, shape (H, W, 3), uint8.
        faces: box in pixels of ``pixels``, label (may be empty), and whether the face has a person; blue boxes are
            people, grey ones strangers.

    Returns:
        An RGB picture with the photo's proportions; small photos come out enlarged.
    """
    image = Image.fromarray(pixels)
    enlarge = max(1.0, _LEAST / max(image.size))
    if enlarge > 1:
        size = (round(image.width * enlarge), round(image.height * enlarge))
        image = image.resize(size, Image.Resampling.BICUBIC)
    boxes = [box.scaled(enlarge) for box, _, _ in faces]
    letter = _letter(image.size, boxes)
    line = max(3, round(letter / 6))
    draw = ImageDraw.Draw(image)
    for box, (_, _, known) in zip(boxes, faces, strict=True):
        area = (box.left, box.top, max(box.right, box.left), max(box.bottom, box.top))
        draw.rectangle(_grown(area, line + 1), outline=_PAPER, width=1)
        draw.rectangle(_grown(area, line), outline=_KNOWN if known else _UNKNOWN, width=line)
    taken: list[Area] = []
    for index in sorted(range(len(faces)), key=lambda at: -boxes[at].area):
        _, text, known = faces[index]
        if text.strip():
            area = _label(draw, text, boxes[index], [*boxes[:index], *boxes[index + 1 :]], taken, letter, known=known)
            taken.append(area)
    return image


def contact_sheet(
    tiles: Sequence[tuple[NDArray[np.uint8], str]],
    *,
    title: str,
    columns: int = 6,
    side: int = 160,
    limit: int = 60,
    total: int | None = None,
) -> Image.Image:
    """A grid of square pictures with captions.

    Args:
        tiles: RGB pictures, shape (H, W, 3), uint8, any sizes, cut to squares about their middle; one caption each,
            of one line or of several separated by newlines.
        title: heading; may be empty.
        columns: pictures in a row, 1 or more; fewer where there are fewer pictures.
        side: of one picture, in pixels.
        limit: show at most this many; the last place then says how many are left out.
        total: how many there are, where ``tiles`` is only a part of them.

    Returns:
        An RGB picture; without tiles, the heading over "nothing to show".
    """
    total = max(total or 0, len(tiles))
    shown = list(tiles[: limit if total <= limit else max(limit - 1, 0)])
    places = len(shown) + (total > len(shown))
    columns = max(1, min(columns, places or 3))
    gap, letter = max(6, side // 16), max(11, side // 12)
    lines = max((caption.count("\n") + 1 for _, caption in shown if caption.strip()), default=0)
    head = round(letter * 2.6) if title.strip() else 0
    step = side + gap + round(lines * letter * 1.35) + (gap // 2 if lines else 0)
    rows = max(1, -(-places // columns))
    # a sheet of one or two faces still has room for its heading
    width = max(columns, 3 if head else 1) * (side + gap) + gap
    sheet = Image.new("RGB", (width, head + rows * step + gap), _PAPER)
    draw = ImageDraw.Draw(sheet)
    if head:
        font = font_for(title, round(letter * 1.3))
        draw.text((gap, gap), fit(title, font, sheet.width - 2 * gap), _INK, font)
    for place in range(places):
        left, top = gap + place % columns * (side + gap), head + gap + place // columns * step
        if place == len(shown):
            _center(draw, (left, top, left + side, top + side), f"+ {total - len(shown):,} more", letter + 3)
            continue
        _tile(sheet, draw, shown[place], (left, top), side, letter)
    if not places:
        _center(draw, (0, head, sheet.width, sheet.height), "nothing to show", letter + 3)
    return sheet


def save_png(image: Image.Image, path: str | Path) -> None:
    """Write a picture as PNG, whole or not at all; missing folders are made.

    Raises:
        ConfigError: the name does not end in .png.
        FacesearchError: it cannot be written there.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise ConfigError(f"pictures are written as PNG, not as {target.name}", hint=f"name it {target.stem}.png")
    partial = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            image.save(file, "PNG", compress_level=4)
        partial.replace(target)
    except OSError as exc:
        raise FacesearchError(f"cannot write {target}: {(exc.strerror or str(exc)).lower()}") from exc
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)  # noqa: PTH108


def _letter(size: tuple[int, int], boxes: Sequence[Box]) -> int:
    """Height of a label's letters in pixels: by the photo's size, smaller where the faces are small."""
    by_photo = max(size) / 32
    widths = sorted(max(box.width, 1.0) for box in boxes)
    by_face = widths[len(widths) // 2] / 4 if widths else by_photo
    return round(min(max(by_face, max(size) / 70, 12.0), by_photo))


def _label(
    draw: ImageDraw.ImageDraw,
    text: str,
    box: Box,
    others: Sequence[Box],
    taken: Sequence[Area],
    letter: int,
    *,
    known: bool,
) -> Area:
    """Write one label where it hides least; returns the area it took."""
    font, pad = font_for(text, letter), round(letter * 0.3)
    wide, high = draw.im.size
    text = fit(text, font, min(wide - 2 * pad - 2, max(box.width * 2, letter * 14)))
    size = (font.getlength(text) + 2 * pad, letter * 1.2 + 2 * pad)
    faces = [(other.left, other.top, other.right, other.bottom) for other in others]

    def hidden(place: tuple[int, Area]) -> float:
        """What a place costs: other labels above all, then other faces, then the order of preference."""
        rank, area = place
        over_labels = sum(_shared(area, label) for label in taken)
        return over_labels * 100 + sum(_shared(area, face) for face in faces) * 4 + rank

    _, area = min(enumerate(_places(box, size, (wide, high), pad)), key=hidden)
    draw.rectangle(area, fill=_KNOWN if known else _UNKNOWN)
    draw.text((area[0] + pad, (area[1] + area[3]) / 2), text, _PAPER, font, anchor="lm")
    return area


def _places(box: Box, size: tuple[float, float], picture: tuple[int, int], gap: float) -> Iterator[Area]:
    """Where a label of ``size`` may go, best first: below its box, above, inside, then stepping away up and down."""
    width, height = size
    tops = [box.bottom + gap, box.top - gap - height, box.bottom - height, box.top]
    for step in range(1, 6):
        tops += [box.bottom + gap + step * height, box.top - gap - (step + 1) * height]
    for top in tops:
        for left in (box.center[0] - width / 2, box.left, box.right - width):
            x = min(max(left, 0.0), picture[0] - 1 - width)
            y = min(max(top, 0.0), picture[1] - 1 - height)
            yield x, y, x + width, y + height


def _shared(a: Area, b: Area) -> float:
    """Square pixels that two areas share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _grown(area: Area, by: float) -> Area:
    """The area with ``by`` pixels more on every side."""
    return area[0] - by, area[1] - by, area[2] + by, area[3] + by


def _tile(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    tile: tuple[NDArray[np.uint8], str],
    corner: tuple[int, int],
    side: int,
    letter: int,
) -> None:
    """Put one square picture on a sheet, its caption below: the first line in ink, the others faint."""
    pixels, caption = tile
    left, top = corner
    sheet.paste(ImageOps.fit(Image.fromarray(pixels), (side, side), Image.Resampling.LANCZOS), corner)
    for number, words in enumerate(caption.split("\n")):
        font, color = font_for(words, letter), _FAINT if number else _INK
        y = top + side + side // 48 + number * letter * 1.35
        draw.text((left, y), fit(words, font, side), color, font)


def _center(draw: ImageDraw.ImageDraw, area: Area, text: str, letter: int) -> None:
    """Write faint words in the middle of an area."""
    middle = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
    draw.text(middle, text, _FAINT, font_for(text, letter), anchor="mm")
