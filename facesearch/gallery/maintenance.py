"""What the gallery holds, and what it need not hold any longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.errors import ConfigError
from facesearch.gallery.cache import FILE_NAME
from facesearch.index.file import facts_of
from facesearch.types import Stats

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.store.store import Store
    from facesearch.store.values import KnownFile

PRUNE_LIMIT = 0.2
"""The share of the photos below the given folders that ``prune`` forgets without being told twice."""


def stats(store: Store) -> Stats:
    """How much the gallery holds."""
    counts = store.counts()
    state = store.state()
    return Stats(
        folder=store.name,
        photos=counts.photos.get("done", 0),
        no_face=counts.photos.get("no_face", 0),
        failed=counts.failed,
        files=counts.paths,
        faces=counts.faces,
        people=counts.people,
        enrolled=counts.enrolled,
        embeddings=counts.embeddings.get(state.recipe or "", 0),
        recipe=state.recipe,
        index=facts_of(store.folder / FILE_NAME),
    )


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
