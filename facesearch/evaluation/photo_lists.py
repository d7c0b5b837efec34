"""Lists of photos and who they show: CSV files with the header ``path,person``, or ``path`` alone.

Paths are absolute, or relative to the folder of photos or to the CSV. Without a column ``person`` a photo's folder
names who is in it. A photo without a person shows somebody whom nobody enrolled.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_HINT = "the first line is path,person or path; the others are photos"


def read_photos(file: Path, images: Path, *, named: bool) -> dict[Path, str]:
    """The photos of a list and the person of each, in the order of the list.

    Args:
        file: the CSV.
        images: the folder that paths are relative to.
        named: refuse photos without a person; else each of them shows a person of their own.

    Raises:
        ConfigError: the file or a photo is missing, or a line is not as it should be; the message names the line.
    """
    if not images.is_dir():
        raise ConfigError(f"{images} is not a folder", hint="give the folder that holds the photos of the lists")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise ConfigError(f"cannot read {file}: {(exc.strerror or str(exc)).lower()}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not a text file in UTF-8", hint=_HINT) from exc
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    if not reader.fieldnames or not {"path"} <= set(reader.fieldnames) <= {"path", "person"}:
        raise ConfigError(f"{file}, line 1: expected path,person", hint=_HINT)
    found: dict[Path, str] = {}
    for row in reader:
        where = f"{file}, line {reader.line_num}"
        said = (row["path"] or "").strip()
        path = next((base / said for base in (images, file.parent) if said and (base / said).is_file()), None)
        if path is None or None in row:
            raise ConfigError(f"{where}: no photo {said!r}", hint=f"paths are relative to {images} or to the CSV")
        if path in found:
            raise ConfigError(f"{where}: {said} is listed twice")
        person = (row["person"] or "").strip() if "person" in row else path.resolve().parent.name
        if named and not person:
            raise ConfigError(f"{where}: {said} has no person", hint=_HINT)
        found[path] = person or f"nobody who is listed, in {path}"
    if not found:
        raise ConfigError(f"{file} names no photos", hint=_HINT)
    return found
