"""Pages: whole files for their owner alone, in which everything is text and nothing is loaded."""

from __future__ import annotations

import base64
import io
import stat

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import FacesearchError
from facesearch.report.page import data_uri, render, write


def test_a_picture_as_part_of_a_page():
    """A data URI holds the picture, small where that was asked for, without metadata."""
    pixels = np.zeros((160, 80, 3), np.uint8)
    pixels[:80] = 200, 40, 40
    head, _, held = data_uri(pixels, side=112).partition(",")
    assert head == "data:image/webp;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(held)))
    assert (picture.size, dict(picture.getexif())) == ((56, 112), {})
    assert np.abs(np.asarray(picture.convert("RGB"))[20, 20].astype(int) - (200, 40, 40)).max() < 12
    whole = base64.b64decode(data_uri(pixels).partition(",")[2])
    assert Image.open(io.BytesIO(whole)).size == (80, 160)


def test_the_base_forbids_scripts_and_the_network():
    """Every page carries a policy by which a browser loads nothing but the pictures inside."""
    page = render("base.html")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert "<script" not in page
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page


def test_only_the_owner_can_read_it(tmp_path):
    """A page has mode 0600, also where a file with a wider one was there; missing folders are made."""
    target = tmp_path / "new" / "page.html"
    assert write("<p>é", target) == 5
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.chmod(0o644)
    write("<p>again", target)
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("<p>again", 0o600)
    assert list(target.parent.iterdir()) == [target]


def test_a_file_name_that_is_not_unicode(tmp_path):
    """Undecodable bytes of a file name are written as escapes, not as an error."""
    write("a\udcffb", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "a\\udcffb"


def test_it_cannot_be_written(tmp_path):
    """A folder in the way, or a file where a folder must be, is one clear error, and leaves nothing behind."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "folder", tmp_path / "file" / "page.html"):
        with pytest.raises(FacesearchError, match="cannot write") as caught:
            write("x", target)
        assert "--output" in (caught.value.hint or "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
