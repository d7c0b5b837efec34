"""Decoding a photo again in more detail, and keeping its facts alone."""

import pickle

import numpy as np
import pytest
from PIL import Image

from facesearch.images import load as loading
from facesearch.images.load import in_detail, load, without_pixels

from .conftest import scene
from .heic import heic
from .test_load import exif

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

SIZE = 1603, 1201
SUFFIXES = ("jpg", "png", "webp", "tif", "bmp", "gif", "avif", "jp2", "ppm")


def facts(photo):
    """Everything about a photo but its pixels, its scale and its source."""
    names = ("width", "height", "orientation", "taken_at", "format", "byte_hash", "pixel_hash", "bytes", "warnings")
    return {name: getattr(photo, name) for name in names}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_in_detail_gives_what_loading_at_that_size_gives(tmp_path, suffix):
    """In full it is the picture that ``load`` decodes in full, the file not being read again; nothing else changes."""
    path = tmp_path / f"photo.{suffix}"
    scene(*SIZE).save(path, **({"exif": exif(6)} if suffix in {"jpg", "png", "webp", "tif", "avif"} else {}))
    reduced, full = load(path, detail=300), load(path, detail=5000)
    path.unlink()
    detailed = in_detail(reduced, 1)
    assert (reduced.scale, detailed.scale) == (1 / 4 if suffix == "jpg" else 1 / 5, 1)
    assert np.array_equal(detailed.pixels, full.pixels)
    assert facts(detailed) == facts(reduced) == facts(full)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_steps_between(tmp_path, suffix, orientation):
    """A JPEG is reduced by the next power of two below, other formats by the factor itself; scale and sides agree."""
    scene(*SIZE).save(tmp_path / f"photo.{suffix}", exif=exif(orientation))
    reduced = load(tmp_path / f"photo.{suffix}", detail=200)
    detailed = in_detail(reduced, 3)
    factor = round(1 / detailed.scale)
    assert factor == (2 if suffix == "jpg" else 3)
    assert detailed.pixels.shape == (-(-detailed.height // factor), -(-detailed.width // factor), 3)
    small = Image.fromarray(detailed.pixels).resize(reduced.pixels.shape[1::-1])
    assert np.abs(np.asarray(small).astype(int) - reduced.pixels).mean() < 8


def test_no_more_than_there_is(tmp_path):
    """A photo that is as detailed already comes back itself."""
    scene(*SIZE).save(tmp_path / "photo.png")
    photo = load(tmp_path / "photo.png", detail=500)
    assert in_detail(photo, 3) is photo
    assert in_detail(photo, 7) is photo
    whole = load(tmp_path / "photo.png")
    assert in_detail(whole, 1) is whole


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_very_large_photos_stay_reduced(tmp_path, monkeypatch, suffix):
    """There is a bound on the pixels that are decoded in detail, so that memory has one."""
    scene(*SIZE).save(tmp_path / f"photo.{suffix}")
    photo = load(tmp_path / f"photo.{suffix}", detail=200)
    monkeypatch.setattr(loading, "_MOST_DETAIL", SIZE[0] * SIZE[1] - 1)
    assert in_detail(photo, 1).scale == 1 / 2
    monkeypatch.setattr(loading, "_MOST_DETAIL", SIZE[0] * SIZE[1] // 5)
    assert in_detail(photo, 1).scale == 1 / 4


def test_a_heic_in_detail(tmp_path):
    """A HEIC, which its decoder turns itself, is turned once."""
    luma = np.random.default_rng(1).integers(30, 220, (32, 32), dtype=np.uint8)
    (tmp_path / "photo.heic").write_bytes(heic(luma, quarter_turns=3))
    reduced, full = load(tmp_path / "photo.heic", detail=10), load(tmp_path / "photo.heic")
    assert reduced.scale == 1 / 3
    assert np.array_equal(in_detail(reduced, 1).pixels, full.pixels)


def test_without_damaged_metadata(tmp_path):
    """A photo that had to be mended for its decoder is decoded again from the mended bytes."""
    scene(*SIZE).save(tmp_path / "photo.png")
    data = (tmp_path / "photo.png").read_bytes()
    (tmp_path / "photo.png").write_bytes(data[:33] + b"\0\0\0\x04iTXtabcd\0\0\0\0" + data[33:])
    reduced, full = load(tmp_path / "photo.png", detail=300), load(tmp_path / "photo.png", detail=5000)
    assert reduced.warnings == ("damaged metadata were left out",)
    assert np.array_equal(in_detail(reduced, 1).pixels, full.pixels)


def test_the_facts_alone(tmp_path):
    """Without pixels a photo is small, keeps all its facts, and goes through pickle."""
    scene(*SIZE).save(tmp_path / "photo.jpg", exif=exif(6, taken="2019:07:14 12:33:01"))
    photo = load(tmp_path / "photo.jpg")
    bare = without_pixels(photo)
    assert (bare.pixels.shape, bare.pixels.dtype, bare.source) == ((0, 0, 3), np.uint8, b"")
    sent = pickle.dumps(bare)
    assert len(sent) < 1500
    assert facts(pickle.loads(sent)) == facts(photo)
    assert pickle.loads(sent).scale == photo.scale


def test_a_whole_photo_can_be_sent(tmp_path):
    """A photo with its pixels goes through pickle, and can be decoded in detail on the other side."""
    scene(*SIZE).save(tmp_path / "photo.jpg")
    photo = load(tmp_path / "photo.jpg", detail=400)
    received = pickle.loads(pickle.dumps(photo))
    assert np.array_equal(received.pixels, photo.pixels)
    assert np.array_equal(in_detail(received, 1).pixels, in_detail(photo, 1).pixels)


def test_source_is_not_shown(tmp_path):
    """The file's bytes stay out of a photo's repr."""
    scene().save(tmp_path / "photo.jpg")
    assert "JFIF" not in repr(load(tmp_path / "photo.jpg"))
