"""Decoding: what comes out of good files."""

import concurrent.futures
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

from facesearch.images import formats
from facesearch.images.decode import INVERSE
from facesearch.images.load import load

from .conftest import scene

ORIENTATION, EXIF, TAKEN, OFFSET = 0x0112, 0x8769, 0x9003, 0x9011


def exif(orientation=None, taken=None, offset=None):
    """EXIF data with these tags."""
    tags = Image.Exif()
    if orientation is not None:
        tags[ORIENTATION] = orientation
    details = tags.get_ifd(EXIF)
    if taken is not None:
        details[TAKEN] = taken
    if offset is not None:
        details[OFFSET] = offset
    return tags


def stored_as(picture, orientation):
    """The picture as a camera stores it that is held in this orientation."""
    return picture.transpose(INVERSE[orientation]) if orientation > 1 else picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_every_orientation_comes_out_upright(tmp_path, picture, orientation, suffix):
    """All eight EXIF orientations of a picture give the same upright pixels, exactly where the format is lossless."""
    path = tmp_path / f"photo.{suffix}"
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}.get(suffix, {})
    stored_as(picture, orientation).save(path, exif=exif(orientation), **options)
    photo = load(path)
    assert (photo.width, photo.height, photo.orientation) == (96, 64, orientation)
    difference = np.abs(photo.pixels.astype(int) - np.asarray(picture))
    assert difference.mean() < 6 if suffix == "jpg" else difference.max() == 0
    assert photo.pixels.flags.c_contiguous
    assert not photo.pixels.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
def test_reduced_photos_are_upright_too(tmp_path, orientation):
    """Turning and reducing, strip by strip, gives what reducing the upright picture gives."""
    picture = scene(1600, 1200)
    stored_as(picture, orientation).save(tmp_path / "photo.png", exif=exif(orientation), compress_level=1)
    photo = load(tmp_path / "photo.png", detail=400)
    assert photo.scale == 1 / 4
    assert (photo.width, photo.height) == (1600, 1200)
    assert np.abs(photo.pixels.astype(int) - np.asarray(picture.reduce(4))).max() <= 1


@pytest.mark.parametrize("senseless", [0, 9, 77])
def test_a_senseless_orientation_means_none(tmp_path, picture, senseless):
    """An orientation outside 1 to 8 leaves the photo as it is stored."""
    picture.save(tmp_path / "photo.png", exif=exif(senseless))
    assert load(tmp_path / "photo.png").orientation == 1


def test_orientation_from_xmp(tmp_path, picture):
    """Where EXIF says nothing, XMP's tiff:Orientation turns the photo."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    stored_as(picture, 6).save(tmp_path / "photo.webp", lossless=True, xmp=xmp)
    photo = load(tmp_path / "photo.webp")
    assert photo.orientation == 6
    assert np.array_equal(photo.pixels, np.asarray(picture))


@pytest.mark.parametrize(
    ("taken", "offset", "expected"),
    [
        ("2019:07:14 12:33:01", None, "2019-07-14T12:33:01"),
        ("2019:07:14 12:33:01", "+02:00", "2019-07-14T12:33:01+02:00"),
        ("2019:07:14 12:33:01\0", "rubbish", "2019-07-14T12:33:01"),
        ("0000:00:00 00:00:00", "+02:00", None),
        ("    :  :     :  :  ", None, None),
        (None, None, None),
    ],
)
def test_time_of_taking(tmp_path, picture, taken, offset, expected):
    """EXIF's time becomes ISO 8601, with the offset where there is one; what is no time becomes None."""
    picture.save(tmp_path / "photo.jpg", exif=exif(taken=taken, offset=offset))
    assert load(tmp_path / "photo.jpg").taken_at == expected


def test_a_large_jpeg_is_reduced_while_it_is_decoded(tmp_path):
    """The scale says how the pixels relate to the full photo, which keeps its size; small photos stay whole."""
    scene(1603, 1201).save(tmp_path / "photo.jpg")
    photo = load(tmp_path / "photo.jpg", detail=400)
    assert photo.pixels.shape == (301, 401, 3)
    assert (photo.width, photo.height, photo.scale) == (1603, 1201, 1 / 4)
    assert load(tmp_path / "photo.jpg", detail=1000).scale == 1
    whole = load(tmp_path / "photo.jpg")
    assert (whole.byte_hash, whole.pixel_hash) == (photo.byte_hash, photo.pixel_hash)


def grey_ramp():
    """Grey from black on the left to white on the right, shape (64, 96), float32."""
    return np.linspace(0, 255, 96, dtype=np.float32)[None, :].repeat(64, 0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sixteen.png", (grey_ramp() * 257).astype(np.uint16)),
        ("sixteen.tif", (grey_ramp() * 257).astype(np.uint16)),
        ("twelve.tif", (grey_ramp() * 4095 / 255).astype(np.uint16)),
        ("unit.tif", grey_ramp() / 255),
        ("float.tif", grey_ramp()),
        ("signed.tif", grey_ramp() - 100),
        ("int.tif", (grey_ramp() * 1e6).astype(np.int32)),
    ],
)
def test_deep_pictures_are_scaled(tmp_path, name, values):
    """16-bit, 12-bit, integer and float pictures keep their shades: nothing is clipped to white."""
    Image.fromarray(values).save(tmp_path / name)
    pixels = load(tmp_path / name).pixels
    assert np.abs(pixels - grey_ramp()[..., None]).max() < 1.6


def test_floats_that_are_not_numbers(tmp_path):
    """NaN and infinity in a float picture become black and white."""
    values = grey_ramp()
    values[0, 0], values[0, 1] = np.nan, np.inf
    Image.fromarray(values).save(tmp_path / "odd.tif")
    pixels = load(tmp_path / "odd.tif").pixels
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_modes_become_rgb(tmp_path, picture, mode):
    """Whatever mode a picture is stored in, three bytes a pixel come out that look like it."""
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        stored = ImageCms.applyTransform(picture, to_lab)
    else:
        stored = {"P": picture.quantize(64), "PA": picture.quantize(64).convert("PA")}.get(mode) or picture.convert(
            mode
        )
    stored.save(tmp_path / "photo.tif")
    pixels = load(tmp_path / "photo.tif").pixels
    assert pixels.shape == (64, 96, 3)
    expected = picture.convert("L").convert("RGB") if mode in {"1", "L", "LA"} else picture
    assert np.abs(pixels.astype(int) - np.asarray(expected)).mean() < (120 if mode == "1" else 12)


def test_cmyk_jpeg_is_not_negative(tmp_path, picture):
    """An Adobe CMYK JPEG, which stores its inks inverted, comes out positive."""
    picture.convert("CMYK").save(tmp_path / "photo.jpg", quality=95)
    assert np.abs(load(tmp_path / "photo.jpg").pixels.astype(int) - np.asarray(picture)).mean() < 12


@pytest.mark.parametrize("suffix", ["png", "webp", "gif", "tif"])
def test_transparency_lies_over_white(tmp_path, suffix):
    """What is transparent is white, what is opaque keeps its colour."""
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    image.paste((200, 30, 30, 255), (10, 0, 20, 10))
    image.save(tmp_path / f"photo.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    pixels = load(tmp_path / f"photo.{suffix}").pixels
    assert pixels[5, 5].tolist() == [255, 255, 255]
    assert pixels[5, 15].tolist() == [200, 30, 30]


def test_a_transparent_shade_of_a_16_bit_png(tmp_path):
    """A 16-bit grey PNG with one transparent shade shows white there."""
    values = (grey_ramp() * 257).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "photo.png", transparency=int(values[0, 10]))
    pixels = load(tmp_path / "photo.png").pixels
    assert pixels[0, 10].tolist() == [255, 255, 255]
    assert pixels[0, 12, 0] < 60


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_first_picture_of_several(tmp_path, picture, suffix):
    """Of an animation or a file of several pages the first picture is taken."""
    second = Image.new("RGB", picture.size, "white")
    picture.save(tmp_path / f"photo.{suffix}", save_all=True, append_images=[second, second])
    pixels = load(tmp_path / f"photo.{suffix}").pixels
    assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < 12


@pytest.mark.parametrize(
    ("suffix", "kind"), [("avif", "AVIF"), ("bmp", "BMP"), ("ppm", "PNM"), ("jp2", "JPEG 2000"), ("ico", "ICO")]
)
def test_other_formats(tmp_path, picture, suffix, kind):
    """The rarer formats are read, and known by their bytes, not by their names."""
    (picture.resize((64, 64)) if suffix == "ico" else picture).save(tmp_path / f"photo.{suffix}")
    (tmp_path / f"photo.{suffix}").rename(tmp_path / "photo.jpg")
    photo = load(tmp_path / "photo.jpg")
    assert photo.format == kind
    assert photo.pixels.shape[2] == 3


def test_threads_get_what_one_gets(tmp_path):
    """Loading in several threads gives the same photos as loading one after the other."""
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.{('jpg', 'png', 'webp', 'tif')[number % 4]}")
        scene(seed=number).save(paths[-1])
    alone = [load(path) for path in paths]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(load, paths * 4))
    for one, other in zip(alone * 4, together, strict=True):
        assert one.pixel_hash == other.pixel_hash
        assert np.array_equal(one.pixels, other.pixels)


def test_photos_are_known_by_their_suffix():
    """A folder's photos are chosen by suffix, whatever its case; macOS's attribute files are none."""
    assert all(map(formats.is_photo, ["a.jpg", "b/A.JPEG", "c.HeIC", "d.avif"]))
    assert not any(map(formats.is_photo, ["a.txt", "jpg", ".jpg", "._a.jpg", "a.jpg.part", "a.mov"]))


def test_decoder_version_names_the_decoders():
    """The version of what decodes says Pillow's and libheif's, and stays the same in one process."""
    assert formats.decoder_version() == formats.decoder_version()
    assert formats.decoder_version().startswith(f"pillow {Image.__version__}, pi_heif ")


def test_importing_facesearch_imports_no_decoder():
    """`import facesearch` alone loads neither Pillow nor NumPy."""
    code = "import sys, facesearch; print(sorted({'PIL', 'numpy', 'pi_heif'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
