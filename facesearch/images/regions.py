"""Names on parts of a picture, as other programs write them into XMP or ``.picasa.ini``.

MWG regions: Metadata Working Group, Guidelines for Handling Image Metadata 2.0, section 5.9: an area is given by its
centre, in fractions of the *stored* picture; EXIF orientation turns picture and areas alike. exiftool, immich and
PiGallery2 do so, digiKam since its bugs 372340 and 395243 were mended, Lightroom and Picasa in the files seen.
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


def read_regions(document: Document) -> tuple[list[NamedArea], list[str]]:
    """The faces that an XMP document marks, MWG's first; Microsoft's only where MWG's have no such face.

    Returns:
        The faces, with a name or without, and what could not be used, a sentence each.
    """
    found: list[NamedArea] = []
    odd: list[str] = []
    count = 0
    for source, one in listed(document):
        count += 1
        if count > MOST:
            odd.append(f"more than {MOST:,} regions; the rest was left out")
            break
        try:
            region = source(one)
        except ValueError as exc:
            odd.append(str(exc))
            continue
        if region and not any(region.name == other.name and region.area.iou(other.area) > 0.5 for other in found):
            found.append(region)
    return found, odd


def listed(document: Document) -> list[tuple[_Reader, Element]]:
    """The elements of all region lists of a document, each with what reads it.

    The readers return None for what is no face, and raise ValueError for what is no region.
    """
    found: list[tuple[_Reader, Element]] = []
    for regions in rdf.properties(document, (MWG, "Regions")):
        held = rdf.fields(regions)
        reader = MwgReader(_shape(held.get((MWG, "AppliedToDimensions"))))
        found += [(reader, one) for one in rdf.items(held.get((MWG, "RegionList")))]
    for info in rdf.properties(document, (MP, "RegionInfo")):
        found += [(_read_microsoft, one) for one in rdf.items(rdf.fields(info).get((MP_INFO, "Regions")))]
    return found
