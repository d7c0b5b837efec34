"""Many photos side by side: results in order, memory bounded."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal, get_args

from facesearch.detection.plugged import DetectionError
from facesearch.errors import ConfigError, FacesearchError, ModelError, PhotoError, TooLargeError, UnreadableError
from facesearch.images.files import NO_FILE
from facesearch.images.load import without_pixels
from facesearch.models.runtime import cores
from facesearch.pipeline.front_end import Analysis, Cropped
from facesearch.pipeline.process import NotSendableError
from facesearch.pipeline.workers import HOPELESS, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from facesearch.images.load import LoadedPhoto
    from facesearch.pipeline.front_end import FrontEnd

    Results = Generator[tuple[Path, Analysis | PhotoError]]

Runner = Literal["local", "ray"]
RUNNERS: tuple[Runner, ...] = get_args(Runner)

PAYS = 16
"""Photos a worker from which it is started: until its models are loaded it takes as long as for about ten photos
(0.7 s of CPU time against 0.07 s), so fewer would save next to nothing."""

AT_ONCE = 8
"""Photos that are embedded together at most: what Ctrl-C can cost, and how often progress moves."""

CROPS_AT_ONCE = 16
"""Crops from which photos are embedded without waiting for more: a full batch of the embedder."""


def analyse_many(
    front_end: FrontEnd,
    paths: Iterable[Path],
    *,
    jobs: int | None = None,
    known: Callable[[LoadedPhoto], bool] | None = None,
    keep_crops: bool = False,
    runner: Runner = "local",
    address: str | None = None,
) -> Results:
    """Analyse photos side by side; results come in the order of ``paths`` and are the same, whatever ``jobs`` is.

    Photos are read a bounded number ahead, so memory does not grow with their number. A photo that cannot be used
    comes as its error, also one that kills the process that reads it; an error of the models ends the iteration. So
    does a detector of the user's own that fails on the first ``HOPELESS`` photos it is given, and on no fewer.

    Few photos, below ``PAYS`` a worker, are analysed in this process; so are all where the front end cannot be
    sent to another one, or is to stay alone on a card. With Ray, all are analysed by its workers, which must find the
    photos at the same paths.

    Args:
        front_end: what analyses them.
        paths: photos.
        jobs: worker processes; None for one a core, 1 for this process alone.
        known: see ``FrontEnd.look``; asked in this process, about a photo without its pixels.
        keep_crops: whether results hold the crops; else those are empty.
        runner: where: "local", or "ray" for the machines of a Ray cluster.
        address: the cluster; None for a Ray of our own on this machine.

    Raises:
        ModelError: the models cannot be used.
        ConfigError: worker processes cannot be started, or Ray cannot be used.
    """
    check_runner(runner, address)
    if runner == "ray":
        results = _by_ray(front_end, paths, address, jobs, known, keep_crops=keep_crops)
    else:
        results = _here(front_end, paths, jobs, known, keep_crops=keep_crops)
    failed, worked = 0, False
    with closing(results):
        for path, result in results:
            worked |= isinstance(result, Analysis) and not result.skipped
            if isinstance(result, DetectionError) and not worked:
                failed += 1
                if failed == HOPELESS:
                    raise _useless(result)
            yield path, result


def _here(
    front_end: FrontEnd,
    paths: Iterable[Path],
    jobs: int | None,
    known: Callable[[LoadedPhoto], bool] | None,
    *,
    keep_crops: bool,
) -> Results:
    wanted = 1 if front_end.alone else jobs or cores()
    source = iter(paths)
    first = list(islice(source, wanted * PAYS)) if wanted > 1 else []
    photos = chain(first, source)
    task = _Analyse(front_end, asks=known is not None, keep_crops=keep_crops)
    ask = known or (lambda _: False)
    count = min(wanted, len(first) // PAYS)
    if count > 1:
        try:
            workers = Workers(task, count, answer=ask, lost=_lost)
        except NotSendableError:
            pass
        else:
            with workers:
                yield from workers.run(photos)
            return
    while chunk := list(islice(photos, AT_ONCE)):
        yield from zip(chunk, task(chunk, ask), strict=True)


def check_runner(runner: str, address: str | None) -> None:
    """Refuse what cannot be meant, before any work.

    Raises:
        ConfigError: there is no such runner, or an address without Ray.
    """
    if runner not in RUNNERS:
        raise ConfigError(f"no runner {runner!r}", hint=f"runners: {', '.join(RUNNERS)}")
    if address is not None and runner != "ray":
        raise ConfigError("an address is that of a Ray cluster", hint="say --runner ray too")


def _by_ray(
    front_end: FrontEnd,
    paths: Iterable[Path],
    address: str | None,
    jobs: int | None,
    known: Callable[[LoadedPhoto], bool] | None,
    *,
    keep_crops: bool,
) -> Results:
    from facesearch.pipeline.ray_runner import ray_crew

    if front_end.alone:
        raise ConfigError("Ray workers run networks on processors, not on a card", hint="say --device cpu")
    source = iter(paths)
    first = list(islice(source, 1))
    if not first:
        return
    task = _Analyse(front_end, asks=known is not None, keep_crops=keep_crops)
    ask = known or (lambda _: False)
    with ray_crew(address, jobs) as crew, Workers(task, crew.count, answer=ask, lost=_lost, crew=crew) as workers:
        for path, result in workers.run(chain(first, source)):
            yield path, _not_there(path) if _is_missed(path, result) else result


def _is_missed(path: Path, result: Analysis | PhotoError) -> bool:
    """Whether a worker did not find what lies here."""
    return isinstance(result, UnreadableError) and result.reason == NO_FILE and path.exists()


def _not_there(path: Path) -> PhotoError:
    return UnreadableError(path, "no such file on a Ray worker: they need the photos at the same path; then --retry")


@dataclass(frozen=True, slots=True)
class _Analyse:
    """The task of a worker: photos to results, embedded several photos at a time."""

    front_end: FrontEnd
    asks: bool
    keep_crops: bool

    def __call__(self, paths: Sequence[Path], ask: Callable[[LoadedPhoto], bool]) -> Iterator[Analysis | PhotoError]:
        waiting: list[tuple[Path, Cropped | PhotoError]] = []
        crops = 0
        for path in paths:
            try:
                seen = self._look(path, ask)
            except FacesearchError:
                # It ends the run, but the photos before it are done.
                yield from self._results(waiting)
                raise
            waiting.append((path, seen))
            crops += 0 if isinstance(seen, PhotoError) else seen.crops.shape[0] * seen.crops.shape[1]
            if crops >= CROPS_AT_ONCE or len(waiting) >= AT_ONCE:
                yield from self._results(waiting)
                waiting, crops = [], 0
        yield from self._results(waiting)

    def _look(self, path: Path, ask: Callable[[LoadedPhoto], bool]) -> Cropped | PhotoError:
        try:
            if not self.asks:
                return self.front_end.look(path)
            return self.front_end.look(path, lambda photo: ask(without_pixels(photo)))
        except PhotoError as error:
            return error
        except MemoryError:
            return _too_large(path)

    def _results(self, waiting: list[tuple[Path, Cropped | PhotoError]]) -> Iterator[Analysis | PhotoError]:
        embedded = iter(self._embed([(path, seen) for path, seen in waiting if isinstance(seen, Cropped)]))
        for _, seen in waiting:
            result = next(embedded) if isinstance(seen, Cropped) else seen
            if isinstance(result, Analysis) and not self.keep_crops:
                # A copy: an empty slice would keep all of them in memory.
                result = replace(result, crops=result.crops[:0].copy())
            yield result

    def _embed(self, photos: list[tuple[Path, Cropped]]) -> list[Analysis | PhotoError]:
        if not photos:
            return []
        try:
            return [*self.front_end.embed([seen for _, seen in photos])]
        except MemoryError:
            if len(photos) == 1:
                return [_too_large(photos[0][0])]
            return [self._embed([photo])[0] for photo in photos]


def _too_large(path: Path) -> PhotoError:
    return TooLargeError(path, "needs more memory than there is")


def _useless(error: DetectionError) -> ModelError:
    """What ends a run in which a detector has worked on no photo yet."""
    fault = f"{error.fault} ({error.path}, and {HOPELESS - 1} photos before it)"
    return ModelError(error.detector, fault, hint=f"{error.hint}; once it is repaired, index with retry=True")


def _lost(path: Path, cause: str) -> PhotoError:
    return PhotoError(path, f"the worker process died while reading it ({cause})")
