"""A virtual environment for each peer, made when it is missing or when what it should hold has changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from peers import INSTALLS, OURS, WITH_CHECKOUT

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
STAMP = "benchmark-stamp.json"


class Problem(Exception):  # noqa: N818 - it is told in the table, not raised at a user
    """A peer cannot be measured; the message says why, without addresses or paths of this machine."""


def default_cache() -> Path:
    """Where environments are kept, outside of the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facesearch-benchmarks"


def public(text: str) -> str:
    """A message without addresses and absolute paths, on one line."""
    without = re.sub(r"\w+://\S+|(?<![\w.])/[\w.@+~/-]+", "…", text)
    return " ".join(without.split())[:200]


def python_of(cache: Path, name: str) -> Path:
    """The interpreter of an environment."""
    return cache / name / "bin" / "python"


def ensure(cache: Path, name: str) -> None:
    """Make an environment, or bring the one that is there up to date. facesearch is built and installed each time.

    Raises:
        Problem: it cannot be made.
    """
    # Peers that work on our vectors live beside us.
    installs = (_dependencies(),) if name == OURS else INSTALLS[name]
    if name in WITH_CHECKOUT:
        installs = (_dependencies(), *installs)
    wanted = [sys.version, repr(installs), CONSTRAINTS.read_text(encoding="utf-8")]
    stamp = cache / name / STAMP
    held = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else [None]
    if held != wanted:
        sys.stderr.write(f"making the environment of {name} (minutes, once)\n")
        cache.mkdir(parents=True, exist_ok=True)
        if held[0] != sys.version or not python_of(cache, name).exists():
            _run([sys.executable, "-m", "venv", "--clear", str(cache / name)])
        for arguments in installs:
            _pip(cache, name, "install", "-c", str(CONSTRAINTS), *arguments)
        stamp.write_text(json.dumps(wanted), encoding="utf-8")
    if name == OURS or name in WITH_CHECKOUT:
        _install_checkout(cache, name)


def _dependencies() -> tuple[str, ...]:
    """What the checkout's wheel needs to be built and to run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return (*project["dependencies"], "hatchling")


def _install_checkout(cache: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _pip(cache, name, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, str(ROOT))
        wheels = [str(wheel) for wheel in Path(folder).glob("*.whl")]
        _pip(cache, name, "install", "--no-deps", "--force-reinstall", *wheels)


def _pip(cache: Path, name: str, *arguments: str) -> None:
    _run([str(python_of(cache, name)), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments])


def _run(command: list[str]) -> None:
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    if run.returncode:
        sys.stderr.write(run.stdout)
        errors = [line for line in run.stdout.splitlines() if "error" in line.lower()] or run.stdout.splitlines()
        raise Problem("could not be installed: " + public(errors[-1] if errors else "no message"))
