"""Pictures of a verification report: ROC curves, the distances of both kinds of pairs, and the worst pairs."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.errors import FacesearchError, PhotoError
from facesearch.evaluation.metrics import MAX_DISTANCE
from facesearch.images.align import CropSettings, crop
from facesearch.images.detail import sharp_enough
from facesearch.images.draw import contact_sheet, save_png
from facesearch.images.load import load
from facesearch.images.plots import figure_and_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from facesearch.evaluation.metrics import Curve
    from facesearch.evaluation.rates import Rates, ScoredPair
    from facesearch.evaluation.verification import VerificationReport
    from facesearch.types import Box

_LOOSE = CropSettings(scale=1.8)
"""Worst pairs show what is around the face, so that a neighbour who was taken for it can be seen."""

_GREY = np.full((160, 160, 3), 206, np.uint8)
_GENUINE, _IMPOSTOR, _FAINT = "#1c7ed6", "#e8590c", "#868e96"
_COLOURS = (_GENUINE, "#2b8a3e")
_BARS, _REACH, _LOWEST_FAR = 100, 3.5, 1e-5
_LETTERS = 17


def draw_report(report: VerificationReport, folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder, which is made where it is missing; existing ones are replaced.

    Returns:
        Where they are: ``roc.png``, ``distances.png``, ``worst-genuine.png``, ``worst-impostor.png``.

    Raises:
        FacesearchError: they cannot be written.
    """
    widest = report.everything or report.listed
    roc, distances = folder / "roc.png", folder / "distances.png"
    save_figure(_roc(report), roc)
    save_figure(_distances(widest, report.threshold), distances)
    sheets = (
        ("genuine", widest.worst_genuine, "One person, yet far apart"),
        ("impostor", widest.worst_impostor, "Two people, yet near each other"),
    )
    written = [roc, distances]
    for kind, pairs, title in sheets:
        written.append(folder / f"worst-{kind}.png")
        tiles = [tile for pair in pairs for tile in _tiles(pair)]
        save_png(contact_sheet(tiles, title=title, columns=8, limit=len(tiles) or 1), written[-1])
    return tuple(written)


def histogram(roc: Curve, edges: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The shares of genuine and of impostor pairs between the edges, which ascend; each of shape (edges - 1,)."""
    at = np.clip(np.searchsorted(roc.thresholds, edges, side="left"), 0, len(roc.thresholds) - 1)
    beyond = edges > roc.thresholds[-1]
    return np.diff(np.where(beyond, 1.0, roc.tar[at])), np.diff(np.where(beyond, 1.0, roc.far[at]))


def bars(threshold: float) -> NDArray[np.float64]:
    """The edges of bars, (n,), ascending: to the largest distance, or where strangers are nearer not as far.

    ``threshold`` is where strangers are told from one person best: FaceNet's at 1.2, with all of them before 3.
    """
    end = min(MAX_DISTANCE, _REACH * float(threshold))
    return np.linspace(0, end * (_BARS + 1) / _BARS, _BARS + 2)


def _roc(report: VerificationReport) -> Figure:
    """TAR over FAR with a logarithmic axis; the marks with bars are the reported rates and their intervals."""
    figure, axes = figure_and_axes()
    lowest = 1.0
    shown = [(f"{report.pairs:,} pairs of the list", report.listed)]
    if report.everything is not None:
        count = report.everything.genuine + report.everything.impostor
        shown.append((f"all {count:,} pairs, weighted by person", report.everything))
    left = max(_LOWEST_FAR, 1.0 / max(rates.impostor for _, rates in shown))
    for colour, (label, rates) in zip(_COLOURS, shown, strict=False):
        seen = rates.roc.far >= max(left, 1.0 / rates.impostor)  # further left no pair tells anything
        axes.step(rates.roc.far[seen], rates.roc.tar[seen], where="post", color=colour, label=label)
        lowest = min(lowest, float(rates.roc.tar[seen].min()))
        for point in rates.tar:
            if point.tar is not None and point.low is not None and point.high is not None:
                bars = [[max(0.0, point.tar - point.low)], [max(0.0, point.high - point.tar)]]
                axes.errorbar([point.far], [point.tar], yerr=bars, fmt="o", color=colour, capsize=4)
                lowest = min(lowest, point.low)
    axes.set_xscale("log")
    axes.set_xlim(left, 1)
    axes.set_ylim(max(0.0, lowest - 0.02), 1.005)
    axes.set(xlabel="false accept rate (FAR) of pairs", ylabel="true accept rate (TAR) of pairs")
    axes.legend(loc="lower right", frameon=False)
    return figure


def _distances(rates: Rates, threshold: float) -> Figure:
    """How far apart the pairs of both kinds are."""
    figure, axes = figure_and_axes()
    edges = bars(threshold)
    # What is beyond the last bar is in it.
    genuine, impostor = histogram(rates.roc, np.append(edges[:-1], MAX_DISTANCE + edges[1]))
    for shares, colour, count, people in (
        (genuine, _GENUINE, rates.genuine, "one person"),
        (impostor, _IMPOSTOR, rates.impostor, "two people"),
    ):
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.55, label=f"{count:,} pairs of {people}")
    digits = 2 if threshold >= 0.5 else 3
    axes.axvline(threshold, color=_FAINT, linestyle="--", label=f"best threshold of the list, {threshold:.{digits}f}")
    weighted = ", weighted by person" if rates.people else ""
    beyond = f"; {edges[-2]:.2g} or more in the last bar" if edges[-2] < MAX_DISTANCE else ""
    axes.set(
        xlabel=f"squared distance, 0 to 4; 4 where a photo shows no face{beyond}",
        ylabel=f"share of pairs{weighted}",
    )
    axes.set_xlim(0, edges[-1])
    axes.legend(frameon=False)
    return figure


def save_figure(figure: Figure, target: Path) -> None:
    """Write a figure, whole or not at all."""
    partial = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(partial, format="png")
        partial.replace(target)
    except OSError as exc:
        raise FacesearchError(f"cannot write {target}: {(exc.strerror or str(exc)).lower()}") from exc
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _tiles(pair: ScoredPair) -> Sequence[tuple[NDArray[np.uint8], str]]:
    """The two faces of a pair with the names of their files, the distance below the first."""
    return [
        (_face(pair.a, pair.box_a), f"{_caption(pair.a)}\n{pair.distance:.2f} from →"),
        (_face(pair.b, pair.box_b), f"{_caption(pair.b)}\n "),
    ]


def _caption(path: str) -> str:
    """The end of a file's name, which has its number."""
    stem = Path(path).stem
    return stem if len(stem) <= _LETTERS else f"…{stem[1 - _LETTERS :]}"


def _face(path: str, box: Box) -> NDArray[np.uint8]:
    """A face and what is around it, (160, 160, 3), uint8; grey where the file is gone."""
    try:
        photo = sharp_enough(load(path), [box], settings=_LOOSE)
    except PhotoError:
        return _GREY
    return crop(photo.pixels, [box.scaled(photo.scale)], size=160, settings=_LOOSE)[0]
