"""Names on faces into an XMP sidecar. Whatever else the sidecar holds stays, regions of people we do not know too.

What is written: ``mwg-rs:Regions`` (MWG 2.0, section 5.9), and the names alone where other programs look for them:
``Iptc4xmpExt:PersonInImage`` (IPTC), ``dc:subject`` and ``digiKam:TagsList`` as ``People/NAME`` (as digiKam does).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from xml.dom.minidom import Element

from facesearch.images import rdf
from facesearch.images.regions import AREA, DIMENSIONS, MWG, Area, NamedArea, marked, pair
from facesearch.images.xmp import BadXmpError, parse, serialise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from xml.dom.minidom import Document

    from facesearch.images.rdf import Name
    from facesearch.images.regions import Marked

_PREFIXES = {
    rdf.RDF: "rdf",
    MWG: "mwg-rs",
    AREA: "stArea",
    DIMENSIONS: "stDim",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://www.digikam.org/ns/1.0/": "digiKam",
}
_LISTS: tuple[tuple[Name, str, str], ...] = (
    (("http://purl.org/dc/elements/1.1/", "subject"), "Bag", "{}"),
    (("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "PersonInImage"), "Bag", "{}"),
    (("http://www.digikam.org/ns/1.0/", "TagsList"), "Seq", "People/{}"),
)
_EMPTY = (
    b"<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>"
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='facesearch'>\n"
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\n"
    b"</rdf:RDF>\n</x:xmpmeta><?xpacket end='w'?>"
)
_OURS = 0.98
"""Overlap from which on a region is the box of a face itself, so that nobody but this program drew it."""


@dataclass(frozen=True, slots=True)
class SaidFace:
    """A face of the photo and what is decided about it.

    ``area`` is in fractions of the stored picture. ``name`` is None where it has none; ``refused`` are names that it
    does not have, and ``no_face`` says that it is no face at all.
    """

    area: Area
    name: str | None = None
    refused: frozenset[str] = frozenset()
    no_face: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A sidecar as it is to be; ``data`` is None where there is nothing to change. The names that came and went."""

    data: bytes | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class _Plan:
    """What becomes of the entries of a sidecar's region lists."""

    drop: list[Marked] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)


def write_regions(
    old: bytes | None,
    faces: Sequence[SaidFace],
    size: tuple[int, int],
    *,
    known: Callable[[str], bool],
    fold: Callable[[str], str],
) -> Written:
    """A sidecar with the names of a photo's faces.

    An entry of the sidecar that already gives a face its name stays as it is. One that gives it another name goes
    where that is the name of somebody we know, or where it is exactly the face's box, which only we draw: somebody was
    renamed. One on a face that has no name goes only where somebody said that it is wrong. All others stay.

    Args:
        old: the sidecar as it is; None where there is none.
        faces: of the photo, in any order.
        size: width and height of the stored picture in pixels.
        known: whether somebody in the gallery has this name.
        fold: a name as names are compared.

    Raises:
        BadXmpError: the sidecar is not XMP that can be changed.
    """
    document = parse(_EMPTY if old is None else old)
    if rdf.root(document) is None:
        raise BadXmpError("not XMP: it has no rdf:RDF")
    faces = [replace(face, area=cut) for face in faces if (cut := face.area.clipped()).box.area > 0]
    plan = _plan(marked(document), faces, known, fold)
    new = [face for place, face in enumerate(faces) if face.name is not None and place not in plan.settled]
    for entry in plan.drop:
        _remove(entry.element)
    if new:
        _append(document, new, size)
    names = [face.name for face in faces if face.name is not None]
    stale = {fold(name) for name in plan.dropped} - {fold(name) for name in [*names, *plan.kept]}
    changed = [_update(document, *where, names=names, stale=stale, fold=fold) for where in _LISTS]
    if not (new or plan.drop or any(changed)):
        return Written(None)
    return Written(serialise(document), tuple(face.name or "" for face in new), tuple(filter(None, plan.dropped)))


def _plan(
    entries: list[Marked], faces: Sequence[SaidFace], known: Callable[[str], bool], fold: Callable[[str], str]
) -> _Plan:
    plan = _Plan()
    for microsoft in (False, True):
        read = [(entry, region) for entry in entries if entry.microsoft == microsoft and (region := _read(entry))]
        pairs = pair([region.area for _, region in read], [face.area for face in faces])
        for place, (entry, region) in enumerate(read):
            face = faces[pairs[place]] if place in pairs else None
            same = face is not None and face.name is not None and fold(face.name) == fold(region.name)
            if face is None or same or not _is_wrong(region, face, known, fold):
                plan.kept.append(region.name)
                if same and not microsoft:
                    plan.settled.add(pairs[place])
            else:
                plan.drop.append(entry)
                plan.dropped.append(region.name)
    return plan


def _read(entry: Marked) -> NamedArea | None:
    try:
        return entry.read()
    except ValueError:  # what cannot be understood stays
        return None


def _is_wrong(region: NamedArea, face: SaidFace, known: Callable[[str], bool], fold: Callable[[str], str]) -> bool:
    """Whether a region that marks a face under another name than ours has to go."""
    if face.name is not None:
        return not region.name or known(region.name) or region.area.iou(face.area) > _OURS
    refused = {fold(name) for name in face.refused}
    return fold(region.name) in refused or (face.no_face and known(region.name))


def _append(document: Document, faces: Sequence[SaidFace], size: tuple[int, int]) -> None:
    """Add faces to the first region list; there is one afterwards, for a picture of this size."""
    regions = next(iter(rdf.properties(document, (MWG, "Regions"))), None)
    if regions is None:
        regions = _child(_description(document), MWG, "Regions")
        _resource(regions)
    for namespace in (MWG, AREA, DIMENSIONS):
        _prefix(regions, namespace)
    held = rdf.fields(regions)
    # The structure may be spelt as a description inside of the property.
    inside = next((one for one in rdf.children(regions) if rdf.is_called(one, rdf.RDF, "Description")), regions)
    shape = held.get((MWG, "AppliedToDimensions"))
    if shape is not None and not isinstance(shape, str):
        _remove(shape)
    shape = _child(inside, MWG, "AppliedToDimensions")
    _resource(shape)
    for name, value in (("w", str(size[0])), ("h", str(size[1])), ("unit", "pixel")):
        _child(shape, DIMENSIONS, name, value)
    array = held.get((MWG, "RegionList"))
    if array is None or isinstance(array, str):
        array = _child(inside, MWG, "RegionList")
    bag = rdf.container(array) or _child(array, rdf.RDF, "Bag")
    for face in faces:
        _entry(bag, face)


def _entry(bag: Element, face: SaidFace) -> None:
    entry = _child(bag, rdf.RDF, "li")
    _resource(entry)
    _child(entry, MWG, "Name", face.name or "")
    _child(entry, MWG, "Type", "Face")
    area = _child(entry, MWG, "Area")
    _resource(area)
    x, y = face.area.box.center
    for name, value in (("x", x), ("y", y), ("w", face.area.box.width), ("h", face.area.box.height)):
        _child(area, AREA, name, f"{value:.6f}")
    _child(area, AREA, "unit", "normalized")


def _update(
    document: Document,
    name: Name,
    kind: str,
    pattern: str,
    *,
    names: Sequence[str],
    stale: set[str],
    fold: Callable[[str], str],
) -> bool:
    """Add names to a list of keywords, and take away those that are stale. Returns whether that changed anything."""
    arrays = rdf.properties(document, name)
    wrong = {fold(pattern.format(one)) for one in stale}
    items = [(fold(rdf.text(item)), item) for array in arrays for item in rdf.items(array)]
    gone = [item for key, item in items if key in wrong]
    held = {key for key, _ in items} - wrong
    for item in gone:
        _remove(item)
    missing = list(dict.fromkeys(pattern.format(one) for one in names if fold(pattern.format(one)) not in held))
    if missing:
        array = arrays[0] if arrays else _child(_description(document), *name)
        bag = rdf.container(array) or _child(array, rdf.RDF, kind)
        for one in missing:
            _child(bag, rdf.RDF, "li", one)
    return bool(gone or missing)


def _description(document: Document) -> Element:
    """A new rdf:Description, about what the others are about."""
    top = rdf.root(document)
    if top is None:
        raise BadXmpError("not XMP: it has no rdf:RDF")
    about = next((one.getAttributeNS(rdf.RDF, "about") for one in rdf.descriptions(document)), "")
    new = _child(top, rdf.RDF, "Description")
    new.setAttributeNS(rdf.RDF, f"{_prefix(new, rdf.RDF)}:about", about)
    return new


def _child(parent: Element, namespace: str, name: str, content: str | None = None) -> Element:
    """A new element below another, on a line of its own, with its namespace declared where that is needed."""
    document = parent.ownerDocument
    if document is None:
        raise BadXmpError("an element without a document")
    parent.appendChild(document.createTextNode("\n"))
    new = document.createElementNS(namespace, f"{_PREFIXES[namespace]}:{name}")
    parent.appendChild(new)
    new.tagName = new.nodeName = f"{_prefix(new, namespace)}:{name}"
    if content is not None:
        new.appendChild(document.createTextNode(content))
    return new


def _resource(element: Element) -> None:
    """Say that what is below are the fields of a structure."""
    element.setAttributeNS(rdf.RDF, f"{_prefix(element, rdf.RDF)}:parseType", "Resource")


def _prefix(element: Element, namespace: str) -> str:
    """The prefix for a namespace at an element; it is declared there unless it is known."""
    hidden: set[str] = set()
    node = element
    while node is not None and node.nodeType == node.ELEMENT_NODE:
        for attribute in node.attributes.values():
            if attribute.name.startswith("xmlns:"):
                prefix = attribute.name.removeprefix("xmlns:")
                if attribute.value == namespace and prefix not in hidden:
                    return prefix
                hidden.add(prefix)
        node = node.parentNode  # type: ignore[assignment]
    prefix = _PREFIXES[namespace]
    element.setAttributeNS(rdf.XMLNS, f"xmlns:{prefix}", namespace)
    return prefix


def _remove(element: Element) -> None:
    """Take an element away, and the line break before it."""
    parent, before = element.parentNode, element.previousSibling
    if not isinstance(parent, Element):
        return
    if before is not None and before.nodeType == before.TEXT_NODE and not before.data.strip():
        parent.removeChild(before)
    parent.removeChild(element)
