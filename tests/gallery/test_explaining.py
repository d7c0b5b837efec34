"""Why two faces match: what the distance rests on, and whom a face is compared with."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError, NoFaceError, NotFoundError, PhotoError
from facesearch.gallery import explaining
from facesearch.gallery.explaining import draw_explanation, explain, notes
from facesearch.gallery.verification import verify
from facesearch.identify.calibration import built_in
from facesearch.images.align import region
from facesearch.images.occlusion import whole
from facesearch.types import Box, Face, Landmarks

from .pictures import BLUE, GREEN, RED, painted, turned

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

UPRIGHT = Landmarks((30, 40), (70, 40), (50, 60), (35, 80), (65, 80))


def spotted(path, corner):
    """A photo of a red face with a green spot that begins at ``corner``; the face is at (20, 60) to (100, 140)."""
    picture = np.asarray(Image.open(painted(path, RED))).copy()
    x, y = corner
    picture[y : y + 14, x : x + 14] = GREEN
    Image.fromarray(picture).save(path)
    return path


def ring(grid):
    """The outermost squares of a map."""
    values = np.array(grid)
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def test_a_part_that_changes_nothing_is_zero(fake, tmp_path):
    """Where the embedder does not look, the map is exactly 0; where it looks, it is not."""
    one, two = painted(tmp_path / "a.png", RED), painted(tmp_path / "b.png", BLUE)
    made = explain(fake, one, two)
    for grid in (made.map_a, made.map_b):
        assert np.shape(grid) == (9, 9)
        assert (ring(grid) == 0).all()
        assert np.abs(np.array(grid)[3:6, 3:6]).min() > 0.001


def test_nothing_makes_one_face_more_alike_with_itself(fake, tmp_path):
    """The maps of a photo and itself are nowhere below 0, and equal."""
    path = painted(tmp_path / "a.png", RED)
    made = explain(fake, path, path)
    assert np.min(made.map_a) >= 0
    assert np.max(made.map_a) > 0.001
    assert made.map_a == made.map_b


@pytest.mark.parametrize(("corner", "square"), [((41, 81), (2, 2)), ((66, 106), (6, 6))])
def test_the_spot_that_sets_two_faces_apart_is_found(fake, tmp_path, corner, square):
    """A spot that only one face has tells them apart: hidden, the faces are nearer, and more so than for any part."""
    made = explain(fake, spotted(tmp_path / "a.png", corner), painted(tmp_path / "b.png", RED))
    values = np.array(made.map_a)
    row, column = np.unravel_index(values.argmin(), values.shape)
    assert values.min() < 0
    assert abs(row - square[0]) <= 1
    assert abs(column - square[1]) <= 1


def test_the_order_of_the_photos_changes_nothing_but_the_order(fake, tmp_path):
    """A beside B gives the maps of B beside A, exchanged; and the same ones every time."""
    one, two = painted(tmp_path / "a.png", RED), spotted(tmp_path / "b.png", (41, 81))
    made, back, again = explain(fake, one, two), explain(fake, two, one), explain(fake, one, two)
    assert (made.map_a, made.map_b) == (back.map_b, back.map_a)
    assert made == again


def test_maps_do_not_depend_on_how_parts_are_batched(fake, tmp_path, monkeypatch):
    """Whatever number of faces is embedded at once, the explanation is the same."""
    one, two = painted(tmp_path / "a.png", RED), painted(tmp_path / "b.png", BLUE)
    made = explain(fake, one, two)
    monkeypatch.setattr(explaining, "AT_ONCE", 81)
    assert explain(fake, one, two) == made


def test_progress_comes_to_its_end(fake, tmp_path):
    """Progress begins with 0, never goes back, and ends with all parts of both faces hidden."""
    seen = []
    path = painted(tmp_path / "a.png", RED)
    explain(fake, path, path, progress=lambda done, total, path: seen.append((done, total, path)))
    done = [one for one, _, _ in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 162)
    assert {(total, at) for _, total, at in seen} == {(162, str(path))}


def test_the_verdict_is_that_of_verify(fake, tmp_path):
    """Distance, threshold, rates and warnings are what ``verify`` says of the two photos, at any rate."""
    one, two = painted(tmp_path / "a.png", RED), painted(tmp_path / "b.png", GREEN, BLUE)
    for options in ({}, {"far": 1e-2}, {"threshold": 0.4}):
        verdict = verify(fake, one, two, **options)
        assert explain(fake, one, two, **options).verdict == verdict
    assert len(verdict.warnings) == 1
    with pytest.raises(NoFaceError):
        explain(fake, one, two, strict=True)


@pytest.mark.parametrize(
    ("quality", "landmarks", "side", "said"),
    [
        (0.8, UPRIGHT, 100, ("100 × 120 px", "quality 0.80")),
        (None, UPRIGHT, 100, ("100 × 120 px",)),
        (0.01, UPRIGHT, 100, ("100 × 120 px", "quality 0.01", "too blurred to trust")),
        (0.1, UPRIGHT, 12, ("12 × 32 px", "quality 0.10", "too small to trust")),
        (
            0.8,
            Landmarks((30, 40), (60, 60), (45, 60), (20, 70), (50, 90)),
            100,
            ("100 × 120 px", "quality 0.80", "leaning by 34°"),
        ),
        (
            0.8,
            Landmarks((40, 70), (40, 30), (60, 50), (80, 65), (80, 35)),
            100,
            ("100 × 120 px", "quality 0.80", "lying on its side"),
        ),
    ],
)
def test_notes_say_what_may_be_wrong_with_a_face(quality, landmarks, side, said):
    """Size and quality are told of every face; what makes it hard to know only where it is so."""
    assert notes(Face(Box(0, 0, side, side + 20), landmarks, 1.0, quality)) == said


def test_the_picture_is_written(fake, tmp_path):
    """The explanation is drawn as a PNG, with the map's colours on the faces; a photo that is gone is said."""
    one, two = painted(tmp_path / "a.png", RED), painted(tmp_path / "b.png", RED, shade=1)
    made = explain(fake, one, two)
    draw_explanation(fake, made, tmp_path / "out" / "why.png")
    drawn = np.asarray(Image.open(tmp_path / "out" / "why.png")).astype(int)
    assert np.ptp(drawn[280:320, 230:270], axis=2).min() > 30
    two.unlink()
    with pytest.raises(PhotoError, match=r"b\.png"):
        draw_explanation(fake, made, tmp_path / "again.png")


def test_the_hills_hold_all_pairs():
    """Over all distances the densities of pairs come to one, for a calibration and for a shifted one."""
    for calibration in (built_in(), built_in().shifted(0.1), built_in().shifted(-0.7)):
        hills = explaining.curves(calibration)
        assert (np.diff(hills.edges) > 0).all()
        for density in (hills.strangers, hills.same):
            assert (density >= 0).all()
            assert (density * np.diff(hills.edges)).sum() == pytest.approx(1, abs=1e-3)


def test_a_person_is_compared_by_their_nearest_face(gallery, tmp_path):
    """The nearest enrolled face of the person is the second one, and the nearest other person is named."""
    far, near = painted(tmp_path / "far.png", BLUE), painted(tmp_path / "near.png", RED)
    ann = gallery.enrol("Ann", far, near).person
    gallery.enrol("Bob", painted(tmp_path / "bob.png", GREEN))
    made = gallery.why(painted(tmp_path / "probe.png", RED, shade=2), person="ann")
    assert (made.b, made.person.person_id, made.person.person) == (str(near), ann.id, "Ann")
    assert made.verdict.same
    assert made.verdict.distance == made.person.distance == pytest.approx(0, abs=1e-6)
    assert made.nearest.person == "Bob"
    assert made.nearest.distance > 1
    assert made.verdict.b.person == "Ann"
    assert gallery.why(tmp_path / "probe.png", person=ann.id) == made


def test_a_photo_is_not_its_own_evidence(gallery, tmp_path):
    """A probe that is enrolled itself is compared with another photo, and not without one."""
    one, two = painted(tmp_path / "1.png", RED), painted(tmp_path / "2.png", RED, shade=2)
    gallery.enrol("Ann", one)
    with pytest.raises(NotFoundError, match="Ann"):
        gallery.why(one, person="Ann")
    gallery.enrol("Ann", two)
    assert gallery.why(one, person="Ann").b == str(two)


def test_two_photos_beside_a_gallery(gallery, tmp_path):
    """Two photos get the verdict of ``verify``; the nearest other person is nobody that these faces are enrolled as."""
    one, two = painted(tmp_path / "1.png", RED), painted(tmp_path / "2.png", RED, shade=2)
    assert gallery.why(one, two).nearest is None
    gallery.enrol("Ann", one, painted(tmp_path / "3.png", RED, shade=3))
    gallery.enrol("Bob", painted(tmp_path / "4.png", GREEN))
    made = gallery.why(one, two)
    assert made.verdict.distance == gallery.verify(one, two).distance
    assert (made.person, made.nearest.person) == (None, "Bob")


def test_whom_to_compare_with_must_be_clear(gallery, tmp_path):
    """Nobody of this name, two of this name, and not one of photo and person are errors; nobody is made up."""
    path = painted(tmp_path / "1.png", RED)
    with pytest.raises(NotFoundError, match="Zoe"):
        gallery.why(path, person="Zoe")
    assert gallery.people() == []
    with pytest.raises(ConfigError):
        gallery.why(path)
    with pytest.raises(ConfigError):
        gallery.why(path, path, person="Zoe")
    for name in ("Zoe", "Cid"):
        gallery.enrol(name, painted(tmp_path / f"{name}.png", RED, shade=ord(name[0])))
    ids = [person.id for person in gallery.people()]
    gallery._store.rename(ids[0], "Zoe")
    with pytest.raises(ConfigError) as raised:
        gallery.why(path, person="zoe")
    assert all(person in raised.value.hint for person in ids)


def test_the_enrolled_photo_must_be_readable(gallery, tmp_path):
    """A copy of the enrolled photo will do; without any, or with another picture in its place, it is said."""
    probe, one = painted(tmp_path / "p.png", RED, shade=2), painted(tmp_path / "1.png", RED)
    gallery.enrol("Ann", one)
    copy = tmp_path / "copy.png"
    shutil.copy(one, copy)
    gallery.index(copy)
    one.unlink()
    assert gallery.why(probe, person="Ann").b == str(copy)
    painted(copy, BLUE, shade=5)
    with pytest.raises(PhotoError, match="nearest enrolled face of Ann") as raised:
        gallery.why(probe, person="Ann")
    assert raised.value.hint


def test_an_enrolled_photo_that_was_turned_since_is_explained_alike(gallery, tmp_path):
    """After its EXIF orientation was changed, the enrolled face is where it is now."""
    probe, source = spotted(tmp_path / "p.png", (41, 81)), painted(tmp_path / "s.png", RED, shade=2)
    path = turned(source, tmp_path / "1.png", 3)
    gallery.enrol("Ann", path)
    before = gallery.why(probe, person="Ann")
    image = Image.open(path)
    image.load()
    image.save(path)  # without its EXIF: upside down now
    after = gallery.why(probe, person="Ann")
    assert after.verdict.b.box.top == pytest.approx(240 - before.verdict.b.box.bottom)
    assert np.array(after.map_a) == pytest.approx(np.array(before.map_a), abs=1e-5)


def test_real_faces_rest_on_what_is_in_the_box(front_end, samples, tmp_path):
    """For two photos of one person the part that matters most lies in the face's box, and the distance is verify's."""
    one, two = sorted((samples / "val" / "mindy_kaling").iterdir())[:2]
    made = explain(front_end, one, two)
    assert made.verdict == verify(front_end, one, two)
    assert made.verdict.same
    for face, grid in ((made.verdict.a, made.map_a), (made.verdict.b, made.map_b)):
        row, column = np.unravel_index(np.argmax(grid), (9, 9))
        left, top, right, bottom = region(face.box, whole(front_end.crops))
        x, y = left + (right - left) * (column + 1) / 10, top + (bottom - top) * (row + 1) / 10
        assert face.box.left <= x <= face.box.right
        assert face.box.top <= y <= face.box.bottom
        assert np.max(grid) > 0.05
