"""HEIC, whose decoder turns pictures itself."""

import struct

import numpy as np
import pytest

from facesearch.errors import UnreadableError
from facesearch.images.load import load

from .heic import HEIGHT, SIDE, heic

LUMA = np.random.default_rng(1).integers(30, 220, (SIDE, SIDE), dtype=np.uint8)


def exif(orientation):
    """EXIF data that hold an orientation alone."""
    return b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, orientation, 0)


def test_heic_is_read(tmp_path):
    """A HEIC file gives its shades, at its cropped size."""
    (tmp_path / "photo.jpg").write_bytes(heic(LUMA))
    photo = load(tmp_path / "photo.jpg")
    assert (photo.format, photo.width, photo.height) == ("HEIC", SIDE, HEIGHT)
    full_range = (LUMA[:HEIGHT].astype(float) - 16) * 255 / 219
    assert np.abs(photo.pixels[:, :, 0] - full_range.clip(0, 255)).max() < 2


@pytest.mark.parametrize(("quarter_turns", "orientation"), [(1, 8), (2, 3), (3, 6)])
def test_heic_is_turned_once(tmp_path, quarter_turns, orientation):
    """Cameras write the rotation twice, as irot and as EXIF orientation; it is applied once."""
    (tmp_path / "plain.heic").write_bytes(heic(LUMA))
    (tmp_path / "turned.heic").write_bytes(heic(LUMA, quarter_turns=quarter_turns, exif=exif(orientation)))
    plain, turned = load(tmp_path / "plain.heic"), load(tmp_path / "turned.heic")
    assert np.array_equal(turned.pixels, np.rot90(plain.pixels, quarter_turns))
    assert (turned.height, turned.width) == turned.pixels.shape[:2]
    assert turned.orientation == 1


def test_metadata_does_not_change_the_pixel_hash_of_a_heic(tmp_path):
    """EXIF in a HEIC changes its byte hash only; another picture has another pixel hash."""
    for name, data in {"a": heic(LUMA), "b": heic(LUMA, exif=exif(1)), "c": heic(LUMA[::-1].copy())}.items():
        (tmp_path / name).write_bytes(data)
    plain, tagged, other = (load(tmp_path / name) for name in "abc")
    assert plain.pixel_hash == tagged.pixel_hash != other.pixel_hash
    assert plain.byte_hash != tagged.byte_hash


def test_truncated_heic_says_how_much_is_missing(tmp_path):
    """A HEIC's boxes declare their sizes, so the error tells what there should be."""
    data = heic(LUMA)
    (tmp_path / "photo.heic").write_bytes(data[:1200])
    with pytest.raises(UnreadableError) as caught:
        load(tmp_path / "photo.heic")
    assert caught.value.reason == f"ends after 1.2 of {len(data) / 1000:.1f} kB"
