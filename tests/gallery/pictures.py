"""Making photos for tests: painted ones, group photos of real faces, and the same photo with other metadata."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from sqlalchemy import create_engine

from facesearch.images.decode import INVERSE
from facesearch.images.load import load
from facesearch.testing import paint
from facesearch.types import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

RED, GREEN, BLUE = (220, 40, 40), (40, 200, 40), (40, 40, 220)
ORIENTATION = 0x0112


def painted(path: Path, *faces: tuple[int, int, int], shade: int = 0) -> Path:
    """A photo with a face (an 80-pixel square) of each colour from left to right; ``shade`` makes it another photo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = paint(
        [(Box(20 + 100 * i, 60, 100 + 100 * i, 140), colour) for i, colour in enumerate(faces)], 20 + 100 * 4
    )
    picture[:4, :4] += np.uint8(shade)
    Image.fromarray(picture).save(path)
    return path


def group(target: Path, parts: Sequence[tuple[Path, float]], *, quality: int = 95) -> list[Box]:
    """A photo made of photos side by side, each enlarged by its factor; returns where each one lies."""
    images = []
    for path, factor in parts:
        image = Image.fromarray(load(path).pixels)
        images.append(
            image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
        )
    canvas = Image.new("RGB", (sum(image.width for image in images), max(image.height for image in images)), "grey")
    boxes, left = [], 0
    for image in images:
        canvas.paste(image, (left, 0))
        boxes.append(Box(left, 0, left + image.width, image.height))
        left += image.width
    target.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(target, quality=quality)
    return boxes


def turned(source: Path, target: Path, orientation: int, **options: object) -> Path:
    """The photo as a camera stores it that is held in this EXIF orientation; shown upright it is the same."""
    image = Image.fromarray(load(source).pixels)
    stored = image.transpose(INVERSE[orientation]) if orientation > 1 else image
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    target.parent.mkdir(parents=True, exist_ok=True)
    stored.save(target, exif=tags, **options)
    return target


def stripped(data: bytes) -> bytes:
    """A JPEG without its APP1 to APP13 and comment segments; the compressed picture stays byte for byte."""
    out, at = data[:2], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if not (0xE1 <= data[at + 1] <= 0xED or data[at + 1] == 0xFE):
            out += data[at:end]
        at = end
    return out + data[at:]


def with_exif(data: bytes, *, orientation: int = 1, description: str = "") -> bytes:
    """The JPEG with other EXIF data; the compressed picture stays byte for byte."""
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    if description:
        tags[0x010E] = description
    payload = b"Exif\0\0" + tags.tobytes().removeprefix(b"Exif\0\0")
    segment = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    bare = stripped(data)
    return bare[:2] + segment + bare[2:]


_TAKEN = """
    SELECT photo.pixel_hash, face."left", face.top, face."right", face.bottom, face.landmarks,
           face.confidence, face.quality, embedding.recipe, {vector}, person.name, enrolment.source
    FROM face JOIN photo ON photo.id = face.photo_id
    LEFT JOIN embedding ON embedding.face_id = face.id
    LEFT JOIN enrolment ON enrolment.face_id = face.id LEFT JOIN person ON person.id = enrolment.person_id
    ORDER BY 1, 2, 3, 9
"""


def contents(place: Path | str) -> dict[str, object]:
    """All that counts in a gallery, without ids, as the database itself tells it.

    Photos by pixel hash, each with status, size and faces from left to right (box, landmarks, confidence, embedding as
    bytes, person); and the photo that each file holds.
    """
    if isinstance(place, str) and "://" in place:
        engine = create_engine(place)
        with engine.connect() as connection:
            held = _contents(lambda sql: connection.exec_driver_sql(sql).all(), "vector_send(embedding.embedding)")
        engine.dispose()
        return held
    with closing(sqlite3.connect(f"file:{place}/gallery.sqlite?mode=ro", uri=True)) as database:
        (integrity,) = database.execute("PRAGMA integrity_check").fetchone()
        broken = database.execute("PRAGMA foreign_key_check").fetchall()
        held = _contents(lambda sql: database.execute(sql).fetchall(), "embedding.embedding")
    return {**held, "integrity": integrity, "broken": broken}


def _contents(query: Callable[[str], list[Any]], vector: str) -> dict[str, object]:
    photos = {
        row[0]: [tuple(row[1:]), []]
        for row in query("SELECT pixel_hash, byte_hash, width, height, orientation, status FROM photo")
    }
    for pixel_hash, *face in query(_TAKEN.format(vector=vector)):
        photos[pixel_hash][1].append(tuple(face))
    files = {
        os.path.join(os.fsdecode(root), os.fsdecode(relative)): (pixel_hash, error)  # noqa: PTH118
        for root, relative, pixel_hash, error in query(
            "SELECT root.folder, path.relative, photo.pixel_hash, path.error FROM path "
            "JOIN root ON root.id = path.root_id LEFT JOIN photo ON photo.id = path.photo_id"
        )
    }
    return {"photos": photos, "files": files}
