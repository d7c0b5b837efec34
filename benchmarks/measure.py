"""Run the measurements that ``sizing.py`` derives its table from, and keep what they say in ``measured.json``.

    python benchmarks/measure.py                                   # all but PostgreSQL's: half an hour
    python benchmarks/measure.py --only store-postgres --postgres postgresql+psycopg://user@host/an_empty_database

Every measurement is a command that anybody can run, and its JSON is kept as it came, with the day, the revision and how
busy others kept the machine. facesearch is the one that is installed for this Python.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent
MEASURED = HERE / "measured.json"
MILLION = 1_000_000


def _search(vectors: int, kind: str) -> str:
    return f"facesearch bench search --vectors {vectors} --index {kind} --json"


COMMANDS = {
    "compressed-250k": _search(MILLION // 4, "compressed"),
    "compressed-1m": _search(MILLION, "compressed"),
    "compressed-2m": _search(2 * MILLION, "compressed"),
    "inverted-250k": _search(MILLION // 4, "inverted"),
    "inverted-1m": _search(MILLION, "inverted"),
    "inverted-4m": _search(4 * MILLION, "inverted"),
    "photos": "facesearch bench stages --jobs 2 --json",
    "store-sqlite": "python benchmarks/store_size.py",
    "store-postgres": "python benchmarks/store_size.py --postgres URL",
}
"""The largest search of each kind derives nothing: the table's laws are held against it."""


def main() -> None:
    """Measure one after another, and write the file after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, metavar="NAME", help=f"some of {', '.join(COMMANDS)}")
    parser.add_argument("--postgres", metavar="URL", help="an empty database, for store-postgres")
    options = parser.parse_args()
    for name in options.only or COMMANDS:
        if "URL" in COMMANDS[name] and not options.postgres:
            sys.stderr.write(f"{name}: left as it is, for want of --postgres\n")
            continue
        sys.stderr.write(f"{name}: {COMMANDS[name]}\n")
        found = _run(COMMANDS[name], options.postgres)
        # Read anew each time, so that two of us may measure at once.
        held = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
        held[name] = found
        ordered = {one: held[one] for one in COMMANDS if one in held}
        MEASURED.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def _run(command: str, url: str | None) -> dict[str, object]:
    program, *words = [url or "" if word == "URL" else word for word in command.split()]
    if program == "facesearch":
        words = ["-m", "facesearch", *words]
    else:
        words[0] = str(HERE.parent / words[0])
    bystanders, begun = machine.Bystanders(), time.monotonic()
    done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"{command} failed")
    facts = machine.describe()
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "revision": machine.revision(HERE.parent),
        "machine": f"{facts['processor']}, {facts['cores']} cores, {facts['features']}",
        "seconds": round(time.monotonic() - begun),
        "others_cores": round(bystanders.cores() or 0.0, 1),
        "output": json.loads(done.stdout),
    }


if __name__ == "__main__":
    main()
