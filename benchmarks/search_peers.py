"""Nearest faces, side by side: facesearch's indexes, hnswlib, usearch, sqlite-vec and NumPy on the same vectors.

Everything is asked the same questions, in turn, on one thread; recall is against exact search. Times are those of the
processor, which others on the machine lengthen less than what a clock shows. The vectors are
``facesearch.testing.synthetic_faces``, which lie as real embeddings do. The environment is made when it is missing, as
for ``compare.py``. A million vectors take half an hour, nearly all of it the building of the peers' graphs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import environments
import machine
from environments import Problem

ENVIRONMENT = "search"
WORKER = Path(__file__).resolve().parent / "workers" / "search_peer.py"
KINDS = ("numpy", "flat", "compressed", "inverted", "hnswlib", "usearch", "sqlite-vec")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
COLUMNS = ("", "build, CPU", "file", "median", "99 %", "times flat", "recall@10", "removes")


def main() -> None:
    """Measure, and print a table."""
    options = _options()
    try:
        environments.ensure(options.cache, ENVIRONMENT)
    except (Problem, OSError) as problem:
        sys.exit(f"cannot be measured: {environments.public(str(problem))}")
    request = {"vectors": options.vectors, "queries": options.queries, "kinds": options.kinds}
    bystanders = machine.Bystanders()
    run = subprocess.run(  # noqa: S603 - our own script and environment
        [str(environments.python_of(options.cache, ENVIRONMENT)), str(WORKER)],
        input=json.dumps(request),
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=options.cache,
    )
    if run.returncode:
        sys.exit("the measurement failed")
    result = {**json.loads(run.stdout.strip().splitlines()[-1]), "others_cores": bystanders.cores()}
    sys.stdout.write(_table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=100_000, metavar="N", help="faces (default: 100000)")
    parser.add_argument("--queries", type=int, default=200, metavar="N", help="questions (default: 200)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="what is measured (all)")
    parser.add_argument("--cache", type=Path, default=environments.default_cache(), help="where environments are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser.parse_args()


def _table(result: dict) -> str:
    flat = result["kinds"].get("flat", {}).get("p50_ms")
    heading = (
        f"{result['vectors']:,} faces, {result['queries']:,} questions, one thread; reading all vectors once takes "
        f"{result['floor_ms']:.1f} ms; others kept {result['others_cores']:.1f} cores busy"
    )
    lines = [heading, "", "| " + " | ".join(COLUMNS) + " |", "| " + " | ".join("---" for _ in COLUMNS) + " |"]
    for kind, one in result["kinds"].items():
        if "problem" in one:
            lines.append(f"| {kind} | {environments.public(one['problem'])} |")
            continue
        cells = (
            f"{kind} {one['version']}".strip(),
            f"{one['build_cpu_seconds']:.1f} s",
            f"{one['bytes'] / 1e6:,.0f} MB",
            f"{one['p50_ms']:.2f} ms",
            f"{one['p99_ms']:.2f} ms",
            f"{one['p50_ms'] / flat:.2f}" if flat else "",
            f"{one['recall']:.4f}",
            one["removes"],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
