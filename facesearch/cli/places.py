"""Paths as people read them: short where that is clear."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def short(path: str | Path, bases: Sequence[Path] = ()) -> str:
    """A path relative to the first of ``bases`` or else the working directory that it lies below, else as it is."""
    place = Path(path)
    if place.is_absolute():
        for base in [*bases, Path.cwd()]:
            if place != base and place.is_relative_to(base):
                return str(place.relative_to(base))
    return str(path)
