"""Photos into the gallery: the dedupe rule, commits in groups, enrolment by folder, pruning."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError, PhotoError
from facesearch.gallery import scanning
from facesearch.images.formats import decoder_version
from facesearch.pipeline import Analysis, analyse_many
from facesearch.store.values import NewPhoto
from facesearch.types import Failure, IndexReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facesearch.gallery.cache import IndexCache
    from facesearch.images.load import LoadedPhoto
    from facesearch.pipeline import FrontEnd
    from facesearch.store.store import Store
    from facesearch.store.values import FileStamp, KnownFile

    Progress = Callable[[int, int, str], None]
    """Called with photos done, photos to do, and the path of the last one."""

GROUP_PHOTOS = 32
GROUP_SECONDS = 2.0
"""A transaction is closed after this many photos or seconds, whichever comes first: what a kill can cost."""

PRUNE_LIMIT = 0.2
"""The share of the photos below the given folders that ``prune`` forgets without being told twice."""


@dataclass(slots=True)
class _Tally:
    added: int = 0
    skipped: int = 0
    no_face: int = 0
    faces: int = 0
    failed: list[Failure] = field(default_factory=list)
    interrupted: bool = False


def index_photos(
    store: Store,
    front_end: FrontEnd,
    cache: IndexCache,
    paths: list[Path],
    *,
    jobs: int | None,
    retry: bool,
    reprocess: bool,
    progress: Progress,
) -> IndexReport:
    """Index every photo at or below ``paths``; see ``Gallery.index``."""
    started = time.monotonic()
    store.use_recipe(front_end.recipe)
    cache.tidy()
    tally = _Tally()
    todo = list(_pending(store, front_end, paths, tally, retry=retry, reprocess=reprocess))
    progress(0, len(todo), "")
    try:
        _run(store, front_end, cache, todo, tally, jobs=jobs, reprocess=reprocess, progress=progress)
    except KeyboardInterrupt:
        tally.interrupted = True
    cache.save()
    return IndexReport(
        added=tally.added,
        skipped=tally.skipped,
        no_face=tally.no_face,
        faces=tally.faces,
        failed=tuple(tally.failed),
        seconds=time.monotonic() - started,
        interrupted=tally.interrupted,
    )


def _pending(
    store: Store, front_end: FrontEnd, paths: list[Path], tally: _Tally, *, retry: bool, reprocess: bool
) -> Iterator[FileStamp]:
    """Files with work left. Those that failed and are not tried again are reported again."""
    known: dict[Path, KnownFile] = {file.path: file for path in paths for file in store.files(path)}
    decoder = decoder_version()
    for stamp in scanning.stamps(store, paths):
        file = known.get(stamp.root / stamp.relative)
        if (
            file is None
            or reprocess
            or not file.is_current(stamp, recipe_key=front_end.recipe.key, decoder=decoder, retry=retry)
        ):
            yield stamp
        elif file.error is not None:
            tally.failed.append(Failure(str(file.path), file.error))
        else:
            tally.skipped += 1


def _run(
    store: Store,
    front_end: FrontEnd,
    cache: IndexCache,
    todo: list[FileStamp],
    tally: _Tally,
    *,
    jobs: int | None,
    reprocess: bool,
    progress: Progress,
) -> None:
    key = front_end.recipe.key

    def known(photo: LoadedPhoto) -> bool:
        return not reprocess and _known_photo(store, photo, key) is not None

    results = analyse_many(front_end, [stamp.root / stamp.relative for stamp in todo], jobs=jobs, known=known)
    group: list[tuple[FileStamp, Analysis | PhotoError]] = []
    opened = time.monotonic()
    done = 0
    try:
        for stamp, (path, result) in zip(todo, results, strict=True):
            group.append((stamp, result))
            if len(group) >= GROUP_PHOTOS or time.monotonic() - opened > GROUP_SECONDS:
                _write(store, front_end, group, tally, reprocess=reprocess)
                group, opened = [], time.monotonic()
                cache.save(force=False)
            done += 1
            progress(done, len(todo), str(path))
    finally:
        # Also on Ctrl-C: what is analysed is kept.
        results.close()
        _write(store, front_end, group, tally, reprocess=reprocess)


def _write(
    store: Store,
    front_end: FrontEnd,
    group: list[tuple[FileStamp, Analysis | PhotoError]],
    tally: _Tally,
    *,
    reprocess: bool,
) -> None:
    """One transaction; the tally counts only what was committed."""
    counted = replace(tally, failed=list(tally.failed))
    with store.writing():
        for stamp, result in group:
            if isinstance(result, PhotoError):
                store.add_failure(stamp, result.reason, decoder_version())
                counted.failed.append(Failure(str(result.path), result.reason))
            else:
                _write_photo(store, front_end, stamp, result, counted, reprocess=reprocess)
    for name in ("added", "skipped", "no_face", "faces", "failed"):
        setattr(tally, name, getattr(counted, name))


def _write_photo(
    store: Store, front_end: FrontEnd, stamp: FileStamp, result: Analysis, tally: _Tally, *, reprocess: bool
) -> None:
    photo = result.photo
    new = NewPhoto(photo.byte_hash, photo.pixel_hash, photo.width, photo.height, photo.orientation, photo.taken_at)
    known = None if reprocess else _known_photo(store, photo, front_end.recipe.key)
    if known is not None:
        # A copy, a moved file, or one whose metadata changed: the faces are known, only the place is new.
        store.seen(stamp, known, photo.byte_hash)
        if store.find_photo(photo.pixel_hash, orientation=photo.orientation) is None:
            store.turn_photo(new)
        tally.skipped += 1
        return
    store.add_photo(new, result.faces, result.vectors, front_end.recipe, stamp=stamp)
    tally.faces += len(result.faces)
    if result.faces:
        tally.added += 1
    else:
        tally.no_face += 1


def _known_photo(store: Store, photo: LoadedPhoto, recipe_key: str) -> int | None:
    """The photo with these stored pixels, or None where it must be analysed.

    A photo that showed no face while it lay on its side gets another try once its EXIF orientation is mended.
    """
    found = store.find_photo(photo.pixel_hash, recipe_key=recipe_key)
    if found is None:
        return None
    held = store.photo(found)
    return None if held.status == "no_face" and held.orientation != photo.orientation else found


def find_missing(store: Store, paths: list[Path]) -> tuple[list[KnownFile], int]:
    """Known files below the given folders that are gone, and how many are known there in all.

    Raises:
        ConfigError: a path is not a folder, or holds nothing at all (an unmounted drive looks like that).
    """
    known: dict[int, KnownFile] = {}
    for folder in paths:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder; only folders can be pruned")
        if next(folder.iterdir(), None) is None:
            raise ConfigError(
                f"{folder} is empty: an unmounted drive looks like this, so nothing is forgotten",
                hint="mount the drive and try again",
            )
        # By id: one of the folders may lie in another.
        known |= {file.id: file for file in store.files(folder)}
    missing = [file for file in known.values() if not file.path.exists()]
    return missing, len(known)


def prune(store: Store, missing: list[KnownFile], total: int, *, yes: bool) -> int:
    """Forget files that are gone, and those of their photos that no other file holds. Returns how many photos.

    Raises:
        ConfigError: that is more than ``PRUNE_LIMIT`` of the files, and ``yes`` was not said.
    """
    if total and len(missing) / total > PRUNE_LIMIT and not yes:
        raise ConfigError(
            f"{len(missing):,} of {total:,} photos are gone, more than {PRUNE_LIMIT:.0%}: nothing was forgotten",
            hint="if they really were deleted, say --yes",
        )
    with store.writing():
        store.delete_files([file.id for file in missing])
        held = {file.photo_id for file in missing}
        return store.delete_photos([photo for photo in store.photos_without_file() if photo in held])
