"""Lists of labelled pairs: LFW's ``pairs.txt`` in both of its forms, and plain CSV.

``pairs.txt`` has fields separated by tabs. Its first line is ``folds count`` (LFW's View 2: ``10 300``) or ``count``
(View 1: ``500``). For every fold follow ``count`` pairs of one person, ``name i j``, and ``count`` of two people,
``name1 i name2 j``. Photo i of a person is ``name/name_000i.jpg``, or the same with another suffix, or that file beside
the others without a folder of its own.

A CSV has lines ``a,b,label``: two photos, relative to the folder of the photos or else to the CSV, and whether they
show the same person (1, true, same or 0, false, different). A first line of headings is passed over. It says nothing
about who is in a photo, only who is the same: where the folders of the photos agree with all labels they are the
people; else photos that are linked by "same" are one person.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from facesearch.errors import ConfigError
from facesearch.evaluation.folds import joined, split
from facesearch.images.formats import is_photo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LABELS = {"1": True, "true": True, "same": True, "0": False, "false": False, "different": False}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, whether they show one person, and who is in them (equal where ``same`` is true)."""

    a: Path
    b: Path
    same: bool
    person_a: str
    person_b: str


@dataclass(frozen=True, slots=True)
class PairList:
    """Pairs in the order of their file; ``folds[i]`` is the fold of pair i, -1 where it is in none.

    ``given`` says whether the file itself names the folds; else they were split by person.
    """

    pairs: tuple[Pair, ...]
    folds: tuple[int, ...]
    given: bool


def read_pairs(file: Path, images: Path) -> PairList:
    """Read a list of pairs; its form is told from its first line.

    Args:
        file: ``pairs.txt`` or a CSV.
        images: the folder of the photos.

    Raises:
        ConfigError: the file or a photo is missing, or a line is not as it should be; the message names the line.
    """
    if not images.is_dir():
        raise ConfigError(f"{images} is not a folder", hint="give the folder that holds the photos of the pairs")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise ConfigError(f"cannot read {file}: {(exc.strerror or str(exc)).lower()}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not a text file in UTF-8", hint="give LFW's pairs.txt or a CSV") from exc
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ConfigError(f"{file} is empty", hint="give LFW's pairs.txt or a CSV with lines a,b,label")
    if file.suffix.lower() == ".csv" or "," in lines[0][1]:
        pairs = _from_csv(text, file, images)
        return _split(pairs)
    return _Lfw(file, images).read(lines)


class _Lfw:
    """A reader of ``pairs.txt``, which looks every person's folder up once."""

    def __init__(self, file: Path, images: Path) -> None:
        self._file, self._images = file, images
        self._folders: dict[Path, dict[str, Path]] = {}

    def read(self, lines: Sequence[tuple[int, str]]) -> PairList:
        """All pairs of numbered lines, the first line being the header."""
        number, head = lines[0]
        counts = head.split()
        if len(counts) not in {1, 2} or not all(count.isdecimal() and int(count) for count in counts):
            self._fail(number, "expected the number of folds and of pairs, or of pairs alone", head)
        folds, count = (int(counts[0]), int(counts[1])) if len(counts) == 2 else (1, int(counts[0]))
        wanted = folds * count * 2
        if len(lines) - 1 != wanted:
            promise = f"{folds} × 2 × {count}" if len(counts) == 2 else f"2 × {count}"
            at = min(len(lines) - 1, wanted + 1)
            raise ConfigError(
                f"{self._file}, line {lines[at][0]}: the first line promises {promise} = {wanted:,} pairs, "
                f"there are {len(lines) - 1:,}",
            )
        pairs = [
            self._pair(number, line, same=place % (2 * count) < count) for place, (number, line) in enumerate(lines[1:])
        ]
        if folds == 1:
            return _split(pairs)
        return PairList(tuple(pairs), tuple(place // (2 * count) for place in range(len(pairs))), given=True)

    def _pair(self, number: int, line: str, *, same: bool) -> Pair:
        fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
        if len(fields) != (3 if same else 4):
            expected = "a pair of one person: name i j" if same else "a pair of two people: name1 i name2 j"
            self._fail(number, f"expected {expected}", line)
        if same:
            fields.insert(2, fields[0])
        one, i, two, j = fields
        if not (i.isdecimal() and j.isdecimal()):
            self._fail(number, "expected photos by their numbers", line)
        if (one == two) != same or (same and int(i) == int(j)):
            what = "a photo is paired with itself" if same else "both photos are of one person"
            self._fail(number, what, line)
        return Pair(self._photo(number, one, int(i)), self._photo(number, two, int(j)), same, one, two)

    def _photo(self, number: int, name: str, photo: int) -> Path:
        """The file of one photo."""
        stem = f"{name}_{photo:04d}"
        for folder in (self._images / name, self._images):
            found = self._listing(folder).get(stem)
            if found is not None:
                return found
        raise ConfigError(
            f"{self._file}, line {number}: no photo {stem} in {self._images / name}",
            hint="--images is the folder that holds one folder a person",
        )

    def _listing(self, folder: Path) -> dict[str, Path]:
        """The photos of a folder by their names without suffix; of several with one name, the first."""
        if folder not in self._folders:
            files = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
            self._folders[folder] = {file.stem: file for file in files if is_photo(file)}
        return self._folders[folder]

    def _fail(self, number: int, what: str, line: str) -> NoReturn:
        raise ConfigError(
            f"{self._file}, line {number}: {what}, got {line.strip()[:80]!r}", hint="give LFW's pairs.txt or a CSV"
        )


def _from_csv(text: str, file: Path, images: Path) -> list[Pair]:
    """The pairs of a CSV; people are found from folders or from the labels."""
    found: list[tuple[Path, Path, bool]] = []
    reader = csv.reader(io.StringIO(text), skipinitialspace=True)
    first = True
    for row in reader:
        if not any(field.strip() for field in row):
            continue
        heading, first = first, False
        label = _LABELS.get(row[2].strip().lower()) if len(row) == 3 else None
        if label is None:
            if heading and len(row) == 3 and not _exists(row[0], file, images):
                continue
            raise ConfigError(
                f"{file}, line {reader.line_num}: expected a,b,label with a label of 1 or 0, "
                f"got {','.join(row)[:80]!r}",
                hint="labels: 1, true, same; 0, false, different",
            )
        a, b = (_csv_photo(field, file, images, reader.line_num) for field in row[:2])
        if a == b:
            raise ConfigError(f"{file}, line {reader.line_num}: a photo is paired with itself, {row[0].strip()}")
        found.append((a, b, label))
    if not found:
        raise ConfigError(f"{file} names no pairs", hint="give lines a,b,label")
    people = _people(found)
    return [Pair(a, b, same, people[a], people[b]) for a, b, same in found]


def _people(found: Sequence[tuple[Path, Path, bool]]) -> dict[Path, str]:
    """Who is in each photo: see the head of this file."""
    photos = {photo for a, b, _ in found for photo in (a, b)}
    if all((a.parent == b.parent) == same for a, b, same in found):
        return {photo: str(photo.parent) for photo in photos}
    names = joined(((str(a), str(b)) for a, b, same in found if same), (str(photo) for photo in photos))
    return {photo: names[str(photo)] for photo in photos}


def _exists(field: str, file: Path, images: Path) -> bool:
    return any((base / field.strip()).is_file() for base in (images, file.parent))


def _csv_photo(field: str, file: Path, images: Path, number: int) -> Path:
    """A photo by its path, absolute or relative to the folder of photos or to the CSV."""
    for base in (images, file.parent):
        path = base / field.strip()
        if field.strip() and path.is_file():
            return path
    raise ConfigError(
        f"{file}, line {number}: no photo {field.strip()!r}", hint=f"paths are relative to {images} or to the CSV"
    )


def _split(pairs: Sequence[Pair]) -> PairList:
    """The pairs with folds that share no person."""
    folds = split([(pair.person_a, pair.person_b) for pair in pairs], [pair.same for pair in pairs])
    return PairList(tuple(pairs), tuple(folds), given=False)
