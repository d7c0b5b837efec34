"""What faces from ten thousand to a billion take: bytes, machines, hours, questions a second, money.

    python benchmarks/sizing.py                                            # the tables of the README
    python benchmarks/sizing.py --memory 128 --cores 32 --price 1.20       # other machines; money by the hour
    python benchmarks/sizing.py --write README.md
    python benchmarks/sizing.py --photo-ms 180 --faces-per-photo 2.4       # your own photos (facesearch bench stages)

Reads ``measured.json``, which ``measure.py`` writes. Nothing else is assumed but how costs grow, said beside each
law in ``laws.py``, and two figures of Milvus' makers.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from laws import CHECKS, LAWS, MILLION, Measured

from facesearch.index.policy import kind_for
from facesearch.index.tuning import LADDER

MEASURED = Path(__file__).resolve().with_name("measured.json")
SIZES = (10_000, 100_000, MILLION, 10 * MILLION, 100 * MILLION, 1000 * MILLION)
DIM = 128
BEGIN, END = "<!-- python benchmarks/sizing.py -->\n", "<!-- end -->\n"
"""What stands before and after the tables in a README."""

MILVUS, MILVUS_SERVICES = 1.1 * 2**30 / MILLION, 163.5 * 2**30
"""Bytes of memory a face that HNSW takes in Milvus, and those of the services around it: what its makers' sizing tool
says of a million vectors of 128 dimensions (https://zilliz.com/sizing-tool, read 2026-11-27). Not measured here."""


def rows(measured: Measured, options: argparse.Namespace) -> list[list[str]]:
    """The main table's cells."""
    return [_row(measured, faces, options) for faces in SIZES]


def _row(measured: Measured, faces: int, options: argparse.Namespace) -> list[str]:
    name = kind_for(faces, DIM)
    kind = measured.kind(name)
    databases = [
        measured.database(store, faces, options.faces_per_photo) for store in ("store-sqlite", "store-postgres")
    ]
    # A new file is written beside the old one.
    local = kind.memory(faces) <= options.memory * 1e9 and 2 * kind.file(faces) + databases[0] <= options.disk * 1e12
    memory = kind.memory(faces) if local else MILVUS_SERVICES + MILVUS * faces
    machines = 1 if local else 1 + math.ceil(memory / (options.memory * 1e9))
    analysing = faces / options.faces_per_photo * options.photo_ms / 3.6e6 / (machines * options.cores)
    building = kind.build(faces) / 3600
    cells = [
        f"{faces:,}" + (" \\*" if faces > _measured_to(measured, name) else ""),
        name if local else "Milvus",
        " / ".join(size(database) for database in databases),
        size(kind.file(faces)) if local else "",
        size(memory),
        str(machines),
        hours(analysing),
        hours(building) if local else "not measured",
        f"{rate(1 / kind.ask(faces))} / {rate(1 / kind.batch(faces))}" if local else "not measured",
    ]
    return cells + _money(machines, analysing + (building if local else 0.0), options.price)


def _money(machines: int, once: float, price: float | None) -> list[str]:
    """What so many machines cost for the hours that are spent once, and for an hour of answering."""
    if price is None:
        return [f"{digits(machines * once)} p", f"{machines} p"]
    return [f"{machines * once * price:,.2f}", f"{machines * price:,.2f}"]


def _measured_to(measured: Measured, name: str) -> int:
    """The most faces that a kind was measured with."""
    return max(
        run["output"]["vectors"]
        for run in measured.runs.values()
        if any(one["kind"] == name for one in run["output"].get("kinds", ()))
    )


def forms(measured: Measured) -> list[list[str]]:
    """Bytes a face in each form: memory, disk, and where the figures are from."""
    found = []
    for name in LAWS:
        kind = measured.kind(name)
        found.append([f"index, {name}", f"{kind.memory.each:,.0f}", f"{kind.file.each:,.0f}", "250,000 and a million"])
    for name, label in (("store-sqlite", "SQLite"), ("store-postgres", "PostgreSQL")):
        store = measured.runs[name]["output"]
        also = f"{store['face_bytes']:,.0f}, and {store['photo_bytes']:,.0f} a photo"
        found.append([f"rows, {label}", "", also, f"{store['faces']:,} faces"])
    server = measured.runs["store-postgres"]["output"]
    for name, label in (("hnsw", "32 bits"), ("hnsw_half", "16 bits")):
        found.append(
            [f"index, pgvector, {label}", "", f"{server[name]['face_bytes']:,.0f}", f"{server['faces']:,} faces"]
        )
    found.append(["index, Milvus, HNSW", f"{MILVUS:,.0f}", "", "its makers' sizing tool; not measured here"])
    return found


def errors(measured: Measured) -> list[str]:
    """What the laws say beside the measurements that they were not made from."""
    said = []
    for name, check in CHECKS.items():
        if check not in measured.runs:
            continue
        kind, figures, faces = (
            measured.kind(name),
            measured.figures(check, name),
            measured.runs[check]["output"]["vectors"],
        )
        parts = [
            f"{label} {_more(getattr(kind, what)(faces) / figures[what])}"
            for what, label in (
                ("memory", "memory"),
                ("file", "file"),
                ("build", "building"),
                ("ask", "one question"),
                ("batch", "many at once"),
            )
        ]
        said.append(f"{name} at {faces:,} faces: {', '.join(parts)}")
    return said


def _more(ratio: float) -> str:
    """How much more or less than measured."""
    return f"{ratio - 1:+.0%}" if abs(ratio - 1) >= 0.005 else "as measured"


def _one_machine(measured: Measured, options: argparse.Namespace) -> str:
    """What one machine must have to do without Milvus."""
    faces = SIZES[-1]
    name = kind_for(faces, DIM)
    kind = measured.kind(name)
    disk = 2 * kind.file(faces) + measured.database("store-postgres", faces, options.faces_per_photo)
    return f"{faces:,} also fit one machine of {size(kind.memory(faces))} and {size(disk)} of disk ({name})."


def size(count: float) -> str:
    """Bytes to two digits, in decimal units."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= 0.995 * factor:
            return f"{digits(count / factor)} {unit}"
    return f"{digits(count / 1e3)} kB"


def hours(value: float) -> str:
    """A time in hours, minutes or seconds, to two digits."""
    if value >= 1:
        return f"{digits(value)} h"
    return f"{digits(60 * value)} min" if value >= 1 / 60 else f"{digits(3600 * value)} s"


def rate(value: float) -> str:
    """How many a second, to two digits."""
    return digits(value)


def digits(value: float) -> str:
    """A number to two digits."""
    if value <= 0:
        return "0"
    places = 1 - math.floor(math.log10(value))
    return f"{round(value, places):,.{max(0, places)}f}"


def table(head: tuple[str, ...], lines: list[list[str]]) -> str:
    """Markdown."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *lines)) + "\n"


def report(measured: Measured, options: argparse.Namespace) -> str:
    """All that is printed."""
    head = ("faces", "index", "database, SQLite / PostgreSQL", "index file", "memory", "machines", "analysing")
    head += ("building the index", "questions/s, one by one / many at once", "money, once", "money, an hour")
    return "\n".join(
        [
            table(head, rows(measured, options)),
            f"Machines of {options.memory:g} GB, {options.cores} cores and {options.disk:g} TB; "
            + ("p is the price of one for an hour." if options.price is None else f"{options.price:g} an hour each."),
            f"Photos of {options.faces_per_photo:.2f} faces, {options.photo_ms:.0f} ms of a core.",
            "All machines analyse; with Milvus one of them is the database's, and the others hold its services too.",
            "One thread builds and answers. Where the index file is larger than the memory left over, a question",
            f"also reads some {LADDER[0]} blocks of it from disk; that is not in these figures.",
            f"\\* beyond what was measured. {_one_machine(measured, options)}",
            f"Laws against measurements that they were not made from: {'; '.join(errors(measured))}.\n",
            table(("bytes a face", "memory", "disk", "measured with"), forms(measured)),
        ]
    )


def main() -> None:
    """Print the tables."""
    measured = Measured(MEASURED)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=float, default=64, metavar="GB", help="of a machine (default: 64)")
    parser.add_argument("--cores", type=int, default=16, metavar="N", help="of a machine (default: 16)")
    parser.add_argument("--disk", type=float, default=4, metavar="TB", help="of a machine (default: 4)")
    parser.add_argument("--price", type=float, metavar="P", help="of a machine an hour, in any currency")
    parser.add_argument("--photo-ms", type=float, default=measured.photo_ms, help="of one core (default: as measured)")
    parser.add_argument(
        "--faces-per-photo", type=float, default=measured.faces_per_photo, help="(default: as measured)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put them between the marks in a README instead")
    options = parser.parse_args()
    text = report(measured, options)
    if options.write is None:
        sys.stdout.write(text)
        return
    before, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
    options.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
