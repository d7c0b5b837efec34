"""Photos into the gallery: the dedupe rule, and commits in groups."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from facesearch.errors import PhotoError
from facesearch.gallery import scanning
from facesearch.gallery.interrupts import held_back
from facesearch.gallery.recipes import take_recipe
from facesearch.images.formats import decoder_version
from facesearch.pipeline import Analysis, analyse_many
from facesearch.store.values import NewAnalysis, NewPhoto
from facesearch.types import Failure, IndexReport, Remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facesearch.gallery.cache import Cache
    from facesearch.images.load import LoadedPhoto
    from facesearch.pipeline import FrontEnd
    from facesearch.store.store import Store
    from facesearch.store.values import FileStamp, KnownFile

    Progress = Callable[[int, int, str], None]
    """Called with photos done, photos to do, and the path of the last one."""

GROUP_PHOTOS = 32
GROUP_SECONDS = 2.0
"""A transaction is closed after this many photos or seconds, whichever comes first: what a kill can cost."""


@dataclass(slots=True)
class _Tally:
    added: int = 0
    skipped: int = 0
    no_face: int = 0
    faces: int = 0
    kept_out: int = 0
    failed: list[Failure] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    interrupted: bool = False


def index_photos(
    store: Store,
    front_end: FrontEnd,
    cache: Cache,
    paths: list[Path],
    *,
    jobs: int | None,
    retry: bool,
    reprocess: bool,
    instead_of: str | None,
    progress: Progress,
) -> IndexReport:
    """Index every photo at or below ``paths``; see ``Gallery.index``, and ``take_recipe`` for ``instead_of``."""
    started = time.monotonic()
    with store.writing():
        take_recipe(store, front_end.recipe, instead_of=instead_of)
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
        kept_out=tally.kept_out,
        failed=tuple(tally.failed),
        warnings=tuple(tally.warnings),
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
    cache: Cache,
    todo: list[FileStamp],
    tally: _Tally,
    *,
    jobs: int | None,
    reprocess: bool,
    progress: Progress,
) -> None:
    key = front_end.recipe.key

    def known(photo: LoadedPhoto) -> bool:
        held = None if reprocess else store.held([photo.pixel_hash]).get(photo.pixel_hash)
        return held is not None and held.is_current(key, photo.orientation)

    results = analyse_many(front_end, [stamp.root / stamp.relative for stamp in todo], jobs=jobs, known=known)
    group: list[tuple[FileStamp, Analysis | PhotoError]] = []
    opened = time.monotonic()
    done = 0
    try:
        for stamp, (path, result) in zip(todo, results, strict=True):
            group.append((stamp, result))
            if len(group) >= GROUP_PHOTOS or time.monotonic() - opened > GROUP_SECONDS:
                # Taken away first: what cannot be written is not tried again below.
                now, group, opened = group, [], time.monotonic()
                _write(store, front_end, now, tally, reprocess=reprocess)
                cache.save(force=False)
            done += 1
            progress(done, len(todo), str(path))
    finally:
        # Also on Ctrl-C: what is analysed is kept.
        results.close()
        _write(store, front_end, group, tally, reprocess=reprocess)


@held_back()
def _write(
    store: Store,
    front_end: FrontEnd,
    group: list[tuple[FileStamp, Analysis | PhotoError]],
    tally: _Tally,
    *,
    reprocess: bool,
) -> None:
    """One transaction; the tally counts only what was committed."""
    counted = replace(tally, failed=list(tally.failed), warnings=list(tally.warnings))
    with store.writing():
        take_recipe(store, front_end.recipe)
        analysed: list[tuple[FileStamp, Analysis]] = []
        for stamp, result in group:
            if isinstance(result, PhotoError):
                store.add_failure(stamp, result.reason, decoder_version())
                counted.failed.append(Failure(str(result.path), result.reason))
            else:
                analysed.append((stamp, result))
        while analysed:
            # Of several copies of a picture, the next is looked at when the one before is known.
            first = {result.photo.pixel_hash: stamp for stamp, result in reversed(analysed)}
            now = [pair for pair in analysed if first[pair[1].photo.pixel_hash] is pair[0]]
            _write_photos(store, front_end, now, counted, reprocess=reprocess)
            analysed = [pair for pair in analysed if first[pair[1].photo.pixel_hash] is not pair[0]]
    for name in ("added", "skipped", "no_face", "faces", "kept_out", "failed", "warnings"):
        setattr(tally, name, getattr(counted, name))


def new_analysis(stamp: FileStamp, result: Analysis) -> NewAnalysis:
    """What the store takes of a photo that was found at ``stamp`` and analysed."""
    photo = result.photo
    picture = NewPhoto(photo.byte_hash, photo.pixel_hash, photo.width, photo.height, photo.orientation, photo.taken_at)
    return NewAnalysis(picture, result.faces, result.vectors, stamp)


def _write_photos(
    store: Store, front_end: FrontEnd, analysed: list[tuple[FileStamp, Analysis]], tally: _Tally, *, reprocess: bool
) -> None:
    """No two of the same picture."""
    held = store.held([result.photo.pixel_hash for _, result in analysed])
    new: list[NewAnalysis] = []
    seen: list[tuple[FileStamp, int, str]] = []
    for stamp, result in analysed:
        photo = result.photo
        found = new_analysis(stamp, result)
        known = held.get(photo.pixel_hash)
        if not reprocess and known is not None and known.is_current(front_end.recipe.key, photo.orientation):
            # A copy, a moved file, or one whose metadata changed: the faces are known, only the place is new.
            seen.append((stamp, known.id, photo.byte_hash))
            if known.orientation != photo.orientation:
                store.turn_photo(found.photo)
        elif not result.skipped:
            # Else another process forgot the photo since it was looked up; the next run takes it in.
            new.append(found)
            tally.warnings += [Remark(str(stamp.root / stamp.relative), odd) for odd in photo.warnings]
    store.seen(seen)
    held_faces = store.add_photos(new, front_end.recipe)
    tally.skipped += len(seen)
    tally.faces += sum(len(ids) for ids in held_faces)
    tally.added += sum(bool(ids) for ids in held_faces)
    tally.kept_out += sum(len(ids) < len(one.faces) for ids, one in zip(held_faces, new, strict=True))
    tally.no_face += sum(not one.faces for one in new)
