"""One measurement in a process of its own: ``python -m facesearch.bench.child stages|index|arithmetic …``.

It prints lines of JSON: how many photos are done, and at last what was measured.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesearch.bench.arithmetic import measure_arithmetic
from facesearch.bench.stages import STAGES
from facesearch.errors import FacesearchError, PhotoError
from facesearch.gallery import scanning
from facesearch.gallery.cache import IndexCache
from facesearch.gallery.gallery import Gallery
from facesearch.gallery.indexing import GROUP_PHOTOS, new_analysis
from facesearch.gallery.opening import DEFAULT_INDEX
from facesearch.images.formats import is_photo
from facesearch.pipeline import Scope, analyse_many, make_front_end
from facesearch.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facesearch.pipeline import Analysis, FrontEnd
    from facesearch.store.values import FileStamp

WARM_UP = 2
"""Photos that are analysed before the clock runs: networks are loaded by the first."""


def measure_stages(front_end: FrontEnd, folder: Path) -> dict[str, Any]:
    """CPU milliseconds a photo by stage; see ``Stages``.

    Args:
        front_end: with networks on one thread, or their work is not all on the thread whose time is taken.
        folder: where the photos are.
    """
    seconds = dict.fromkeys(STAGES, 0.0)
    photos = faces = 0
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "gallery") as store:
        store.use_recipe(front_end.recipe)
        cache = IndexCache(store, front_end.recipe, engine=DEFAULT_INDEX)
        cache.fresh()  # loads FAISS, which is no work on photos
        results = _first_copies(front_end, list(scanning.stamps(store, [folder])))
        while group := list(islice(results, GROUP_PHOTOS)):
            photos += len(group)
            for _, result in group:
                faces += len(result.faces)
                for stage, spent in result.seconds.items():
                    seconds[stage] += spent
            with _timed(seconds):
                _store(store, front_end, group)
        with _timed(seconds):
            cache.save()
    ms = {stage: 1e3 * spent / max(photos, 1) for stage, spent in seconds.items()}
    precision = dict(front_end.recipe.settings).get("embedder_precision", "fp32")
    return {"photos": photos, "faces": faces, "precision": precision, "ms": ms}


def measure_index(front_end: FrontEnd, folder: Path, jobs: int) -> dict[str, Any]:
    """Photos and faces of one ``index`` run into an empty gallery, its wall seconds, and this process's peak of memory.

    Args:
        front_end: what analyses them.
        folder: where the photos are.
        jobs: photos at once.
    """
    _warm_up(front_end, folder)
    with tempfile.TemporaryDirectory() as name, Gallery.open(name) as gallery:
        gallery.use(front_end)
        report = gallery.index(folder, jobs=jobs, progress=_say_progress)
    return {
        "photos": report.added + report.no_face + len(report.failed),
        "faces": report.faces,
        "seconds": report.seconds,
        "peak_bytes": _peak_bytes(jobs),
    }


def _first_copies(front_end: FrontEnd, stamps: list[FileStamp]) -> Iterator[tuple[FileStamp, Analysis]]:
    """Every photo that can be used, analysed one after another; of copies the first."""
    paths = [stamp.root / stamp.relative for stamp in stamps]
    list(analyse_many(front_end, paths[:WARM_UP], jobs=1))
    seen: set[str] = set()
    for done, (stamp, (_, result)) in enumerate(zip(stamps, analyse_many(front_end, paths, jobs=1), strict=True), 1):
        _say_progress(done, len(stamps), "")
        if not isinstance(result, PhotoError) and result.photo.pixel_hash not in seen:
            seen.add(result.photo.pixel_hash)
            yield stamp, result


def _store(store: Store, front_end: FrontEnd, group: list[tuple[FileStamp, Analysis]]) -> None:
    """What ``index`` does with a group of new photos."""
    store.add_photos([new_analysis(stamp, result) for stamp, result in group], front_end.recipe)


@contextmanager
def _timed(seconds: dict[str, float]) -> Iterator[None]:
    begun = time.thread_time()
    yield
    seconds["store"] += time.thread_time() - begun


def _warm_up(front_end: FrontEnd, folder: Path) -> None:
    photos = sorted(path for path in folder.rglob("*") if is_photo(path))
    list(analyse_many(front_end, photos[:WARM_UP], jobs=1))


def _peak_bytes(jobs: int) -> int:
    """See ``Throughput``."""
    own, worker = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * (own + jobs * worker)


def _say_progress(done: int, total: int, _: str) -> None:
    _say({"done": done, "total": total})


def _say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _main(what: str, folder: str = "", jobs: str = "1") -> None:
    try:
        if what == "arithmetic":
            _say(asdict(measure_arithmetic()))
            return
        front_end = make_front_end(scope=Scope(threads=1))
        if what == "stages":
            _say(measure_stages(front_end, Path(folder)))
        else:
            _say(measure_index(front_end, Path(folder), int(jobs)))
    except FacesearchError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    _main(*sys.argv[1:])
