"""The picture beside a question of ``review``: who is suggested above, the faces that are asked about below."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import FacesearchError
from facesearch.gallery.pictures import face_crop
from facesearch.gallery.places import place_of
from facesearch.images.draw import contact_sheet, save_png
from facesearch.images.stack import stacked
from facesearch.types import Match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facesearch.curate.questions import Question
    from facesearch.store.store import Store
    from facesearch.store.values import Enrolled

FOLDER = "review"
"""In the gallery's folder: holds the picture while a review runs, and is gone afterwards."""

KNOWN = 6
"""Faces of the suggested person: one row."""

SHOWN = 24
"""Faces of a group: of more, the most and the least central ones."""


@dataclass(frozen=True, slots=True)
class Row:
    """Faces that belong together under a heading, with what stands below each; ``total`` counts those not shown too."""

    title: str
    matches: tuple[Match, ...]
    captions: tuple[str, ...]
    total: int


def rows_of(store: Store, question: Question, enrolled: Enrolled) -> list[Row]:
    """What is shown of a question: the suggested person's best faces, then its groups, their faces numbered from 1."""
    found = []
    if question.person is not None:
        name = store.person(question.person).name
        mine = [int(i) for i, who in zip(enrolled.face_ids, enrolled.person_ids, strict=True) if who == question.person]
        best = sorted(matches_of(store, mine), key=lambda match: -(match.face.quality or 0.0))[:KNOWN]
        found.append(Row(f"{name}:", tuple(best), tuple(Path(match.path).name for match in best), len(best)))
    # Many groups of a few faces are one row; two groups that may be one person are two.
    bounds = [0, question.sizes[0], len(question.faces)] if question.kind == "same" else [0, len(question.faces)]
    for group, (first, last) in enumerate(pairwise(bounds)):
        places = _chosen(first, last)
        matches = matches_of(store, [question.faces[place] for place in places])
        captions = [f"{place + 1}  {Path(match.path).name}" for place, match in zip(places, matches, strict=True)]
        title = _title(question, group)
        found.append(Row(title, tuple(matches), tuple(captions), last - first))
    return found


def matches_of(store: Store, face_ids: Sequence[int]) -> list[Match]:
    """Faces with a path to look at them, in the given order."""
    faces = store.faces(list(face_ids))
    paths = store.paths_of([face.photo_id for face in faces.values() if face.photo_id is not None])
    return [Match(faces[i], 0.0, place_of(paths, faces[i])) for i in face_ids]


def draw_question(store: Store, rows: Sequence[Row], target: Path) -> None:
    """Write a question's rows as one PNG that its owner alone can read.

    Raises:
        FacesearchError: the picture cannot be written.
    """
    sheets = []
    for row in rows:
        tiles = [(face_crop(store, match), words) for match, words in zip(row.matches, row.captions, strict=True)]
        sheets.append(contact_sheet(tiles, title=row.title, columns=KNOWN, limit=SHOWN))
    save_png(stacked(sheets), target)
    target.chmod(0o600)


@contextlib.contextmanager
def private_picture(gallery: Path) -> Iterator[Path]:
    """A file in the gallery's folder for pictures of questions; it is deleted at the end.

    What a review left behind that was killed is deleted too.

    Raises:
        FacesearchError: the folder cannot be made.
    """
    folder = gallery / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise FacesearchError(f"cannot make {folder}: {(exc.strerror or str(exc)).lower()}") from exc
    for old in folder.glob("*.png"):
        if not _runs(old.stem):
            old.unlink(missing_ok=True)
    picture = folder / f"{os.getpid()}.png"
    try:
        yield picture
    finally:
        with contextlib.suppress(OSError):
            picture.unlink(missing_ok=True)
            folder.rmdir()  # fails where another review shows its picture there


def _title(question: Question, group: int) -> str:
    if question.kind == "same":
        return f"{'first' if group == 0 else 'second'} group: {_faces(question.sizes[group])}"
    asked = "who is this" if question.person is None else "the same person"
    return f"{asked}? {_faces(len(question.faces))}"


def _faces(count: int) -> str:
    return f"{count:,} face{'' if count == 1 else 's'}"


def _chosen(first: int, last: int) -> list[int]:
    if last - first <= SHOWN:
        return list(range(first, last))
    half = SHOWN // 2
    return [*range(first, first + half), *range(last - half, last)]


def _runs(pid: str) -> bool:
    """Whether a process of this number is there."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except OSError:
        return True
    return True
