"""Curves of rates for people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_LOWEST, _HIGHEST = 3e-4, 0.999
_GRID, _BAND = "#dee2e6", "#d0ebff"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A curve: distances and rates (n,), both ascending, its name and its colour."""

    distances: NDArray[np.float64]
    rates: NDArray[np.float64]
    label: str
    colour: str


def figure_and_axes() -> tuple[Figure, Axes]:
    """A figure of its own, without pyplot: nothing is left open, and no screen is needed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def rates_plot(
    lines: Sequence[Line], rates: NDArray[np.float64], interval: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> Image.Image:
    """Shares of stranger pairs by distance, on a logarithmic axis.

    Args:
        lines: what is shown.
        rates: of the interval, (n,).
        interval: least and largest distance at each rate, (n,) each.

    Returns:
        An RGB picture, 960 by 600 pixels.
    """
    figure, axes = figure_and_axes()
    axes.fill_betweenx(rates, *interval, color=_BAND, linewidth=0, label="95 % interval")
    for line in lines:
        axes.plot(line.distances, line.rates, color=line.colour, label=line.label)
    axes.set_yscale("log")
    shown = np.concatenate([line.distances[(line.rates >= _LOWEST) & (line.rates < _HIGHEST)] for line in lines])
    axes.set_xlim(float(shown.min()), float(shown.max()))
    axes.set_ylim(_LOWEST, 1)
    axes.set(xlabel="squared distance of two faces", ylabel="share of pairs of strangers that are nearer")
    axes.legend(loc="lower right", frameon=False)
    written = BytesIO()
    figure.savefig(written, format="png")
    return Image.open(written).convert("RGB")
