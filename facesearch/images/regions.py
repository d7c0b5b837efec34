"""Names on parts of a picture, as other programs write them into XMP or ``.picasa.ini``.

MWG regions: Metadata Working Group, Guidelines for Handling Image Metadata 2.0, section 5.9: an area is given by its
centre, in fractions of the *stored* picture; EXIF orientation turns picture and areas alike. exiftool and immich do so.
Microsoft's regions: "People Tagging Overview", Windows documentation: left, top, width, height, in fractions too.
"""

from __future__ import annotations

import configparser
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.images import rdf
from facesearch.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.dom.minidom import Document, Element

    from facesearch.images.rdf import Value

MWG = "http://www.metadataworkinggroup.com/schemas/regions/"
AREA = "http://ns.adobe.com/xmp/sType/Area#"
DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
MP = "http://ns.microsoft.com/photo/1.2/"
MP_INFO = "http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
MP_REGION = "http://ns.microsoft.com/photo/1.2/t/Region#"

MOST = 1000
"""Regions of a photo that are looked at."""

_LONGEST_NAME = 200
"""Letters; longer is no name."""

_LEAST_OVERLAP = 0.3
"""Intersection over union from which a region and a face are the same."""

_SIZES = (0.25, 6.0)
"""How many times the area of a face a region around its middle may have: people draw around the hair, or only around
the eyes and mouth."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in fractions of a picture, 0 to 1, from its left and its top."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def box(self) -> Box:
        """The same as a box of a picture that is 1 wide and 1 high."""
        return Box(self.left, self.top, self.right, self.bottom)

    def clipped(self) -> Area:
        """The part inside of the picture."""
        return Area(*(min(max(side, 0.0), 1.0) for side in (self.left, self.top, self.right, self.bottom)))

    def iou(self, other: Area) -> float:
        """Intersection over union, 0 to 1."""
        return self.box.iou(other.box)


@dataclass(frozen=True, slots=True)
class NamedArea:
    """A part of a picture and who it shows, "" where it does not say.

    ``shape`` is the width and height of the picture that it was drawn in, in pixels; None where it does not say.
    """

    name: str
    area: Area
    shape: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """One entry of a region list: the element, whether it is Microsoft's, and the shape of the picture, if known."""

    element: Element
    microsoft: bool
    shape: tuple[float, float] | None = None

    def read(self) -> NamedArea | None:
        """Whom it marks, and where; None for what is no face, such as a pet or a bar code.

        Raises:
            ValueError: it is no region; the text says why.
        """
        return self._microsoft() if self.microsoft else self._mwg()

    def _mwg(self) -> NamedArea | None:
        held = rdf.fields(self.element)
        if rdf.text(held.get((MWG, "Type"))).casefold() not in {"face", ""}:
            return None
        name = clean(rdf.text(held.get((MWG, "Name"))))
        drawn = held.get((MWG, "Area"))
        if drawn is None or isinstance(drawn, str):
            raise ValueError(f"the region of {name!r} has no area")
        sides = rdf.fields(drawn)
        x, y, wide, high = (_number(sides.get((AREA, side)), name) for side in "xywh")
        if rdf.text(sides.get((AREA, "unit"))).casefold() in {"pixel", "pixels"}:
            if self.shape is None:
                raise ValueError(f"the region of {name!r} is in pixels of a picture of unknown size")
            x, y, wide, high = x / self.shape[0], y / self.shape[1], wide / self.shape[0], high / self.shape[1]
        return NamedArea(name, _area(x - wide / 2, y - high / 2, wide, high, name), self.shape)

    def _microsoft(self) -> NamedArea | None:
        held = rdf.fields(self.element)
        name = clean(rdf.text(held.get((MP_REGION, "PersonDisplayName"))))
        rectangle = held.get((MP_REGION, "Rectangle"))
        if rectangle is None:  # the person is somewhere in the picture
            return None
        sides = rdf.text(rectangle).split(",")
        if len(sides) != 4:
            raise ValueError(f"the region of {name!r} has no four sides")
        left, top, wide, high = (_number(side, name) for side in sides)
        return NamedArea(name, _area(left, top, wide, high, name), self.shape)


def marked(document: Document) -> list[Marked]:
    """The entries of all region lists of a document, MWG's before Microsoft's."""
    found: list[Marked] = []
    shape: tuple[float, float] | None = None
    for regions in rdf.properties(document, (MWG, "Regions")):
        held = rdf.fields(regions)
        shape = _shape(held.get((MWG, "AppliedToDimensions")))
        found += [Marked(one, microsoft=False, shape=shape) for one in rdf.items(held.get((MWG, "RegionList")))]
    for info in rdf.properties(document, (MP, "RegionInfo")):
        entries = rdf.items(rdf.fields(info).get((MP_INFO, "Regions")))
        found += [Marked(one, microsoft=True, shape=shape) for one in entries]
    return found


def read_regions(document: Document) -> tuple[list[NamedArea], list[str]]:
    """The faces that an XMP document marks; Microsoft's only where MWG's say no such thing.

    Returns:
        The faces, with a name or without, and what could not be used, a sentence each.
    """
    found: list[NamedArea] = []
    odd: list[str] = []
    entries = marked(document)
    if len(entries) > MOST:
        odd.append(f"{len(entries):,} regions; only the first {MOST:,} were looked at")
    for one in entries[:MOST]:
        try:
            region = one.read()
        except ValueError as exc:
            odd.append(str(exc))
            continue
        if region and not any(region.name == other.name and region.area.iou(other.area) > 0.5 for other in found):
            found.append(region)
    return found, odd


def read_picasa(ini: bytes, photo: str) -> tuple[list[NamedArea], list[str]]:
    """The faces that Picasa's ``.picasa.ini`` gives for a photo.

    ``faces=rect64(3f845bcb59418507),8e62398ebda8c1a5;…`` has left, top, right and bottom as four digits each, in
    65,536ths, and a contact, whose name is in the section Contacts2 (reverse-engineered by users; Picasa is no more).

    Args:
        ini: the file.
        photo: the name of the photo in its folder.

    Returns:
        The faces that have a name, and what could not be used, a sentence each.
    """
    parser = configparser.RawConfigParser(
        strict=False, allow_no_value=True, delimiters=("=",), comment_prefixes=(), default_section="\0"
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(ini.decode("utf-8-sig", "replace"))
    except configparser.Error as exc:
        return [], [f"not in Picasa's format ({str(exc).splitlines()[0]})"]
    faces = parser.get(photo, "faces", fallback=None) or ""
    contacts = dict(parser.items("Contacts2")) if parser.has_section("Contacts2") else {}
    found: list[NamedArea] = []
    odd: list[str] = []
    for digits, contact in re.findall(r"rect64\(([0-9a-fA-F]{1,16})\),([0-9a-fA-F]+)", faces)[:MOST]:
        name = clean((contacts.get(contact) or "").split(";")[0])
        left, top, right, bottom = (int(digits.zfill(16)[at : at + 4], 16) / 65536 for at in (0, 4, 8, 12))
        try:
            if name:
                found.append(NamedArea(name, _area(left, top, right - left, bottom - top, name)))
            elif contact.strip("f"):
                odd.append(f"contact {contact} has no name in Picasa's file")
        except ValueError as exc:
            odd.append(str(exc))
    return found, odd


def pair(regions: Sequence[Area], faces: Sequence[Area]) -> dict[int, int]:
    """Which face each region marks: the best overlap first, each used once.

    A region and a face belong together where they overlap by 0.3 or more, or where the face's middle is in the region
    and the sizes are not too different, since every program draws another frame around a face.

    Args:
        regions: of a picture.
        faces: detected in it, in fractions of the same picture.

    Returns:
        Positions in ``regions`` to positions in ``faces``; what has no partner is missing.
    """
    scored = [
        (region.iou(face), i, j)
        for i, region in enumerate(regions)
        for j, face in enumerate(faces)
        if _fit(region, face)
    ]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(scored, key=lambda one: (-one[0], one[1], one[2])):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return pairs


def clean(name: str) -> str:
    """A name in one line of printable characters; "" where nothing is left or it is too long to be one."""
    kept = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return kept if len(kept) <= _LONGEST_NAME else ""


def _fit(region: Area, face: Area) -> bool:
    if region.iou(face) >= _LEAST_OVERLAP:
        return True
    x, y = face.box.center
    inside = region.left <= x <= region.right and region.top <= y <= region.bottom
    size = face.box.area
    return inside and size > 0 and _SIZES[0] <= region.box.area / size <= _SIZES[1]


def _number(value: Value | None, name: str) -> float:
    written = rdf.text(value)
    # float() also takes nan, infinity and 1_000
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", written, re.ASCII) or len(written) > 40:
        raise ValueError(f"the region of {name!r} has no such number: {written[:40]!r}")
    return float(written)


def _area(left: float, top: float, wide: float, high: float, name: str) -> Area:
    """An area whose middle is in the picture, the rest of it cut off.

    Raises:
        ValueError: there is nothing in the picture.
    """
    x, y = left + wide / 2, top + high / 2
    possible = all(map(math.isfinite, (left, top, wide, high))) and 0 < wide <= 2 and 0 < high <= 2
    if not possible or not (0 <= x <= 1 and 0 <= y <= 1):
        raise ValueError(f"the region of {name!r} is not in the picture")
    return Area(left, top, left + wide, top + high).clipped()


def _shape(dimensions: Value | None) -> tuple[float, float] | None:
    if dimensions is None or isinstance(dimensions, str):
        return None
    held = rdf.fields(dimensions)
    try:
        wide, high = (_number(held.get((DIMENSIONS, side)), "") for side in "wh")
    except ValueError:
        return None
    return (wide, high) if 0 < wide < 1e6 and 0 < high < 1e6 else None
