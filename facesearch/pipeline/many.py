"""Many photos side by side: results in order, memory bounded."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from facesearch.errors import PhotoError
from facesearch.models.runtime import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from facesearch.images.load import LoadedPhoto
    from facesearch.pipeline.front_end import Analysis, FrontEnd


def analyse_many(
    front_end: FrontEnd,
    paths: Iterable[Path],
    *,
    jobs: int | None = None,
    known: Callable[[LoadedPhoto], bool] = lambda _: False,
) -> Generator[tuple[Path, Analysis | PhotoError]]:
    """Analyse photos side by side; results come in the order of ``paths``, whatever ``jobs`` is.

    Only a few photos a worker are decoded ahead, so memory does not grow with their number. A photo that cannot be
    used comes as its error; an error of the models ends the iteration.

    Args:
        front_end: what analyses them.
        paths: photos.
        jobs: photos at once; None for one a core.
        known: see ``FrontEnd.analyse``.

    Raises:
        ModelError: the models cannot be used.
    """
    workers = jobs or cores()

    def one(path: Path) -> Analysis | PhotoError:
        try:
            return front_end.analyse(path, known)
        except PhotoError as error:
            return error

    waiting: deque[tuple[Path, Future[Analysis | PhotoError]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="photo") as pool:
        try:
            for path in paths:
                waiting.append((path, pool.submit(one, path)))
                if len(waiting) > 2 * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
