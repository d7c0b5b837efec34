"""The few shapes of RDF that XMP uses, read from a document (Adobe, XMP Specification Part 1, section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.dom import Node
from xml.dom.minidom import Element, Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.dom.minidom import Document

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMLNS = "http://www.w3.org/2000/xmlns/"
_XML = "http://www.w3.org/XML/1998/namespace"

Name = tuple[str, str]
"""A namespace and a local name."""

Value = Element | str
"""A property: an element, or the text of an attribute."""


def children(element: Element | Document) -> list[Element]:
    """The elements directly below one."""
    return [node for node in element.childNodes if isinstance(node, Element)]


def is_called(element: Element, namespace: str, *names: str) -> bool:
    """Whether an element has one of these names."""
    return element.namespaceURI == namespace and element.localName in names


def root(document: Document) -> Element | None:
    """The rdf:RDF element, at the top or in an x:xmpmeta; None where there is none."""
    below = children(document)
    for element in [*below, *(inner for outer in below for inner in children(outer))]:
        if is_called(element, RDF, "RDF"):
            return element
    return None


def descriptions(document: Document) -> list[Element]:
    """The rdf:Description elements, which hold the properties."""
    top = root(document)
    return [] if top is None else [one for one in children(top) if is_called(one, RDF, "Description")]


def properties(document: Document, name: Name) -> list[Element]:
    """Every property element of this name, in any description."""
    return [one for about in descriptions(document) for one in children(about) if is_called(one, *name)]


def fields(struct: Element) -> dict[Name, Value]:
    """The fields of a structure, however it is spelt: as attributes, elements, or in an rdf:Description inside."""
    found: dict[Name, Value] = {}
    for element in _parts(struct):
        for attribute in element.attributes.values():
            if attribute.namespaceURI and attribute.namespaceURI not in {RDF, XMLNS, _XML}:
                found[attribute.namespaceURI, attribute.localName or ""] = attribute.value
        for child in children(element):
            if child.namespaceURI and child.namespaceURI != RDF:
                found.setdefault((child.namespaceURI, child.localName or ""), child)
    return found


def items(array: Value | None) -> list[Element]:
    """The rdf:li elements of a bag, sequence or alternative; none of what is no array."""
    bag = None if array is None else container(array)
    return [] if bag is None else [one for one in children(bag) if is_called(one, RDF, "li")]


def container(array: Value) -> Element | None:
    """The rdf:Bag, rdf:Seq or rdf:Alt of an array; None where there is none."""
    if isinstance(array, str):
        return None
    return next((one for one in children(array) if is_called(one, RDF, "Bag", "Seq", "Alt")), None)


def text(value: Value | None) -> str:
    """The text of a property, without white space around it; "" where there is none."""
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return "".join(node.data for node in value.childNodes if isinstance(node, Text)).strip()


def _parts(struct: Element) -> Iterator[Element]:
    yield struct
    for child in children(struct):
        if is_called(child, RDF, "Description") and child.nodeType == Node.ELEMENT_NODE:
            yield child
