"""Decoding: one clear error for everything that is wrong with a file."""

import io
import os
import random
import socket
import struct
import subprocess
import sys
import textwrap
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facesearch.errors import PhotoError, TooLargeError, UnreadableError, UnsupportedError
from facesearch.images.load import load

from .conftest import scene
from .test_hashing import chunk

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def refused(path, **options):
    """The error that loading ends with."""
    with pytest.raises(PhotoError) as caught:
        load(path, **options)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value


def test_what_is_no_file(tmp_path):
    """A missing file, a folder, a loop of links and a name that cannot be are unreadable, and say so."""
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    reasons = {
        tmp_path / "none.jpg": "no such file",
        tmp_path: "is a folder",
        tmp_path / "loop.jpg": "too many levels of symbolic links",
        tmp_path / "a\0b.jpg": "embedded null byte",
    }
    for path, reason in reasons.items():
        error = refused(path)
        assert (type(error), error.reason) == (UnreadableError, reason)


@pytest.mark.timeout(20)
def test_what_is_no_regular_file(tmp_path):
    """A pipe without a writer, a device and a socket are refused at once instead of waited for."""
    os.mkfifo(tmp_path / "pipe.jpg")
    assert refused(tmp_path / "pipe.jpg").reason == "not a regular file"
    assert refused("/dev/zero").reason == "not a regular file"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert isinstance(refused(tmp_path / "s"), UnreadableError)


def test_an_empty_file(tmp_path):
    """A file of no bytes is called empty."""
    (tmp_path / "photo.heic").touch()
    assert refused(tmp_path / "photo.heic").reason == "empty file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path):
    """A file that may not be read says so."""
    (tmp_path / "photo.jpg").write_bytes(b"x")
    (tmp_path / "photo.jpg").chmod(0)
    assert refused(tmp_path / "photo.jpg").reason == "permission denied"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7\nrest", 'not an image (starts with "%PDF-1.7")'),
        (b"%PDF\xe2\xe3\xcf\xd3 rest", 'not an image (starts with "%PDF")'),
        (b"test\n", 'not an image (starts with "test")'),
        (bytes(100), "not an image (starts with the bytes 00 00 00 00)"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "a video, not a photo"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera raw file, which is not supported"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera raw file, which is not supported"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing, not a photo"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL, which is not supported"),
        (b"8BPS\0\1", "a Photoshop document, which is not supported"),
    ],
)
def test_what_is_no_photo(tmp_path, data, reason):
    """A file that is no picture says what it starts with or what it is."""
    (tmp_path / "photo.jpg").write_bytes(data)
    error = refused(tmp_path / "photo.jpg")
    assert (type(error), error.reason) == (UnsupportedError, reason)


def test_a_raw_file_that_is_a_tiff(tmp_path, picture):
    """A raw file whose first picture would decode, a thumbnail, is refused by its suffix."""
    picture.save(tmp_path / "photo.tif")
    (tmp_path / "photo.tif").rename(tmp_path / "photo.dng")
    assert isinstance(refused(tmp_path / "photo.dng"), UnsupportedError)


@pytest.mark.parametrize("suffix", ["webp", "tif", "bmp", "gif", "avif", "jp2", "ppm"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_files_are_errors(tmp_path, suffix, share):
    """A file that ends early is unreadable, JPEG and PNG excepted: it never gives a photo that is grey in part."""
    scene(640, 480).save(tmp_path / f"photo.{suffix}")
    data = (tmp_path / f"photo.{suffix}").read_bytes()
    (tmp_path / f"photo.{suffix}").write_bytes(data[: max(int(len(data) * share), 16)])
    assert isinstance(refused(tmp_path / f"photo.{suffix}"), (UnreadableError, UnsupportedError))


def test_truncated_files_say_where_they_end(tmp_path):
    """Where the format declares its size the error says how much is missing."""
    scene(900, 700).save(tmp_path / "photo.webp", quality=90)
    data = (tmp_path / "photo.webp").read_bytes()
    (tmp_path / "photo.webp").write_bytes(data[:20_000])
    assert refused(tmp_path / "photo.webp").reason == f"ends after 20.0 of {len(data) / 1000:.1f} kB"


def png_header(width, height, *more):
    """A grey PNG that claims a size."""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + b"".join(more)


def test_bombs_are_refused_by_their_headers(tmp_path):
    """A picture over the limit is refused before it is decoded, with its size, the limit and the option."""
    (tmp_path / "bomb.png").write_bytes(png_header(65536, 65536, chunk(b"IDAT", zlib.compress(bytes(99)))))
    gif = (
        b"GIF89a"
        + struct.pack("<HHBBB", 9, 9, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0)
        + b"\2\0;"
    )
    (tmp_path / "bomb.gif").write_bytes(gif)
    bmp = b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, 3_000_000, 2_000_000, 1, 24, 0, 0, 0, 0, 0, 0)
    (tmp_path / "bomb.bmp").write_bytes(bmp)
    for suffix, megapixels in (("png", "4,295"), ("gif", "4,295"), ("bmp", "6,000,000")):
        error = refused(tmp_path / f"bomb.{suffix}")
        assert isinstance(error, TooLargeError)
        assert error.reason.split("-megapixel image, limit ") == [megapixels, "120 (--max-megapixels)"]


def test_the_limit_is_a_setting(tmp_path, picture):
    """A lower limit refuses what the default takes; a JPEG in one scan may be larger than others."""
    picture = picture.resize((1000, 1000))
    for name, options in (("a.png", {}), ("one.jpg", {}), ("many.jpg", {"progressive": True}), ("a.webp", {})):
        picture.save(tmp_path / name, **options)
    assert refused(tmp_path / "a.png", max_megapixels=0.9).reason == "1-megapixel image, limit 1 (--max-megapixels)"
    assert load(tmp_path / "one.jpg", max_megapixels=0.9).scale == 1
    assert isinstance(refused(tmp_path / "many.jpg", max_megapixels=0.9), TooLargeError)
    assert "for WebP" in refused(tmp_path / "a.webp", max_megapixels=1.1).reason


def test_a_bomb_in_a_text_chunk(tmp_path):
    """Text that would unpack to hundreds of megabytes is left out, and the photo is read."""
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300_000_000), 9))
    (tmp_path / "photo.png").write_bytes(png_header(9, 9, bomb, chunk(b"IDAT", zlib.compress(bytes(90)))))
    assert load(tmp_path / "photo.png").warnings == ("damaged metadata were left out",)


def damaged_tiff():
    """A TIFF whose strip cannot be decoded: libtiff has something to print."""
    file = io.BytesIO()
    scene().save(file, "TIFF", compression="tiff_lzw")
    data = bytearray(file.getvalue())
    data[8:600] = random.Random(0).randbytes(592)
    return bytes(data)


def test_nothing_is_printed(tmp_path):
    """Decoders' warnings and libtiff's own words do not reach the terminal, not even under `python -W error`."""
    (tmp_path / "bad.tif").write_bytes(damaged_tiff())
    scene().save(tmp_path / "absurd.tif")
    absurd = (tmp_path / "absurd.tif").read_bytes()
    tag = struct.pack("<HHIH", 277, 3, 1, 3)
    (tmp_path / "absurd.tif").write_bytes(absurd.replace(tag, tag[:-2] + b"\xb5\x34"))
    assert tag in absurd
    file = io.BytesIO()
    scene().save(file, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(30))
    (tmp_path / "exif.jpg").write_bytes(file.getvalue())
    code = """
        import sys
        from facesearch.errors import PhotoError
        from facesearch.images.load import load
        for path in sys.argv[1:]:
            try:
                load(path)
            except PhotoError:
                pass
    """
    paths = [str(tmp_path / name) for name in ("bad.tif", "absurd.tif", "exif.jpg")]
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SEEDS = {}


def seed(kind):
    """A small valid file of a kind, made once."""
    if kind not in SEEDS:
        file = io.BytesIO()
        tags = Image.Exif()
        tags[0x0112] = 6
        scene(48, 32).save(file, kind, exif=tags) if kind not in {"GIF", "BMP", "PPM"} else scene(48, 32).save(
            file, kind
        )
        SEEDS[kind] = file.getvalue()
    return SEEDS[kind]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "AVIF"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
)
def test_damage_is_a_photo_error_or_a_photo(tmp_path, kind, edits):
    """Whatever bytes are damaged, a photo comes out or a PhotoError: never another exception."""
    data = bytearray(seed(kind))
    for where, value in edits:
        at = int(where * (len(data) - 1))
        data[at : at + len(value)] = value
    (tmp_path / "photo").write_bytes(data)
    try:
        photo = load(tmp_path / "photo", max_megapixels=4)
    except PhotoError:
        return
    else:
        assert photo.pixels.ndim == 3
