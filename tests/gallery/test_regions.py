"""Names out of regions, and back: on the same faces, without touching a photo or a decision."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from facesearch.errors import ConfigError
from facesearch.images.regions import read_regions
from facesearch.images.xmp import parse

from ..images.xmps import digikam, lightroom, told, windows
from .pictures import BLUE, GREEN, RED, painted, turned

# Many tests of some tenths of a second: `make test` runs them.
# In a folder only, for time: no database writes sidecars.
pytestmark = [pytest.mark.slow, pytest.mark.sqlite]

SIZE = (420, 240)


def region(name: str, place: int = 0, grow: float = 1.2) -> tuple[str, float, float, float, float]:
    """A region around the ``place``-th face of a painted photo, a little larger than the face: centre and size."""
    return name, (60 + 100 * place) / SIZE[0], 100 / SIZE[1], 80 * grow / SIZE[0], 80 * grow / SIZE[1]


def who(gallery) -> dict[str, list[str | None]]:
    """The names on the faces of each file, from left to right."""
    store = gallery._store
    files = [file for file in store.files(Path("/")) if file.photo_id is not None]
    faces = store.faces_of_photos([file.photo_id for file in files])
    return {file.path.name: [face.person for face in faces[file.photo_id]] for file in files}


def hashes(folder: Path) -> dict[str, str]:
    """What is in each photo."""
    pictures = (path for path in folder.rglob("*") if path.suffix in {".png", ".jpg"})
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures}


@pytest.fixture
def album(tmp_path):
    """Two photos: red and green, and blue."""
    painted(tmp_path / "album/a.png", RED, GREEN)
    painted(tmp_path / "album/b.png", BLUE)
    return tmp_path / "album"


@pytest.mark.parametrize("spell", [lightroom, digikam], ids=lambda spell: spell.__name__)
def test_names_in_sidecars(gallery, album, spell):
    """Regions in sidecars, under either name, name the faces that they frame."""
    options = {"size": SIZE} if spell is lightroom else {}
    (album / "a.png.xmp").write_bytes(spell(region("Ada"), region("Bob", 1), **options))
    (album / "b.xmp").write_bytes(spell(region("Carol"), **options))
    report = gallery.index(album, read_regions=True)
    assert (report.named, report.unplaced, report.conflicts, report.warnings) == (3, (), (), ())
    assert who(gallery) == {"a.png": ["Ada", "Bob"], "b.png": ["Carol"]}


def test_known_photos_are_looked_at_too(gallery, album):
    """A sidecar that comes later is read with the next run, which analyses nothing, and once more changes nothing."""
    gallery.index(album)
    (album / "a.png.xmp").write_bytes(windows(("Ada", 20 / 420, 60 / 240, 80 / 420, 80 / 240)))
    assert who(gallery) == {"a.png": [None, None], "b.png": [None]}
    assert gallery.index(album).named == 0
    reports = [gallery.index(album, read_regions=True) for _ in range(2)]
    assert [(report.added, report.named, report.conflicts) for report in reports] == [(0, 1, ()), (0, 0, ())]
    assert who(gallery) == {"a.png": ["Ada", None], "b.png": [None]}


def test_names_inside_the_photo_and_picasas(gallery, album):
    """The photo's own XMP is read, and Picasa's file of the folder; the sidecar counts more than either."""
    painted(album / "c.jpg", RED, GREEN, BLUE)
    Image.open(album / "c.jpg").save(album / "c.jpg", xmp=lightroom(region("Own"), region("Ann", 1), size=SIZE))
    (album / "c.jpg.xmp").write_bytes(lightroom(region("Side"), size=SIZE))
    left, right = (round(side / 420 * 65536) for side in (220, 300))
    face = f"rect64({left:04x}4000{right:04x}9555),8e62398ebda8c1a5"
    (album / ".picasa.ini").write_text(f"[Contacts2]\n8e62398ebda8c1a5=Pia;;\n[c.jpg]\nfaces={face}\n")
    report = gallery.index(album, read_regions=True)
    assert who(gallery)["c.jpg"] == ["Side", "Ann", "Pia"]
    assert [remark.warning for remark in report.conflicts] == ["Own: another region calls this face Side"]


def test_what_is_nowhere_is_told(gallery, album):
    """A region without a face, and one of a picture that was cut since, are reported, and create nobody."""
    (album / "a.png.xmp").write_bytes(lightroom(region("Ada"), region("Bob", 3), size=SIZE))
    (album / "b.png.xmp").write_bytes(lightroom(region("Carol"), size=(420, 420)))
    report = gallery.index(album, read_regions=True)
    assert [remark.warning for remark in report.unplaced] == [
        "Bob: no face was found there",
        "Carol: drawn in a picture of another shape, 420 by 420 pixels",
    ]
    assert [person.name for person in gallery.people()] == ["Ada"]


def test_decisions_win(gallery, album):
    """A face that has somebody, was refused, ignored or called no face is not renamed, and the report says why."""
    painted(album / "c.png", RED, GREEN, BLUE, RED)
    gallery.index(album)
    faces = gallery.faces(album / "c.png")
    gallery.enrol("Ada", face=faces[0].id)
    gallery.enrol("Bob", face=faces[1].id)
    gallery.reject([faces[1].id], "Bob")
    gallery.not_a_face([faces[2].id])
    gallery._store.ignore([faces[3].id])
    wrong = [region(name, place) for place, name in enumerate(["Bob", "bob", "Carol", "Dora"])]
    (album / "c.png.xmp").write_bytes(lightroom(*wrong, size=SIZE))
    report = gallery.index(album, read_regions=True)
    assert [remark.warning for remark in report.conflicts] == [
        "Bob: this face is Ada's",
        "bob: somebody said that this face is not bob",
        "Carol: somebody said that this is no face",
        "Dora: somebody ignored this face",
    ]
    assert who(gallery)["c.png"] == ["Ada", None, None, None]
    assert report.named == 0


def test_a_guess_does_not_stand_against_a_region(gallery, album):
    """A name that was given automatically gives way to what somebody wrote; the same name is confirmed by it."""
    gallery.index(album)
    store = gallery._store
    ada, bob = store.create_person("Ada"), store.create_person("Bob")
    faces = gallery.faces(album / "a.png")
    store.enrol([face.id for face in faces], ada.id, "auto")
    (album / "a.png.xmp").write_bytes(lightroom(region("Ada"), region("Bob", 1), size=SIZE))
    assert gallery.index(album, read_regions=True).named == 2
    decided = store.decided([face.id for face in faces])
    assert [(one.person_id, one.source, one.confirmed) for one in decided.values()] == [
        (ada.id, "region", True),
        (bob.id, "region", True),
    ]


def test_two_people_of_one_name(gallery, album):
    """Where two people have the name nobody is chosen for the user."""
    gallery.index(album)
    for _ in range(2):
        gallery._store.create_person("Ada")
    (album / "a.png.xmp").write_bytes(lightroom(region("Ada"), size=SIZE))
    report = gallery.index(album, read_regions=True)
    assert [remark.warning for remark in report.conflicts] == ["Ada: 2 people are called so; name this face yourself"]
    assert who(gallery)["a.png"] == [None, None]


def test_one_undo_takes_all_of_it_back(gallery, album):
    """What one run read is one action of the journal."""
    (album / "a.png.xmp").write_bytes(lightroom(region("Ada"), region("Bob", 1), size=SIZE))
    gallery.index(album, read_regions=True)
    gallery.undo()
    assert (who(gallery), gallery.people()) == ({"a.png": [None, None], "b.png": [None]}, [])


def test_broken_and_hostile_sidecars_stop_nothing(gallery, album):
    """Each broken sidecar is a remark; the others are read."""
    bomb = b'<!DOCTYPE a [<!ENTITY x "Regions">]><a>&x;</a>'
    (album / "a.png.xmp").write_bytes(bomb)
    (album / "a.xmp").write_bytes(b"<Regions>" * 1000)
    (album / "b.png.xmp").write_bytes(lightroom(region("Carol"), ("Dan", "nan", 0, 1, 1), size=SIZE))
    report = gallery.index(album, read_regions=True)
    assert [remark.warning.split(" (")[0] for remark in report.warnings] == [
        "a.png.xmp: declares a document type, which XMP never does",
        "a.xmp: not well-formed XML",
        "b.png.xmp: the region of 'Dan' has no such number: 'nan'",
    ]
    assert who(gallery)["b.png"] == ["Carol"]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 5])
def test_regions_are_of_the_stored_picture(gallery, album, orientation):
    """EXIF orientation turns the regions with the picture: what is left above in the file may be right below."""
    photo = turned(painted(album / "c.png", RED, GREEN, BLUE), album / "d.jpg", orientation, quality=95)
    name, x, y, wide, high = region("Ada")
    x, y = {1: (x, y), 3: (1 - x, 1 - y), 6: (y, 1 - x), 8: (1 - y, x), 5: (y, x)}[orientation]
    if orientation > 4:
        wide, high = high, wide
    size = SIZE[::-1] if orientation > 4 else SIZE
    Path(f"{photo}.xmp").write_bytes(lightroom((name, x, y, wide, high), size=size))
    assert gallery.index(photo, read_regions=True).named == 1
    assert who(gallery)["d.jpg"] == ["Ada", None, None]


def test_regions_of_the_upright_picture(gallery, album):
    """Where regions fit no face of the stored picture, but all fit one of the upright picture, they were meant so."""
    photo = turned(painted(album / "c.png", RED, GREEN), album / "d.jpg", 6, quality=95)
    Path(f"{photo}.xmp").write_bytes(lightroom(region("Ada"), region("Bob", 1), size=SIZE))
    assert gallery.index(photo, read_regions=True).named == 2
    assert who(gallery)["d.jpg"] == ["Ada", "Bob"]


@pytest.fixture
def named(gallery, album):
    """The album with names, and a turned photo, and one in a folder with an odd name."""
    turned(painted(album / "c.png", RED, GREEN, BLUE, shade=9), album / "turned.jpg", 6, quality=95)
    painted(album / "sub [1]\n\u202e/e e.png", GREEN, shade=5)
    gallery.index(album)
    for name, file, place in (
        ("Ada", "a.png", 0),
        ("Bob", "a.png", 1),
        ("Carol", "b.png", 0),
        ("Ada", "turned.jpg", 0),
        ("Zoë <&> O’Neil", "turned.jpg", 2),
        ("Bob", "sub [1]\n\u202e/e e.png", 0),
    ):
        gallery.enrol(name, face=gallery.faces(album / file)[place].id)
    return gallery


def test_there_and_back(named, album, new_place, fake, open_gallery):
    """What is exported gives a new gallery every name back on the same face; no photo is touched."""
    before, names = hashes(album), who(named)
    done = named.export_regions()
    assert (len(done.written), done.unchanged, done.failed) == (4, 0, ())
    assert hashes(album) == before
    fresh = open_gallery(new_place("fresh"), fake)
    report = fresh.index(album, read_regions=True)
    assert (report.named, report.unplaced, report.conflicts, report.warnings) == (6, (), (), ())
    assert who(fresh) == names
    assert (named.export_regions().written, named.export_regions().unchanged) == ((), 4)


def test_areas_that_are_written_are_of_the_stored_picture(named, album):
    """For a photo with EXIF orientation 6 the sidecar gives fractions of the picture as it lies in the file."""
    named.export_regions()
    regions = told((album / "turned.jpg.xmp").read_bytes())
    assert regions["Ada"] == pytest.approx((100 / 240, 1 - 60 / 420, 80 / 240, 80 / 420), abs=0.02)


def test_a_new_sidecar_begins_with_the_photos_own_xmp(gallery, album):
    """What the photo says of itself, other people's regions too, is in its new sidecar: some look no further."""
    painted(album / "c.jpg", RED, GREEN)
    own = lightroom(region("Eve"), region("Dan", 1), region("Ann", 3), size=SIZE)
    Image.open(album / "c.jpg").save(album / "c.jpg", xmp=own)
    gallery.index(album, read_regions=True)
    gallery.rename("Eve", "Eva")
    assert [(one.added, one.removed) for one in gallery.export_regions().written] == [(("Eva", "Dan"), ())]
    sidecar = (album / "c.jpg.xmp").read_bytes()
    names = [one.name for one in read_regions(parse(sidecar))[0]]
    assert names == ["Eve", "Dan", "Ann", "Eva"]
    assert b'xmp:Rating="4"' in sidecar
    assert gallery.export_regions().written == ()


def test_a_photo_that_says_all_gets_a_sidecar_too(gallery, album, tmp_path):
    """Where the photo's own XMP has the names already the sidecar is a copy of it, and a broken one is left out."""
    Image.open(album / "b.png").save(album / "c.jpg", xmp=lightroom(region("Ada"), size=SIZE))
    Image.open(album / "b.png").save(album / "d.jpg", quality=60, xmp=b"<Regions>")
    gallery.index(album, read_regions=True)
    gallery.enrol("Bob", face=gallery.faces(album / "d.jpg")[0].id)
    gallery.export_regions(tmp_path / "out")
    read = {
        path.name: [one.name for one in read_regions(parse(path.read_bytes()))[0]]
        for path in (tmp_path / "out").iterdir()
    }
    assert read == {"c.jpg.xmp": ["Ada"], "d.jpg.xmp": ["Bob"]}


def test_a_dry_run_writes_nothing(named, album):
    """--dry-run tells the same, and leaves everything."""
    before = sorted(album.rglob("*"))
    dry = named.export_regions(dry_run=True)
    assert sorted(album.rglob("*")) == before
    assert named.export_regions() == dry


def test_into_a_folder_of_its_own(named, album, tmp_path):
    """With a folder the sidecars lie in there as the photos lie in theirs, and nothing lies beside the photos."""
    named.export_regions(tmp_path / "out")
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.xmp")} == {
        "a.png.xmp",
        "b.png.xmp",
        "turned.jpg.xmp",
        "sub [1]\n\u202e/e e.png.xmp",
    }
    assert list(album.rglob("*.xmp")) == []
    with pytest.raises(ConfigError):
        named.export_regions(album / "a.png")


def test_what_cannot_be_changed_stays(named, album):
    """A sidecar that is no XMP, or a folder in its place, stays as it is and is reported; others are written."""
    (album / "a.png.xmp").write_bytes(b"my notes")
    (album / "b.png.xmp").mkdir()
    done = named.export_regions()
    assert [Path(failure.path).name for failure in done.failed] == ["a.png.xmp", "b.png.xmp"]
    assert (album / "a.png.xmp").read_bytes() == b"my notes"
    assert len(done.written) == 2


def test_decisions_reach_the_sidecar(named, album):
    """After a rename, a rejection and a guess, the sidecar says what the gallery says and what is sure."""
    named.export_regions()
    named.rename("Carol", "Caroline")
    bob = named.faces(album / "a.png")[1]
    named.reject([bob.id], "Bob")
    named._store.enrol([bob.id], named._store.find_people("Ada")[0].id, "auto")
    done = named.export_regions()
    assert [(one.added, one.removed) for one in done.written] == [((), ("Bob",)), (("Caroline",), ("Carol",))]
    assert set(told((album / "a.png.xmp").read_bytes())) == {"Ada"}
    assert set(told((album / "b.png.xmp").read_bytes())) == {"Caroline"}


def test_photos_that_are_gone_get_none(named, album):
    """Beside a photo that was deleted no sidecar is left."""
    (album / "b.png").unlink()
    assert named.export_regions().missing == 1
    assert not (album / "b.png.xmp").exists()


@pytest.mark.sqlite  # about real photos; test_there_and_back does the same on both
def test_the_sample_photos_there_and_back(sample_copy, samples, front_end, new_place, open_gallery, tmp_path):
    """All names of the sample gallery come back on the same faces, through sidecars in a copy of the photos."""
    shutil.copytree(samples / "train", tmp_path / "train")
    names = who(sample_copy)
    sample_copy.export_regions(tmp_path / "out")
    for sidecar in (tmp_path / "out").rglob("*.xmp"):
        shutil.copy(sidecar, tmp_path / "train" / sidecar.relative_to(tmp_path / "out"))
    fresh = open_gallery(new_place("fresh"), front_end)
    report = fresh.index(tmp_path / "train", read_regions=True)
    assert (report.unplaced, report.conflicts, report.warnings) == ((), (), ())
    assert who(fresh) == names
    assert report.named == sum(name is not None for faces in names.values() for name in faces) > 90


def test_a_real_photo_that_lies_on_its_side(val, front_end, new_place, open_gallery, tmp_path):
    """A real photo with EXIF orientation 6 is named again by the sidecar that was written for it."""
    photo = turned(val[0], tmp_path / "album/turned.jpg", 6, quality=95)
    with open_gallery(new_place("gallery"), front_end) as gallery:
        gallery.enrol("Ada", photo)
        assert len(gallery.export_regions().written) == 1
        names = who(gallery)
    with open_gallery(new_place("fresh"), front_end) as fresh:
        assert fresh.index(tmp_path / "album", read_regions=True).named == 1
        assert who(fresh) == names


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed (Debian: libimage-exiftool-perl)"
)
class TestExiftool:
    """exiftool, which many other programs use, understands what we write, and we understand what it writes."""

    @staticmethod
    def ask(*words: object) -> str:
        """What exiftool prints."""
        return subprocess.run(["exiftool", *map(str, words)], capture_output=True, text=True, check=True).stdout

    def test_it_reads_ours(self, named, album):
        """Names, areas and size of our sidecar come out of exiftool, which finds nothing wrong with it."""
        named.export_regions()
        sidecar = album / "turned.jpg.xmp"
        asked = "-struct", "-json", "-a", "-validate", "-warning", "-XMP:all"
        (document,) = json.loads(self.ask(*asked, sidecar))
        info = document["RegionInfo"]
        assert info["AppliedToDimensions"] == {"W": 240, "H": 420, "Unit": "pixel"}
        read = {
            one["Name"]: tuple(one["Area"][side] for side in "XYWH")
            for one in info["RegionList"]
            if one["Type"] == "Face" and one["Area"]["Unit"] == "normalized"
        }
        assert read == told(sidecar.read_bytes())
        assert document["PersonInImage"] == document["Subject"] == ["Ada", "Zoë <&> O’Neil"]
        assert document["TagsList"] == ["People/Ada", "People/Zoë <&> O’Neil"]
        assert document["Validate"] == "OK"

    @pytest.mark.parametrize("where", ["a.png.xmp", "a.png"])
    def test_we_read_its(self, gallery, album, where):
        """What exiftool writes, into a sidecar or into the photo, names the faces; our names go into its sidecar."""
        name, x, y, wide, high = region("Ada")
        area = f"Area={{X={x},Y={y},W={wide},H={high},Unit=normalized}}"
        info = f"{{AppliedToDimensions={{W=420,H=240,Unit=pixel}},RegionList=[{{{area},Name={name},Type=Face}}]}}"
        self.ask("-q", "-overwrite_original", f"-RegionInfo={info}", "-XMP-xmp:Rating=4", album / where)
        assert gallery.index(album, read_regions=True).named == 1
        assert who(gallery)["a.png"] == ["Ada", None]
        gallery.enrol("Bob", face=gallery.faces(album / "a.png")[1].id)
        gallery.export_regions()
        (document,) = json.loads(self.ask("-struct", "-json", "-XMP:all", album / "a.png.xmp"))
        assert {one["Name"] for one in document["RegionInfo"]["RegionList"]} == {"Ada", "Bob"}
        assert document["Rating"] == 4
