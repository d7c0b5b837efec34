"""Which files an ``index`` run looks at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError
from facesearch.images.formats import is_photo
from facesearch.store.values import FileStamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from facesearch.store.store import Store

SKIPPED_FOLDERS = {"@eaDir", "__MACOSX", "$RECYCLE.BIN"}
"""Folders in which other programs keep thumbnails and rubbish; so do all whose names begin with a dot."""


def resolve(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Absolute paths without symbolic links, each once, in the order given.

    Raises:
        ConfigError: one of them does not exist.
    """
    found: dict[Path, None] = {}
    for name in paths:
        path = Path(name).expanduser()
        if not path.exists():
            raise ConfigError(f"{path}: no such file or folder", hint="nothing was indexed; check the path")
        found[path.resolve()] = None
    return list(found)


def stamps(store: Store, paths: Iterable[Path]) -> Iterator[FileStamp]:
    """Every photo file at or below ``paths``, each once, folder by folder in the order of names.

    Files named explicitly are taken whatever they are called. The gallery's own folder is left out.
    """
    seen: set[Path] = set()
    own = store.folder.resolve()
    for path in paths:
        folder = path if path.is_dir() else path.parent
        root = store.root_for(folder)
        files = _below(path, own) if path.is_dir() else iter([path])
        for file in files:
            if file not in seen:
                seen.add(file)
                try:
                    status = file.stat()
                except OSError:
                    status = os.stat_result([0] * 10)
                yield FileStamp(root, str(file.relative_to(root)), status.st_size, status.st_mtime_ns)


def _below(folder: Path, own: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith(".") and entry.name not in SKIPPED_FOLDERS and path != own:
                yield from _below(path, own)
        elif is_photo(path) and not entry.name.startswith(".") and not entry.is_dir():
            yield path
