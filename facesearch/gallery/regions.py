"""Names that other programs wrote on parts of photos become names of the faces found there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facesearch.images.regions import Area, pair, read_picasa, read_regions
from facesearch.images.xmp import BadXmpError, packets, parse, read_small
from facesearch.store.decided import Decided
from facesearch.store.people import MAX_NAME, fold
from facesearch.store.region import to_stored
from facesearch.types import Remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from facesearch.gallery.indexing import Progress
    from facesearch.images.regions import NamedArea
    from facesearch.images.xmp import Packet
    from facesearch.store.store import Store
    from facesearch.types import Face, Photo

_PICASA = (".picasa.ini", "Picasa.ini")

_SAME_SHAPE = 0.03
"""By how much the shape of the picture that regions were drawn in may differ from the photo's: previews are rounded."""


@dataclass(frozen=True, slots=True)
class RegionsRead:
    """What names on parts of photos led to.

    ``named`` faces have a name now that they had not, ``people`` is of how many people, and ``known`` faces had theirs
    before. ``unplaced`` are regions without a face, ``conflicts`` those that contradict what is known, ``odd`` what
    could not be read; each with the photo's path.
    """

    named: int = 0
    known: int = 0
    people: int = 0
    unplaced: tuple[Remark, ...] = ()
    conflicts: tuple[Remark, ...] = ()
    odd: tuple[Remark, ...] = ()


@dataclass(slots=True)
class _Tally:
    known: int = 0
    given: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Faces that get a name, by person."""
    called: dict[str, list[str]] = field(default_factory=dict)
    """The people of a name, by the folded name."""
    unplaced: list[Remark] = field(default_factory=list)
    conflicts: list[Remark] = field(default_factory=list)
    odd: list[Remark] = field(default_factory=list)
    claimed: dict[int, str] = field(default_factory=dict)
    """Faces that a region has named in this run, with the name."""


def read_names(store: Store, paths: Sequence[Path], progress: Progress) -> RegionsRead:
    """Enrol the faces of indexed photos at or below ``paths`` under the names that their regions have.

    Of several that name a face, sidecars count more than the photo's own XMP, and that more than Picasa's file. What
    somebody decided stays: a face that has another person, was ignored, or was said not to be this one, is not taken.

    Args:
        store: of the gallery.
        paths: absolute, symbolic links resolved.
        progress: called with photos done, photos to do and a path.

    Returns:
        What was named, and what was not.
    """
    tally = _Tally()
    files = sorted({file.path: file.photo_id for path in paths for file in store.files(path) if file.photo_id}.items())
    found: list[tuple[Path, int, list[list[NamedArea]]]] = []
    picasa: dict[Path, bytes | None] = {}
    progress(0, len(files), "")
    for done, (path, photo_id) in enumerate(files, start=1):
        if lists := _regions_of(path, picasa, tally):
            found.append((path, photo_id, lists))
        progress(done, len(files), str(path))
    photos = store.photos([photo_id for _, photo_id, _ in found])
    faces = store.faces_of_photos(list(photos))
    with store.writing():
        for path, photo_id, lists in found:
            if photo_id in photos:  # else another process forgot it just now
                _name(store, path, photos[photo_id], faces[photo_id], lists, tally)
        for person_id, face_ids in tally.given.items():
            store.enrol(face_ids, person_id, "region")
    named = sum(map(len, tally.given.values()))
    told = tuple(tally.unplaced), tuple(tally.conflicts), tuple(tally.odd)
    return RegionsRead(named, tally.known, len(tally.given), *told)


def stored_areas(photo: Photo, faces: Iterable[Face]) -> list[Area]:
    """Where faces are in the stored picture of a photo, as regions say it."""
    boxes = [to_stored(face.box, photo.orientation, photo.width, photo.height) for face in faces]
    return [Area(box.left, box.top, box.right, box.bottom).clipped() for box in boxes]


def stored_size(photo: Photo) -> tuple[int, int]:
    """Width and height of the stored picture in pixels."""
    return (photo.height, photo.width) if photo.orientation > 4 else (photo.width, photo.height)


def _regions_of(path: Path, picasa: dict[Path, bytes | None], tally: _Tally) -> list[list[NamedArea]]:
    """The regions with names of a photo, a list for each place where there are any, the weightiest first."""
    found, odd = packets(path)
    lists: list[list[NamedArea]] = []
    for packet in found:
        regions, remarks = _parsed(packet)
        lists.append(regions)
        odd += [remark if packet.source == path else f"{packet.source.name}: {remark}" for remark in remarks]
    ini = _picasa_ini(path.parent, picasa)
    if ini is not None:
        regions, remarks = read_picasa(ini, path.name)
        lists.append(regions)
        odd += [f"Picasa: {remark}" for remark in remarks]
    tally.odd += [Remark(str(path), remark) for remark in odd]
    return [named for regions in lists if (named := [one for one in regions if one.name])]


def _parsed(packet: Packet) -> tuple[list[NamedArea], list[str]]:
    # Most photos have XMP and few have regions: the parser is slow. In UTF-16 every second byte is 0.
    if b"Regions" not in packet.data.replace(b"\0", b""):
        return [], []
    try:
        return read_regions(parse(packet.data))
    except BadXmpError as exc:
        return [], [str(exc)]


def _picasa_ini(folder: Path, known: dict[Path, bytes | None]) -> bytes | None:
    """Picasa's file of a folder, read once; None where there is none."""
    if folder not in known:
        known.clear()  # files come folder by folder
        known[folder] = None
        for name in _PICASA:
            try:
                known[folder] = read_small(folder / name)
                break
            except BadXmpError:
                continue
    return known[folder]


def _name(
    store: Store, path: Path, photo: Photo, faces: list[Face], lists: list[list[NamedArea]], tally: _Tally
) -> None:
    """Name the faces of one photo by what each list says."""
    decided = store.decided([face.id for face in faces if face.id is not None])
    seen: set[tuple[str, int | None]] = set()
    for regions in lists:
        for region, face in _placed(path, photo, faces, regions, tally):
            key = fold(region.name), None if face is None else face.id
            if key not in seen:  # what two places say alike is told once
                seen.add(key)
                if face is None or face.id is None:
                    tally.unplaced.append(Remark(str(path), f"{region.name}: no face was found there"))
                else:
                    _enrol(store, path, region.name[:MAX_NAME], face.id, decided.get(face.id, Decided()), tally)


def _placed(
    path: Path, photo: Photo, faces: list[Face], regions: list[NamedArea], tally: _Tally
) -> list[tuple[NamedArea, Face | None]]:
    """Each region with its face.

    Some programs, old versions of digiKam among them, give areas of the upright picture; this is believed only where
    as such all of them fit a face, and as areas of the stored picture none does.
    """
    stored, upright = stored_size(photo), (photo.width, photo.height)
    fit = []
    for one in regions:
        # Whatever turns a picture may have forgotten to exchange the two; what is cut off moves everything.
        if one.shape is None or _alike(one.shape, stored) or _alike(one.shape, stored[::-1]):
            fit.append(one)
        else:
            size = f"{one.shape[0]:.0f} by {one.shape[1]:.0f}"
            tally.unplaced.append(Remark(str(path), f"{one.name}: drawn in a picture of another shape, {size} pixels"))
    areas = [one.area for one in fit]
    pairs = pair(areas, stored_areas(photo, faces))
    if not pairs and photo.orientation > 1:
        shown = [
            Area(box.left / upright[0], box.top / upright[1], box.right / upright[0], box.bottom / upright[1]).clipped()
            for box in (face.box for face in faces)
        ]
        others = pair(areas, shown)
        pairs = others if len(others) == len(areas) else pairs
    return [(one, faces[pairs[place]] if place in pairs else None) for place, one in enumerate(fit)]


def _alike(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] * b[1] - a[1] * b[0]) <= _SAME_SHAPE * a[1] * b[0]


def _enrol(store: Store, path: Path, name: str, face_id: int, now: Decided, tally: _Tally) -> None:
    """Note that a face is to be given to the person of this name, unless something speaks against it."""
    claimed = tally.claimed.get(face_id)
    if claimed is not None:
        if fold(claimed) != fold(name):
            tally.conflicts.append(Remark(str(path), f"{name}: another region calls this face {claimed}"))
        return
    called = tally.called.setdefault(fold(name), [person.id for person in store.find_people(name)])
    if reason := _against(store, name, now, called):
        tally.conflicts.append(Remark(str(path), f"{name}: {reason}"))
        return
    tally.claimed[face_id] = name
    if not called:
        called.append(store.create_person(name).id)
    if now.person_id == called[0] and now.confirmed:
        tally.known += 1
    else:
        tally.given[called[0]].append(face_id)


def _against(store: Store, name: str, now: Decided, called: list[str]) -> str | None:
    """Why a face must not get this name; None where nothing speaks against it. An unconfirmed guess does not."""
    if now.no_face:
        return "somebody said that this is no face"
    if now.ignored:
        return "somebody ignored this face"
    if now.rejected & set(called):
        return f"somebody said that this face is not {name}"
    if now.person_id is not None and now.confirmed and now.person_id not in called:
        return f"this face is {store.person(now.person_id).name}'s"
    if len(called) > 1:
        return f"{len(called)} people are called so; name this face yourself"
    return None
