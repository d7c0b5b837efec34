"""Photos into the gallery: the dedupe rule, commits in groups, and the work shared with other machines."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError, PhotoError
from facesearch.gallery import scanning
from facesearch.gallery.interrupts import held_back
from facesearch.gallery.recipes import take_recipe
from facesearch.gallery.sharing import Shared
from facesearch.images.formats import decoder_version
from facesearch.pipeline import Analysis, analyse_many
from facesearch.store.values import NewAnalysis, NewPhoto
from facesearch.types import Failure, IndexReport, Remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facesearch.gallery.cache import Cache
    from facesearch.pipeline import FrontEnd, Runner
    from facesearch.store.store import Store
    from facesearch.store.values import FileStamp, KnownFile

    Progress = Callable[[int, int, str], None]
    """Called with photos done, photos to do, and the path of the last one."""

GROUP_PHOTOS = 32
GROUP_SECONDS = 2.0
"""A transaction is closed after this many photos or seconds, whichever comes first: what a kill can cost."""

POLL_SECONDS = 1.0
"""Seconds between two looks at photos that other machines are working on, once there is nothing else to do."""


@dataclass(slots=True)
class _Tally:
    new: list[FileStamp] = field(default_factory=list)
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
    runner: Runner,
    address: str | None,
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
    _expect(store, cache, tally.new)
    progress(0, len(todo), "")
    try:
        with store.claiming() as claims:
            shared = Shared(store, claims, front_end.recipe.key, reprocess)
            run = _Run(store, front_end, cache, shared, tally, jobs, runner, address, progress, len(todo))
            run.analyse(todo)
            run.await_others()
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
            if file is None:
                tally.new.append(stamp)
            yield stamp
        elif file.error is not None:
            tally.failed.append(Failure(str(file.path), file.error))
        else:
            tally.skipped += 1


def _expect(store: Store, cache: Cache, new: list[FileStamp]) -> None:
    """Refuse a run whose faces would not fit; see ``Cache.expect``."""
    try:
        cache.expect(len(new))
    except ConfigError:
        # Files that were moved, or copied with their time, are no new photos. All known files are a lot to read. This
        # is a guess: whatever has size and time of a known file counts as known, and copies among the new ones as new.
        known = store.stamps()
        fewer = [stamp for stamp in new if (stamp.size, stamp.mtime_ns) not in known]
        if len(fewer) == len(new):
            raise
        cache.expect(len(fewer))


@dataclass(slots=True)
class _Run:
    """Photos are analysed, written in groups, and shared with whoever indexes the same ones just now.

    Attributes:
        total: files to do; ``came`` of them have a result, and of those ``waiting`` must be looked at again.
        put_off: photos that were not analysed, because somebody else was at it, and that the gallery did not hold yet
            when it was last written to.
    """

    store: Store
    front_end: FrontEnd
    cache: Cache
    shared: Shared
    tally: _Tally
    jobs: int | None
    runner: Runner
    address: str | None
    progress: Progress
    total: int
    came: int = 0
    waiting: int = 0
    put_off: list[tuple[FileStamp, Analysis]] = field(default_factory=list)

    def analyse(self, todo: list[FileStamp]) -> None:
        """Analyse photos and write what was found."""
        paths = [stamp.root / stamp.relative for stamp in todo]
        known = self.shared.is_known
        results = analyse_many(
            self.front_end, paths, known=known, jobs=self.jobs, runner=self.runner, address=self.address
        )
        group: list[tuple[FileStamp, Analysis | PhotoError]] = []
        opened = time.monotonic()
        try:
            for stamp, (path, result) in zip(todo, results, strict=True):
                group.append((stamp, result))
                self.came += 1
                if isinstance(result, PhotoError):
                    self.shared.failed(path)
                elif self.shared.came(result.photo):
                    self.waiting += 1
                if len(group) >= GROUP_PHOTOS or time.monotonic() - opened > GROUP_SECONDS:
                    # Taken away first: what cannot be written is not tried again below.
                    now, group, opened = group, [], time.monotonic()
                    self.write(now)
                    self.cache.save(force=False)
                self.tell(str(path))
        finally:
            # Also on Ctrl-C: what is analysed is kept.
            results.close()
            if group:
                self.write(group)
        # What is left was claimed for photos that others wrote meanwhile, or that were not looked at to the end.
        self.shared.claims.tidy()

    def write(self, group: list[tuple[FileStamp, Analysis | PhotoError]]) -> None:
        """Write results, and the places of photos that were put off, where the gallery holds them now."""
        if group or self.put_off:
            everything = [*self.put_off, *group]
            self.put_off = _write(self.store, self.front_end, everything, self.tally, reprocess=self.shared.everything)
            self.waiting = len(self.put_off)

    def await_others(self) -> None:
        """Stay until nothing is put off: take in what others wrote, and analyse what they gave up."""
        while self.put_off:
            stamp = self.put_off[0][0]
            if self.shared.holds([result.photo for _, result in self.put_off]):
                self.write([])
            elif free := self._free():
                self.analyse(free)
            else:
                time.sleep(POLL_SECONDS)
            self.tell(str(stamp.root / stamp.relative))

    def _free(self) -> list[FileStamp]:
        """Take those photos that nobody is working on any more off ``put_off``."""
        theirs = self.shared.claims.theirs([result.photo.pixel_hash for _, result in self.put_off])
        free = [stamp for stamp, result in self.put_off if result.photo.pixel_hash not in theirs]
        self.put_off = [pair for pair in self.put_off if pair[1].photo.pixel_hash in theirs]
        self.came -= len(free)
        self.waiting -= len(free)
        return free

    def tell(self, path: str) -> None:
        """Tell how far this is."""
        self.progress(self.came - self.waiting, self.total, path)


@held_back()
def _write(
    store: Store,
    front_end: FrontEnd,
    group: list[tuple[FileStamp, Analysis | PhotoError]],
    tally: _Tally,
    *,
    reprocess: bool,
) -> list[tuple[FileStamp, Analysis]]:
    """One transaction; the tally counts only what was committed. Returns what must be looked at again: it was skipped
    and is not held, because somebody else is working on it, or forgot it since.
    """  # noqa: D205
    counted = replace(tally, failed=list(tally.failed), warnings=list(tally.warnings))
    put_off: list[tuple[FileStamp, Analysis]] = []
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
            put_off += _write_photos(store, front_end, now, counted, reprocess=reprocess)
            analysed = [pair for pair in analysed if first[pair[1].photo.pixel_hash] is not pair[0]]
    for name in ("added", "skipped", "no_face", "faces", "kept_out", "failed", "warnings"):
        setattr(tally, name, getattr(counted, name))
    return put_off


def new_analysis(stamp: FileStamp, result: Analysis) -> NewAnalysis:
    """What the store takes of a photo that was found at ``stamp`` and analysed."""
    photo = result.photo
    picture = NewPhoto(photo.byte_hash, photo.pixel_hash, photo.width, photo.height, photo.orientation, photo.taken_at)
    return NewAnalysis(picture, result.faces, result.vectors, stamp)


def _write_photos(
    store: Store, front_end: FrontEnd, analysed: list[tuple[FileStamp, Analysis]], tally: _Tally, *, reprocess: bool
) -> list[tuple[FileStamp, Analysis]]:
    """No two of the same picture. Returns those that must be looked at again."""
    held = store.held([result.photo.pixel_hash for _, result in analysed])
    new: list[NewAnalysis] = []
    seen: list[tuple[FileStamp, int, str]] = []
    put_off: list[tuple[FileStamp, Analysis]] = []
    for stamp, result in analysed:
        photo = result.photo
        found = new_analysis(stamp, result)
        known = held.get(photo.pixel_hash)
        if not reprocess and known is not None and known.is_current(front_end.recipe.key, photo.orientation):
            # A copy, a moved file, or one whose metadata changed: the faces are known, only the place is new.
            seen.append((stamp, known.id, photo.byte_hash))
            if known.orientation != photo.orientation:
                store.turn_photo(found.photo)
        elif result.skipped:
            put_off.append((stamp, result))
        else:
            new.append(found)
            tally.warnings += [Remark(str(stamp.root / stamp.relative), odd) for odd in photo.warnings]
    store.seen(seen)
    held_faces = store.add_photos(new, front_end.recipe)
    store.drop_claims([one.photo.pixel_hash for one in new])
    tally.skipped += len(seen)
    tally.faces += sum(len(ids) for ids in held_faces)
    tally.added += sum(bool(ids) for ids in held_faces)
    tally.kept_out += sum(len(ids) < len(one.faces) for ids, one in zip(held_faces, new, strict=True))
    tally.no_face += sum(not one.faces for one in new)
    return put_off
