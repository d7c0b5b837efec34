"""Groups of unnamed faces keep their numbers and faces while photos come in and decisions are made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError
from facesearch.gallery.clusters import cluster_unnamed, lay_out
from facesearch.store import NewAnalysis, NewPhoto, Store
from facesearch.testing import synthetic_faces
from facesearch.types import Box, Face, Landmarks, Recipe

from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


class FrontEnd:
    """What clustering asks of a front end."""

    recipe = Recipe("synthetic", 128, (("made", True),))


class Album:
    """A gallery of vectors without photos: people are numbers, a face is drawn anew each time."""

    def __init__(self, folder, people=12):
        self.store = Store.open(folder)
        self.vectors, self.people = synthetic_faces(people, 40, seed=11)
        self.photos = 0
        self.person_of = {}
        self.used = dict.fromkeys(range(people), 0)

    def add(self, *persons, date=None):
        """A photo of these people; returns the ids of its faces."""
        self.photos += 1
        rows = []
        for person in persons:
            rows.append(40 * person + self.used[person])
            self.used[person] += 1
        faces = [good_face(100 * place) for place in range(len(persons))]
        picture = NewPhoto(f"b{self.photos}", f"p{self.photos}", 100 * len(persons), 100, taken_at=date)
        ids = self.store.add_photos([NewAnalysis(picture, faces, self.vectors[rows])], FrontEnd.recipe)[0]
        with self.store.writing():
            self.store.use_recipe(FrontEnd.recipe)
        self.person_of |= dict(zip(ids, persons, strict=True))
        return ids

    def cluster(self, **options):
        """Group, and check what always holds."""
        found = cluster_unnamed(self.store, FrontEnd, **options)
        for group in found.clusters:
            photos = [match.face.photo_id for match in group.matches]
            assert len(photos) == len(set(photos)) > 1
        return found

    def groups(self, **options):
        """The face ids of the listed groups, by number."""
        return {group.id: {match.face.id for match in group.matches} for group in self.cluster(**options).clusters}


def good_face(left):
    """A sharp face of 80 pixels."""
    points = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    landmarks = Landmarks(*((left + 10 + 80 * x, 10 + 80 * y) for x, y in points))
    return Face(Box(left + 10, 10, left + 90, 90), landmarks, confidence=0.99, quality=0.9)


@pytest.fixture
def album(tmp_path):
    """An empty album."""
    made = Album(tmp_path / "album")
    yield made
    made.store.close()


def test_groups_grow_and_keep_their_numbers(album):
    """New photos of a group's person go to it, and a new person gets a number that none had."""
    for person in (0, 0, 0, 1, 1):
        album.add(person)
    first = album.groups()
    assert sorted(map(len, first.values())) == [2, 3]
    for person in (1, 1, 1, 2, 2, 2, 2):
        album.add(person)
    second = album.groups()
    assert all(first[name] <= second[name] for name in first)
    assert set(second) == {"1", "2", "3"}
    assert [len(group.matches) for group in album.cluster().clusters] == [5, 4, 3]


def test_groups_that_were_shown_are_never_joined(album):
    """Two groups of one person, shown as two, stay two and are told of; --afresh joins them under a new number."""
    for _ in range(30):
        album.add(0)
    apart = album.groups(threshold=0.35)
    assert len(apart) > 1
    again = album.cluster()
    assert {group.id for group in again.clusters} >= set(apart)
    assert again.alike
    assert {pair.one for pair in again.alike} | {pair.other for pair in again.alike} <= {g.id for g in again.clusters}
    joined = album.groups(afresh=True)
    assert len(joined) < len(apart)
    assert all(name not in apart or apart[name] <= faces for name, faces in joined.items())


def test_numbers_are_not_given_again(album):
    """After a regrouping in which nothing holds together, and one that finds the same groups, numbers go on."""
    for person in (0, 0, 1, 1, 1):
        album.add(person)
    first = album.groups()
    assert album.groups(afresh=True) == first
    assert album.groups(afresh=True, threshold=0.0) == {}
    later = album.groups()
    assert later
    assert all(name not in first or faces == first[name] for name, faces in later.items())


def test_a_split_face_does_not_come_back(album):
    """A face that was kept apart from its group is alone, also after new photos and a regrouping."""
    ids = [album.add(0)[0] for _ in range(5)]
    (name,) = album.groups()
    album.store.keep_apart([ids[0]], ids[1])
    assert album.groups() == {name: set(ids[1:])}
    ids.append(album.add(0)[0])
    assert album.groups()[name] >= set(ids[1:])
    for faces in album.groups(afresh=True).values():
        assert not {ids[0], ids[1]} <= faces


def test_a_name_that_is_undone_brings_the_group_back(album):
    """Named faces leave the list and keep their place: without the name their group is there, under its number."""
    for person in (0, 0, 0, 1, 1):
        album.add(person)
    before = album.groups()
    named = sorted(before["1"])
    ada = album.store.create_person("Ada")
    album.store.enrol(named, ada.id)
    assert set(album.groups()) == {"2"}
    album.store.unenrol(named)
    assert album.groups() == before


def test_ignored_strangers_take_the_new_ones_with_them(album):
    """A group that is mostly ignored is not listed, also when it grows; its faces are counted and can be shown."""
    ids = [album.add(0)[0] for _ in range(3)]
    others = {album.add(1)[0] for _ in range(3)}
    album.groups()
    album.store.ignore(ids)
    new = album.add(0)[0]
    found = album.cluster()
    assert [{match.face.id for match in group.matches} for group in found.clusters] == [others]
    assert (found.ignored, found.unclustered) == (4, 0)
    (hidden,) = album.groups(ignored=True).values()
    assert hidden == {*ids, new}
    album.store.unignore(ids)
    assert len(album.groups()) == 2


def test_an_ignored_face_alone_is_no_unnamed_one(album):
    """It is counted among the ignored ones."""
    album.store.ignore(album.add(0))
    album.add(1)
    found = album.cluster()
    assert (found.clusters, found.unclustered, found.ignored) == ((), 1, 1)


def test_dates(album):
    """A group says from when to when its photos are, and nothing where no date is known."""
    for date in ("2016-05-01T10:00:00", None, "2024-01-02T03:04:05"):
        album.add(0, date=date)
    album.add(1)
    album.add(1)
    first, second = album.cluster().clusters
    assert (first.since, first.until) == ("2016-05-01", "2024-01-02")
    assert (second.since, second.until) == (None, None)


def test_a_collage_that_is_none_after_all(album):
    """Where a photo's mark is taken away, its faces part; the group stays."""
    pair = album.add(0, 0)
    album.add(0)
    photo = album.store.faces(pair)[pair[0]].photo_id
    album.store.mark(photo, "collage")
    found = cluster_unnamed(album.store, FrontEnd)
    assert [len(group.matches) for group in found.clusters] == [3]
    album.store.mark(photo, None)
    (faces,) = album.groups().values()
    assert len(faces) == 2


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)),
        st.tuples(st.sampled_from(["name", "apart", "ignore", "afresh", "undo"]), st.integers(0, 10**6)),
    ),
    max_size=14,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_a_number_never_means_other_faces(tmp_path_factory, steps):
    """Over any sequence of photos and decisions a listed number is one group that only grows or loses faces.

    Its faces are those it had, and new ones; never those of another group that was listed, but for a regrouping.
    """
    album = Album(tmp_path_factory.mktemp("steps") / "album")
    person = album.store.create_person("Ada").id
    known: dict[str, set[int]] = {}
    for what, which in steps:
        if what == "add" and album.used[which[0]] < 30:
            album.add(*which)
        ids = sorted(album.person_of)
        if what != "add" and ids:
            chosen = ids[which % len(ids)]
            if what == "name":
                album.store.enrol([chosen], person)
            elif what == "apart":
                album.store.keep_apart([chosen], ids[0])
            elif what == "ignore":
                album.store.ignore([chosen])
            elif what == "undo":
                album.store.unenrol([chosen])
        afresh = what == "afresh"
        everything = album.groups(afresh=afresh) | album.groups(ignored=True)
        seen = [face for faces in everything.values() for face in faces]
        assert len(seen) == len(set(seen))
        for name, faces in everything.items():
            others = set().union(*(held for other, held in known.items() if other != name))
            if name in known:
                assert faces & known[name]
                assert afresh or not faces & others - known[name]
            else:
                assert int(name) > max(map(int, known), default=0)
        known |= {name: faces | (set() if afresh else known.get(name, set())) for name, faces in everything.items()}
    album.store.close()


def test_grouping_again_changes_nothing(album):
    """The same gallery gives the same groups, and the state of the gallery's people stays."""
    random = np.random.default_rng(0)
    for _ in range(40):
        album.add(*random.choice(12, 2, replace=False).tolist())
    first = album.cluster()
    assert album.cluster() == first
    assert album.groups(afresh=True) == {group.id: {m.face.id for m in group.matches} for group in first.clusters}


def test_folders_of_links(gallery, tmp_path):
    """Each group is a folder with links to its photos; laid out again nothing changes."""
    for number, colour in enumerate((RED, RED, BLUE, BLUE, BLUE, GREEN)):
        painted(tmp_path / "photos" / f"{number}.png", colour, shade=number)
    gallery.index(tmp_path / "photos")
    found = gallery.cluster()
    target = tmp_path / "groups"
    laid = lay_out(found, target, "link")
    assert {folder.name: len(list(folder.iterdir())) for folder in target.iterdir()} == {"group 1": 3, "group 2": 2}
    assert all(file.is_symlink() and file.exists() for file in laid.files)
    assert lay_out(found, target, "link") == laid


def test_nothing_to_lay_out(gallery, tmp_path):
    """Without a group nothing is made, and the error says what to do."""
    with pytest.raises(ConfigError, match="no group"):
        lay_out(gallery.cluster(), tmp_path / "groups", "link")
    assert not (tmp_path / "groups").exists()


def test_a_number_never_comes_back(tmp_path):
    """When all photos of the group with the highest number are deleted, the next new group has a higher one."""
    album = Album(tmp_path / "g")
    album.add(0)
    album.add(0)
    first = album.add(1) + album.add(1)
    assert sorted(one.id for one in album.cluster().clusters) == ["1", "2"]
    faces = album.store.faces(first)
    album.store.delete_photos([face.photo_id for face in faces.values()])
    album.add(2)
    album.add(2)
    assert sorted(one.id for one in album.cluster().clusters) == ["1", "3"]
