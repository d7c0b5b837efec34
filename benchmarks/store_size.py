"""How many bytes a photo and a face take in a gallery's database, and the approximate index of a server.

    python benchmarks/store_size.py [--postgres postgresql+psycopg://user@host/an_empty_database]

An empty gallery gets photos of one face, then as many of three, through the same call that ``index`` makes; what the
database grew by each time tells a photo from a face. Vectors are ``facesearch.testing.synthetic_faces``. A server's
database must be empty, and is left full; pgvector's index is built there twice, with numbers of 32 and of 16 bits.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from facesearch.pipeline import make_front_end
from facesearch.store import FileStamp, NewAnalysis, NewPhoto, Store
from facesearch.testing import synthetic_faces
from facesearch.types import Box, Face, Landmarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facesearch.types import Recipe

GROUP = 500
"""Photos of a transaction."""

MORE = 3
"""Faces of the second half's photos."""

FACE = Face(
    box=Box(1011.4, 702.8, 1420.9, 1240.1),
    confidence=0.99931,
    quality=0.8123,
    landmarks=Landmarks((1112.3, 905.1), (1301.7, 899.6), (1207.2, 1012.8), (1130.4, 1102.5), (1290.6, 1098.3)),
)
"""Numbers take as many bytes whatever they are."""


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", metavar="URL", help="measure there; default: a folder with SQLite")
    parser.add_argument("--photos", type=int, default=20_000, metavar="N", help="of each half (default: 20000)")
    options = parser.parse_args()
    recipe = make_front_end().recipe
    if options.postgres:
        found = _server(options.postgres, options.photos, recipe)
    else:
        with tempfile.TemporaryDirectory() as name:
            found = _grown(name, options.photos, recipe, lambda: _bytes_of_folder(Path(name)))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def _grown(place: str, photos: int, recipe: Recipe, size_of: Callable[[], int]) -> dict[str, float]:
    Store.open(place).close()
    sizes, spent = [size_of()], 0.0
    numbers = itertools.count()
    for faces in (1, MORE):
        groups = list(_analyses(numbers, photos, faces))
        begun = time.perf_counter()
        with Store.open(place) as store:
            for group in groups:
                store.add_photos(group, recipe)
        spent += time.perf_counter() - begun
        sizes.append(size_of())
    one, more = sizes[1] - sizes[0], sizes[2] - sizes[1]
    return {
        "photos": 2 * photos,
        "faces": (1 + MORE) * photos,
        "empty_bytes": sizes[0],
        "photo_bytes": (one * MORE - more) / (MORE - 1) / photos,
        "face_bytes": (more - one) / (MORE - 1) / photos,
        "write_seconds": spent,
    }


def _analyses(numbers: Iterator[int], photos: int, faces: int) -> Iterator[list[NewAnalysis]]:
    """What ``index`` found in photos, a transaction's worth at a time."""
    vectors, _ = synthetic_faces(photos, faces, seed=faces)
    for start in range(0, photos, GROUP):
        group = []
        for photo in range(start, min(start + GROUP, photos)):
            number = next(numbers)
            byte_hash, pixel_hash = (hashlib.sha256(f"{kind}{number}".encode()).hexdigest() for kind in "bp")
            stamp = FileStamp(
                Path("/pictures"), f"{1990 + number % 35}/{number % 12:02}/IMG_{number:06}.jpg", 3_000_000, 1
            )
            new = NewPhoto(byte_hash, pixel_hash, 4032, 3024, 1, "2019-07-14T16:03:21")
            group.append(NewAnalysis(new, [FACE] * faces, vectors[photo * faces : (photo + 1) * faces], stamp))
        yield group


def _bytes_of_folder(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _server(url: str, photos: int, recipe: Recipe) -> dict[str, object]:
    engine = sa.create_engine(url)

    def size_of(relations: str = "relkind = 'r' AND relnamespace = current_schema::regnamespace") -> int:
        query = f"SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE {relations}"  # noqa: S608
        with engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one())

    found: dict[str, object] = {**_grown(url, photos, recipe, size_of)}
    for half, name in ((False, "hnsw"), (True, "hnsw_half")):
        with Store.open(url) as store:
            table = store.vector_table(recipe, half=half)
            begun = time.perf_counter()
            with table.building() as builder:
                builder.make((1 + MORE) * photos)
            spent = time.perf_counter() - begun
        size = size_of(f"relname = '{table.graph.name}'")
        found[name] = {"face_bytes": size / ((1 + MORE) * photos), "build_seconds": spent}
    engine.dispose()
    return found


if __name__ == "__main__":
    main()
