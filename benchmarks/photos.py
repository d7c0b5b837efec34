"""Which photos are measured: the same list for every peer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = {".jpg", ".jpeg", ".png"}
"""What all peers can decode; facesearch reads more."""


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos in a fixed order, their size in bytes, and a hash that says whether two runs had the same ones."""

    paths: tuple[str, ...]
    size: int
    digest: str


def choose(folder: Path, limit: int | None) -> PhotoSet:
    """Photos at or below a folder, each content once, since facesearch would skip the second copy.

    Args:
        folder: where to look.
        limit: at most so many, spread evenly over the folder; None for all.
    """
    unique: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            unique.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    chosen = list(unique.items())
    if limit is not None and limit < len(chosen):
        chosen = [chosen[i * len(chosen) // limit] for i in range(limit)]
    digest = hashlib.sha256("".join(name for name, _ in chosen).encode()).hexdigest()[:16]
    paths = tuple(str(path.resolve()) for _, path in chosen)
    return PhotoSet(paths, sum(path.stat().st_size for _, path in chosen), digest)
