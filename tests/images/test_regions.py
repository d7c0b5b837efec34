"""Regions with names: read as many programs write them, matched with faces, and written without harm."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.images.region_writing import SaidFace, write_regions
from facesearch.images.regions import Area, pair, read_picasa, read_regions
from facesearch.images.xmp import BadXmpError, parse
from facesearch.store.people import fold

from .xmps import AREA, DIMENSIONS, MWG, RDF, digikam, lightroom, listed, packet, told, windows

ADA = ("Ada", 0.25, 0.5, 0.1, 0.2)
TAGS = "{http://www.digikam.org/ns/1.0/}TagsList"
BOB = ("Bob", 0.75, 0.5, 0.1, 0.2)
ADAS, BOBS = Area(0.2, 0.4, 0.3, 0.6), Area(0.7, 0.4, 0.8, 0.6)


def names(data: bytes) -> list[str]:
    """The names in an XMP packet."""
    return [region.name for region in read_regions(parse(data))[0]]


def write(old: bytes | None, *faces: SaidFace, known: tuple[str, ...] = ("Ada", "Bob"), size=(640, 480)):
    """A sidecar with faces, in a gallery of Ada and Bob."""
    folded = {fold(name) for name in known}
    return write_regions(old, faces, size, known=lambda name: fold(name) in folded, fold=fold)


@pytest.mark.parametrize("spell", [lightroom, digikam], ids=lambda spell: spell.__name__)
def test_areas_are_read_from_their_centre(spell):
    """Both common spellings of MWG regions give names and corners; what Microsoft's list repeats counts once."""
    regions, odd = read_regions(parse(spell(ADA, BOB)))
    assert [region.name for region in regions] == ["Ada", "Bob"]
    assert [regions[0].area.iou(ADAS), regions[1].area.iou(BOBS)] == pytest.approx([1, 1])
    assert odd == []


def test_microsofts_areas_are_read_from_their_corner():
    """Microsoft's regions give left, top, width and height."""
    regions, _ = read_regions(parse(windows(("Ada", 0.2, 0.4, 0.1, 0.2))))
    assert [(region.name, region.area.iou(ADAS)) for region in regions] == [("Ada", pytest.approx(1))]


def test_the_shape_of_the_picture_is_told():
    """AppliedToDimensions come with each region, so that a cropped picture can be noticed."""
    assert read_regions(parse(lightroom(ADA, size=(300, 400))))[0][0].shape == (300, 400)
    assert read_regions(parse(digikam(ADA)))[0][0].shape is None


def test_pixels_are_divided_by_the_shape():
    """Areas in pixels are read too, where the picture's size is told."""
    data = lightroom(("Ada", 160, 240, 64, 96)).replace(b'stArea:unit="normalized"', b'stArea:unit="pixel"')
    assert read_regions(parse(data))[0][0].area.iou(ADAS) == pytest.approx(1)
    regions, odd = read_regions(parse(data.replace(b"AppliedToDimensions", b"Whatever")))
    assert (regions, odd) == ([], ["the region of 'Ada' is in pixels of a picture of unknown size"])


def test_what_is_no_face_is_left_alone():
    """Pets, bar codes and focus points are neither read nor told."""
    assert read_regions(parse(lightroom(ADA, kind="Pet"))) == ([], [])


@pytest.mark.parametrize("value", ["NaN", "inf", "-0.5", "1e999", "0x1", "1_0", "", "a" * 10_000, "\u0660.\u0665"])
@pytest.mark.parametrize("place", [1, 3])
def test_senseless_numbers_are_a_remark(value, place):
    """A region whose numbers are none, or that lies outside of the picture, is told and spoils nothing else."""
    bad = list(ADA)
    bad[place] = value
    regions, odd = read_regions(parse(lightroom(tuple(bad), BOB)))
    assert [region.name for region in regions] == ["Bob"]
    assert len(odd) == 1
    assert len(odd[0]) < 120


def test_there_is_a_limit():
    """A thousand regions are looked at, and it is said that there are more."""
    many = [(f"P{i}", (i % 50) / 50, (i // 50) / 50, 0.01, 0.01) for i in range(1500)]
    regions, odd = read_regions(parse(lightroom(*many)))
    assert len(regions) == 1000
    assert odd == ["1,500 regions; only the first 1,000 were looked at"]


def test_names_are_cleaned():
    """Control and format characters and line breaks in a name become blanks; one without end is none."""
    assert names(lightroom(("A&#9;da&#10;\u202eL\u200bove", *ADA[1:]))) == ["A da L ove"]
    assert names(lightroom(("A" * 5000, *ADA[1:]))) == [""]
    assert names(lightroom(("", *ADA[1:]))) == [""]


def test_picasa(tmp_path):
    """Picasa's file gives names by contact, corners in 65,536ths, and leaves out zeros at the left."""
    ini = b"""[Picasa]\nname=Summer
[Contacts2]\n8e62398ebda8c1a5=Ada Lovelace;;\nffffffffffffffff=;;\n
[img [1].jpg]\nfaces=rect64(3333666666664ccc),8e62398ebda8c1a5;rect64(3333666666669999),8e62398ebda8c1a5;\
rect64(1000200030),d10a8325c557b085;rect64(3f845bcb59418507),ffffffffffffffff\nbackuphash=1\n"""
    regions, odd = read_picasa(ini, "img [1].jpg")
    assert [region.name for region in regions] == ["Ada Lovelace"]
    assert regions[0].area.box.width == pytest.approx(0.2, abs=1e-4)
    assert odd == [
        "the region of 'Ada Lovelace' is not in the picture",
        "contact d10a8325c557b085 has no name in Picasa's file",
    ]
    assert read_picasa(ini, "other.jpg") == ([], [])
    assert read_picasa(b"\xff\x00 rubbish", "a.jpg")[0] == []


def test_frames_of_other_sizes_find_their_face():
    """A frame around all of the hair, and one around eyes and mouth, mark the face in their middle; a far one none."""
    loose, tight = Area(0.15, 0.25, 0.35, 0.65), Area(0.22, 0.45, 0.28, 0.56)
    huge, beside = Area(0, 0, 1, 1), Area(0.31, 0.4, 0.5, 0.6)
    assert [pair([one], [ADAS, BOBS]) for one in (loose, tight, huge, beside)] == [{0: 0}, {0: 0}, {}, {}]


def test_each_face_has_one_region():
    """Of two regions on one face the better one gets it, and the other one nothing, or the face that is left."""
    near = Area(0.22, 0.42, 0.32, 0.62)
    assert pair([near, ADAS], [ADAS]) == {1: 0}
    assert pair([near, ADAS], [ADAS, Area(0.23, 0.42, 0.33, 0.62)]) == {1: 0, 0: 1}


_sides = st.floats(0, 1, allow_nan=False)
_areas = st.lists(
    st.tuples(_sides, _sides, _sides, _sides).map(
        lambda one: Area(min(one[0], one[2]), min(one[1], one[3]), max(one[0], one[2]), max(one[1], one[3]))
    ),
    max_size=6,
)


@given(_areas, _areas)
def test_pairs_are_one_to_one(regions, faces):
    """No region has two faces and no face two regions; a region that is a face exactly is paired."""
    pairs = pair(regions, faces)
    assert len(set(pairs.values())) == len(pairs)
    assert set(pairs) <= set(range(len(regions)))
    own = pair(faces, faces)
    assert all(place in own for place, face in enumerate(faces) if face.box.area > 0)


def test_a_new_sidecar_by_another_parser():
    """Names, areas, size and keywords of a new sidecar are what the standard library's parser sees."""
    written = write(None, SaidFace(ADAS, "Ada"), SaidFace(BOBS, "Zoë <\"&'> O’Neil"), SaidFace(Area(0, 0, 0.1, 0.1)))
    regions = told(written.data)
    assert regions["Ada"] == pytest.approx((0.25, 0.5, 0.1, 0.2))
    assert set(regions) == {"Ada", "Zoë <\"&'> O’Neil"}
    root = ET.fromstring(written.data)
    assert [root.findtext(f".//{MWG}AppliedToDimensions/{DIMENSIONS}{side}") for side in ("w", "h", "unit")] == [
        "640",
        "480",
        "pixel",
    ]
    assert {item.text for item in root.iterfind(f".//{AREA}unit")} == {"normalized"}
    assert listed(written.data, TAGS) == [f"People/{name}" for name in regions]
    assert listed(written.data, "{http://purl.org/dc/elements/1.1/}subject") == list(regions)
    assert listed(written.data, "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}PersonInImage") == list(regions)
    assert written.added == ("Ada", "Zoë <\"&'> O’Neil")


@pytest.mark.parametrize("old", [None, lightroom(), digikam(BOB)], ids=["none", "lightroom", "digikam"])
def test_writing_twice_changes_nothing(old):
    """A sidecar that says all already is left as it is."""
    first = write(old, SaidFace(ADAS, "Ada"))
    assert names(first.data).count("Ada") == 1
    assert write(first.data, SaidFace(ADAS, "Ada")).data is None


def test_whatever_else_is_there_stays():
    """Ratings, develop settings, unknown properties, other keywords, regions of others and their details stay."""
    old = lightroom(("Carol", 0.75, 0.5, 0.1, 0.2), size=(64, 48)) + b"<?xpacket end='w'?><!-- mine -->"
    new = write(old, SaidFace(ADAS, "Ada"), SaidFace(BOBS)).data
    before, after = ET.fromstring(old), ET.fromstring(new)
    assert after[0][0].attrib == before[0][0].attrib
    assert {one.tag for one in before.iter()} <= {one.tag for one in after.iter()}
    carol = after.find(f".//{RDF}Bag/{RDF}li")
    as_it_was = before.find(f".//{RDF}Bag/{RDF}li")
    assert [(one.tag, one.attrib) for one in carol.iter()] == [(one.tag, one.attrib) for one in as_it_was.iter()]
    assert names(new) == ["Carol", "Ada"]
    assert b"<!-- mine -->" in new
    assert b"xpacket end" in new


def test_a_name_that_is_there_keeps_its_frame():
    """A frame that somebody drew around a face with the right name is not replaced by our box."""
    drawn = lightroom(("ADA", 0.26, 0.48, 0.14, 0.26))
    new = write(drawn, SaidFace(ADAS, "Ada"))
    assert (names(new.data), new.added) == (["ADA"], ())


def test_a_wrong_name_of_somebody_we_know_goes():
    """Where a region calls our face by another of our people's names, it goes from all lists."""
    new = write(digikam(BOB, ("Bob", 0.25, 0.5, 0.14, 0.24)), SaidFace(ADAS, "Ada"), SaidFace(BOBS))
    assert names(new.data) == ["Bob", "Ada"]
    assert new.removed == ("Bob", "Bob")
    assert listed(new.data, TAGS)[1:] == [
        "People/Bob",
        "People/Bob",
        "People/Ada",
    ]
    alone = write(digikam(("Bob", *ADA[1:])), SaidFace(ADAS, "Ada")).data
    assert names(alone) == ["Ada"]
    assert listed(alone, TAGS) == ["Places/Paris", "People/Ada"]


def test_a_name_of_somebody_we_do_not_know_stays():
    """A region of a stranger to this gallery stays, beside ours if need be."""
    assert names(write(lightroom(("Carol", 0.26, 0.5, 0.14, 0.24)), SaidFace(ADAS, "Ada")).data) == ["Carol", "Ada"]


def test_after_a_rename_the_old_name_goes():
    """A region that is exactly our box was written by us: under another name it is out of date."""
    old = write(None, SaidFace(ADAS, "Ada")).data
    new = write(old, SaidFace(ADAS, "Ada Lovelace"), known=("Ada Lovelace",)).data
    assert names(new) == ["Ada Lovelace"]
    assert listed(new, "{http://purl.org/dc/elements/1.1/}subject") == ["Ada Lovelace"]


def test_names_that_another_gallery_wrote_stay():
    """Where this gallery has no name for a face, a sidecar's stays, also if its frame is exactly the face's box."""
    old = write(None, SaidFace(ADAS, "Ada"), SaidFace(BOBS, "Bob")).data
    assert names(write(old, SaidFace(ADAS), SaidFace(BOBS, "Bobby"), known=("Bobby",)).data) == ["Ada", "Bobby"]


def test_rejections_are_obeyed():
    """A name that somebody said is wrong goes, as does any known name on what is no face; else it stays."""
    drawn = lightroom(("Ada", 0.26, 0.5, 0.14, 0.24))
    assert names(write(drawn, SaidFace(ADAS, refused=frozenset({"Ada"}))).data) == []
    assert names(write(drawn, SaidFace(ADAS, no_face=True)).data) == []
    assert write(drawn, SaidFace(ADAS)).data is None


def test_a_frame_where_no_face_was_found_stays():
    """Somebody drew a face that the detector misses: that is not ours to take away."""
    assert write(lightroom(ADA), SaidFace(BOBS)).data is None


def test_a_box_beyond_the_edge_is_cut():
    """Areas that are written lie in the picture."""
    regions = told(write(None, SaidFace(Area(-0.2, -0.1, 0.2, 0.3), "Ada")).data)
    assert regions["Ada"] == pytest.approx((0.1, 0.15, 0.2, 0.3))


def test_other_prefixes_are_understood():
    """A sidecar with other prefixes for the same namespaces gets entries that any parser understands."""
    body = "<q:Regions r:parseType='Resource'><q:RegionList><r:Bag/></q:RegionList></q:Regions>"
    old = (
        "<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:mwg-rs='urn:other'><r:Description "
        f"r:about='x' xmlns:q='http://www.metadataworkinggroup.com/schemas/regions/'>{body}</r:Description></r:RDF>"
    )
    new = write(old.encode(), SaidFace(ADAS, "Ada")).data
    assert told(new) == {"Ada": pytest.approx((0.25, 0.5, 0.1, 0.2))}
    assert {one.get(f"{RDF}about") for one in ET.fromstring(new)} == {"x"}


@pytest.mark.parametrize("old", [b"<html/>", b"not xml", packet("") * 2, b""])
def test_what_is_no_xmp_is_not_changed(old):
    """A file of that name that is something else is refused."""
    with pytest.raises(BadXmpError):
        write(old, SaidFace(ADAS, "Ada"))
