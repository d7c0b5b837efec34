"""What the figures were measured on: processor, system, Python, bystanders, revision of the checkout."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

INTERESTING = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "asimd")
"""Processor features that decide how fast networks run."""


class Bystanders:
    """How much processor time everybody else took between its making and ``cores``: what disturbed a measurement."""

    def __init__(self) -> None:
        self._start = self._read()

    def cores(self) -> float | None:
        """Cores that others kept busy on average; None where the system does not tell (it has no /proc/stat)."""
        before, after = self._start, self._read()
        if before is None or after is None:
            return None
        return max(0.0, (after[0] - before[0]) / (after[1] - before[1]))

    @staticmethod
    def _read() -> tuple[float, float] | None:
        """Seconds that all processors were busy without this process and its children, and the time."""
        try:
            ticks = [int(field) for field in Path("/proc/stat").read_text(encoding="utf-8").split("\n")[0].split()[1:]]
        except OSError:
            return None
        user, nice, system, _idle, _waiting, *rest = ticks[:8]
        busy = (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")
        return busy - sum(os.times()[:4]), time.monotonic()


def describe() -> dict[str, str]:
    """Facts by name."""
    fields = _cpu_fields()
    features = set((fields.get("flags") or fields.get("Features") or "").split())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        "features": " ".join(name for name in INTERESTING if name in features) or "unknown",
        "cores": str(cores),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }


def revision(root: Path) -> str:
    """The commit that is checked out, and whether something was changed since."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603

    try:
        changed = git("status", "--porcelain", "--", "facesearch", "migrations")
        return git("rev-parse", "--short=12", "HEAD") + (" with local changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _cpu_fields() -> dict[str, str]:
    """Name and value of each line of the first processor's entry; empty where the system has no such file."""
    try:
        entry = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in entry.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
