"""Networks of the user's in galleries: chosen once, kept to, and never mixed with others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesearch.errors import ConfigError, ModelError
from facesearch.gallery import calibrating
from facesearch.gallery.gallery import Gallery
from facesearch.gallery.verification import verify
from facesearch.identify.calibration import built_in, calibration_of
from facesearch.models import export, local
from facesearch.pipeline import FrontEnd, embedder_of, make_front_end
from facesearch.pipeline.adding import Wishes, examine
from facesearch.testing import FakeDetector

from ..onnx_files import network
from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Adds a network: ``add("mine", path)``; with ``calibrated`` it takes FaceNet's calibration for its own."""
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))

    def add(name, path, *, calibrated=True, replacing=False, **wishes):
        model, data = examine(path, Wishes(name, **wishes))
        with local.staged(model, data, replacing=replacing) as here:
            if calibrated:
                local.keep_calibration(here, replace(built_in(), model=name).as_json())
        return local.find(name)

    return add


@pytest.fixture
def own(add, tmp_path, monkeypatch):
    """Two networks that know colours, "mine" of 3 and "long" of 300 numbers a face; faces are painted squares."""
    monkeypatch.setattr(FakeDetector, "name", "mtcnn")  # in whose place it stands
    monkeypatch.setattr("facesearch.detection.mtcnn.MtcnnDetector", lambda *_: FakeDetector())
    monkeypatch.setattr(export, "mtcnn_networks", lambda **_: {})
    add("mine", network(tmp_path / "mine.onnx", dim=3, weights=np.eye(3)), standardize="fixed")
    add("long", network(tmp_path / "long.onnx", dim=300), standardize="fixed", align="arcface")


@pytest.fixture
def album(tmp_path):
    """Two photos of Ann, two of Bob, one of a stranger."""
    folder = tmp_path / "album"
    for name, colour in (("Ann", RED), ("Bob", BLUE)):
        for number in range(2):
            painted(folder / name / f"{number}.png", colour, shade=number)
    painted(folder / "green.png", GREEN)
    return folder


def asked(gallery, album):
    """Who is in each photo that has a name."""
    return [gallery.who(path)[0].person for path in sorted(album.glob("*/*.png"))]


@pytest.mark.parametrize("name", ["mine", "long"])
@pytest.mark.parametrize("index", ["auto", "flat", "compressed"])
def test_everything_works_with_any_dimension(own, album, tmp_path, name, index):
    """A gallery by a network of the user's is indexed, asked, searched and grouped like any other."""
    with Gallery.open(tmp_path / "gallery", model=name, index=index) as gallery:
        gallery.index(album, people_from_folders=True)
        assert asked(gallery, album) == ["Ann", "Ann", "Bob", "Bob"]
        assert gallery.verify(album / "Ann/0.png", album / "Ann/1.png").same
        assert not gallery.verify(album / "Ann/0.png", album / "Bob/1.png").same
        (probe,) = gallery.search(album / "Bob/0.png")
        assert [match.path for match in probe.matches] == [str(album / "Bob/1.png")]
        assert len(gallery.cluster().clusters) == 0
        assert gallery.model == name


def test_a_gallery_goes_on_with_its_own_network(own, album, tmp_path):
    """Without a word about it, the gallery's own network answers, also in a new process."""
    with Gallery.open(tmp_path / "gallery", model="long") as gallery:
        gallery.index(album / "Ann", album / "Bob")
        gallery.enrol("Ann", album / "Ann/0.png")
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert gallery.who(album / "Ann/1.png")[0].person == "Ann"
        gallery.index(album)
        assert embedder_of(gallery.front_end.recipe) == "long"
        assert gallery.front_end.recipe.dim == 300
        assert gallery.front_end.crops[0].align == "arcface"


@pytest.mark.parametrize("wanted", ["mine", "facenet-128"])
def test_two_networks_are_never_mixed(own, album, tmp_path, wanted, monkeypatch):
    """Another network than the gallery's is refused in every command, with the way to move the gallery."""
    monkeypatch.setattr(export, "facenet_network", lambda **_: None)
    with Gallery.open(tmp_path / "gallery", model="long") as gallery:
        gallery.index(album)
        before = gallery.stats()
    with Gallery.open(tmp_path / "gallery", model=wanted) as gallery:
        calls = (
            lambda: gallery.index(album),
            lambda: gallery.index(album, reprocess=True),
            lambda: gallery.who(album / "green.png"),
            lambda: gallery.verify(album / "green.png", album / "green.png"),
            lambda: gallery.search(album / "green.png"),
            gallery.cluster,
        )
        for call in calls:
            with pytest.raises(ConfigError, match=f"made with the model long, not with {wanted}") as caught:
                call()
            assert f"facesearch reindex --model {wanted}" in caught.value.hint
        assert gallery.stats().recipe == before.recipe


def test_a_gallery_moves_to_another_network(place, own, album):
    """`reindex` embeds all faces by the other network; names stay."""
    with Gallery.open(place, model="mine") as gallery:
        gallery.index(album, people_from_folders=True)
    with Gallery.open(place, model="long") as gallery:
        assert gallery.reindex().switched
    with Gallery.open(place) as gallery:
        assert gallery.model == "long"
        assert asked(gallery, album) == ["Ann", "Ann", "Bob", "Bob"]


def test_a_network_that_was_removed(place, own, album, tmp_path, add):
    """Its gallery says so, and answers again once the same file is added."""
    with Gallery.open(place, model="long") as gallery:
        gallery.index(album, people_from_folders=True)
    local.remove("long")
    with Gallery.open(place) as gallery:
        assert [person.name for person in gallery.people()] == ["Ann", "Bob"]
        for call in (lambda: gallery.who(album / "green.png"), gallery.reindex, lambda: gallery.calibration):
            with pytest.raises(ModelError, match="not there any more"):
                call()
    add("long", tmp_path / "long.onnx", standardize="fixed", align="arcface")
    with Gallery.open(place) as gallery:
        assert asked(gallery, album) == ["Ann", "Ann", "Bob", "Bob"]


def test_a_network_that_was_replaced(place, own, album, tmp_path, add):
    """Another network of the same name is another one: nothing is mixed, no distance is judged, and reindex moves."""
    with Gallery.open(place, model="long") as gallery:
        gallery.index(album, people_from_folders=True)
    add("long", network(tmp_path / "other.onnx", dim=300, seed=3), standardize="fixed", replacing=True)
    with Gallery.open(place) as gallery:
        for call in (lambda: gallery.who(album / "green.png"), lambda: gallery.calibration):
            with pytest.raises(ModelError, match="another network now") as caught:
                call()
            assert "facesearch reindex --model long" in caught.value.hint
        assert gallery.reindex().switched
        assert asked(gallery, album) == ["Ann", "Ann", "Bob", "Bob"]


def test_other_settings_are_another_recipe(own, tmp_path, add):
    """The same file with other colours, numbers or crops makes vectors of another recipe."""
    said = [
        {"standardize": "fixed"},
        {"standardize": "none"},
        {"standardize": "fixed", "color": "bgr"},
        {"standardize": "fixed", "align": "eyes"},
    ]
    keys = {make_front_end(model=add("mine", tmp_path / "mine.onnx", replacing=True, **one)).recipe.key for one in said}
    assert len(keys) == 4


def test_without_a_calibration(add, own, album, tmp_path):
    """A network that nobody measured finds alike faces and groups them by a given distance, but decides nothing."""
    add("new", tmp_path / "long.onnx", calibrated=False, standardize="fixed")
    with Gallery.open(tmp_path / "gallery", model="new") as gallery:
        gallery.index(album, people_from_folders=True)
        (probe,) = gallery.search(album / "Ann/0.png", threshold=0.3)
        assert [match.path for match in probe.matches] == [str(album / "Ann/1.png")]
        assert gallery.cluster(threshold=0.3).unclustered == 1
        person = gallery.enrol("Cid", album / "green.png").person
        assert gallery.suggestions(person.id).matches == ()
        calls = (
            lambda: gallery.verify(album / "Ann/0.png", album / "Ann/1.png"),
            lambda: gallery.who(album / "Ann/0.png"),
            lambda: gallery.search(album / "Ann/0.png"),
            gallery.cluster,
            gallery.review,
            lambda: gallery.suggestions(person.id, auto=True),
        )
        for call in calls:
            with pytest.raises(ModelError, match="is not calibrated") as caught:
                call()
            assert "facesearch models calibrate new" in caught.value.hint


def test_a_given_distance_needs_no_calibration(add, own, album, tmp_path):
    """Where nobody measured the network, a distance that is given decides, and nothing is said of what it is worth."""
    add("new", tmp_path / "long.onnx", calibrated=False, standardize="fixed")
    with Gallery.open(tmp_path / "gallery", model="new") as gallery:
        gallery.index(album, people_from_folders=True)
        same = gallery.verify(album / "Ann/0.png", album / "Ann/1.png", threshold=0.3)
        other = gallery.verify(album / "Ann/0.png", album / "Bob/1.png", threshold=0.3)
        assert (same.same, other.same) == (True, False)
        assert (same.far, same.tar, other.far) == (None, None, None)
        assert verify(gallery.front_end, album / "Ann/0.png", album / "Ann/1.png", threshold=0.3) == same
        (answer,) = gallery.who(album / "Ann/0.png", threshold=0.3)
        assert (answer.person, answer.method, answer.fpir) == ("Ann", "knn", None)
        (answer,) = gallery.who(album / "Ann/0.png", threshold=0.3, method="svm")
        assert (answer.person, answer.fpir) == ("Ann", None)
        (nobody,) = gallery.who(album / "Ann/0.png", threshold=0)
        assert (nobody.person, nobody.nearest.person) == (None, "Ann")
        with pytest.raises(ConfigError, match="each decides the other"):
            gallery.who(album / "Ann/0.png", threshold=0.3, fpir=0.01)


def test_an_album_calibration_ends_with_the_models(place, add, own, fill_album, tmp_path):
    """Where its network is calibrated anew, the album's own calibration is not used, and that is said once."""
    with Gallery.open(tmp_path / "empty", model="long") as gallery:
        recipe = gallery.front_end.recipe
    told = []
    with Gallery.open(place, model="long", tell=told.append) as gallery:
        fill_album(gallery._store, recipe, alike=0.5)
        shift = gallery.calibrate().fit.shift
        document = local.calibration("long")
        other = replace(built_in("long"), provenance=built_in().provenance)
        local.keep_calibration(local.find("long"), other.as_json())
        assert gallery.calibration.shift == shift != 0
        pairs = built_in("long").pairs
        nearer = replace(pairs, distances=tuple(0.5 * distance for distance in pairs.distances))
        local.keep_calibration(local.find("long"), replace(built_in("long"), pairs=nearer).as_json())
        assert told == []
        assert gallery.calibration == built_in("long")
        assert gallery.threshold == built_in("long").threshold()
        assert ["calibrated anew" in line for line in told] == [True]
        assert gallery.calibrate().built_in == gallery.calibration.shifted(0) == built_in("long")
        assert gallery.calibration.shift == gallery.calibrate().fit.shift
        local.keep_calibration(local.find("long"), document)
        assert gallery.calibration.shift == 0


@pytest.mark.parametrize("changed", [{"align": "box"}, {"align": "eyes"}, {"color": "bgr"}, {"standardize": "none"}])
def test_a_network_that_is_used_in_another_way(own, album, tmp_path, add, changed):
    """The same file added anew with other settings judges no vector that was made with the old ones; reindex moves."""
    with Gallery.open(tmp_path / "gallery", model="long") as gallery:
        gallery.index(album)
    settings = {"standardize": "fixed", "align": "arcface"}
    add("long", tmp_path / "long.onnx", replacing=True, **settings | changed)
    with Gallery.open(tmp_path / "gallery") as gallery:
        for call in (lambda: gallery.who(album / "green.png"), lambda: gallery.calibration):
            with pytest.raises(ModelError, match="with other settings than those that made this gallery"):
                call()
        assert gallery.reindex().switched
        assert gallery.verify(album / "Ann/0.png", album / "Ann/1.png").same
    add("long", tmp_path / "long.onnx", replacing=True, **settings)
    with Gallery.open(tmp_path / "gallery") as gallery, pytest.raises(ModelError, match="other settings"):
        gallery.who(album / "green.png")


def test_groups_are_as_sure_as_the_defaults(add, own, tmp_path, album):
    """The distance at which groups are kept apart is the one where strangers are as rare as at FaceNet's."""
    pairs = built_in().pairs
    nearer = replace(pairs, distances=tuple(0.5 * distance for distance in pairs.distances))
    document = replace(built_in(), model="wide", pairs=nearer).as_json()
    local.keep_calibration(add("wide", tmp_path / "long.onnx", standardize="fixed"), document)
    with Gallery.open(tmp_path / "gallery", model="wide") as gallery:
        gallery.index(album)
        assert gallery.threshold == pytest.approx(0.5 * built_in().threshold())
        assert calibrating.far_as(gallery._store, 0.75) == pytest.approx(0.375, abs=1e-3)


def test_facenet_itself_gives_the_same_answers(models, samples, val, add, detector, embedder, open_gallery, tmp_path):
    """FaceNet's own ONNX, added as a user's network, makes the same vectors bit for bit, and `who` the same answers."""
    add("copy", export.facenet_file("fp32"))
    built = FrontEnd(detector, embedder)
    copy = make_front_end(model="copy")
    assert (copy.crops, calibration_of(copy.recipe).pairs) == (built.crops, built_in().pairs)
    folder = tmp_path / "train"
    for path in sorted((samples / "train").glob("*/*.jpg")):
        target = folder / path.parent.name
        target.mkdir(parents=True, exist_ok=True)
        if len(list(target.iterdir())) < 3:
            (target / path.name).symlink_to(path)
    probes = val[::4]
    for path in probes[:2]:
        ours, theirs = built.analyse(path), copy.analyse(path)
        assert ours.faces == theirs.faces
        assert np.array_equal(ours.vectors, theirs.vectors)
    answers = []
    for name, front_end in (("built-in", built), ("own", copy)):
        gallery = open_gallery(tmp_path / name, front_end)
        gallery.index(folder, people_from_folders=True)
        answers.append([_plain(gallery.who(path)) for path in probes])
    assert answers[0] == answers[1]
    assert any(person is not None for photo in answers[0] for person, *_ in photo)


def _plain(answers):
    """What is said of each face, without the ids that differ from gallery to gallery."""
    return [(one.person, one.distance, one.fpir, one.method, one.face.box) for one in answers]
