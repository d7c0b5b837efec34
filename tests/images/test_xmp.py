"""Finding XMP: in every kind of file, in sidecars, and in what pretends to be one."""

from __future__ import annotations

import io
import os
import xml.etree.ElementTree as ET
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from facesearch.images import xmp
from facesearch.images.xmp import BadXmpError, embedded, packets, parse, sidecar_of, sidecars

TEXT = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
PICTURE = Image.new("RGB", (64, 48), (200, 30, 30))


def segment(payload: bytes) -> bytes:
    """An APP1 segment of a JPEG."""
    return b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload


def jpeg(*payloads: bytes) -> bytes:
    """A JPEG with these APP1 segments behind its JFIF segment."""
    written = io.BytesIO()
    PICTURE.save(written, "JPEG")
    data = written.getvalue()
    return data[:20] + b"".join(map(segment, payloads)) + data[20:]


def png_with_late_text(text: bytes, *, packed: bool = False) -> bytes:
    """A PNG whose XMP stands behind the picture, as exiftool writes it."""
    written = io.BytesIO()
    PICTURE.save(written, "PNG")
    data = written.getvalue()
    body = b"iTXtXML:com.adobe.xmp\0" + (b"\1\0\0\0" + zlib.compress(text) if packed else b"\0\0\0\0" + text)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return data[:-12] + chunk + data[-12:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_packet_is_found_in_every_kind_of_file(tmp_path, kind):
    """XMP that Pillow wrote is found, byte for byte."""
    options = {"xmp": TEXT}
    if kind == "TIFF":
        tags = ImageFileDirectory_v2()
        tags[700] = TEXT
        tags.tagtype[700] = 1
        options = {"tiffinfo": tags}
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", TEXT.decode())
        options = {"pnginfo": info}
    PICTURE.save(tmp_path / "photo", kind, **options)
    assert embedded(tmp_path / "photo") == [TEXT]


@pytest.mark.parametrize("packed", [False, True])
def test_a_png_may_have_it_behind_the_picture(tmp_path, packed):
    """XMP at the end of a PNG is found, plain and compressed."""
    (tmp_path / "a.png").write_bytes(png_with_late_text(TEXT, packed=packed))
    assert embedded(tmp_path / "a.png") == [TEXT]


def test_extended_xmp_is_put_together(tmp_path):
    """What did not fit into a JPEG's first packet is joined by offset, whatever the order."""
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + len(TEXT).to_bytes(4, "big")
    pieces = [head + start.to_bytes(4, "big") + TEXT[start : start + 20] for start in (20, 0)]
    data = jpeg(b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0" + TEXT, *pieces)
    (tmp_path / "a.jpg").write_bytes(data)
    assert embedded(tmp_path / "a.jpg") == [TEXT, TEXT]


def test_a_file_without_any_has_none(tmp_path):
    """A photo without XMP has no packets, and neither has what is no photo."""
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "b.jpg").write_bytes(b"%PDF-1.4")
    (tmp_path / "c.jpg").write_bytes(b"")
    assert [packets(tmp_path / f"{name}.jpg") for name in "abc"] == [([], [])] * 3


@pytest.mark.parametrize("cut", [3, 10, 30, 60, 100])
def test_cut_short_is_no_disaster(tmp_path, cut):
    """A file that ends anywhere gives what it has, and never another error than ours."""
    for name, data in (("a.jpg", jpeg(b"http://ns.adobe.com/xap/1.0/\0" + TEXT)), ("a.png", png_with_late_text(TEXT))):
        (tmp_path / name).write_bytes(data[:cut])
        found, _ = packets(tmp_path / name)
        assert all(TEXT.startswith(packet.data) for packet in found)


def test_sidecars_in_order_and_once(tmp_path):
    """The full name comes before the stem, capitals count, a link to the same file does not."""
    for name in ("a.JPG.XMP", "a.xmp", "a.png.xmp"):
        (tmp_path / name).write_bytes(TEXT)
    (tmp_path / "a.XMP").hardlink_to(tmp_path / "a.xmp")
    assert [path.name for path in sidecars(tmp_path / "a.JPG")] == ["a.JPG.XMP", "a.xmp"]
    assert sidecar_of(tmp_path / "a.JPG").name == "a.JPG.XMP"
    assert sidecar_of(tmp_path / "b.jpg").name == "b.jpg.xmp"


def test_sidecars_come_before_the_files_own(tmp_path):
    """A sidecar was written later than the photo, so it is told first."""
    (tmp_path / "a.jpg").write_bytes(jpeg(b"http://ns.adobe.com/xap/1.0/\0" + TEXT))
    (tmp_path / "a.jpg.xmp").write_bytes(b"<sidecar/>")
    found, odd = packets(tmp_path / "a.jpg")
    assert [packet.data for packet in found] == [b"<sidecar/>", TEXT]
    assert odd == []


def test_what_is_no_file_is_a_remark(tmp_path):
    """A folder, a FIFO, and a file that is too large in place of a sidecar are told, not waited for and not read."""
    os.mkfifo(tmp_path / "a.jpg.xmp")
    (tmp_path / "b.jpg.xmp").mkdir()
    with (tmp_path / "c.jpg.xmp").open("wb") as file:
        file.truncate(100_000_000)
    told = []
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(jpeg())
        found, odd = packets(tmp_path / f"{name}.jpg")
        assert found == []
        told += odd
    assert told == [
        "a.jpg.xmp: not a regular file",
        "b.jpg.xmp: is a directory",
        "c.jpg.xmp: 100.0 MB, limit 16.0 MB",
    ]


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;">]><lolz>&lol2;</lolz>"""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (LAUGHS, "document type"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document type"),
        (b"<a><b></a>", "not well-formed"),
        (b"", "not well-formed"),
        (b"\xff\xd8\xff\xe0 a picture", "not well-formed"),
        (b"<a>\x01</a>", "not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not well-formed"),
        (b"<p:a/>", "not well-formed"),
        (b"<a>" * 150_000, "not well-formed"),
        (b"<a/>" * 300_000, "tags"),
        (b" " * 17_000_000, "limit"),
    ],
    ids=range(11),
)
def test_hostile_documents_are_refused(data, words):
    """Entity bombs, external entities, broken and huge documents end in one clear sentence."""
    with pytest.raises(BadXmpError, match=words):
        parse(data)


def test_deep_nesting_is_no_trap():
    """Ten thousand levels crash neither the parser nor the writer."""
    deep = b"<a>" * 10_000 + b"</a>" * 10_000
    assert xmp.serialise(parse(deep)).strip() == b"<a>" * 9_999 + b"<a/>" + b"</a>" * 9_999


def test_what_is_written_is_what_was_read():
    """Line breaks and quotes in attributes, entities, CDATA, comments and instructions survive."""
    text = """<?one 1?><!-- c --><a xmlns:p="urn:p" p:b="1&#10;2&#9;3&#13;&quot;'&lt;&amp;"> x &amp;&lt;&gt;&#13;
      <p:c/><![CDATA[<raw>&]]><!-- d --><?two 2?></a><?three 3?>"""
    written = xmp.serialise(parse(text.encode()))
    assert ET.canonicalize(written, with_comments=True) == ET.canonicalize(text, with_comments=True)
    assert b"<![CDATA[<raw>&]]>" in written
    assert xmp.serialise(parse(written)) == written


def test_a_compressed_bomb_is_not_unpacked(tmp_path, monkeypatch):
    """XMP that grows beyond the limit when it is unpacked is a remark."""
    monkeypatch.setattr(xmp, "MAX_PACKET", 100_000)
    (tmp_path / "a.png").write_bytes(png_with_late_text(b" " * 200_000, packed=True))
    assert packets(tmp_path / "a.png") == ([], ["its XMP: more than 100.0 kB"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_padding_and_encodings(encoding):
    """Packets padded with zeros or blanks, with a byte order mark, or in UTF-16 are read."""
    data = "<?xpacket begin='\ufeff' id='x'?><a>Zoë</a>\n   <?xpacket end='w'?>".encode(encoding)
    padded = data if encoding == "utf-16" else data + b"  \0\0"
    assert parse(padded).documentElement.firstChild.data == "Zoë"


def test_writing_is_all_or_nothing(tmp_path):
    """A sidecar is replaced as a whole, keeps its rights, and replaces a symbolic link instead of following it."""
    secret = tmp_path / "secret"
    secret.write_text("mine")
    link = tmp_path / "a.jpg.xmp"
    link.symlink_to(secret)
    xmp.write_beside(link, b"new")
    assert (secret.read_text(), link.read_bytes(), link.is_symlink()) == ("mine", b"new", False)
    link.chmod(0o640)
    xmp.write_beside(link, b"newer")
    assert link.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg.xmp", "secret"]
