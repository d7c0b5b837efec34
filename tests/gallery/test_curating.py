"""Names put right: merged, split, rejected; strangers ignored; the same law for all of it in later runs."""

from __future__ import annotations

import pytest

from facesearch.errors import ConfigError, NotFoundError

from .pictures import BLUE, GREEN, RED, painted

pytestmark = pytest.mark.slow

PINK = (230, 60, 60)


def fill(gallery, folder, *photos):
    """Index one painted photo for each tuple of colours; returns the ids of the faces of each."""
    for number, colours in enumerate(photos):
        painted(folder / f"{number}.png", *colours, shade=number)
    gallery.index(folder)
    return [[face.id for face in gallery.faces(folder / f"{number}.png")] for number in range(len(photos))]


def names(gallery):
    """Who there is, with the number of their faces."""
    return {person.name: person.faces for person in gallery.people()}


def test_merging(gallery, tmp_path):
    """The first person gets everybody's faces; a photo that shows them twice then is said."""
    (one,), (two,), both = fill(gallery, tmp_path / "p", [RED], [PINK], [RED, GREEN])
    for name, face in (("Ada", one), ("Aunt", two), ("Granny", both[0]), ("Ada B.", both[1])):
        gallery.enrol(name, face=face)
    change = gallery.merge("Ada", "aunt")
    assert (change.faces, change.warnings) == (1, ())
    change = gallery.merge("Ada", "Granny", "Ada B.")
    assert (names(gallery), change.person.name) == ({"Ada": 4}, "Ada")
    assert "twice" in change.warnings[0]
    with pytest.raises(ConfigError, match="themselves"):
        gallery.merge("Ada", "ADA")
    with pytest.raises(NotFoundError, match="Zoe"):
        gallery.merge("Ada", "Zoe")


def test_splitting_is_for_good(gallery, tmp_path):
    """Faces that are split off have another person or none, and the old one is remembered as wrong."""
    faces = [face for (face,) in fill(gallery, tmp_path / "p", [RED], [RED], [GREEN], [BLUE])]
    for face in faces:
        gallery.enrol("Ada", face=face)
    gallery.enrol("Cleo", face=faces[3])
    gallery.enrol("Ada", face=faces[3])
    assert gallery.split("Ada", [faces[2]], new="Bob").person.name == "Bob"
    assert gallery.split("Ada", [faces[3]], new="cleo").person.name == "Cleo"
    assert gallery.split("Ada", [faces[1]]).person is None
    assert names(gallery) == {"Ada": 1, "Bob": 1, "Cleo": 1}
    ada = next(person.id for person in gallery.people() if person.name == "Ada")
    assert gallery._store.rejections() == {face: {ada} for face in faces[1:]}
    with pytest.raises(ConfigError, match="not Ada's"):
        gallery.split("Ada", [faces[2]])
    with pytest.raises(ConfigError, match="already"):
        gallery.split("Ada", [faces[0]], new="ada")


def test_a_face_split_from_a_group_stays_out(gallery, tmp_path):
    """A face that was taken out of a group does not come back with the next grouping, however alike it is."""
    faces = [face for (face,) in fill(gallery, tmp_path / "p", [RED], [RED], [RED], [RED])]
    (group,) = gallery.cluster().clusters
    gallery.split_cluster(group.id, [faces[2]])
    for _ in range(2):
        found = gallery.cluster()
        assert [sorted(match.face.id for match in one.matches) for one in found.clusters] == [
            [face for face in faces if face != faces[2]]
        ]
        assert found.unclustered == 1
    assert gallery.cluster(afresh=True).unclustered == 1
    with pytest.raises(ConfigError, match="not in group"):
        gallery.split_cluster(group.id, [faces[2]])
    with pytest.raises(ConfigError, match="all faces"):
        gallery.split_cluster(group.id, [faces[0], faces[1], faces[3]])


def test_a_split_is_taken_back(gallery, tmp_path):
    """Faces that were split from a group are in it again after undo, though they were grouped with each other since."""
    faces = [face for (face,) in fill(gallery, tmp_path / "p", [RED], [RED], [RED], [RED], [RED])]
    (group,) = gallery.cluster().clusters
    gallery.split_cluster(group.id, faces[:2])
    assert len(gallery.cluster().clusters) == 2
    gallery.undo()
    (again,) = gallery.cluster().clusters
    assert (again.id, sorted(match.face.id for match in again.matches)) == (group.id, faces)


def test_rejecting(gallery, tmp_path):
    """A face is said not to be the person it was given to, or another one; a folder does not give it back."""
    (one,), (two,) = fill(gallery, tmp_path / "p" / "Ada", [RED], [RED])
    gallery.index(tmp_path / "p", people_from_folders=True)
    assert names(gallery) == {"Ada": 2}
    assert gallery.reject([one]).faces == 1
    gallery.index(tmp_path / "p", people_from_folders=True)
    assert names(gallery) == {"Ada": 1}
    with pytest.raises(ConfigError, match="no name"):
        gallery.reject([one])
    gallery.enrol("Bob", face=one)
    assert gallery.reject([one, two], "Bob").faces == 2
    assert names(gallery) == {"Ada": 1, "Bob": 0}
    assert gallery.who(tmp_path / "p" / "Ada" / "0.png")[0].person is None  # its photo was rejected for both


def test_not_a_face(gallery, tmp_path):
    """A detection that is no face is in no group, has no name, and stays so when all is analysed anew."""
    (one,), (two,) = fill(gallery, tmp_path / "p", [RED], [RED])
    gallery.enrol("Ada", face=one)
    assert gallery.not_a_face([one]).faces == 1
    gallery.index(tmp_path / "p", reprocess=True)
    assert names(gallery) == {"Ada": 0}
    assert gallery.cluster().unclustered == 1
    assert gallery._store.nameless() == {two}


def test_ignored_strangers_stay_away(gallery, tmp_path):
    """An ignored group is not listed, nor is what looks like it in new photos; --back brings it back."""
    fill(gallery, tmp_path / "p", [RED], [RED], [GREEN], [GREEN], [GREEN], [BLUE])
    before = {group.id: len(group.matches) for group in gallery.cluster().clusters}
    assert sorted(before.values()) == [2, 3]
    (green,) = [group for group, size in before.items() if size == 3]
    assert gallery.ignore(green).faces == 3
    assert len(gallery.cluster().clusters) == 1
    painted(tmp_path / "p" / "new.png", GREEN, shade=99)
    gallery.index(tmp_path / "p")
    assert [len(group.matches) for group in gallery.cluster().clusters] == [2]
    assert gallery.ignore(smaller_than=3).faces == 3
    assert gallery.cluster().clusters == ()
    gallery.undo(2)
    assert sorted(len(group.matches) for group in gallery.cluster().clusters) == [2, 4]
    with pytest.raises(ConfigError, match="nothing to ignore"):
        gallery.ignore()


def test_renaming(gallery, tmp_path):
    """A person is known by the new name alone; one who now shares it is said."""
    (one,), (two,) = fill(gallery, tmp_path / "p", [RED], [GREEN])
    gallery.enrol("Ada", face=one)
    gallery.enrol("Bob", face=two)
    assert gallery.rename("ada", "Cleo").warnings == ()
    assert "2 people are called" in gallery.rename("Cleo", "bob").warnings[0]
    with pytest.raises(ConfigError, match="2 people"):
        gallery.rename("Bob", "Dora")
    with pytest.raises(NotFoundError):
        gallery.rename("Ada", "Eve")
