"""A gallery moves to another recipe: its faces are embedded anew where they are, and no photo is searched again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from facesearch.detection.plugged import BUILT_IN
from facesearch.gallery import indexing
from facesearch.gallery.interrupts import held_back
from facesearch.gallery.rereading import NO_FILE, read_again, side_by_side, with_faces
from facesearch.models.runtime import cores
from facesearch.types import Failure, ReindexReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facesearch.gallery.cache import Cache
    from facesearch.gallery.indexing import Progress
    from facesearch.images.load import LoadedPhoto
    from facesearch.store.store import Store
    from facesearch.types import Face, Recipe


class FaceEmbedder(Protocol):
    """What is needed of ``pipeline.FrontEnd``."""

    recipe: Recipe

    def embed_faces(self, path: Path, where: Callable[[LoadedPhoto], Sequence[Face]]) -> NDArray[np.float32]:
        """See ``pipeline.FrontEnd``."""


@dataclass(slots=True)
class _Tally:
    faces: int = 0
    dropped: int = 0
    failed: dict[int, Failure] = field(default_factory=dict)
    switched: bool = False
    interrupted: bool = False


def reindex(
    store: Store,
    front_end: FaceEmbedder,
    cache: Cache,
    *,
    jobs: int | None,
    progress: Progress,
    drop_missing: bool = False,
    dry_run: bool = False,
    keep: str | None = None,
    before_switch: Callable[[], None] = lambda: None,
) -> ReindexReport:
    """Embed every face of the gallery by the recipe of ``front_end``, then answer by that recipe.

    New vectors are committed in groups beside the old ones, which the gallery answers from until the last one is
    there, so that a run that is stopped goes on where it was. Names, faces and boxes stay as they are. The switch is
    one transaction; photos that others index meanwhile are embedded before it.

    Args:
        store: of the gallery.
        front_end: of the new recipe.
        cache: of the new recipe.
        jobs: photos at once; None for one a core.
        progress: called with photos done, photos to do and a path.
        drop_missing: switch although some photos cannot be read: their faces lose their vectors, until ``index``
            comes upon the photo again.
        dry_run: embed, and keep the vectors, but do not switch.
        keep: a recipe whose vectors stay after the switch.
        before_switch: called once all faces that can be are embedded.

    Returns:
        What was done. Where a photo could not be read and ``drop_missing`` was not said, nothing is switched; but a
        photo that no known file holds any more, because its file was overwritten by another picture, hinders nothing.
        The boxes of another detector stay too, and the report says so.

    Raises:
        ModelError: the models cannot be used.
        GalleryBusyError: another process held the gallery for too long.
    """
    started = time.monotonic()
    tally = _Tally()
    active = store.state().recipe
    before = next((one for one in store.recipes() if one.key == active), None)
    try:
        _embed_rest(store, front_end, tally, jobs=jobs, progress=progress)
        before_switch()
        while not (dry_run or _switch(store, front_end.recipe, tally, drop_missing=drop_missing, keep=keep)):
            _embed_rest(store, front_end, tally, jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        tally.interrupted = True
    if tally.switched:
        cache.save()
    return ReindexReport(
        recipe=front_end.recipe.key,
        switched=tally.switched,
        faces=tally.faces,
        dropped=tally.dropped,
        failed=tuple(tally.failed.values()),
        seconds=time.monotonic() - started,
        interrupted=tally.interrupted,
        boxes_by=_boxes_by(before, front_end.recipe) if before is not None and tally.switched else None,
    )


def _boxes_by(before: Recipe, after: Recipe) -> str | None:
    """The detector of a recipe, where another recipe has another one, or other settings of it."""
    said, now = (
        {name: value for name, value in one.settings if name.startswith("detector")} for one in (before, after)
    )
    name = said.get("detector")
    if name in BUILT_IN and name == now.get("detector"):
        # Earlier versions put settings there that change no box.
        said = {one: said[one] for one in said.keys() & now.keys()}
        now = {one: now[one] for one in said}
    return None if said == now else str(name)


@held_back()
def _switch(store: Store, recipe: Recipe, tally: _Tally, *, drop_missing: bool, keep: str | None) -> bool:
    """Move the gallery to the recipe if there is nothing left to embed; false where there is."""
    with store.writing():
        store.drop_outdated(recipe.key)
        left = store.photos_to_embed(recipe.key)
        if not tally.failed.keys() >= set(left):
            return False
        tally.failed = {photo: tally.failed[photo] for photo in left}
        losing = store.photos_to_embed(recipe.key, losing=True)
        if drop_missing or all(tally.failed[photo].error == NO_FILE for photo in losing):
            tally.dropped = store.move_to(recipe, keep=keep)
        tally.switched = store.state().recipe == recipe.key
    return True


def _embed_rest(store: Store, front_end: FaceEmbedder, tally: _Tally, *, jobs: int | None, progress: Progress) -> None:
    """Embed whatever has no vector yet, until there is nothing left but photos that failed."""
    while True:
        store.drop_outdated(front_end.recipe.key)
        todo = [photo for photo in store.photos_to_embed(front_end.recipe.key) if photo not in tally.failed]
        if not todo:
            return
        progress(0, len(todo), "")
        _embed(store, front_end, todo, tally, jobs=jobs, progress=progress)


def _embed(
    store: Store, front_end: FaceEmbedder, todo: list[int], tally: _Tally, *, jobs: int | None, progress: Progress
) -> None:
    """Embed the faces of photos and commit them in groups."""
    read = front_end.embed_faces
    results = side_by_side(lambda photo: read_again(read, *photo), with_faces(store, todo), jobs or cores())
    group: list[tuple[list[Face], NDArray[np.float32]]] = []
    opened = time.monotonic()
    done = 0
    try:
        for (photo, faces), result in results:
            if isinstance(result, Failure):
                tally.failed[photo.id] = result
            else:
                group.append((faces, result))
            if len(group) >= indexing.GROUP_PHOTOS or time.monotonic() - opened > indexing.GROUP_SECONDS:
                now, group, opened = group, [], time.monotonic()
                _write(store, now, front_end.recipe, tally)
            done += 1
            progress(done, len(todo), photo.paths[0] if photo.paths else "")
    finally:
        # Also on Ctrl-C: what is embedded is kept.
        results.close()
        _write(store, group, front_end.recipe, tally)


@held_back()
def _write(store: Store, group: list[tuple[list[Face], NDArray[np.float32]]], recipe: Recipe, tally: _Tally) -> None:
    if group:
        faces = [face for some, _ in group for face in some]
        tally.faces += store.add_vectors(faces, np.concatenate([vectors for _, vectors in group]), recipe)
