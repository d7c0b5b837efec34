"""Why two faces match: which of their parts the distance rests on, and what it is worth. Imports no database."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.gallery.verification import verify
from facesearch.identify.calibration import calibration_of
from facesearch.images.align import LEVELLED
from facesearch.images.compare import Curves, Side, comparison
from facesearch.images.draw import save_png
from facesearch.images.occlusion import PLACES, hide, whole
from facesearch.images.quality import doubt
from facesearch.types import Explanation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from facesearch.identify.calibration import Calibration
    from facesearch.images.align import CropSettings
    from facesearch.pipeline import FrontEnd
    from facesearch.types import Candidate, Face, Grid, Verdict

    Progress = Callable[[int, int, str], None]

AT_ONCE = 8
"""Faces between two calls of ``progress``: with the default two crops each, one batch of FaceNet."""


def explain(
    front_end: FrontEnd,
    a: Path,
    b: Path,
    *,
    far: float | None = None,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    strict: bool = False,
    progress: Progress = lambda *_: None,
) -> Explanation:
    """Compare the faces of two photos like ``verify``, and say what the distance rests on.

    Args:
        front_end: what analyses them.
        a: a photo.
        b: another photo.
        far: see ``verify``.
        threshold: see ``verify``.
        calibration: see ``verify``.
        strict: see ``verify``.
        progress: called with parts hidden, parts to hide and a path.

    Raises:
        PhotoError: a photo cannot be used.
        NoFaceError: a photo has no face, or with ``strict`` several.
        ConfigError: the rate is beyond the calibration, or both a rate and a threshold are given.
    """
    verdict = verify(front_end, a, b, far=far, threshold=threshold, calibration=calibration, strict=strict)
    return explained(front_end, verdict, a, b, progress=progress)


def explained(
    front_end: FrontEnd,
    verdict: Verdict,
    a: Path,
    b: Path,
    *,
    person: Candidate | None = None,
    nearest: Candidate | None = None,
    progress: Progress = lambda *_: None,
) -> Explanation:
    """The explanation of a verdict about a face in each of two photos; for the others see ``Explanation``.

    Raises:
        PhotoError: a photo cannot be read any more.
    """
    both = ((a, verdict.a), (b, verdict.b))
    crops = [_cut(front_end, path, face, front_end.crops) for path, face in both]
    # Embedded anew, by the very crops that parts are hidden in: a part that does not matter changes nothing at all.
    rows = front_end.embed_crops(np.stack(crops))
    maps = []
    for place, (path, face) in enumerate(both):
        hidden = hide(crops[place], front_end.crops, face.box, face.landmarks.quarter_turns)
        told = partial(_tell, progress, place * len(hidden), 2 * len(hidden), str(path))
        maps.append(_rises(_embed(front_end, hidden, told), rows[place], rows[1 - place]))
    return Explanation(
        verdict=verdict,
        a=str(a),
        b=str(b),
        map_a=maps[0],
        map_b=maps[1],
        notes_a=notes(verdict.a),
        notes_b=notes(verdict.b),
        person=person,
        nearest=nearest,
    )


def notes(face: Face) -> tuple[str, ...]:
    """What can be said of a face beside its likeness: its size, its quality, and what is doubtful or unusual."""
    said = [f"{math.floor(face.box.width)} × {math.floor(face.box.height)} px"]
    if face.quality is not None:
        said.append(f"quality {face.quality:.2f}")
    if reason := doubt(face):
        said.append("too blurred to trust" if reason == "blurred" else "too small to trust")
    if face.landmarks.quarter_turns:
        said.append("upside down" if face.landmarks.quarter_turns == 2 else "lying on its side")
    if abs(face.landmarks.tilt) > LEVELLED:
        said.append(f"leaning by {abs(face.landmarks.tilt):.0f}°")
    return tuple(said)


def draw_explanation(
    front_end: FrontEnd, explanation: Explanation, target: Path, *, calibration: Calibration | None = None
) -> None:
    """Write the two faces with what their distance rests on, and where it lies among other pairs, as PNG.

    Raises:
        PhotoError: a photo cannot be read any more.
        FacesearchError: the picture cannot be written.
    """
    verdict, person = explanation.verdict, explanation.person
    frame = (whole(front_end.crops),)
    names = [Path(explanation.a).name, Path(explanation.b).name]
    if person is not None:
        names[1] = f"{person.person} ({names[1]})"
    faces = (
        (explanation.a, verdict.a, explanation.map_a, explanation.notes_a),
        (explanation.b, verdict.b, explanation.map_b, explanation.notes_b),
    )
    sides = [
        Side(_cut(front_end, Path(path), face, frame)[0], grid, name, ", ".join(said))
        for name, (path, face, grid, said) in zip(names, faces, strict=True)
    ]
    picture = comparison(
        (sides[0], sides[1]),
        same=verdict.same,
        distance=verdict.distance,
        threshold=verdict.threshold,
        curves=curves(calibration or calibration_of(front_end.recipe)),
    )
    save_png(picture, target)


def curves(calibration: Calibration) -> Curves:
    """How many pairs of strangers and of one person lie at each distance, as far as a calibration tells."""
    places = np.array(calibration.pairs.distances)
    wide = 2 * float(np.median(np.diff(places)))  # single steps of a table are too ragged
    edges = np.concatenate([[0.0], np.arange(max(places[0] + calibration.shift, wide), 4.0, wide), [4.0]])
    shares = [np.diff([0.0, *rates(edges[1:])]) for rates in (calibration.fars, calibration.tars)]
    return Curves(edges, shares[0] / np.diff(edges), shares[1] / np.diff(edges))


def _cut(front_end: FrontEnd, path: Path, face: Face, crops: Sequence[CropSettings]) -> NDArray[np.uint8]:
    """The crops of one face, (k, size, size, 3)."""
    return front_end.cut(path, lambda _: [face], crops)[0]


def _embed(front_end: FrontEnd, crops: NDArray[np.uint8], told: Callable[[int], None]) -> NDArray[np.float32]:
    told(0)
    rows = []
    for start in range(0, len(crops), AT_ONCE):
        rows.append(front_end.embed_crops(crops[start : start + AT_ONCE]))
        told(min(start + AT_ONCE, len(crops)))
    return np.concatenate(rows)


def _tell(progress: Progress, before: int, total: int, path: str, done: int) -> None:
    progress(before + done, total, path)


def _rises(hidden: NDArray[np.float32], row: NDArray[np.float32], other: NDArray[np.float32]) -> Grid:
    """How much farther from ``other`` (dim,) each of ``hidden`` (PLACES², dim) is than ``row`` (dim,)."""
    apart = np.square(np.vstack([row, hidden]).astype(np.float64) - other).sum(axis=1)
    rises = (apart[1:] - apart[0]).reshape(PLACES, PLACES).round(6)
    return tuple(tuple(line) for line in rises.tolist())
