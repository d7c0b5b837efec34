"""Pictures of an identification report: CMC (who is among the first) and DET (missed over named by mistake)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.evaluation.outcomes import RANKS
from facesearch.evaluation.pictures import save_figure
from facesearch.images.plots import figure_and_axes

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from facesearch.evaluation.identification import IdentificationReport, MethodReport

LABELS = {"knn": "k-NN", "svm": "SVM"}

_STYLES: dict[str, dict[str, Any]] = {
    "knn": {"color": "#1c7ed6", "marker": "o", "linestyle": "-", "linewidth": 2.2},
    "svm": {"color": "#e8590c", "marker": "s", "linestyle": "--", "linewidth": 1.4, "markersize": 4},
}
"""The methods often do the same: the second must not hide the first."""

_FAINT = "#868e96"
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


def draw_report(report: IdentificationReport, folder: Path) -> tuple[Path, ...]:
    """Write both pictures into a folder, which is made where it is missing; existing ones are replaced.

    Returns:
        Where they are: ``cmc.png`` and ``det.png``.

    Raises:
        FacesearchError: they cannot be written.
    """
    written = folder / "cmc.png", folder / "det.png"
    save_figure(_cmc(report), written[0])
    save_figure(_det(report), written[1])
    return written


def _cmc(report: IdentificationReport) -> Figure:
    """The share of probes whose person is among the first 1, 2, … 20 enrolled people."""
    figure, axes = figure_and_axes()
    ranks = np.arange(1, RANKS + 1)
    for found in report.methods:
        label = f"{LABELS[found.method]}, rank 1: {found.rank1.per_probe.mean:.4f}"
        axes.plot(ranks, found.cmc, label=label, **_STYLES[found.method])
    lowest = min(float(found.cmc.min()) for found in report.methods)
    axes.set_ylim(lowest - 0.15 * max(1 - lowest, 0.01), 1 + 0.05 * max(1 - lowest, 0.01))
    axes.set_yticks([tick for tick in axes.get_yticks() if axes.get_ylim()[0] <= tick <= 1])
    axes.set_xlim(0.5, RANKS + 0.5)
    axes.set_xticks([1, *range(5, RANKS + 1, 5)])
    axes.set(xlabel="rank", ylabel=f"share of {report.probes:,} probes found up to this rank")
    axes.set_title(f"{report.enrolled:,} people enrolled, no strangers (CMC)", loc="left", fontsize=11)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _det(report: IdentificationReport) -> Figure:
    """FNIR over FPIR; bars are 95 % intervals, the star is what ``who`` does by default."""
    figure, axes = figure_and_axes()
    lowest = 0.5 / max(report.probes, 1)  # where nobody was missed, half a probe
    if not any(found.det for found in report.methods):
        axes.text(0.5, 0.5, "no strangers, no curve", transform=axes.transAxes, ha="center", color=_FAINT)
    for found in report.methods:
        if found.det:
            fpirs, fnirs = np.array(found.det).T
            axes.plot(fpirs, np.maximum(fnirs, lowest), label=LABELS[found.method], **_STYLES[found.method])
        _bars(axes, found, lowest)
    setting = report.methods[0].product
    if setting is not None and setting.named is not None and setting.named.per_probe.mean > 0:
        at = setting.named.per_probe.mean, max(1 - setting.dir.per_probe.mean, lowest)
        label = f"{LABELS[report.methods[0].method]} as who does it (--fpir {setting.promised:g})"
        axes.plot(*at, marker="*", markersize=17, color="#2b8a3e", linestyle="", label=label, zorder=5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_ticks([tick for tick in _TICKS if low <= tick <= high])
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.minorticks_off()
    axes.set_xlabel(f"FPIR: share of {report.strangers:,} strangers' probes that get a name")
    axes.set_ylabel(f"FNIR: share of {report.probes:,} probes\nthat do not get their own name")
    axes.set_title(f"{report.enrolled:,} people enrolled (DET)", loc="left", fontsize=11)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


def _bars(axes: Axes, found: MethodReport, lowest: float) -> None:
    """The 95 % intervals of FNIR."""
    for point in found.points:
        if point.dir is not None:
            spread = point.dir.per_probe
            middle = max(1 - spread.mean, lowest)
            bars = [[max(middle - max(1 - spread.high, lowest), 0)], [max(1 - spread.low - middle, 0)]]
            axes.errorbar(
                [point.fpir], [middle], yerr=bars, fmt="none", color=_STYLES[found.method]["color"], capsize=4
            )
