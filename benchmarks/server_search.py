"""Nearest faces of one gallery in PostgreSQL: by pgvector in three ways, and by this machine's own index beside it.

    OMP_NUM_THREADS=1 python benchmarks/server_search.py --postgres postgresql+psycopg://user@host/an_empty_database

The faces are those of ``facesearch bench search``, each question a further face of somebody who is in it, asked one at
a time of every index in turn; recall is that of the ten nearest against exact search. What answers is the gallery
itself: the way to the server, and looking whether anything changed, are in the times. The database must be empty, and
is left full.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time

import machine
import numpy as np
import sqlalchemy as sa
from store_size import FACE, GROUP

from facesearch.bench.search_child import _faces as faces
from facesearch.gallery.cache import FILE_NAME, IndexCache
from facesearch.gallery.server_index import ServerCache
from facesearch.pipeline import make_front_end
from facesearch.store import NewAnalysis, NewPhoto, Store

NEIGHBOURS = 10


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", metavar="URL", required=True, help="an empty database")
    parser.add_argument("--vectors", type=int, default=100_000, metavar="N", help="faces (default: 100000)")
    parser.add_argument("--queries", type=int, default=200, metavar="N", help="questions (default: 200)")
    options = parser.parse_args()
    recipe, bystanders = make_front_end().recipe, machine.Bystanders()
    with Store.open(options.postgres) as store:
        begun, numbers, asked = time.perf_counter(), itertools.count(), []
        for rows, further in faces(options.vectors, options.queries):
            asked.append(further)
            for start in range(0, len(rows), GROUP):
                group = [_analysis(next(numbers), row) for row in rows[start : start + GROUP]]
                store.add_photos(group, recipe)
        found = {"vectors": options.vectors, "queries": options.queries, "write_seconds": time.perf_counter() - begun}
        caches = {
            "full": ServerCache(store.vector_table(recipe), tell=_tell),
            "half": ServerCache(store.vector_table(recipe, half=True), tell=_tell),
            "compressed": IndexCache(store, recipe, engine="compressed"),
        }
        found |= {name: _built(cache) for name, cache in caches.items()}
        for name in ("full", "half"):
            found[name]["bytes"] = _size(options.postgres, store.vector_table(recipe, half=name == "half").graph.name)
        found["compressed"]["bytes"] = (store.folder / FILE_NAME).stat().st_size
        _ask(np.concatenate(asked), caches, found)
    found["others_cores"] = bystanders.cores()
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def _analysis(number: int, row: np.ndarray) -> NewAnalysis:
    return NewAnalysis(NewPhoto(f"b{number}", f"p{number}", 4032, 3024), [FACE], row[None])


def _built(cache: ServerCache | IndexCache) -> dict:
    begun = time.perf_counter()
    cache.save()
    about = cache.fresh().about()
    return {"build_seconds": time.perf_counter() - begun, "tuned": about.recall, "candidates": about.candidates}


def _size(url: str, name: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT pg_relation_size(:name)"), {"name": f'"{name}"'}).scalar_one())


def _ask(questions: np.ndarray, caches: dict, found: dict) -> None:
    """Times and recall of each, and of comparing with everything."""
    ways = {"exact": lambda probe: caches["full"].search(probe, NEIGHBOURS, exact=True)}
    ways |= {name: lambda probe, cache=cache: cache.search(probe, NEIGHBOURS) for name, cache in caches.items()}
    times, hits = {name: [] for name in ways}, {name: [] for name in ways}
    for row in range(len(questions)):
        for name, way in ways.items():
            begun = time.perf_counter()
            hits[name].append(way(questions[row : row + 1]).distances[0])
            times[name].append(time.perf_counter() - begun)
    truth = np.array(hits["exact"])[:, -1:]
    for name in ways:
        said = {"p50_ms": 1e3 * statistics.median(times[name]), "recall": float(np.mean(np.array(hits[name]) <= truth))}
        found[name] = {**found.get(name, {}), **said}


if __name__ == "__main__":
    main()
