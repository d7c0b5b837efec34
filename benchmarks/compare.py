"""Photo to embeddings, side by side: facesearch, its reference engine, DeepFace and face_recognition.

See README.md in this folder. Standard library only: every engine runs in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import environments
import machine
import report
import running
from environments import Problem
from peers import OURS, PEERS
from photos import choose


def main() -> None:
    """Measure, print the table, and write what was asked for."""
    options = _options()
    done = _measured(options)
    sys.stdout.write(report.text(done))
    if options.json:
        options.json.write_text(json.dumps(report.as_json(done), indent=1) + "\n", encoding="utf-8")
    if options.write_report:
        Path(__file__).with_name("REPORT.md").write_text(report.markdown(done), encoding="utf-8")


def _measured(options: argparse.Namespace) -> report.Report:
    cache = options.cache.expanduser().resolve()
    names = list(dict.fromkeys([OURS, *options.peers]))
    revision = machine.revision(environments.ROOT)
    problems = running.make_environments(cache, names)
    found: dict[str, str] = {}
    if OURS not in problems:
        try:
            found = running.prepare(cache)
        except Problem as problem:
            problems |= {name: str(problem) for name in names if PEERS[name].environment == OURS}
    if not (options.photos or found):
        sys.exit(f"no sample photos without facesearch ({problems[OURS]}): name a folder with --photos")
    photos = choose((options.photos or Path(found["samples"])).expanduser(), options.limit)
    if not photos.paths:
        sys.exit("no JPEG or PNG photos there")
    for name in names:
        running.place_weights(cache, name, found, problems)
    modes = ["pinned", "unpinned"] if options.unpinned else ["pinned"]
    results = {mode: running.measure(cache, names, photos, problems, mode=mode, runs=options.runs) for mode in modes}
    return report.Report(
        command=_command(options, names),
        photos=photos,
        runs=options.runs,
        machine=machine.describe(),
        revision=revision,
        results=results,
        problems=problems,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photos to measure on (default: the 118 samples)")
    parser.add_argument("--limit", type=int, metavar="N", help="only N of them, spread evenly")
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=PEERS,
        default=[name for name in PEERS if name != "deepface-onnx"],
        metavar="PEER",
        help=f"who is measured beside facesearch: {', '.join(name for name in PEERS if name != OURS)}",
    )
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs of each peer, in turn (default: 3)")
    parser.add_argument("--unpinned", action="store_true", help="measure also with all cores and default threads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run there")
    parser.add_argument("--write-report", action="store_true", help="write REPORT.md beside this script")
    parser.add_argument(
        "--cache", type=Path, default=environments.default_cache(), metavar="DIR", help="where environments are kept"
    )
    return parser.parse_args()


def _command(options: argparse.Namespace, names: list[str]) -> str:
    """The command again, without paths of this machine."""
    parts = ["python", "benchmarks/compare.py"]
    parts += ["--photos", "DIR"] if options.photos else []
    parts += ["--limit", str(options.limit)] if options.limit else []
    parts += ["--peers", *names, "--runs", str(options.runs)]
    parts += ["--unpinned"] if options.unpinned else []
    return " ".join(parts)


if __name__ == "__main__":
    main()
