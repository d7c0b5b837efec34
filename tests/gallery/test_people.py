"""Names: from folders, by hand, by cluster; bystanders stay unknown."""

from __future__ import annotations

import os
import shutil

import pytest

from facesearch.errors import AmbiguousFaceError, ConfigError, NoFaceError, NotFoundError, PhotoError

from .pictures import BLUE, GREEN, RED, group, painted, turned

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def single(folder, front_end, count):
    """The first photos of a person that show exactly one face."""
    found = []
    for path in sorted(folder.iterdir()):
        if len(front_end.analyse(path).faces) == 1:
            found.append(path)
        if len(found) == count:
            break
    return found


@pytest.fixture(scope="module")
def portraits(samples, front_end):
    """Six photos with a single face of each of three people."""
    people = ("madonna", "ben_afflek", "mindy_kaling")
    return {person: single(samples / "train" / person, front_end, 6) for person in people}


def names_in(gallery, path):
    """Who is enrolled in a photo, from left to right."""
    return [face.person for face in gallery.faces(path)]


class TestFolders:
    """``people_from_folders``: one face a photo, the one that fits the folder's other photos best."""

    @pytest.mark.parametrize("bystander", [0.7, 1.0, 2.0])
    @pytest.mark.parametrize("order", ["first", "last"])
    def test_a_bystander_stays_unknown(self, portraits, front_end, open_gallery, tmp_path, bystander, order):
        """In a group photo the folder's person gets the name, though the bystander be larger and more central."""
        folder = tmp_path / "photos" / "madonna"
        folder.mkdir(parents=True)
        for path in portraits["madonna"][:3]:
            shutil.copy(path, folder)
        parts = [(portraits["madonna"][4], 1.0), (portraits["ben_afflek"][0], bystander)]
        group(folder / "together.jpg", parts if order == "first" else parts[::-1])
        gallery = open_gallery(tmp_path / "gallery", front_end)
        report = gallery.index(tmp_path / "photos", people_from_folders=True)
        assert report.people == 1
        expected = ["madonna", None] if order == "first" else [None, "madonna"]
        assert names_in(gallery, folder / "together.jpg") == expected
        assert [(person.name, person.faces, person.photos) for person in gallery.people()] == [("madonna", 4, 4)]

    def test_only_group_photos(self, portraits, front_end, open_gallery, tmp_path):
        """Where every photo has bystanders, the one who is in all of them is the folder's person."""
        folder = tmp_path / "photos" / "mindy"
        others = [portraits[person][i] for i in (0, 1) for person in ("madonna", "ben_afflek")]
        for number, other in enumerate(others):
            parts = [(portraits["mindy_kaling"][number], 1.0), (other, 1.6)]
            group(folder / f"{number}.jpg", parts if number % 2 else parts[::-1])
        gallery = open_gallery(tmp_path / "gallery", front_end)
        gallery.index(tmp_path / "photos", people_from_folders=True)
        for number in range(4):
            expected = ["mindy", None] if number % 2 else [None, "mindy"]
            assert names_in(gallery, folder / f"{number}.jpg") == expected

    def test_a_photo_of_somebody_else_alone_among_groups(self, portraits, front_end, open_gallery, tmp_path):
        """A group photo in which the folder's person is not at all names nobody."""
        folder = tmp_path / "photos" / "madonna"
        folder.mkdir(parents=True)
        for path in portraits["madonna"][:4]:
            shutil.copy(path, folder)
        group(folder / "strangers.jpg", [(portraits["ben_afflek"][0], 1.0), (portraits["mindy_kaling"][0], 1.3)])
        gallery = open_gallery(tmp_path / "gallery", front_end)
        gallery.index(tmp_path / "photos", people_from_folders=True)
        assert names_in(gallery, folder / "strangers.jpg") == [None, None]

    def test_the_sample_photos_get_their_names(self, sample_gallery, samples):
        """``train`` gives five people with one face in each of their photos, and nobody else a name."""
        counts = {person.name: person.faces for person in sample_gallery.people()}
        files = {folder.name: len(list(folder.iterdir())) for folder in (samples / "train").iterdir()}
        assert counts == files
        assert sample_gallery.stats().enrolled == 93 < sample_gallery.stats().faces

    def test_a_second_run_changes_nothing(self, sample_copy, samples):
        """Indexing the same folders again enrols nobody anew and makes no second person of a name."""
        before = sample_copy.people()
        events = len(sample_copy._store.events())
        sample_copy.index(samples / "train", people_from_folders=True)
        assert sample_copy.people() == before
        assert len(sample_copy._store.events()) == events

    def test_more_photos_of_a_person_join_them(self, sample_copy, samples):
        """Another folder of the same name adds to the same person."""
        before = {person.name: person for person in sample_copy.people()}
        sample_copy.index(samples / "val", people_from_folders=True)
        after = {person.name: person for person in sample_copy.people()}
        assert {name: person.id for name, person in after.items()} == {n: person.id for n, person in before.items()}
        assert sum(person.faces for person in after.values()) == 118

    def test_what_a_user_said_stands(self, gallery, tmp_path):
        """A face that a user gave to somebody else, or said is not this person, is not taken by the folder."""
        for number in range(4):
            painted(tmp_path / "photos" / "ann" / f"{number}.png", RED, shade=number)
        gallery.index(tmp_path / "photos")
        faces = [gallery.faces(tmp_path / "photos" / "ann" / f"{number}.png")[0] for number in range(4)]
        gallery.enrol("Eve", face=faces[0].id)
        ann = gallery.enrol("ann", face=faces[3].id).person
        gallery._store.reject([faces[1].id], ann.id)
        gallery.index(tmp_path / "photos", people_from_folders=True)
        assert [names_in(gallery, tmp_path / "photos" / "ann" / f"{number}.png") for number in range(4)] == [
            ["Eve"],
            [None],
            ["ann"],
            ["ann"],
        ]

    def test_photos_beside_the_folders_name_nobody(self, gallery, tmp_path):
        """A photo directly in the folder that was given belongs to no person's folder."""
        painted(tmp_path / "photos" / "loose.png", RED)
        painted(tmp_path / "photos" / "bob" / "1.png", GREEN)
        assert gallery.index(tmp_path / "photos", people_from_folders=True).people == 1
        assert [person.name for person in gallery.people()] == ["bob"]

    def test_a_single_photo_names_its_most_prominent_face(self, gallery, tmp_path):
        """With one photo there is nothing to compare: the most prominent face is taken."""
        painted(tmp_path / "photos" / "cleo" / "1.png", RED, GREEN, BLUE)
        gallery.index(tmp_path / "photos", people_from_folders=True)
        names = names_in(gallery, tmp_path / "photos" / "cleo" / "1.png")
        assert sorted(names, key=str) == sorted([None, None, "cleo"], key=str)
        assert names.index("cleo") == 1  # the middle one

    @pytest.mark.parametrize("name", [b"Jos\xe9", b"bell\x07", b" "])
    def test_a_folder_whose_name_is_no_name_names_nobody_else_less(self, gallery, tmp_path, name):
        """A folder name that is no printable Unicode does not keep the other folders' people from their names."""
        painted(tmp_path / "photos" / os.fsdecode(name) / "1.png", RED)
        painted(tmp_path / "photos" / "zoe" / "1.png", BLUE)
        assert gallery.index(tmp_path / "photos", people_from_folders=True).people == 2
        assert "zoe" in {person.name for person in gallery.people()}

    def test_a_folder_without_faces_makes_no_person(self, gallery, tmp_path):
        """Nobody is created for a folder in whose photos no face was found."""
        painted(tmp_path / "photos" / "landscapes" / "1.png")
        assert gallery.index(tmp_path / "photos", people_from_folders=True).people == 0
        assert gallery.people() == []


class TestByHand:
    """``enrol`` and ``name``."""

    def test_a_new_photo_is_indexed_first(self, gallery, tmp_path):
        """Enrolling a photo that the gallery does not know takes it in."""
        done = gallery.enrol("Ann", painted(tmp_path / "a.png", RED))
        assert (done.person.name, done.person.faces, done.warnings) == ("Ann", 1, ())
        assert names_in(gallery, tmp_path / "a.png") == ["Ann"]

    def test_of_several_faces_the_most_prominent_is_meant(self, gallery, tmp_path):
        """With several faces the most prominent one is taken and a warning says which; ``strict`` refuses."""
        path = painted(tmp_path / "a.png", RED, GREEN, BLUE)
        with pytest.raises(AmbiguousFaceError, match="3 faces"):
            gallery.enrol("Ann", path, strict=True)
        done = gallery.enrol("Ann", path)
        assert names_in(gallery, path) == [None, "Ann", None]
        assert "3 faces found" in done.warnings[0]
        assert "number 2 from the left" in done.warnings[0]

    def test_a_face_can_be_named_by_its_id(self, gallery, tmp_path):
        """``face`` names one face of the gallery, without a photo."""
        path = painted(tmp_path / "a.png", RED, GREEN)
        gallery.index(path)
        gallery.enrol("Ann", face=gallery.faces(path)[0].id)
        gallery.enrol("Bob", face=gallery.faces(path)[1].id)
        assert names_in(gallery, path) == ["Ann", "Bob"]

    def test_a_face_given_to_another_person_moves(self, gallery, tmp_path):
        """A face has one person: the last one said."""
        path = painted(tmp_path / "a.png", RED)
        gallery.enrol("Ann", path)
        gallery.enrol("Bob", path)
        assert {person.name: person.faces for person in gallery.people()} == {"Ann": 0, "Bob": 1}

    def test_names_are_found_whatever_their_case(self, gallery, tmp_path):
        """The same name in other letters is the same person."""
        gallery.enrol("Zoë", painted(tmp_path / "a.png", RED))
        gallery.enrol("ZOE\u0308", painted(tmp_path / "b.png", RED, shade=1))
        assert [(person.name, person.faces) for person in gallery.people()] == [("Zoë", 2)]

    def test_two_people_of_one_name_must_be_told_apart(self, gallery, tmp_path):
        """Where two people have the name, the error lists their ids, and an id does it."""
        path = painted(tmp_path / "a.png", RED)
        first, second = (gallery._store.create_person("Ann") for _ in range(2))
        with pytest.raises(ConfigError, match="2 people are called 'Ann'") as caught:
            gallery.enrol("Ann", path)
        assert first.id in caught.value.hint
        assert second.id in caught.value.hint
        assert gallery.enrol(second.id, path).person.id == second.id

    @pytest.mark.parametrize("name", ["", "   ", "a\nb\x00", "\ud800"])
    def test_a_name_must_be_one(self, gallery, tmp_path, name):
        """Empty and unprintable names are refused, and nobody is enrolled."""
        with pytest.raises(ConfigError):
            gallery.enrol(name, painted(tmp_path / "a.png", RED))
        assert gallery.people() == []

    def test_what_cannot_be_enrolled_says_why(self, gallery, tmp_path):
        """No face, no such face, no photo, a broken photo, nothing at all: one clear error each, and no person."""
        (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
        grey = painted(tmp_path / "grey.png")
        with pytest.raises(NoFaceError):
            gallery.enrol("Ann", grey)
        with pytest.raises(NotFoundError):
            gallery.enrol("Ann", face=4711)
        with pytest.raises(ConfigError, match="no such file"):
            gallery.enrol("Ann", tmp_path / "missing.png")
        with pytest.raises(PhotoError):
            gallery.enrol("Ann", tmp_path / "broken.jpg")
        with pytest.raises(ConfigError, match="nothing to enrol"):
            gallery.enrol("Ann")
        assert gallery.people() == []

    def test_a_copy_of_an_enrolled_photo_is_the_same_face(self, gallery, tmp_path):
        """Enrolling a copy in another place adds no evidence: it is the same photo."""
        path = painted(tmp_path / "a.png", RED)
        shutil.copy(path, tmp_path / "b.png")
        assert gallery.enrol("Ann", path, tmp_path / "b.png").person.faces == 1

    def test_a_cluster_gets_a_name(self, gallery, tmp_path):
        """Naming a cluster enrols all of its faces, and it is gone from the next clustering."""
        for number in range(3):
            painted(tmp_path / "photos" / f"red-{number}.png", RED, shade=number)
            painted(tmp_path / "photos" / f"blue-{number}.png", BLUE, shade=number)
        gallery.index(tmp_path / "photos")
        groups = gallery.cluster()
        assert [len(one.matches) for one in groups.clusters] == [3, 3]
        first = groups.clusters[0]
        done = gallery.name(first.id, "Ann")
        assert (done.person.name, done.person.faces) == ("Ann", 3)
        assert {match.face.id for match in first.matches} == set(done.face_ids)
        with pytest.raises(NotFoundError):
            gallery.name(first.id, "Bob")
        again = gallery.cluster()
        assert [len(one.matches) for one in again.clusters] == [3]
        assert again.clusters[0].nearest.person == "Ann"

    def test_an_unknown_cluster_is_said(self, gallery):
        """A cluster that does not exist is a clear error."""
        with pytest.raises(NotFoundError, match="cluster"):
            gallery.name("17", "Ann")

    def test_a_turned_copy_knows_its_face(self, gallery, tmp_path):
        """A photo in EXIF orientation 6 is enrolled and asked for like any other."""
        path = turned(painted(tmp_path / "a.png", RED, GREEN), tmp_path / "turned.png", 6)
        gallery.enrol("Ann", path)
        assert sorted(names_in(gallery, path), key=str) == sorted(["Ann", None], key=str)
