"""How the costs of an index and of a gallery grow with the faces, from what ``measure.py`` measured.

Times are those of the processor, on one thread: on a machine that does nothing else they are what a clock shows, and
others on the machine lengthen them less.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MILLION = 1_000_000
SMALL, LARGE = MILLION // 4, MILLION
"""Faces of the two measurements that a law is made from."""

CHECKS = {"compressed": "compressed-2m", "inverted": "inverted-4m"}
"""Measurements that no law is made from."""


@dataclass(frozen=True, slots=True)
class Law:
    """What something costs for n faces: ``fixed + each · n + root · n · √n``."""

    fixed: float
    each: float
    root: float = 0.0

    def __call__(self, faces: float) -> float:
        """The cost of so many."""
        return self.fixed + self.each * faces + self.root * faces * math.sqrt(faces)


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of index costs: bytes of ``memory`` and of the ``file``, seconds to ``build``, to ``ask`` a single
    question, and of one in a ``batch``.
    """  # noqa: D205

    memory: Law
    file: Law
    build: Law
    ask: Law
    batch: Law


def line(points: dict[int, float]) -> Law:
    """A fixed part and one that grows with the faces: memory, files, and scans, which look at every code."""
    each = (points[LARGE] - points[SMALL]) / (LARGE - SMALL)
    fixed = points[LARGE] - each * LARGE
    return Law(fixed, each) if fixed > 0 and each > 0 else Law(0.0, points[LARGE] / LARGE)


def lists(points: dict[int, float]) -> Law:
    """Building an inverted file of √n lists: learning them costs √n · 30 √n comparisons, filing all faces n · √n."""
    small, large = points[SMALL] / SMALL, points[LARGE] / LARGE
    root = max(0.0, (large - small) / (math.sqrt(LARGE) - math.sqrt(SMALL)))
    return Law(0.0, max(0.0, large - root * math.sqrt(LARGE)), min(root, large / math.sqrt(LARGE)))


def proportional(points: dict[int, float]) -> Law:
    """All of it grows with the faces: reading or comparing every vector."""
    return Law(0.0, points[LARGE] / LARGE)


LAWS: dict[str, dict[str, Callable[[dict[int, float]], Law]]] = {
    "flat": {"build": proportional, "ask": proportional, "batch": proportional},
    "compressed": {"build": line, "ask": line, "batch": line},
    "inverted": {"build": lists, "ask": line, "batch": line},
}


class Measured:
    """The measurements by name, and what is the same for all of them."""

    def __init__(self, path: Path) -> None:
        self.runs: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        photos = self.runs["photos"]["output"]
        self.photo_ms = sum(photos["cpu_ms_per_photo"].values())
        self.faces_per_photo = photos["faces"] / photos["photos"]

    def kind(self, kind: str) -> Kind:
        """The laws of a kind, from its two measurements; flat is measured beside all others."""
        name = "compressed" if kind == "flat" else kind
        points = {size: self.figures(f"{name}-{label}", kind) for size, label in ((SMALL, "250k"), (LARGE, "1m"))}

        def law(what: str, fit: Callable[[dict[int, float]], Law]) -> Law:
            return fit({size: figures[what] for size, figures in points.items()})

        return Kind(
            law("memory", line), law("file", line), **{what: law(what, fit) for what, fit in LAWS[kind].items()}
        )

    def figures(self, name: str, kind: str) -> dict[str, float]:
        """One kind's figures of one measurement, in the units of ``Kind``."""
        output = self.runs[name]["output"]
        one = next(one for one in output["kinds"] if one["kind"] == kind)
        return {
            "memory": one["loaded_bytes"],
            "file": one["file_bytes"],
            "build": one["build_cpu_seconds"],
            "ask": one["p50_cpu_ms"] / 1e3,
            "batch": one["batch_cpu_ms"] / 1e3,
        }

    def database(self, name: str, faces: float, faces_per_photo: float) -> float:
        """Bytes of a gallery's rows, without names."""
        store = self.runs[name]["output"]
        return faces * store["face_bytes"] + faces / faces_per_photo * store["photo_bytes"]
