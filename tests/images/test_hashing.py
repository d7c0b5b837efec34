"""The pixel hash: what it must not see, and what it must."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facesearch.images.hashing import codestream, declared_size
from facesearch.images.load import load

from .conftest import scene


def segment(marker, payload):
    """A JPEG segment."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def tiff_block(orientation):
    """EXIF data that hold an orientation alone."""
    return b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, orientation, 0)


def chunk(name, payload):
    """A PNG chunk."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


EXTRAS = {
    "exif": lambda jpeg: jpeg[:2] + segment(0xE1, b"Exif\0\0" + tiff_block(1)) + jpeg[2:],
    "orientation": lambda jpeg: jpeg[:2] + segment(0xE1, b"Exif\0\0" + tiff_block(6)) + jpeg[2:],
    "xmp": lambda jpeg: jpeg[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>") + jpeg[2:],
    "iptc": lambda jpeg: jpeg[:2] + segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04") + jpeg[2:],
    "comment": lambda jpeg: jpeg[:2] + segment(0xFE, b"rated five stars \xff\xd9") + jpeg[2:],
    "thumbnail with its own end": lambda jpeg: (
        jpeg[:2] + segment(0xE1, b"Exif\0\0" + jpeg[:400] + b"\xff\xd9") + jpeg[2:]
    ),
    "fill bytes": lambda jpeg: jpeg[:2] + b"\xff\xff" + jpeg[2:],
    "motion photo": lambda jpeg: jpeg + b"\0\0\0\x18ftypmp42" + bytes(500),
    "second picture": lambda jpeg: jpeg + jpeg,
}


@pytest.fixture(params=["baseline", "progressive", "restarts", "grey", "cmyk"])
def jpeg(request, tmp_path):
    """The bytes of a JPEG."""
    image = scene()
    if request.param in {"grey", "cmyk"}:
        image = image.convert({"grey": "L", "cmyk": "CMYK"}[request.param])
    options = {"progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 1}}.get(request.param, {})
    image.save(tmp_path / "plain.jpg", **options)
    return (tmp_path / "plain.jpg").read_bytes()


@pytest.mark.parametrize("extra", EXTRAS)
def test_metadata_does_not_change_the_pixel_hash_of_a_jpeg(tmp_path, jpeg, extra):
    """Metadata written into a JPEG, or anything behind the picture, changes the byte hash only."""
    (tmp_path / "plain.jpg").write_bytes(jpeg)
    (tmp_path / "edited.jpg").write_bytes(EXTRAS[extra](jpeg))
    plain, edited = load(tmp_path / "plain.jpg"), load(tmp_path / "edited.jpg")
    assert plain.pixel_hash == edited.pixel_hash
    assert plain.byte_hash != edited.byte_hash
    assert edited.orientation == (6 if extra == "orientation" else 1)


def test_an_edit_changes_the_pixel_hash_of_a_jpeg(tmp_path, jpeg):
    """Another picture, and another quality of the same picture, are other pixels."""
    (tmp_path / "plain.jpg").write_bytes(jpeg)
    scene(seed=4).save(tmp_path / "other.jpg")
    scene().save(tmp_path / "worse.jpg", quality=30)
    assert len({load(tmp_path / name).pixel_hash for name in ("plain.jpg", "other.jpg", "worse.jpg")}) == 3


def test_adobe_marker_counts(jpeg):
    """Without Adobe's APP14 the same data mean other colours, so it is part of the pixels."""
    marked = jpeg[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\0") + jpeg[2:]
    assert codestream("JPEG", marked).digest != codestream("JPEG", jpeg).digest


def test_which_jpegs_can_be_decoded_line_by_line(tmp_path):
    """One scan streams; a progressive JPEG has to be kept whole, and its limit is lower for that."""
    scene().save(tmp_path / "one.jpg")
    scene().save(tmp_path / "many.jpg", progressive=True)
    assert codestream("JPEG", (tmp_path / "one.jpg").read_bytes()).streams
    assert not codestream("JPEG", (tmp_path / "many.jpg").read_bytes()).streams


def test_metadata_does_not_change_the_pixel_hash_of_a_png(tmp_path, picture):
    """Text, EXIF, time and other chunks, and how the data are divided, change the byte hash of a PNG only."""
    picture.save(tmp_path / "plain.png")
    plain = (tmp_path / "plain.png").read_bytes()
    extra = chunk(b"tEXt", b"Comment\0five stars") + chunk(b"eXIf", tiff_block(3)) + chunk(b"tIME", bytes(7))
    (tmp_path / "edited.png").write_bytes(plain[:33] + extra + plain[33:])
    at = plain.index(b"IDAT") - 4
    length = struct.unpack(">I", plain[at : at + 4])[0]
    data, half = plain[at + 8 : at + 8 + length], length // 2
    halves = chunk(b"IDAT", data[:half]) + chunk(b"IDAT", data[half:])
    (tmp_path / "halves.png").write_bytes(plain[:at] + halves + plain[at + 12 + length :])
    first, second, third = (load(tmp_path / f"{name}.png") for name in ("plain", "edited", "halves"))
    assert first.pixel_hash == second.pixel_hash == third.pixel_hash
    assert len({first.byte_hash, second.byte_hash, third.byte_hash}) == 3
    assert second.orientation == 3


@pytest.mark.parametrize("suffix", ["webp", "tif", "avif"])
def test_metadata_does_not_change_the_pixel_hash_of_other_formats(tmp_path, picture, suffix):
    """Where decoded pixels are hashed, they are hashed as stored: orientation and EXIF do not matter."""
    tags = Image.Exif()
    tags[0x0112] = 6
    tags[0x010E] = "a holiday"
    picture.save(tmp_path / f"plain.{suffix}")
    picture.save(tmp_path / f"edited.{suffix}", exif=tags)
    scene(seed=5).save(tmp_path / f"other.{suffix}")
    plain, edited, other = (load(tmp_path / f"{name}.{suffix}") for name in ("plain", "edited", "other"))
    assert plain.pixel_hash == edited.pixel_hash != other.pixel_hash
    assert (plain.width, edited.width) == (96, 64)


def test_a_palette_counts(tmp_path, picture):
    """Two GIFs with the same indices and different palettes are different pictures."""
    image = picture.quantize(16)
    image.save(tmp_path / "a.gif")
    image.putpalette(list(reversed(image.getpalette())))
    image.save(tmp_path / "b.gif")
    assert load(tmp_path / "a.gif").pixel_hash != load(tmp_path / "b.gif").pixel_hash


def test_a_jpeg_with_garbage_between_its_segments(tmp_path, picture):
    """Where the structure makes no sense but the decoder copes, the decoded pixels are hashed."""
    picture.save(tmp_path / "plain.jpg")
    plain = (tmp_path / "plain.jpg").read_bytes()
    end = 4 + struct.unpack(">H", plain[4:6])[0]
    (tmp_path / "odd.jpg").write_bytes(plain[:end] + b"garbage" + plain[end:])
    assert codestream("JPEG", (tmp_path / "odd.jpg").read_bytes()) is None
    assert len(load(tmp_path / "odd.jpg").pixel_hash) == 64


@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "HEIC", "WebP", "BMP", "TIFF"]))
def test_any_bytes_can_be_looked_at(data, kind):
    """No bytes make the parsers fail or run on."""
    codestream(kind, b"\xff\xd8" + data if kind == "JPEG" else data)
    declared_size(kind, data)
