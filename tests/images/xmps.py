"""XMP as several programs spell it, written after their documentation; no file of theirs is copied."""

from __future__ import annotations

import xml.etree.ElementTree as ET

MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
DIMENSIONS = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"

_NAMESPACES = """
    xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
    xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
    xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
    xmlns:MP="http://ns.microsoft.com/photo/1.2/"
    xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
    xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
"""


def packet(body: str, attributes: str = "") -> bytes:
    """A document with one description."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {_NAMESPACES} {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def lightroom(*regions: tuple[str, float, float, float, float], size=(640, 480), kind="Face") -> bytes:
    """Attributes wherever there can be some, structures in descriptions, a slight rotation; x and y of the centre."""
    entries = "".join(
        f'<rdf:li><rdf:Description mwg-rs:Name="{name}" mwg-rs:Type="{kind}" mwg-rs:Rotation="0.01">'
        f'<mwg-rs:Area stArea:h="{h}" stArea:w="{w}" stArea:x="{x}" stArea:y="{y}" stArea:unit="normalized"/>'
        "</rdf:Description></rdf:li>"
        for name, x, y, w, h in regions
    )
    return packet(
        '<mwg-rs:Regions rdf:parseType="Resource">'
        f'<mwg-rs:AppliedToDimensions stDim:w="{size[0]}" stDim:h="{size[1]}" stDim:unit="pixel"/>'
        f"<mwg-rs:RegionList><rdf:Bag>{entries}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
        "<crs:ToneCurve><rdf:Seq><rdf:li>0, 0</rdf:li><rdf:li>255, 255</rdf:li></rdf:Seq></crs:ToneCurve>",
        'xmp:Rating="4" crs:Exposure2012="+0.35"',
    )


def digikam(*regions: tuple[str, float, float, float, float]) -> bytes:
    """The same face twice, in MWG's list and in Microsoft's, in fields with attributes; x and y of the centre."""
    mwg = "".join(
        f'<rdf:li mwg-rs:Name="{name}" mwg-rs:Type="Face"><mwg-rs:Area stArea:x="{x}" stArea:y="{y}" stArea:w="{w}" '
        f'stArea:h="{h}" stArea:unit="normalized"/></rdf:li>'
        for name, x, y, w, h in regions
    )
    microsoft = "".join(_microsoft(name, x - w / 2, y - h / 2, w, h) for name, x, y, w, h in regions)
    tags = "".join(f"<rdf:li>People/{region[0]}</rdf:li>" for region in regions)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + packet(
        f'<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>{mwg}</rdf:Bag></mwg-rs:RegionList>'
        f'</mwg-rs:Regions><MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>{microsoft}</rdf:Bag>'
        f"</MPRI:Regions></MP:RegionInfo><digiKam:TagsList><rdf:Seq><rdf:li>Places/Paris</rdf:li>{tags}</rdf:Seq>"
        "</digiKam:TagsList>"
    )


def windows(*regions: tuple[str, float, float, float, float]) -> bytes:
    """Microsoft's list alone: left, top, width, height."""
    entries = "".join(_microsoft(*region) for region in regions)
    return packet(
        f"<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag>{entries}</rdf:Bag></MPRI:Regions></rdf:Description>"
        "</MP:RegionInfo>"
    )


def _microsoft(name, left, top, wide, high):
    return (
        f'<rdf:li rdf:parseType="Resource"><MPReg:Rectangle>{left}, {top}, {wide}, {high}</MPReg:Rectangle>'
        f"<MPReg:PersonDisplayName>{name}</MPReg:PersonDisplayName></rdf:li>"
    )


def told(data: bytes) -> dict[str, tuple[float, float, float, float]]:
    """The regions of a sidecar as another parser sees them, that of the standard library: centre and size by name."""
    return {
        entry.findtext(f"{MWG}Name"): tuple(float(entry.findtext(f"{MWG}Area/{AREA}{side}")) for side in "xywh")
        for entry in ET.fromstring(data).iterfind(f".//{MWG}RegionList/{RDF}Bag/{RDF}li")
    }


def listed(data: bytes, name: str) -> list[str]:
    """The items of a list of keywords, likewise."""
    return [item.text for item in ET.fromstring(data).iterfind(f".//{name}//{RDF}li")]
