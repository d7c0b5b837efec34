"""Pictures for people."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facesearch.errors import ConfigError, FacesearchError
from facesearch.images import draw
from facesearch.images.fonts import fit, font_for
from facesearch.types import Box

from .conftest import scene


def test_known_and_unknown_faces_look_different():
    """Boxes and labels change the picture, and people look different from strangers."""
    pixels = np.asarray(scene(800, 600))
    box = Box(300, 200, 420, 340)
    known, unknown = draw.draw_faces(pixels, [(box, "Ada", True)]), draw.draw_faces(pixels, [(box, "Ada", False)])
    assert known.size == (800, 600)
    assert np.asarray(known).tobytes() != np.asarray(unknown).tobytes()
    assert np.array_equal(pixels, np.asarray(draw.draw_faces(pixels, [])))


def test_small_photos_are_enlarged():
    """On a small photo a name would cover the face, so it is drawn on a larger copy."""
    assert draw.draw_faces(np.asarray(scene(96, 64)), [(Box(10, 10, 40, 50), "Ada", True)]).size == (720, 480)


BOXES = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.floats(-60, 800),
    st.floats(-60, 600),
    st.floats(1, 400),
    st.floats(1, 400),
)


@given(BOXES, st.floats(5, 700), st.floats(5, 60), st.floats(0, 9))
def test_labels_stay_on_the_picture(box, width, height, gap):
    """Every place that a label may take lies on the picture, also for boxes that do not."""
    for area in draw._places(box, (width, height), (800, 600), gap):
        assert area[0] >= 0
        assert area[1] >= 0
        assert area[2] <= 799.001
        assert area[3] <= 599.001


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(BOXES, st.text(max_size=40), st.booleans()), max_size=6))
def test_any_names_can_be_drawn(faces):
    """No box and no text, in whatever script, stops the drawing."""
    assert draw.draw_faces(np.zeros((600, 800, 3), np.uint8), faces).size == (800, 600)


def test_labels_of_neighbours_do_not_overlap(monkeypatch):
    """In a row of faces whose names are wider than the faces no label hides another."""
    placed = []
    label = draw._label
    monkeypatch.setattr(draw, "_label", lambda *args, **more: placed.append(label(*args, **more)) or placed[-1])
    row = [(Box(100 + 70 * n, 300, 160 + 70 * n, 370), f"Bartholomäus {n}", True) for n in range(8)]
    draw.draw_faces(np.zeros((700, 900, 3), np.uint8), row)
    assert len(placed) == 8
    assert not any(draw._shared(a, b) for number, a in enumerate(placed) for b in placed[:number])


@pytest.mark.parametrize("name", ["Мария", "Ξένια", "محمد", "Nguyễn", "שרה", "Łukasz"])
def test_names_in_many_scripts_have_letters(name):
    """Latin, Greek, Cyrillic, Arabic and Hebrew letters are drawn, not boxes for missing ones."""
    font = font_for(name, 30)
    missing = bytes(font.getmask("\U0010ffff"))
    assert all(bytes(font.getmask(letter)) != missing for letter in name)


def test_drawing_does_not_import_matplotlib():
    """Its font is used, it itself is not loaded."""
    code = "import sys, facesearch.images.draw as d; d.font_for('a', 9); print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_long_words_are_shortened():
    """What does not fit ends in an ellipsis and fits."""
    font = font_for("a", 16)
    short = fit("Bartholomäus von Hohenzollern", font, 100)
    assert short.endswith("…")
    assert font.getlength(short) <= 100
    assert fit("a\n  b", font, 500) == "a b"


def test_contact_sheets_say_what_they_leave_out(monkeypatch):
    """A sheet shows its limit of pictures at most, the last place says how many more there are."""
    words = []
    monkeypatch.setattr(draw, "_center", lambda *args: words.append(args[2]))
    tiles = [(np.asarray(scene(seed=n)), f"face {n}\n0.4{n}") for n in range(9)]
    full = draw.contact_sheet(tiles, title="Group 1", columns=3, side=80)
    assert words == []
    cut = draw.contact_sheet(tiles, title="Group 1", columns=3, side=80, limit=6)
    assert words == ["+ 4 more"]
    assert (cut.width, cut.height < full.height) == (full.width, True)
    draw.contact_sheet(tiles, title="", limit=20, total=300)
    draw.contact_sheet([], title="nobody")
    assert words[1:] == ["+ 291 more", "nothing to show"]


def test_pictures_are_written_whole(tmp_path):
    """A PNG is written into new folders and over an old one, and leaves no temporary file behind."""
    target = tmp_path / "new" / "a.png"
    draw.save_png(scene(), target)
    draw.save_png(scene(seed=9), target)
    assert np.array_equal(np.asarray(Image.open(target)), np.asarray(scene(seed=9)))
    assert list(target.parent.iterdir()) == [target]


def test_pictures_that_cannot_be_written(tmp_path):
    """A name of another format, a folder and a file in the way end in our errors, without a temporary file."""
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError):
        draw.save_png(scene(), tmp_path / "a.jpg")
    for path in (tmp_path / "folder.png", tmp_path / "file" / "a.png"):
        with pytest.raises(FacesearchError, match="cannot write"):
            draw.save_png(scene(), path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]
