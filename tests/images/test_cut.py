"""Files that end early: what there is of the picture is used, and what is missing is said."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import UnreadableError
from facesearch.images.load import in_detail, load

from .conftest import scene
from .test_hashing import chunk

KINDS = {
    "baseline": {"format": "JPEG"},
    "progressive": {"format": "JPEG", "progressive": True},
    "restarts": {"format": "JPEG", "restart_marker_blocks": 5},
    "png": {"format": "PNG"},
}
WIDTH, HEIGHT = 640, 480


def saved(image, **options):
    """The bytes of a file."""
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


@pytest.fixture
def put(tmp_path):
    """Write bytes into a file, and give its path."""

    def write(data):
        (tmp_path / "photo").write_bytes(data)
        return tmp_path / "photo"

    return write


@pytest.mark.parametrize("kind", ["baseline", "restarts", "png"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_the_upper_part_is_used(put, kind, share):
    """A cut file gives the pixels of the whole one down to where its data end, and tells the share that is missing."""
    data = saved(scene(WIDTH, HEIGHT), **KINDS[kind])
    whole, photo = load(put(data)), load(put(data[: int(len(data) * share)]))
    assert photo.pixels.shape == whole.pixels.shape
    same = (photo.pixels == whole.pixels).all(axis=(1, 2))
    there = int(np.argmin(same)) / HEIGHT
    assert there > share / 2
    (warning,) = photo.warnings
    words, percent = warning.removesuffix(" % of the picture is missing").split("; ")
    assert words == f"cut short: ends after {int(len(data) * share) / 1000:.1f} kB"
    assert abs(int(percent) / 100 - (1 - there)) < 0.05


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_every_kind_of_jpeg_tells_what_is_missing(put, mode):
    """What is missing is found in grey and in inverted CMYK pictures too, whose blanks have other values."""
    data = saved(scene(WIDTH, HEIGHT).convert(mode), format="JPEG")
    (warning,) = load(put(data[: len(data) // 2])).warnings
    assert warning.endswith(" % of the picture is missing")


def test_a_progressive_jpeg_that_is_cut_late_is_less_sharp(put):
    """Later scans only sharpen: without them the picture is whole and near the original, with a warning that fits."""
    data = saved(scene(WIDTH, HEIGHT), **KINDS["progressive"])
    whole, photo = load(put(data)), load(put(data[: int(len(data) * 0.7)]))
    assert photo.warnings[0].endswith("; the picture may be less sharp than it was")
    assert np.abs(photo.pixels.astype(int) - whole.pixels).mean() < 8


def test_a_progressive_jpeg_that_is_cut_in_its_first_scan(put):
    """Where even the coarse picture is incomplete, its upper part is used."""
    image = scene(WIDTH, HEIGHT)
    data = saved(image, **KINDS["progressive"])
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    photo = load(put(data[: first + (second - first) // 2]))
    assert photo.warnings[0].endswith(" % of the picture is missing")
    assert np.abs(photo.pixels[:90].astype(int) - np.asarray(image)[:90]).mean() < 20


@pytest.mark.parametrize("kind", KINDS)
def test_less_than_a_tenth_is_an_error(put, kind):
    """A sliver of a photo is unreadable, and the error says where the file ends."""
    data = saved(scene(WIDTH, HEIGHT), **KINDS[kind])
    end = data.index(b"IDAT" if kind == "png" else b"\xff\xda") + 14
    with pytest.raises(UnreadableError) as caught:
        load(put(data[:end]))
    assert caught.value.reason == f"cut short: ends after {end} bytes"


def test_an_interlaced_png_is_an_error(put):
    """What is there of an interlaced PNG is spread over the picture in lines, so it is not used."""
    plain = saved(scene(WIDTH, HEIGHT), format="PNG")
    flag = plain.index(b"IHDR") + 16
    header = bytearray(plain[flag - 16 : flag + 1])
    header[-1] = 1
    data = plain[: flag - 16] + header + zlib.crc32(header).to_bytes(4) + plain[flag + 5 :]
    with pytest.raises(UnreadableError, match="cut short"):
        load(put(data[: len(data) // 2]))


@pytest.mark.parametrize("kind", ["baseline", "progressive", "png"])
def test_the_pixel_hash_of_a_cut_file(put, kind):
    """It is not that of the whole file, and the same for every decode and at every size."""
    data = saved(scene(WIDTH, HEIGHT), **KINDS[kind])
    whole = load(put(data)).pixel_hash
    path = put(data[: len(data) // 2])
    hashes = {load(path, detail=detail).pixel_hash for detail in (5000, 640, 200, 60)}
    assert len(hashes) == 1
    assert whole not in hashes


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
def test_a_cut_jpeg_is_reduced_too(put, kind):
    """The same share is missing from the reduced picture, which can be had in detail again."""
    data = saved(scene(1600, 1200), **KINDS[kind])
    path = put(data[: int(len(data) * (0.4 if kind == "baseline" else 0.03))])
    reduced, full = load(path, detail=200), load(path, detail=1600)
    assert (reduced.scale, full.scale) == (1 / 8, 1)
    assert reduced.warnings == full.warnings
    assert np.array_equal(in_detail(reduced, 1).pixels, full.pixels)


def test_a_cut_png_in_detail(put):
    """A cut PNG can be decoded again like a whole one."""
    data = saved(scene(1600, 1200), **KINDS["png"])
    path = put(data[: len(data) // 2])
    reduced, full = load(path, detail=200), load(path, detail=1600)
    assert reduced.warnings == full.warnings
    assert np.array_equal(in_detail(reduced, 1).pixels, full.pixels)


def test_a_file_that_is_filled_up_with_zeros(put):
    """A copy that was broken off may have its full size, zeros at the end: those are no picture."""
    data = saved(scene(WIDTH, HEIGHT), format="JPEG", quality=95)
    half = len(data) // 2
    photo = load(put(data[:half] + bytes(len(data) - half)))
    (warning,) = photo.warnings
    assert warning.startswith(f"cut short: ends after {half / 1000:.1f} of {len(data) / 1000:.1f} kB, zeros follow; ")
    assert warning.endswith(" % of the picture is missing")
    assert (photo.pixels[-100:] == 128).all()


@pytest.mark.parametrize("kind", ["baseline", "png"])
def test_a_file_without_its_end_mark(put, kind):
    """Where only the mark of the end is missing, the picture is complete and the same as the whole file's."""
    data = saved(scene(WIDTH, HEIGHT), **KINDS[kind])
    whole, photo = load(put(data)), load(put(data[: -2 if kind == "baseline" else -12]))
    assert np.array_equal(whole.pixels, photo.pixels)
    assert whole.pixel_hash == photo.pixel_hash
    assert photo.warnings == ("the end of the file is missing, but the picture is complete",)


def test_a_picture_that_ends_in_grey_is_not_cut(put):
    """A whole file whose last rows look like missing ones has nothing missing."""
    image = scene(WIDTH, HEIGHT)
    image.paste((128, 128, 128), (0, HEIGHT // 2, WIDTH, HEIGHT))
    assert load(put(saved(image, format="JPEG"))).warnings == ()


def test_damage_in_the_middle_is_not_taken_for_a_cut(put):
    """A PNG whose data are damaged, not missing, stays an error, also where its end is missing too."""
    rows = np.pad(np.asarray(scene(WIDTH, HEIGHT)).reshape(HEIGHT, -1), ((0, 0), (1, 0)))
    rows[HEIGHT // 2, 0] = 99  # there is no such filter
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    for broken in (data, data[:-400]):
        with pytest.raises(UnreadableError, match="damaged PNG"):
            load(put(broken))


def test_a_cut_photo_is_turned(put):
    """EXIF orientation holds for what is there: the missing lower part of the stored picture becomes the left side."""
    tags = Image.Exif()
    tags[0x0112] = 6
    data = saved(scene(WIDTH, HEIGHT), format="JPEG", exif=tags)
    photo = load(put(data[: len(data) // 2]))
    assert photo.pixels.shape == (WIDTH, HEIGHT, 3)
    assert (photo.pixels[:, :100] == 128).all()
    assert (photo.pixels[:, -100:] != 128).any(axis=2).mean() > 0.9
