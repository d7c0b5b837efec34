"""The names of faces as XMP sidecars. Photos are never written to."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError
from facesearch.gallery.regions import stored_areas, stored_size
from facesearch.images.rdf import root
from facesearch.images.region_writing import SaidFace, write_regions
from facesearch.images.xmp import BadXmpError, embedded, parse, read_small, sidecar_of, write_beside
from facesearch.store.connection import chunks
from facesearch.store.decided import Decided
from facesearch.store.people import fold
from facesearch.types import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from facesearch.gallery.indexing import Progress
    from facesearch.store.store import Store
    from facesearch.types import Face, Photo

_EVERYTHING = Path("/")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar that was written, or would be: the names that came into it and those that went."""

    path: str
    photo: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegionsExport:
    """What an export did.

    ``unchanged`` sidecars say already what they should, ``missing`` counts photos that are gone from their folder, and
    ``failed`` are sidecars that could not be read or written; they are as they were.
    """

    written: tuple[Sidecar, ...]
    unchanged: int
    missing: int
    failed: tuple[Failure, ...]


@dataclass(slots=True)
class _Tally:
    written: list[Sidecar] = field(default_factory=list)
    unchanged: int = 0
    missing: int = 0
    failed: list[Failure] = field(default_factory=list)


def export_regions(store: Store, output: Path | None, *, dry_run: bool, progress: Progress) -> RegionsExport:
    """Write the names of all faces into sidecars; what they hold beside stays, see ``images.region_writing``.

    A new sidecar begins as a copy of the photo's own XMP. Names that were given automatically and never confirmed are
    left out.

    Args:
        store: of the gallery.
        output: a folder for the sidecars, laid out as the photos are; None for beside the photos.
        dry_run: only tell what would be written.
        progress: called with photos done, photos to do and a path.

    Raises:
        ConfigError: ``output`` is a file.
    """
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"{output} is not a folder", hint="name a new folder, or one that may be added to")
    by_photo: dict[int, list[Path]] = defaultdict(list)
    for file in store.files(_EVERYTHING):
        if file.photo_id is not None:
            by_photo[file.photo_id].append(file.path)
    base = _common([path for paths in by_photo.values() for path in paths])
    names = store.names()
    known = frozenset(map(fold, names.values()))
    tally = _Tally()
    done = 0
    progress(0, len(by_photo), "")
    for some in chunks(sorted(by_photo)):
        photos, faces = store.photos(some), store.faces_of_photos(some)
        decided = store.decided([face.id or 0 for held in faces.values() for face in held])
        for photo in photos.values():
            said = _said(photo, faces[photo.id], decided, names)
            for path in sorted(by_photo[photo.id]):
                _export(path, _target(path, base, output), photo, said, known, tally, dry_run=dry_run)
            done += 1
            progress(done, len(by_photo), photo.paths[0] if photo.paths else "")
    return RegionsExport(tuple(tally.written), tally.unchanged, tally.missing, tuple(tally.failed))


def _said(
    photo: Photo, faces: Sequence[Face], decided: Mapping[int, Decided], names: Mapping[str, str]
) -> list[SaidFace]:
    """What is decided about the faces of a photo, in the words of a sidecar."""
    found = []
    for area, face in zip(stored_areas(photo, faces), faces, strict=True):
        now = decided.get(face.id or 0, Decided())
        name = names.get(now.person_id or "") if now.confirmed else None
        refused = frozenset(names[person_id] for person_id in now.rejected if person_id in names)
        found.append(SaidFace(area, name, refused, now.no_face))
    return found


def _export(
    path: Path,
    target: Path,
    photo: Photo,
    said: list[SaidFace],
    known: frozenset[str],
    tally: _Tally,
    *,
    dry_run: bool,
) -> None:
    """Bring one sidecar up to date."""
    exists = os.path.lexists(target)
    if not exists and not any(face.name for face in said):
        return
    if not os.path.lexists(path):
        tally.missing += 1
        return
    try:
        old = read_small(target) if exists else _own_xmp(path)
        new = write_regions(old, said, stored_size(photo), known=lambda name: fold(name) in known, fold=fold)
        data, added = new.data, new.added
        if not exists:
            data, added = data or old, tuple(face.name for face in said if face.name)
        if data is None:
            tally.unchanged += 1
            return
        if not dry_run:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_beside(target, data)
    except BadXmpError as exc:
        tally.failed.append(Failure(str(target), f"{exc}; left as it is"))
    except OSError as exc:
        tally.failed.append(Failure(str(target), (exc.strerror or str(exc)).lower()))
    else:
        tally.written.append(Sidecar(str(target), str(path), added, new.removed))


def _own_xmp(path: Path) -> bytes | None:
    """The photo's own XMP, which a new sidecar begins with: programs that see a sidecar may not look any further.

    None where there is none, or none that can be used.
    """
    try:
        found = next(iter(embedded(path)), None)
        if found is not None and root(parse(found)) is not None:
            return found
    except BadXmpError:  # the photo stays as it is, so nothing is lost
        pass
    return None


def _target(path: Path, base: Path, output: Path | None) -> Path:
    """Where the sidecar of a photo goes: below ``output`` as the photo lies below ``base``."""
    return sidecar_of(path if output is None else output.absolute() / path.relative_to(base))


def _common(paths: Sequence[Path]) -> Path:
    """The folder that all photos lie in."""
    return Path(os.path.commonpath([path.parent for path in paths])) if paths else _EVERYTHING
