"""Where a face of the gallery can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facesearch.types import Face

GONE = "(the file is gone)"
"""Stands for the path of a photo that no known file holds any more."""


def place_of(paths: Mapping[int, tuple[str, ...]], face: Face) -> str:
    """The first path of the face's photo, by ``Store.paths_of``, or ``GONE``."""
    held = paths.get(face.photo_id or 0, ())
    return held[0] if held else GONE
