"""Results as a table for the terminal, as Markdown and as JSON. Nothing in them names a path of this machine."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from peers import OURS, PEERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from photos import PhotoSet

HEADER = (
    "",
    "CPU ms/photo",
    "range",
    "CPU ×",
    "photos/s",
    "speed ×",
    "faces",
    "no face",
    "failed",
    "peak MB",
    "others",
)
MODES = {
    "pinned": "One core, one thread",
    "unpinned": "All cores, everybody's default threads (facesearch: one photo a core)",
}
NOTE = (
    "CPU ×: how many times the CPU time of facesearch a photo costs. speed ×: how many times as fast facesearch is "
    "in photos/s. Medians over runs; the range is the least and the most. peak MB: memory of the whole process. "
    "others: cores that other processes kept busy meanwhile, at most; above 0.1, distrust photos/s."
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured, and on what."""

    command: str
    photos: PhotoSet
    runs: int
    machine: dict[str, str]
    revision: str
    results: dict[str, dict[str, list[dict[str, Any]]]]
    problems: dict[str, str]


def text(done: Report) -> str:
    """For the terminal."""
    lines = [f"{name:<20}{value}" for name, value in _facts(done).items()]
    for mode, results in done.results.items():
        rows = [HEADER, *_rows(results)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
        lines += ["", MODES[mode]]
        for name, *figures in rows:
            aligned = (f"{figure:>{width}}" for figure, width in zip(figures, widths[1:], strict=True))
            lines.append("  ".join([f"{name:<{widths[0]}}", *aligned]).rstrip())
    lines += ["", NOTE]
    lines += [f"not measured: {PEERS[name].title}: {problem}" for name, problem in done.problems.items()]
    lines += ["", *(f"{PEERS[name].title}: {words}" for name, words in _versions(done).items())]
    return "\n".join(lines) + "\n"


def markdown(done: Report) -> str:
    """For REPORT.md."""
    lines = ["# Photo to embeddings, side by side", "", "Written by `benchmarks/compare.py --write-report`.", ""]
    lines += ["```", done.command, "```", ""]
    lines += [f"- {name}: {value}" for name, value in _facts(done).items() if name != "command"]
    for mode, results in done.results.items():
        lines += ["", f"## {MODES[mode]}", "", _line(HEADER), _line(["---", *["---:"] * (len(HEADER) - 1)])]
        lines += [_line(row) for row in _rows(results)]
    lines += ["", NOTE]
    if done.problems:
        lines += ["", "## Not measured", ""]
        lines += [f"- {PEERS[name].title}: {problem}" for name, problem in done.problems.items()]
    lines += ["", "## Versions", ""]
    lines += [f"- {PEERS[name].title}: {words}" for name, words in _versions(done).items()]
    return "\n".join(lines) + "\n"


def as_json(done: Report) -> dict[str, Any]:
    """Every run, without the photos' names."""
    photos = {"count": len(done.photos.paths), "bytes": done.photos.size, "digest": done.photos.digest}
    return {**asdict(done), "photos": photos, "measured": _today()}


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def _facts(done: Report) -> dict[str, str]:
    photos = f"{len(done.photos.paths)}, {done.photos.size / 1e6:.1f} MB, digest {done.photos.digest}"
    return {
        "command": done.command,
        "measured": f"{_today()}, {done.runs} runs of each in turn",
        "facesearch revision": done.revision,
        "photos": photos,
        **done.machine,
    }


def _rows(results: dict[str, list[dict[str, Any]]]) -> list[tuple[str, ...]]:
    ours = results.get(OURS) or None
    return [_row(name, runs, ours) for name, runs in results.items()]


def _row(name: str, runs: list[dict[str, Any]], ours: list[dict[str, Any]] | None) -> tuple[str, ...]:
    title = PEERS[name].title
    if not runs:
        return (title, "not measured", *[""] * (len(HEADER) - 2))
    cpu = [_cpu(run) for run in runs]
    rate = median(_rate(run) for run in runs)
    ratios = ("", "")
    if ours:
        our_cpu, our_rate = median(_cpu(run) for run in ours), median(_rate(run) for run in ours)
        ratios = (f"{median(cpu) / our_cpu:.1f}", f"{our_rate / rate:.1f}")
    counts = [_same(run[what] for run in runs) for what in ("faces", "no_face")]
    lost = _same(run["failed"] + run["skipped"] for run in runs)
    peak = median(run["peak_bytes"] for run in runs) / 1e6
    spread = f"{min(cpu):.1f}–{max(cpu):.1f}"
    others = [run["others_cores"] for run in runs if run["others_cores"] is not None]
    figures = (f"{median(cpu):.1f}", spread, ratios[0], f"{rate:.1f}", ratios[1])
    return (title, *figures, *counts, lost, f"{peak:.0f}", f"{max(others):.2f}" if others else "")


def _cpu(run: dict[str, Any]) -> float:
    return float(1000 * run["cpu_seconds"] / run["photos"])


def _rate(run: dict[str, Any]) -> float:
    return float(run["photos"] / run["wall_seconds"])


def _same(values: Iterable[int]) -> str:
    """One count, or all that occurred where the runs differ."""
    return " or ".join(str(value) for value in sorted(set(values)))


def _versions(done: Report) -> dict[str, str]:
    """What each peer ran on, in words."""
    found = {}
    for name in PEERS:
        runs = [run for results in done.results.values() for run in results.get(name, [])]
        if runs:
            pairs = {**runs[0]["versions"], **runs[0]["about"]}
            found[name] = ", ".join(f"{key} {value}" for key, value in pairs.items() if not isinstance(value, dict))
    return found


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
