"""Running the peers: make what they need, then measure them in turn."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import environments
import machine
from environments import Problem
from peers import OURS, PEERS, Peer

if TYPE_CHECKING:
    from photos import PhotoSet

WORKERS = Path(__file__).resolve().parent / "workers"
WARM_UP = 2
TIME_LIMIT = 3600
"""Seconds that one run of one peer may take."""

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def make_environments(cache: Path, names: list[str]) -> dict[str, str]:
    """Why peers cannot be measured, by name; nothing for those that can."""
    problems: dict[str, str] = {}
    for environment in dict.fromkeys(PEERS[name].environment for name in names):
        try:
            environments.ensure(cache, environment)
        except (Problem, OSError) as problem:
            problems |= {
                name: environments.public(str(problem)) for name in names if PEERS[name].environment == environment
            }
    return problems


def prepare(cache: Path) -> dict[str, str]:
    """Paths of the sample photos and of the weights in two forms; fetched where this machine has none yet."""
    return _worker(cache, OURS, "prepare.py", {}, dict(os.environ), prefix=[])


def place_weights(cache: Path, name: str, found: dict[str, str], problems: dict[str, str]) -> None:
    """Put the very weights that facesearch uses where DeepFace looks for its own, so that it downloads none."""
    weights = PEERS[name].weights
    if weights is None or name in problems:
        return
    if not found:
        problems[name] = "its weights come through facesearch, which is missing"
        return
    target = _deepface_home(cache) / ".deepface" / "weights" / weights[0]
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(found[weights[1]], target)


def _deepface_home(cache: Path) -> Path:
    return cache / "deepface-home"


def measure(
    cache: Path, names: list[str], photos: PhotoSet, problems: dict[str, str], *, mode: str, runs: int
) -> dict[str, list[dict[str, Any]]]:
    """Results of every run by peer, measured in turn: A B C A B C. Who fails is out, with the reason in ``problems``.

    Args:
        cache: where the environments are.
        names: peers.
        photos: what they work on.
        problems: why peers are not measured, by name; added to.
        mode: "pinned", one core and one thread, or "unpinned", all cores and everybody's default threads.
        runs: of each peer.
    """
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for run in range(runs):
        for name in names:
            if name in problems:
                continue
            try:
                result = _run(cache, PEERS[name], photos, pinned=mode == "pinned")
            except Problem as problem:
                problems[name] = str(problem)
                continue
            results[name].append(result)
            each = 1000 * result["cpu_seconds"] / result["photos"]
            sys.stderr.write(f"{mode}, run {run + 1} of {runs}, {name}: {each:.1f} ms of CPU a photo\n")
    return results


def _run(cache: Path, peer: Peer, photos: PhotoSet, *, pinned: bool) -> dict[str, Any]:
    request = {
        "photos": photos.paths,
        "warm_up": photos.paths[:WARM_UP],
        "cores": 1 if pinned else None,
        **peer.request,
    }
    variables = {name: value for name, value in os.environ.items() if name not in (*THREAD_VARIABLES, "PYTHONPATH")}
    variables.update(peer.variables, DEEPFACE_HOME=str(_deepface_home(cache)), TF_CPP_MIN_LOG_LEVEL="3")
    if pinned:
        variables.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    bystanders = machine.Bystanders()
    prefix = _pin() if pinned else []
    result = _worker(cache, peer.environment, peer.worker, request, variables, prefix=prefix)
    return {**result, "others_cores": bystanders.cores()}


def _pin() -> list[str]:
    """The start of a command that keeps it on one core, where the system can."""
    if shutil.which("taskset") is None or not hasattr(os, "sched_getaffinity"):
        return []
    return ["taskset", "-c", str(max(os.sched_getaffinity(0)))]


def _worker(
    cache: Path, environment: str, script: str, request: dict[str, Any], variables: dict[str, str], *, prefix: list[str]
) -> dict[str, Any]:
    """Run a worker and read the last line it prints."""
    command = [*prefix, str(environments.python_of(cache, environment)), str(WORKERS / script)]
    try:
        run = subprocess.run(  # noqa: S603 - our own scripts and environments
            command,
            input=json.dumps(request),
            env=variables,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
            cwd=cache,
        )
    except subprocess.TimeoutExpired:
        raise Problem(f"took more than {TIME_LIMIT} s") from None
    if run.returncode:
        sys.stderr.write(run.stderr[-4000:])
        raise Problem("failed: " + environments.public((run.stderr.strip().splitlines() or ["no message"])[-1]))
    result: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return result
