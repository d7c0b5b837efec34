"""Who is this, where else is this face, are these the same: on real faces."""

from __future__ import annotations

import shutil
from dataclasses import asdict

import pytest

from facesearch.errors import AmbiguousFaceError, ConfigError, NoFaceError, PhotoError
from facesearch.gallery.gallery import Gallery

from .pictures import BLUE, GREEN, RED, group, painted, with_exif

# In a folder only, for time: answers are the same calls of the store that the other tests make on both.
pytestmark = [pytest.mark.sqlite, pytest.mark.slow]

METHODS = ["knn", "svm"]


def named(answers):
    """The names in a photo, unknown ones left out."""
    return [answer.person for answer in answers if answer.person]


@pytest.mark.parametrize("method", METHODS)
def test_every_photo_of_val_is_named_right(sample_gallery, val, method):
    """25 of 25: in each photo the named person is found, and nobody else gets one of the five names."""
    wrong = {path.name: named(sample_gallery.who(path, method=method)) for path in val}
    assert {name: names for name, names in wrong.items() if len(names) != 1} == {}
    right = [named(sample_gallery.who(path, method=method)) == [path.parent.name] for path in val]
    assert sum(right) == len(val) == 25


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("person", ["ben_afflek", "elton_john", "jerry_seinfeld", "madonna", "mindy_kaling"])
def test_a_person_who_is_not_enrolled_is_unknown(sample_copy, samples, method, person, record_property):
    """Each person left out in turn: their photos of ``val`` come out unknown, those of the others stay right."""
    (one,) = [who for who in sample_copy.people() if who.name == person]
    sample_copy._store.unenrol([match.face.id for match in sample_copy.faces_of(one.id)])
    strangers = {
        path.name: named(sample_copy.who(path, method=method)) for path in (samples / "val" / person).iterdir()
    }
    record_property("unknown", sum(not names for names in strangers.values()))
    assert not any(strangers.values()), strangers
    others = [path for path in (samples / "val").rglob("*.jpg") if path.parent.name != person]
    assert all(named(sample_copy.who(path, method=method)) == [path.parent.name] for path in others[::4])


@pytest.mark.parametrize("method", METHODS)
def test_leaving_out_by_argument_is_leaving_out(sample_gallery, samples, method):
    """``without`` answers as if those people were not enrolled."""
    (madonna,) = [who for who in sample_gallery.people() if who.name == "madonna"]
    for path in (samples / "val" / "madonna").iterdir():
        assert named(sample_gallery.who(path, method=method)) == ["madonna"]
        assert named(sample_gallery.who(path, method=method, without=[madonna.id])) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_photo_is_never_its_own_evidence(sample_gallery, samples, method):
    """A photo that is enrolled is compared with the others only: never at distance 0, and still named by them."""
    right = 0
    photos = sorted((samples / "train" / "jerry_seinfeld").iterdir())[:6]
    for path in photos:
        for answer in sample_gallery.who(path, method=method):
            assert answer.face.id is not None
            if answer.person:
                right += answer.person == "jerry_seinfeld"
            assert answer.distance is None or answer.distance > 0.001
    assert right == len(photos)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("disguise", ["itself", "copy", "tagged"])
def test_somebody_with_a_single_photo_is_unknown_in_it(
    front_end, samples, place, tmp_path, open_gallery, method, disguise
):
    """The only photo of a person, or a copy of it with other metadata, does not prove that it is that person."""
    gallery = open_gallery(place, front_end)
    first, second = (sorted((samples / "train" / person).iterdir())[0] for person in ("madonna", "ben_afflek"))
    gallery.enrol("Madonna", first)
    gallery.enrol("Ben", second)
    probe = first
    if disguise != "itself":
        probe = tmp_path / "probe.jpg"
        data = first.read_bytes()
        probe.write_bytes(data if disguise == "copy" else with_exif(data, description="me"))
    (answer,) = gallery.who(probe, method=method)
    assert (answer.person, answer.face.person) == (None, "Madonna")
    assert answer.nearest.person == "Ben"
    assert gallery.stats().photos == 2


def test_the_svm_of_an_enrolled_probe_is_not_kept(sample_copy, samples):
    """Training without the probe's photo is for that answer alone: the cached SVM stays that of all enrolments."""
    probe = next((samples / "val" / "madonna").iterdir())
    before = sample_copy.who(probe, method="svm")
    (path,) = sample_copy.folder.glob("svm-*")
    kept = path.read_bytes()
    sample_copy.who(next((samples / "train" / "madonna").iterdir()), method="svm")
    assert path.read_bytes() == kept
    assert sample_copy.who(probe, method="svm") == before


def test_two_faces_of_one_photo_are_never_one_person(sample_gallery, samples, tmp_path):
    """Two photos of the same person side by side: one face gets the name, the other somebody else's or none."""
    parts = [(path, 1.0) for path in sorted((samples / "val" / "mindy_kaling").iterdir())[:2]]
    group(tmp_path / "twins.jpg", parts)
    for method in METHODS:
        names = named(sample_gallery.who(tmp_path / "twins.jpg", method=method))
        assert names == ["mindy_kaling"]


def test_a_group_photo_is_answered_from_left_to_right(sample_gallery, samples, tmp_path):
    """Several people in one photo each get their own name, in the order of their places."""
    people = ["madonna", "ben_afflek", "mindy_kaling"]
    group(tmp_path / "group.jpg", [(sorted((samples / "val" / person).iterdir())[1], 1.0) for person in people])
    for method in METHODS:
        answers = sample_gallery.who(tmp_path / "group.jpg", method=method)
        assert [answer.person for answer in answers] == people
        lefts = [answer.face.box.left for answer in answers]
        assert lefts == sorted(lefts)


def test_an_answer_tells_how_sure_it_is(sample_gallery, samples):
    """An answer has the distance to the person, the runner-up farther off, a score, and the method."""
    path = sorted((samples / "val" / "ben_afflek").iterdir())[0]
    for method in METHODS:
        (answer,) = sample_gallery.who(path, method=method)
        assert answer.person == answer.nearest.person == "ben_afflek"
        assert answer.distance == answer.nearest.distance < 0.96
        assert answer.runner_up.person != "ben_afflek"
        assert answer.runner_up.distance > answer.distance
        assert 0 < answer.score <= 1
        assert answer.method == method


def test_the_threshold_decides_who_is_unknown(sample_gallery, samples):
    """At threshold 0 everybody is unknown, and the nearest person is still told."""
    path = next((samples / "val" / "madonna").iterdir())
    for method in METHODS:
        (answer,) = sample_gallery.who(path, method=method, threshold=0.0)
        assert (answer.person, answer.runner_up) == (None, None)
        assert answer.nearest.person == "madonna"
        assert answer.distance == answer.nearest.distance


def test_answers_are_the_same_each_time(sample_gallery, samples):
    """The same question gives the same answer, to the last digit."""
    path = next((samples / "val" / "elton_john").iterdir())
    for method in METHODS:
        assert asdict(sample_gallery.who(path, method=method)[0]) == asdict(sample_gallery.who(path, method=method)[0])


def test_an_empty_gallery_knows_nobody(gallery, tmp_path):
    """Without anybody enrolled every face is unknown, with no distance."""
    path = painted(tmp_path / "a.png", RED)
    for method in METHODS:
        (answer,) = gallery.who(path, method=method)
        assert (answer.person, answer.distance, answer.nearest) == (None, None, None)


def test_a_photo_without_a_face_has_no_answers(gallery, tmp_path):
    """No face: no answers, which is no error."""
    for method in METHODS:
        assert gallery.who(painted(tmp_path / "grey.png"), method=method) == ()


def test_wrong_questions_are_said(gallery, tmp_path):
    """An unknown method, a k of 0, a missing or broken photo: one clear error each."""
    path = painted(tmp_path / "a.png", RED)
    with pytest.raises(ConfigError, match="no method 'tree'") as caught:
        gallery.who(path, method="tree")
    assert caught.value.hint == "methods: auto, knn, svm"
    with pytest.raises(ConfigError, match="k must be 1 or more"):
        gallery.who(path, k=0)
    with pytest.raises(PhotoError):
        gallery.who(tmp_path / "missing.png")


def test_many_photos_go_on_after_a_bad_one(gallery, tmp_path):
    """``who_many`` answers every photo; one that cannot be used comes with its error, in its place."""
    good = painted(tmp_path / "a.png", RED)
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    results = list(gallery.who_many([good, tmp_path / "bad.jpg", good]))
    assert [(len(one.answers), one.error is None) for one in results] == [(1, True), (0, False), (1, True)]


def test_a_rejected_person_is_not_answered(gallery, tmp_path):
    """Once a user said that a face is not this person, it is not answered with that person again."""
    photos = [painted(tmp_path / f"{number}.png", RED, shade=number) for number in range(3)]
    ann = gallery.enrol("Ann", photos[0]).person
    gallery.enrol("Bob", painted(tmp_path / "b.png", BLUE))
    gallery.index(photos[1])
    assert named(gallery.who(photos[1])) == ["Ann"]
    gallery._store.reject([gallery.faces(photos[1])[0].id], ann.id)
    for method in METHODS:
        assert named(gallery.who(photos[1], method=method)) == []
    assert named(gallery.who(photos[2])) == ["Ann"]


class TestSearch:
    """Where else is this face?"""

    def test_the_nearest_photos_are_of_the_same_person(self, sample_gallery, val):
        """For every photo of ``val`` the nearest photo of ``train`` shows the same person."""
        right = 0
        for path in val:
            probes = sample_gallery.search(path, limit=1)
            right += any(path.parent.name in probe.matches[0].path for probe in probes if probe.matches)
        assert right == 25

    def test_matches_come_nearest_first_one_a_photo(self, sample_gallery, samples):
        """Distances rise, no photo comes twice, all are below the threshold, and the limit is kept."""
        path = sorted((samples / "val" / "jerry_seinfeld").iterdir())[0]
        (probe,) = sample_gallery.search(path, limit=7)
        distances = [match.distance for match in probe.matches]
        assert len(distances) == 7
        assert distances == sorted(distances)
        assert distances[-1] < sample_gallery.threshold
        assert len({match.face.photo_id for match in probe.matches}) == 7

    def test_the_probe_is_not_among_its_matches(self, sample_gallery, samples, tmp_path):
        """A photo that is in the gallery does not find itself, nor does a copy with other metadata."""
        path = sorted((samples / "train" / "madonna").iterdir())[0]
        (tmp_path / "copy.jpg").write_bytes(with_exif(path.read_bytes(), description="x"))
        for probe_path in (path, tmp_path / "copy.jpg"):
            probes = sample_gallery.search(probe_path, threshold=4.0, limit=200)
            for probe in probes:
                assert len(probe.matches) == 92
                assert str(path) not in {match.path for match in probe.matches}

    def test_the_exact_index_gives_the_same(self, sample_place, front_end, sample_gallery, val, open_gallery):
        """FAISS and the exact index find the same photos at the same distances."""
        exact = open_gallery(sample_place, front_end, index="exact")
        for path in exact.folder.glob("*.index"):
            path.unlink()
        for path in val[::6]:
            assert exact.search(path, threshold=4.0) == sample_gallery.search(path, threshold=4.0)

    def test_each_face_of_the_probe_is_searched(self, gallery, tmp_path):
        """A photo with two faces gives two lists, left to right; an unknown one is empty."""
        for number in range(3):
            painted(tmp_path / "photos" / f"{number}.png", RED, shade=number)
        gallery.index(tmp_path / "photos")
        one, two = gallery.search(painted(tmp_path / "probe.png", GREEN, RED))
        assert (len(one.matches), len(two.matches)) == (0, 3)

    def test_many_faces_of_one_photo_do_not_crowd_out_others(self, gallery, tmp_path):
        """A photo that holds the face four times counts once: the limit is of photos."""
        painted(tmp_path / "photos" / "crowd.png", RED, RED, RED, RED)
        for number in range(3):
            painted(tmp_path / "photos" / f"{number}.png", RED, shade=number + 1)
        gallery.index(tmp_path / "photos")
        (probe,) = gallery.search(painted(tmp_path / "probe.png", RED, shade=50), limit=4)
        assert len(probe.matches) == 4

    def test_a_gone_file_is_said(self, gallery, tmp_path):
        """A match whose file was forgotten, while another place of the photo is known, names that place."""
        painted(tmp_path / "a" / "1.png", RED)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        gallery.index(tmp_path / "a", tmp_path / "b")
        painted(tmp_path / "a" / "2.png", BLUE)
        (tmp_path / "a" / "1.png").unlink()
        gallery.prune(tmp_path / "a", yes=True)
        (probe,) = gallery.search(painted(tmp_path / "probe.png", RED, shade=9))
        assert [match.path for match in probe.matches] == [str(tmp_path / "b" / "1.png")]

    def test_an_empty_gallery_finds_nothing(self, gallery, tmp_path):
        """Nothing indexed: one probe, no matches."""
        (probe,) = gallery.search(painted(tmp_path / "a.png", RED))
        assert probe.matches == ()

    def test_a_limit_of_0_is_refused(self, gallery, tmp_path):
        """A limit below 1 is a clear error."""
        with pytest.raises(ConfigError, match="limit"):
            gallery.search(painted(tmp_path / "a.png", RED), limit=0)


class TestVerify:
    """1:1."""

    def test_same_and_different_people(self, sample_gallery, samples):
        """Two photos of one person are below the threshold, two people above it."""
        madonna, ben = (sorted((samples / "val" / person).iterdir()) for person in ("madonna", "ben_afflek"))
        same = sample_gallery.verify(madonna[1], madonna[3])
        other = sample_gallery.verify(madonna[0], ben[0])
        assert (same.same, other.same) == (True, False)
        assert same.distance < same.threshold == other.threshold < other.distance <= 4
        assert same.threshold == pytest.approx(1.0, abs=0.02)

    def test_a_photo_is_at_distance_0_from_itself(self, sample_gallery, val):
        """The same photo twice is the same person, at 0 exactly, and order does not matter."""
        assert sample_gallery.verify(val[0], val[0]).distance == 0
        assert sample_gallery.verify(val[0], val[9]).distance == sample_gallery.verify(val[9], val[0]).distance

    def test_several_faces_are_said_or_refused(self, gallery, tmp_path):
        """With several faces the most prominent is used and a warning says so; ``strict`` refuses."""
        one, three = painted(tmp_path / "1.png", GREEN), painted(tmp_path / "3.png", RED, GREEN, BLUE)
        verdict = gallery.verify(one, three)
        assert verdict.same
        assert "3 faces found" in verdict.warnings[0]
        with pytest.raises(AmbiguousFaceError):
            gallery.verify(one, three, strict=True)

    def test_no_face_is_said(self, gallery, tmp_path):
        """A photo without a face is a clear error that names it."""
        with pytest.raises(NoFaceError, match=r"grey\.png: no face found"):
            gallery.verify(painted(tmp_path / "1.png", GREEN), painted(tmp_path / "grey.png"))

    def test_the_threshold_can_be_given(self, sample_gallery, val):
        """Another threshold, another verdict; at exactly the distance it is "different"."""
        distance = sample_gallery.verify(val[0], val[1]).distance
        assert sample_gallery.verify(val[0], val[1], threshold=distance + 1e-9).same
        assert not sample_gallery.verify(val[0], val[1], threshold=distance).same

    def test_nothing_is_added_to_the_gallery(self, gallery, tmp_path):
        """Verifying, asking and searching leave the gallery as it is."""
        one, two = painted(tmp_path / "1.png", GREEN), painted(tmp_path / "2.png", RED)
        gallery.verify(one, two)
        gallery.who(one)
        gallery.search(two)
        assert gallery.stats().files == 0


class TestCluster:
    """Faces that nobody has named."""

    def test_unnamed_sample_photos_fall_into_their_people(self, front_end, samples, place, open_gallery):
        """``val`` without names: no cluster mixes two people, and the five people are found."""
        gallery = open_gallery(place, front_end)
        gallery.index(samples / "val")
        found = gallery.cluster()
        owners = [{match.path.split("/")[-2] for match in group.matches} for group in found.clusters]
        assert all(len(people) == 1 for people in owners)
        assert set.union(*owners) == {folder.name for folder in (samples / "val").iterdir()}
        sizes = [len(group.matches) for group in found.clusters]
        assert sizes == sorted(sizes, reverse=True)
        assert sum(sizes) + found.unclustered == gallery.stats().faces

    def test_named_faces_are_not_clustered(self, sample_gallery, samples):
        """Only faces without a person take part."""
        found = sample_gallery.cluster()
        inside = sum(len(group.matches) for group in found.clusters)
        assert inside + found.unclustered == sample_gallery.stats().faces - 93

    def test_clustering_twice_gives_the_same(self, gallery, tmp_path):
        """The same faces give the same clusters with the same ids."""
        for number in range(3):
            painted(tmp_path / "photos" / f"{number}.png", RED, BLUE, shade=number)
        gallery.index(tmp_path / "photos")
        assert gallery.cluster() == gallery.cluster()

    def test_no_faces_no_clusters(self, gallery):
        """An empty gallery has no clusters."""
        found = gallery.cluster()
        assert (found.clusters, found.unclustered) == ((), 0)


def test_the_default_gallery_is_the_users(tmp_path, monkeypatch):
    """Without a folder the gallery is in FACESEARCH_GALLERY, and it is made where there is none, if that is wanted."""
    monkeypatch.setenv("FACESEARCH_GALLERY", str(tmp_path / "mine"))
    from facesearch.errors import NotFoundError

    with pytest.raises(NotFoundError, match="gallery"):
        Gallery.open(create=False)
    with Gallery.open() as gallery:
        assert gallery.folder == tmp_path / "mine"
        assert gallery.stats().recipe is None
