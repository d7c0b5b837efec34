"""Forgetting for good: the rows, what was derived from them, and a search for what may be left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError, IndexFileError, NotFoundError, PhotoError
from facesearch.gallery import cache, maintenance
from facesearch.gallery.people import known_person
from facesearch.gallery.receipt import OUT_OF_REACH, Receipt, search
from facesearch.gallery.review_pictures import FOLDER as PICTURES
from facesearch.gallery.server_index import SERVER_INDEXES
from facesearch.images.load import MAX_MEGAPIXELS, load
from facesearch.index.milvus_server import MILVUS
from facesearch.store.erasure import Erased
from facesearch.store.lock import NOTE_NAME
from facesearch.store.sqlite import BACKUP_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.store.store import Store

_DERIVED = {
    "vector index": (cache.FILE_NAME,),
    "SVM": ("svm-*",),
    "choice of the method": ("method-*",),
    "backup": (BACKUP_NAME,),
    "leftovers": (
        f".{cache.FILE_NAME}.*.tmp",
        ".svm-*.tmp",
        ".method-*.tmp",
        f"{BACKUP_NAME}.tmp",
        f"{BACKUP_NAME}-*",
        f"{NOTE_NAME}.*",
        "index.writer.json.*",
        f"{PICTURES}/*.png",
    ),
}
"""Files in a gallery's folder that are made from its faces, or copies of them, by what they are."""


COMMAND = "facesearch forget"
"""What other writers are told. How this process was started may say whom it is to forget."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to be forgotten: ``name`` is that of the person, of the file, or "everything"."""

    name: str
    faces: int
    photos: int
    person_ids: tuple[str, ...] = ()
    photo_ids: tuple[int, ...] = ()
    everything: bool = False


def choose(store: Store, *, person: str | None, photo: Path | None, everything: bool) -> Doomed:
    """What is meant, and how much it is.

    Args:
        store: of the gallery.
        person: a name or an id; one that only the journal still knows will do.
        photo: known by its pixels, else by its path.
        everything: all there is.

    Raises:
        ConfigError: not exactly one of these was given, or several people have the name.
        NotFoundError: the gallery knows nothing of it.
    """
    if (person is not None) + (photo is not None) + everything != 1:
        raise ConfigError("say what to forget: a person, a photo, or everything")
    if everything:
        held = maintenance.stats(store)
        return Doomed("everything", held.faces, held.photos + held.no_face, everything=True)
    if photo is not None:
        photo_id = _photo_id(store, photo)
        return Doomed(photo.name, len(store.faces_of_photo(photo_id)), 1, photo_ids=(photo_id,))
    name = person or ""
    known = known_person(store, name)
    if known is not None:
        return Doomed(known.name, known.faces, known.photos, (known.id,))
    gone = store.gone_people(name)
    if not gone:
        raise NotFoundError("person", name, hint="facesearch people lists everybody; a photo is meant by --photo")
    return Doomed(name, 0, 0, tuple(gone))


def forget(store: Store, doomed: Doomed | None, *, tombstone: bool, index: str, earlier: Erased | None) -> Receipt:
    """Forget it, and whatever a process that was killed had begun to forget.

    Args:
        store: of the gallery.
        doomed: what; None for nothing more than what was begun.
        tombstone: keep faces out of the photos when they are indexed again.
        index: the engine of the vector index that is made anew.
        earlier: what was completed already when the gallery was opened.

    Raises:
        GalleryBusyError: another process writes, or still reads an old state; once it has stopped, opening the
            gallery completes what was begun.
        StoreError: a file cannot be written or read.
    """
    with store.lock(command=COMMAND), store.files_lock(command=COMMAND):
        done = [one for one in (earlier, finish_pending(store)) if one is not None]
        erased = Erased()
        calibrated = bool(store.calibrated())
        if doomed is not None:
            if doomed.everything:
                erased = store.erase_everything(tombstone=tombstone)
            elif doomed.photo_ids:
                erased = store.erase_photos(doomed.photo_ids, tombstone=tombstone)
            else:
                erased = store.erase_people(doomed.person_ids, tombstone=tombstone)
        derived = remove_derived(store)
        size = store.settle()
        if _rebuild(store, index, wanted=derived["vector index"] == "removed"):
            derived["vector index"] = "removed and made anew"
        derived["calibration of the album"] = "removed" if calibrated and doomed is not None else "there was none"
        derived["groups of unnamed faces"] = "without these faces"
        derived["database"] = f"written anew ({size:,} bytes)" + ("" if store.out_of_reach else ", its log emptied")
        found = search(store, [*done, erased])
    return Receipt(
        people=erased.people,
        faces=erased.faces,
        photos=erased.photos,
        vectors=len(erased.vectors),
        events=erased.events,
        tombstones=erased.tombstones,
        derived=derived,
        search=found,
        earlier=bool(done),
        out_of_reach=(*OUT_OF_REACH, *store.out_of_reach),
        database_searched=not found.unsearched,
    )


def finish_pending(store: Store) -> Erased | None:
    """Complete what a process that was killed had begun to forget. Returns as much as can still be told of it.

    Raises:
        GalleryBusyError: another process writes, or still reads an old state.
        StoreError: a file cannot be written.
    """
    pending = store.pending_erasure()
    if pending is None:
        return None
    with store.lock(command=COMMAND), store.files_lock(command=COMMAND):
        # Another process may have done it while this one waited.
        if store.pending_erasure() is not None:
            remove_derived(store)
            store.settle()
    return pending


def remove_derived(store: Store) -> dict[str, str]:
    """Delete every file that is made from the faces, beside the database; the writer's lock is held.

    Returns:
        What became of each kind of file.
    """
    told: dict[str, str] = {}
    with store.files_lock():
        for what, patterns in _DERIVED.items():
            found = [path for pattern in patterns for path in store.folder.glob(pattern)]
            for path in found:
                path.unlink(missing_ok=True)
            told[what] = "removed" if found else "there was none" if what != "leftovers" else "there were none"
    return told


def _rebuild(store: Store, engine: str, *, wanted: bool) -> bool:
    """Make the vector index anew where there was one. Returns whether that was done."""
    active = store.state().recipe
    recipe = next((one for one in store.recipes() if one.key == active), None)
    if not wanted or recipe is None or engine in (*SERVER_INDEXES, MILVUS):
        return False
    # It is a cache: without it the next search makes it.
    with suppress(IndexFileError):
        cache.IndexCache(store, recipe, engine=engine).save()
        return True
    return False


def _photo_id(store: Store, path: Path) -> int:
    """The photo with the pixels of this file, else the one that was known under this path.

    Raises:
        NotFoundError: there is neither.
    """
    with suppress(PhotoError):
        found = store.photo_by_pixel_hash(load(path, max_megapixels=MAX_MEGAPIXELS).pixel_hash)
        if found is not None:
            return found.id
    whole = path.expanduser().absolute()
    for where in dict.fromkeys((whole, whole.parent.resolve() / whole.name)):
        for file in store.files(where):
            if file.path == where and file.photo_id is not None:
                return file.photo_id
    raise NotFoundError("photo", str(path), hint="a photo is known by its pixels, or by the path it was indexed from")
