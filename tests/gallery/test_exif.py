"""A rating, a tag or a rotation written into a photo: the same faces, the same names, and no work done twice."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image, ImageOps

from facesearch.images.decode import INVERSE

from .pictures import contents, stripped, turned, with_exif

# In a folder only, for time: what is written into a photo is no matter of the database.
pytestmark = pytest.mark.sqlite


@pytest.fixture
def album(samples, tmp_path):
    """Two photos of each of two people, in folders."""
    for person in ("madonna", "ben_afflek"):
        for path in sorted((samples / "train" / person).iterdir())[:2]:
            (tmp_path / "album" / person).mkdir(parents=True, exist_ok=True)
            copy = tmp_path / "album" / person / path.name
            copy.write_bytes(with_exif(path.read_bytes(), description="as it came from the camera"))
    return tmp_path / "album"


@pytest.fixture
def gallery(place, counting_front_end, open_gallery, album):
    """The album, indexed with people from folders."""
    gallery = open_gallery(place, counting_front_end)
    assert gallery.index(album, people_from_folders=True).people == 2
    return gallery


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(stripped, id="stripped"),
        pytest.param(lambda data: with_exif(data, description="on the beach, five stars"), id="described"),
        pytest.param(lambda data: with_exif(data, orientation=6), id="turned"),
    ],
)
def test_other_metadata_costs_no_analysis_and_no_name(gallery, place, album, counting, edit):
    """EXIF stripped, written or changed: nothing is detected or embedded again, and every name stays."""
    before = contents(place)["photos"]
    counting.seen.clear()
    for path in album.rglob("*.jpg"):
        data = edit(path.read_bytes())
        assert data != path.read_bytes()
        path.write_bytes(data)
        os.utime(path, (1, 1))
    report = gallery.index(album, people_from_folders=True)
    assert (report.added, report.skipped, report.failed) == (0, 4, ())
    assert counting.seen == {}
    after = contents(place)["photos"]
    # Embeddings, people and where an enrolment came from; boxes may lie on their side now.
    kept = [{key: [face[7:] for face in faces] for key, (_, faces) in photos.items()} for photos in (before, after)]
    assert kept[0] == kept[1]
    assert [(person.name, person.faces) for person in gallery.people()] == [("ben_afflek", 2), ("madonna", 2)]


def test_a_copy_with_other_metadata_is_the_same_photo(gallery, album, counting):
    """A copy that another program has tagged is no new photo and no new evidence."""
    source = min((album / "madonna").iterdir())
    (album / "madonna" / "tagged.jpg").write_bytes(with_exif(source.read_bytes(), description="holiday"))
    counting.seen.clear()
    assert gallery.index(album, people_from_folders=True).skipped == 5
    assert counting.seen == {}
    assert gallery.stats().photos == 4
    assert [person.faces for person in gallery.people()] == [2, 2]


def test_a_photo_that_lay_on_its_side_keeps_its_face_once_it_is_turned(
    tmp_path, album, counting_front_end, place, open_gallery
):
    """A photo whose orientation is missing shows its face; after the orientation was added it is the same face."""
    source = min((album / "ben_afflek").iterdir())
    path = turned(source, tmp_path / "scans" / "a.jpg", 6, quality=95)
    upright = path.read_bytes()
    path.write_bytes(stripped(upright))
    gallery = open_gallery(place, counting_front_end)
    report = gallery.index(path.parent)
    assert (report.added, report.faces) == (1, 1)
    (lying,) = gallery.faces(path)
    assert lying.landmarks.quarter_turns == 1
    path.write_bytes(upright)
    os.utime(path, (2, 2))
    assert gallery.index(path.parent).skipped == 1
    (face,) = gallery.faces(path)
    assert (face.id, face.landmarks.quarter_turns) == (lying.id, 0)
    (found,) = counting_front_end.analyse(path).faces
    assert face.box.iou(found.box) > 0.9


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_very_same_faces(front_end, album, tmp_path, orientation):
    """A photo stored in any of the eight orientations, without loss: boxes and embeddings equal to the last bit."""
    source = min((album / "madonna").iterdir())
    plain = front_end.analyse(turned(source, tmp_path / "1.png", 1))
    other = front_end.analyse(turned(source, tmp_path / f"{orientation}-turned.png", orientation))
    assert other.photo.orientation == orientation
    assert len(plain.faces) >= 1
    assert other.faces == plain.faces
    assert other.vectors.tobytes() == plain.vectors.tobytes()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_jpegs_give_the_same_faces(front_end, samples, tmp_path, orientation):
    """Photos saved as JPEG in another orientation: the same faces in the same places, nearly the same embeddings."""
    for person in ("jerry_seinfeld", "mindy_kaling"):
        source = sorted((samples / "val" / person).iterdir())[0]
        plain = front_end.analyse(source)
        other = front_end.analyse(turned(source, tmp_path / f"{person}.jpg", orientation, quality=97, subsampling=0))
        assert len(other.faces) == len(plain.faces)
        for one, two, mine, theirs in zip(plain.faces, other.faces, plain.vectors, other.vectors, strict=True):
            assert one.box.iou(two.box) > 0.9
            assert 2 - 2 * float(mine @ theirs) < 0.1


@pytest.mark.parametrize("orientation", range(2, 9))
def test_boxes_turn_with_the_photo(gallery, album, orientation):
    """After an edit of the EXIF orientation the gallery's boxes and landmarks lie where the faces are seen now."""
    path = min((album / "madonna").iterdir())
    before = gallery.faces(path)
    size = Image.open(path).size
    path.write_bytes(with_exif(path.read_bytes(), orientation=orientation))
    gallery.index(album)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    stored = np.asarray(Image.open(path))
    assert stored.shape[1::-1] == size
    for old, new in zip(before, gallery.faces(path), strict=True):
        was = stored[round(old.box.top) : round(old.box.bottom), round(old.box.left) : round(old.box.right)]
        now = shown[round(new.box.top) : round(new.box.bottom), round(new.box.left) : round(new.box.right)]
        turned_back = np.asarray(Image.fromarray(now).transpose(INVERSE[orientation]))
        assert np.abs(np.subtract(turned_back.shape, was.shape)).max() <= 1
        high, wide = np.minimum(turned_back.shape[:2], was.shape[:2])
        assert abs(turned_back[:high, :wide].mean() - was[:high, :wide].mean()) < 2
        assert new.box.left < new.landmarks.nose[0] < new.box.right
        assert new.box.top < new.landmarks.nose[1] < new.box.bottom
        assert (new.id, new.person) == (old.id, old.person)


def test_faces_of_a_turned_photo_are_where_they_are_seen(tmp_path, album, front_end, place, open_gallery):
    """A photo that was indexed in one orientation and is now shown in another: its faces are found where they are."""
    source = min((album / "ben_afflek").iterdir())
    path = turned(source, tmp_path / "scans" / "a.jpg", 1, quality=95)
    gallery = open_gallery(place, front_end)
    gallery.enrol("Ben", path)
    # Mirrored: a detector finds the face on the other side.
    path.write_bytes(with_exif(path.read_bytes(), orientation=2))
    (answer,) = gallery.who(path)
    assert answer.face.id is not None
    assert answer.face.person == "Ben"
