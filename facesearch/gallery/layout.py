"""Photos laid out as folders of links or copies, for other programs to look at. Nothing is overwritten or deleted."""

from __future__ import annotations

import os
import shutil
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from facesearch.errors import ConfigError, FacesearchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

How = Literal["link", "copy"]
"""``link`` makes symbolic links to the photos, ``copy`` copies with their time."""

_LONGEST = 255
"""Bytes of a name: the limit of ext4, APFS, NTFS and most others."""

_FORBIDDEN = '<>:"/\\|?*'
"""What some file system does not allow in a name (Windows has the longest list)."""

_SAME_TIME = 2 * 10**9
"""Nanoseconds. FAT, on cameras' cards and USB sticks, keeps times to 2 s only."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What was laid out.

    ``files`` are the links or copies, also those that were there before; ``skipped`` the photos that could not be read.
    """

    folder: Path
    files: tuple[Path, ...]
    skipped: tuple[Path, ...]


def lay_out(groups: Mapping[str, Sequence[Path]], target: Path, how: How) -> Layout:
    """Lay photos out as folders, one a group.

    Photos keep their names; where a name is taken by another photo, a number is added (``a-2.jpg``). What an earlier
    call laid out is left as it is, so that it can be repeated.

    Args:
        groups: photos by the name of their group, of which a folder name is made; the photos of "" lie in ``target``
            itself.
        target: made where it does not exist.
        how: link or copy.

    Raises:
        ConfigError: ``target``, or the folder of a group, is a file.
        FacesearchError: something cannot be written, or the file system has no links.
    """
    target = target.absolute()
    files: list[Path] = []
    skipped: list[Path] = []
    for folder, photos in zip(_folders(groups, target), groups.values(), strict=True):
        _make(folder)
        taken: set[Path] = set()
        for photo in dict.fromkeys(photos):
            placed = _place(photo, folder, taken, how)
            if placed is None:
                skipped.append(photo)
            else:
                taken.add(placed)
                files.append(placed)
    return Layout(target, tuple(files), tuple(skipped))


def folder_name(text: str) -> str:
    """A name, of a person say, as the name of a folder on any file system; "unnamed" where nothing is left of it."""
    kept = "".join("_" if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in text)
    # Windows drops dots and spaces at the end, and a dot at the start hides.
    return _fit(kept.strip(". "), "").strip(". ") or "unnamed"


def _folders(groups: Iterable[str], target: Path) -> Iterator[Path]:
    """A folder for each group; two names that some file system takes for one get a number."""
    used: set[str] = set()
    for group in groups:
        if not group:
            yield target
            continue
        name = next(name for name in _numbered(folder_name(group), "") if name.casefold() not in used)
        used.add(name.casefold())
        yield target / name


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as exc:
        raise ConfigError(f"{folder} is not a folder", hint="name a new folder, or one that may be added to") from exc
    except OSError as exc:
        raise FacesearchError(f"cannot make the folder {folder}: {exc.strerror or exc}") from exc


def _place(photo: Path, folder: Path, taken: set[Path], how: How) -> Path | None:
    """Put a photo into a folder, and say where it lies; None where it cannot be read."""
    if not os.path.isfile(photo):  # noqa: PTH113 - Path.is_file raises where a folder on the way is closed to us
        return None
    for name in _numbered(photo.stem, photo.suffix):
        place = folder / name
        if place in taken:
            continue
        if os.path.lexists(place):
            if _is_same(place, photo, how):
                return place
            continue
        return _link(photo, place) if how == "link" else _copy(photo, place)
    return None


def _is_same(place: Path, photo: Path, how: How) -> bool:
    """Whether an earlier call put this photo here."""
    try:
        if how == "link" or not place.is_symlink():
            there, here = place.stat(), photo.stat()
            same_time = abs(there.st_mtime_ns - here.st_mtime_ns) < _SAME_TIME
            copied = how == "copy" and there.st_size == here.st_size and same_time
            return copied or os.path.samestat(there, here)
    except OSError:  # a link to nothing
        pass
    return False


def _link(photo: Path, place: Path) -> Path:
    try:
        place.symlink_to(os.path.realpath(photo))
    except OSError as exc:
        raise FacesearchError(
            f"cannot make the link {place}: {exc.strerror or exc}", hint="copy instead, where the disk has no links"
        ) from exc
    return place


def _copy(photo: Path, place: Path) -> Path | None:
    """Copy under another name first: a copy that was cut short must not pass for the photo."""
    part = place.with_name(f".{uuid.uuid4().hex}.part")
    try:
        source = photo.open("rb")
    except OSError:
        return None
    try:
        with source, part.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        shutil.copystat(photo, part)
        part.rename(place)
    except OSError as exc:
        raise FacesearchError(f"cannot copy {photo} to {place}: {exc.strerror or exc}") from exc
    finally:
        part.unlink(missing_ok=True)
    return place


def _numbered(stem: str, suffix: str) -> Iterator[str]:
    """``a.jpg``, ``a-2.jpg``, ``a-3.jpg`` and so on."""
    yield _fit(stem, suffix)
    number = 2
    while True:
        yield _fit(stem, f"-{number}{suffix}")
        number += 1


def _fit(stem: str, suffix: str) -> str:
    """Both together, the stem cut where the name would be too long."""
    while stem and len(os.fsencode(stem + suffix)) > _LONGEST:
        stem = stem[:-1]
    return stem + suffix
