"""Pictures: photos with names, and contact sheets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError, FacesearchError, PhotoError
from facesearch.gallery.pictures import file_name
from facesearch.types import ProbePhoto

from .pictures import BLUE, GREEN, ORIENTATION, RED, group, painted, turned

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def near(picture, colour, least=400):
    """How many pixels of a picture are of about this colour; True where enough are."""
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    return np.count_nonzero(np.abs(pixels - colour).max(axis=2) < 40) >= least


def test_an_answered_photo_is_a_png_of_its_proportions(sample_gallery, samples, tmp_path):
    """A photo with boxes and names has the photo's proportions; a small one comes out enlarged to be readable."""
    path = sorted((samples / "val" / "madonna").iterdir())[0]
    (probe,) = sample_gallery.who_many([path])
    sample_gallery.draw(probe, tmp_path / "out" / "a.png")
    with Image.open(path) as photo, Image.open(tmp_path / "out" / "a.png") as drawn:
        assert drawn.format == "PNG"
        assert max(drawn.size) == 720
        assert drawn.width / drawn.height == pytest.approx(photo.width / photo.height, abs=0.01)
        assert np.abs(np.asarray(drawn, int) - np.asarray(photo.resize(drawn.size), int)).max() > 100


def test_known_and_unknown_faces_are_told_apart(gallery, tmp_path):
    """A named face has a blue box and label, an unknown one a grey one; both are drawn."""
    blue, grey = (0x1C, 0x7E, 0xD6), (0x49, 0x50, 0x57)
    gallery.enrol("Ann", painted(tmp_path / "ann.png", RED))
    one = ProbePhoto("", gallery.who(painted(tmp_path / "1.png", RED, shade=1)))
    two = ProbePhoto("", gallery.who(painted(tmp_path / "2.png", GREEN, shade=2)))
    gallery.draw(ProbePhoto(str(tmp_path / "1.png"), one.answers), tmp_path / "1-drawn.png")
    gallery.draw(ProbePhoto(str(tmp_path / "2.png"), two.answers), tmp_path / "2-drawn.png")
    assert near(tmp_path / "1-drawn.png", blue)
    assert not near(tmp_path / "1-drawn.png", grey)
    assert near(tmp_path / "2-drawn.png", grey)
    assert not near(tmp_path / "2-drawn.png", blue)


@pytest.mark.sqlite  # about the drawing
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_boxes_of_turned_photos_are_drawn_where_the_face_is_seen(gallery, tmp_path, orientation):
    """A photo with an EXIF orientation is drawn upright, with the box around the face."""
    source = painted(tmp_path / "a.png", RED)
    path = turned(source, tmp_path / f"{orientation}.png", orientation)
    (probe,) = gallery.who_many([path])
    gallery.draw(probe, tmp_path / "drawn.png")
    with Image.open(tmp_path / "drawn.png") as drawn, Image.open(source) as photo:
        assert (drawn.width > drawn.height) == (photo.width > photo.height)
        box = probe.answers[0].face.box.scaled(drawn.width / photo.width)
        x, y = (round(value) for value in box.center)
        assert np.abs(np.subtract(drawn.getpixel((x, y)), RED)).max() < 40


def test_a_cluster_sheet_shows_its_faces(gallery, tmp_path):
    """One sheet a cluster, named by its id, with the faces on it and of the size that the number of faces asks for."""
    for number in range(3):
        painted(tmp_path / "photos" / f"r{number}.png", RED, shade=number)
        painted(tmp_path / "photos" / f"b{number}.png", BLUE, shade=number)
    painted(tmp_path / "photos" / "r9.png", RED, shade=9)
    gallery.index(tmp_path / "photos")
    clusters = gallery.cluster()
    paths = gallery.draw_clusters(clusters, tmp_path / "sheets")
    assert [path.name for path in paths] == ["cluster-001.png", "cluster-002.png"]
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == [path.name for path in paths]
    four, three = (Image.open(path) for path in paths)
    assert four.width - three.width == 160 + 10
    assert near(paths[0], RED, 4 * 80 * 80)
    assert not near(paths[0], BLUE)
    assert near(paths[1], BLUE, 3 * 80 * 80)


def test_a_person_sheet_shows_the_persons_faces(sample_gallery, tmp_path):
    """One sheet a person: as many rows of six as their photos need."""
    paths = sample_gallery.draw_people(tmp_path / "people")
    people = sample_gallery.people()
    assert len(paths) == len(people) == 5
    for path, person in zip(paths, people, strict=True):
        assert path.name.startswith(f"person-{person.name}")
        with Image.open(path) as sheet:
            rows = -(-person.faces // 6)
            assert sheet.width == 6 * 170 + 10
            assert rows * 170 < sheet.height < rows * 200 + 60


def test_people_of_one_name_have_sheets_of_their_own(gallery, tmp_path):
    """Two people with the same name do not overwrite each other's picture."""
    for number, colour in enumerate((RED, BLUE)):
        person = gallery._store.create_person("Ann")
        gallery.enrol(person.id, painted(tmp_path / f"{number}.png", colour))
    paths = gallery.draw_people(tmp_path / "people")
    assert len({*paths}) == len(list((tmp_path / "people").iterdir())) == 2


def test_a_face_whose_file_is_gone_is_grey(gallery, tmp_path):
    """A sheet is drawn though a photo cannot be read any more."""
    for number in range(2):
        painted(tmp_path / "photos" / f"{number}.png", RED, shade=number)
    gallery.enrol("Ann", *sorted((tmp_path / "photos").iterdir()))
    (tmp_path / "photos" / "1.png").unlink()
    (path,) = gallery.draw_people(tmp_path / "people")
    assert near(path, RED)
    assert near(path, (206, 206, 206), 160 * 160 - 10)


def test_a_sheet_shows_the_face_where_it_is_now(gallery, tmp_path):
    """A photo whose EXIF orientation changed after indexing is cut out where the face is seen now."""
    path = painted(tmp_path / "photos" / "a.png", RED)
    gallery.enrol("Ann", path)
    for orientation in range(1, 9):
        tags = Image.Exif()
        tags[ORIENTATION] = orientation
        with Image.open(path) as image:
            image.load()
        image.save(path, exif=tags)
        (sheet,) = gallery.draw_people(tmp_path / f"people-{orientation}")
        assert near(sheet, RED, 100 * 100)


@pytest.mark.sqlite  # about the drawing; test_a_cluster_sheet_shows_its_faces reads the same on both
def test_a_cluster_over_many_photos_says_how_many_more(gallery, tmp_path):
    """A sheet shows sixty faces at most; its height does not grow beyond that."""
    for number in range(70):
        painted(tmp_path / "photos" / f"{number:02d}.png", RED, shade=number)
    gallery.index(tmp_path / "photos")
    (path,) = gallery.draw_clusters(gallery.cluster(), tmp_path / "sheets")
    with Image.open(path) as sheet:
        assert sheet.height < 10 * 200 + 60


def test_a_photo_that_is_gone_cannot_be_drawn(gallery, tmp_path):
    """Drawing a probe whose file was deleted meanwhile is a clear error."""
    (probe,) = gallery.who_many([painted(tmp_path / "a.png", RED)])
    (tmp_path / "a.png").unlink()
    with pytest.raises(PhotoError):
        gallery.draw(probe, tmp_path / "drawn.png")


def test_pictures_are_png_and_go_where_one_may_write(gallery, tmp_path):
    """Another suffix is refused; a place that cannot be written is a clear error."""
    (probe,) = gallery.who_many([painted(tmp_path / "a.png", RED)])
    with pytest.raises(ConfigError, match="PNG"):
        gallery.draw(probe, tmp_path / "a.jpg")
    with pytest.raises(FacesearchError):
        gallery.draw(probe, tmp_path / "a.png" / "b.png")


def test_a_group_photo_is_drawn_with_all_names(sample_gallery, samples, tmp_path):
    """Every face of a group photo gets its label."""
    people = ["madonna", "ben_afflek", "mindy_kaling"]
    group(tmp_path / "group.jpg", [(sorted((samples / "val" / person).iterdir())[1], 1.0) for person in people])
    (probe,) = sample_gallery.who_many([tmp_path / "group.jpg"])
    sample_gallery.draw(probe, tmp_path / "drawn.png")
    assert near(tmp_path / "drawn.png", (0x1C, 0x7E, 0xD6), 3 * 1000)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Zoë Müller-2", "Zoë_Müller-2"),
        ("../../etc/passwd", "etc_passwd"),
        ("a/b\\c:d", "a_b_c_d"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("x" * 300, "x" * 80),
    ],
)
def test_names_become_harmless_file_names(text, name):
    """Whatever a person is called, the file stays in its folder and has a name that file systems take."""
    assert file_name(text) == name
