"""What is peculiar to one format."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from facesearch.images.load import load

from .conftest import scene
from .heic import HEIGHT, SIDE, heic
from .test_hashing import chunk, segment, tiff_block
from .test_load import exif, stored_as

CONTENT = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "GIF": "GIF",
    "TIFF": "TIFF",
    "WebP": "WEBP",
    "AVIF": "AVIF",
    "BMP": "BMP",
    "JPEG 2000": "JPEG2000",
}


@pytest.mark.parametrize("kind", CONTENT)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".heic", ".txt", ""])
def test_the_name_does_not_matter(tmp_path, picture, kind, suffix):
    """A photo with a wrong suffix is known by its bytes."""
    picture.save(tmp_path / f"photo{suffix}", CONTENT[kind])
    photo = load(tmp_path / f"photo{suffix}")
    assert (photo.format, photo.width, photo.height) == (kind, 96, 64)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_once(tmp_path, picture, orientation):
    """An AVIF says its orientation in properties of its own; all eight come out upright."""
    stored_as(picture, orientation).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4", exif=exif(orientation))
    photo = load(tmp_path / "a.avif")
    assert (photo.width, photo.height) == (96, 64)
    assert np.abs(photo.pixels.astype(int) - np.asarray(picture)).mean() < 4


def test_a_heic_is_not_turned_by_exif_alone(tmp_path):
    """The standard knows irot only; a HEIC whose EXIF alone says it lies, was turned before and EXIF forgotten."""
    luma = np.random.default_rng(1).integers(30, 220, (SIDE, SIDE), dtype=np.uint8)
    (tmp_path / "plain.heic").write_bytes(heic(luma))
    (tmp_path / "tagged.heic").write_bytes(heic(luma, exif=tiff_block(6)))
    plain, tagged = load(tmp_path / "plain.heic"), load(tmp_path / "tagged.heic")
    assert (tagged.width, tagged.height) == (SIDE, HEIGHT)
    assert np.array_equal(plain.pixels, tagged.pixels)


def test_exif_behind_the_data_of_a_png(tmp_path, picture):
    """A PNG may carry its orientation behind its picture."""
    stored_as(picture, 8).save(tmp_path / "photo.png")
    data = (tmp_path / "photo.png").read_bytes()
    (tmp_path / "photo.png").write_bytes(data[:-12] + chunk(b"eXIf", tiff_block(8)) + data[-12:])
    photo = load(tmp_path / "photo.png")
    assert photo.orientation == 8
    assert np.array_equal(photo.pixels, np.asarray(picture))


def test_exif_of_a_big_endian_camera(tmp_path, picture):
    """Orientation is read in either byte order."""
    stored_as(picture, 6).save(tmp_path / "photo.jpg", quality=95, subsampling=0)
    data = (tmp_path / "photo.jpg").read_bytes()
    block = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    (tmp_path / "photo.jpg").write_bytes(data[:2] + segment(0xE1, b"Exif\0\0" + block) + data[2:])
    photo = load(tmp_path / "photo.jpg")
    assert (photo.orientation, photo.width, photo.height) == (6, 96, 64)
    assert np.abs(photo.pixels.astype(int) - np.asarray(picture)).mean() < 6


def test_the_main_picture_of_several_in_a_jpeg(tmp_path, picture):
    """Of a multi-picture JPEG, as phones write them for depth and gain maps, the main picture is read and hashed."""
    picture.save(tmp_path / "plain.jpg")
    picture.save(tmp_path / "map.jpg", "MPO", save_all=True, append_images=[picture.convert("L").resize((24, 16))])
    plain, several = load(tmp_path / "plain.jpg"), load(tmp_path / "map.jpg")
    assert b"MPF\0" in (tmp_path / "map.jpg").read_bytes()
    assert (several.format, several.width, several.height, several.warnings) == ("JPEG", 96, 64, ())
    assert np.array_equal(plain.pixels, several.pixels)
    assert plain.pixel_hash == several.pixel_hash


@pytest.mark.parametrize(("colours", "kind"), [(3, 2), (2, 4), (4, 6)])
def test_sixteen_bit_colours(tmp_path, colours, kind):
    """16-bit PNGs with colours or transparency keep their shades."""
    ramp = np.linspace(0, 65535, 96).astype(">u2")[None, :, None].repeat(64, 0).repeat(colours, 2)
    if colours in {2, 4}:
        ramp[:, :, -1] = 65535
    rows = b"".join(b"\0" + row.tobytes() for row in ramp)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 64, 16, kind, 0, 0, 0))
    (tmp_path / "photo.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    pixels = load(tmp_path / "photo.png").pixels
    assert np.abs(pixels - np.linspace(0, 255, 96)[None, :, None]).max() < 1.6


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes(tmp_path, picture, bits):
    """PNGs with a palette, however few its colours, give these; a transparent one gives white."""
    image = picture.quantize(2**bits)
    image.save(tmp_path / "photo.png", bits=bits)
    assert np.array_equal(load(tmp_path / "photo.png").pixels, np.asarray(image.convert("RGB")))
    image.save(tmp_path / "clear.png", bits=bits, transparency=0)
    clear = load(tmp_path / "clear.png").pixels[np.asarray(image) == 0]
    assert clear.size
    assert (clear == 255).all()


def test_the_first_frame_of_an_animation_that_draws_parts(tmp_path):
    """A first frame smaller than its animation lies at its place."""
    frame = Image.new("P", (20, 10), 1)
    frame.putpalette([0, 0, 0, 200, 30, 30])
    frame.putpixel((0, 0), 0)
    frame.save(tmp_path / "photo.gif")
    data = bytearray((tmp_path / "photo.gif").read_bytes())
    data[6:10] = struct.pack("<HH", 40, 30)
    at = data.index(b"\x2c", 13)
    data[at + 1 : at + 5] = struct.pack("<HH", 15, 12)
    (tmp_path / "photo.gif").write_bytes(data)
    pixels = load(tmp_path / "photo.gif").pixels
    assert pixels.shape == (30, 40, 3)
    assert pixels[14, 20].tolist() == [200, 30, 30]
    assert pixels[2, 2].tolist() != [200, 30, 30]


def test_the_first_frame_of_an_animated_avif(tmp_path, picture):
    """Of an AVIF sequence the first picture is taken."""
    second = Image.new("RGB", picture.size, "white")
    picture.save(tmp_path / "photo.avif", save_all=True, append_images=[second, second])
    assert np.abs(load(tmp_path / "photo.avif").pixels.astype(int) - np.asarray(picture)).mean() < 12


def test_an_apng_whose_still_picture_is_not_in_its_animation(tmp_path, picture):
    """The picture that every viewer shows is taken, not the animation's first frame."""
    frames = [Image.new("RGB", picture.size, colour) for colour in ("white", "black")]
    picture.save(tmp_path / "photo.png", save_all=True, default_image=True, append_images=frames)
    assert np.array_equal(load(tmp_path / "photo.png").pixels, np.asarray(scene()))
