"""Pictures one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence


def stacked(parts: Sequence[Image.Image]) -> Image.Image:
    """One RGB picture of several, from the top, on white paper as wide as the widest; at least one part is needed."""
    width, height = max(part.width for part in parts), sum(part.height for part in parts)
    sheet = Image.new("RGB", (width, height), "#ffffff")
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet
