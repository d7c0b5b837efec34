"""One pass of ``search_peers.py``: builds every index over the same vectors and asks each question of each in turn."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesearch.index import file
from facesearch.index.base import Stamp
from facesearch.index.registry import create_index
from facesearch.testing import synthetic_faces

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[np.ndarray], np.ndarray]
    """Answers one probe, (128,), with the ids of the ten nearest."""

K, DIM, PER_PERSON = 10, 128, 10
M, EF_BUILD, EF_SEARCH = 32, 200, 128
"""Of both graphs alike; what hnswlib and usearch are commonly run with, a little on the side of recall."""


def ours(kind: str) -> Callable[[np.ndarray, Path], tuple[Ask, int, str]]:
    """One of facesearch's kinds, as read from its file."""

    def build(vectors: np.ndarray, folder: Path) -> tuple[Ask, int, str]:
        index = create_index(kind, DIM)
        for start in range(0, len(vectors), 4096):
            some = vectors[start : start + 4096]
            index.add(np.arange(start, start + len(some)), some)
        path = folder / f"{kind}.index"
        file.save(index, path, Stamp("peers", "peers", "peers", 0))
        loaded, _ = file.load(path)
        return lambda probe: loaded.search(probe[None], K).ids[0], path.stat().st_size, "yes"

    return build


def with_numpy(vectors: np.ndarray, _: Path) -> tuple[Ask, int, str]:
    """A product with all, and ``argpartition``: the best that NumPy alone does."""

    def ask(probe: np.ndarray) -> np.ndarray:
        products = vectors @ probe
        some = np.argpartition(-products, K)[:K]
        return some[np.argsort(-products[some])]

    return ask, vectors.nbytes, "copy"


def with_hnswlib(vectors: np.ndarray, folder: Path) -> tuple[Ask, int, str]:
    """Hierarchical small worlds; a removed vector is only marked."""
    import hnswlib

    index = hnswlib.Index(space="ip", dim=DIM)
    index.init_index(max_elements=len(vectors), M=M, ef_construction=EF_BUILD, random_seed=0)
    index.set_num_threads(1)
    index.add_items(vectors, np.arange(len(vectors)))
    index.set_ef(EF_SEARCH)
    index.save_index(str(folder / "hnswlib"))
    return lambda probe: index.knn_query(probe[None], k=K)[0][0], (folder / "hnswlib").stat().st_size, "marks"


def with_usearch(vectors: np.ndarray, folder: Path) -> tuple[Ask, int, str]:
    """Hierarchical small worlds in float32; a removed vector is only marked."""
    from usearch.index import Index

    index = Index(
        ndim=DIM, metric="ip", dtype="f32", connectivity=M, expansion_add=EF_BUILD, expansion_search=EF_SEARCH
    )
    index.add(np.arange(len(vectors)), vectors, threads=1)
    index.save(str(folder / "usearch"))
    return (
        lambda probe: index.search(probe, K, threads=1).keys.astype(np.int64),
        (folder / "usearch").stat().st_size,
        "marks",
    )


def with_sqlite_vec(vectors: np.ndarray, folder: Path) -> tuple[Ask, int, str]:
    """A virtual table in SQLite, compared with in full."""
    import apsw
    import sqlite_vec

    # Python's own sqlite3 is often built without loadable extensions.
    connection = apsw.Connection(str(folder / "vec.sqlite"))
    connection.enable_load_extension(True)  # noqa: FBT003 - SQLite's own signature
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute(f"CREATE VIRTUAL TABLE faces USING vec0(embedding float[{DIM}])")
    with connection:
        rows = ((number, row.tobytes()) for number, row in enumerate(vectors))
        connection.executemany("INSERT INTO faces(rowid, embedding) VALUES (?, ?)", rows)
    query = "SELECT rowid FROM faces WHERE embedding MATCH ? AND k = ? ORDER BY distance"
    return (
        lambda probe: np.array([row[0] for row in connection.execute(query, (probe.tobytes(), K))]),
        (folder / "vec.sqlite").stat().st_size,
        "yes",
    )


BUILD = {
    "numpy": (with_numpy, "numpy"),
    **{kind: (ours(kind), "") for kind in ("flat", "compressed", "inverted")},
    "hnswlib": (with_hnswlib, "hnswlib"),
    "usearch": (with_usearch, "usearch"),
    "sqlite-vec": (with_sqlite_vec, "sqlite-vec"),
}


def main() -> None:
    """Read the request, measure, and print one line of JSON."""
    request = json.load(sys.stdin)
    vectors, probes = _faces(request["vectors"], request["queries"])
    found: dict[str, dict] = {}
    asks: dict[str, Ask] = {}
    with tempfile.TemporaryDirectory(prefix="facesearch-peers-") as name:
        for kind in request["kinds"]:
            sys.stderr.write(f"building {kind}\n")
            build, package = BUILD[kind]
            # The processor's time, which others on the machine lengthen less.
            begun = time.process_time()
            try:
                ask, size, removes = build(vectors, Path(name))
                ask(probes[0])
            except Exception as exc:  # noqa: BLE001 - one peer that fails does not end the others
                found[kind] = {"problem": f"{type(exc).__name__}: {exc}"}
                continue
            spent = time.process_time() - begun
            asks[kind] = ask
            said = version(package) if package else ""
            found[kind] = {"build_cpu_seconds": spent, "bytes": size, "removes": removes, "version": said}
        _measure(vectors, probes, asks, found)
        floor = found.pop("floor")["p50_ms"]
    facts = {"vectors": len(vectors), "queries": len(probes), "floor_ms": floor, "kinds": found}
    sys.stdout.write("\n" + json.dumps(facts) + "\n")


def _measure(vectors: np.ndarray, probes: np.ndarray, asks: dict[str, Ask], found: dict[str, dict]) -> None:
    """The processor's time and the recall of every question, each asked of everybody in turn."""
    times: dict[str, list[float]] = {kind: [] for kind in (*asks, "floor")}
    hits = dict.fromkeys(asks, 0)
    words = vectors.view(np.int64)
    for probe in probes:
        begun = time.process_time()
        words.max()
        times["floor"].append(time.process_time() - begun)
        products = vectors @ probe
        tenth = np.partition(products, -K)[-K] - 1e-6
        for kind, ask in asks.items():
            begun = time.process_time()
            ids = ask(probe)
            times[kind].append(time.process_time() - begun)
            hits[kind] += int(np.count_nonzero(products[ids] >= tenth))
    for kind, spent in times.items():
        found.setdefault(kind, {})["p50_ms"] = 1e3 * statistics.median(spent)
        found[kind]["p99_ms"] = 1e3 * float(np.quantile(spent, 0.99))
    for kind, count in hits.items():
        found[kind]["recall"] = count / (K * len(probes))


def _faces(vectors: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces to be held, ten of a person, and a further face of some of these people."""
    people = -(-vectors // PER_PERSON)
    asked = np.zeros(people, dtype=bool)
    asked[np.linspace(0, people - 1, min(queries, people)).astype(int)] = True
    rows, persons = synthetic_faces(people, (PER_PERSON + asked).tolist(), seed=1)
    further = np.append(persons[1:] != persons[:-1], True) & asked[persons]
    return np.ascontiguousarray(rows[~further][:vectors]), rows[further]


if __name__ == "__main__":
    main()
