"""A gallery moves to another network: where the two disagree is told before, and there is a way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError
from facesearch.gallery import disagreeing
from facesearch.gallery.disagreeing import _changes, _some
from facesearch.gallery.gallery import Gallery
from facesearch.identify.calibration import built_in
from facesearch.models import export, local
from facesearch.pipeline import FrontEnd
from facesearch.pipeline.adding import Wishes, examine
from facesearch.testing import FakeDetector

from ..onnx_files import network
from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

DARK = (120, 20, 20)


@pytest.fixture(autouse=True)
def networks(tmp_path, monkeypatch):
    """Two networks: "hue" tells all colours apart, "blind" takes green and blue for one."""
    monkeypatch.setenv("FACESEARCH_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("facesearch.detection.mtcnn.MtcnnDetector", lambda *_: FakeDetector())
    monkeypatch.setattr(export, "mtcnn_networks", lambda **_: {})
    blind = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]])
    for name, weights in (("hue", np.eye(3)), ("blind", blind)):
        path = network(tmp_path / f"{name}.onnx", dim=3, weights=weights)
        model, data = examine(path, Wishes(name, standardize="fixed"))
        with local.staged(model, data) as here:
            local.keep_calibration(here, replace(built_in(), model=name).as_json())


@pytest.fixture
def album(tmp_path):
    """Two photos of Ann (red), two of Bob (blue), two of Cid (green), indexed by "hue"."""
    folder = tmp_path / "album"
    for name, colour in (("Ann", RED), ("Bob", BLUE), ("Cid", GREEN)):
        for number in range(2):
            painted(folder / name / f"{number}.png", colour, shade=number)
    with Gallery.open(tmp_path / "gallery", model="hue") as gallery:
        gallery.index(folder, people_from_folders=True)
    return folder


@pytest.fixture
def opened(album, tmp_path):
    """Opens the gallery by a network, or by its own."""
    return lambda model=None: Gallery.open(tmp_path / "gallery", model=model)


@pytest.fixture
def embedded(monkeypatch):
    """The photos that were embedded again."""
    seen, real = [], FrontEnd.embed_faces

    def embed_faces(self, path, where):
        seen.append(path)
        return real(self, path, where)

    monkeypatch.setattr(FrontEnd, "embed_faces", embed_faces)
    return seen


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 30), st.integers(1, 4))
def test_changes_are_those_of_every_pair(seed, count, many):
    """Pairs that change are counted as by hand, over blocks of any size."""
    random = np.random.default_rng(seed)
    people = random.integers(0, many, count)
    old, new = (_unit(random.normal(size=(count, 3))) for _ in range(2))
    limits = 0.7, 1.3
    expected = np.zeros((4, many), np.int64)
    for i in range(count):
        for j in range(i):
            was, now = (np.square(v[i] - v[j]).sum() < limit for v, limit in zip((old, new), limits, strict=True))
            if was == now:
                continue
            if people[i] == people[j]:
                expected[0 if now else 1, people[i]] += 1
            else:
                expected[2 if now else 3, people[i]] += 1
                expected[2 if now else 3, people[j]] += 1
    whole, disagreeing._ROWS = disagreeing._ROWS, 7
    try:
        assert np.array_equal(_changes(old, new, people, limits, many), expected)
    finally:
        disagreeing._ROWS = whole


def _unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 60))
def test_of_too_many_faces_everybodys_share_is_taken(people, most):
    """At most as many as asked for, none twice, and each person's share to within two faces."""
    rows = _some(np.array(people, np.int64), most)
    assert len(set(rows.tolist())) == len(rows) == min(len(people), most)
    for person in set(people):
        share = people.count(person) * min(1, most / len(people))
        assert abs(sum(people[row] == person for row in rows) - share) <= 2


def test_told_before_the_move(opened, album):
    """Who is taken for whom by the other network is told while the gallery still answers by the first."""
    told = []
    with opened("blind") as gallery:
        report = gallery.reindex(compared=lambda found: told.append((found, gallery.model)))
        assert (report.switched, report.faces, gallery.model) == (True, 6, "blind")
    ((found, model),) = told
    assert model == "hue"
    assert (found.before, found.after, found.faces, found.same, found.others) == ("hue", "blind", 6, 3, 12)
    assert (found.joined, found.split, found.mixed, found.parted) == (0, 0, 4, 0)
    assert [(one.name, one.faces, one.mixed) for one in found.people] == [("Bob", 2, 4), ("Cid", 2, 4)]
    with opened() as gallery:
        assert {person.name: person.faces for person in gallery.people()} == {"Ann": 2, "Bob": 2, "Cid": 2}


def test_a_trial_moves_nothing(opened, album, embedded):
    """With dry_run the gallery answers as before; the run that moves has nothing left to embed."""
    told = []
    with opened("blind") as gallery:
        report = gallery.reindex(dry_run=True, compared=told.append)
        assert (report.switched, report.faces, gallery.model) == (False, 6, "hue")
        assert told[0].mixed == 4
    with opened() as gallery:
        assert gallery.who(album / "Bob/0.png")[0].person == "Bob"
        with pytest.raises(ConfigError, match="nothing to go back to"):
            gallery.reindex(back=True)
    embedded.clear()
    with opened("blind") as gallery:
        report = gallery.reindex(compared=told.append)
        assert (report.switched, report.faces, embedded) == (True, 0, [])
    assert told[0] == told[1]


def test_the_way_back(opened, album, embedded):
    """Going back embeds nothing, gives the answers of before, and keeps the names that were given meanwhile."""
    with opened("blind") as gallery:
        gallery.reindex()
        gallery.rename("Ann", "Anna")
    embedded.clear()
    with opened() as gallery:
        report = gallery.reindex(back=True)
        assert (report.switched, report.faces, embedded, gallery.model) == (True, 0, [], "hue")
        assert gallery.who(album / "Ann/0.png")[0].person == "Anna"
        assert gallery.who(album / "Bob/0.png")[0].person == "Bob"
        assert [match.path for match in gallery.search(album / "Cid/0.png")[0].matches] == [str(album / "Cid/1.png")]
    with opened("blind") as gallery:
        assert gallery.reindex().switched
        assert embedded == []


def test_what_came_meanwhile(opened, album, embedded):
    """Photos that were indexed, and faces that were analysed anew, since the move are embedded on the way back."""
    with opened("blind") as gallery:
        gallery.reindex()
        new = painted(album / "Dan/0.png", DARK, shade=9)
        gallery.index(album / "Dan")
        gallery.index(album / "Bob/0.png", reprocess=True)
    embedded.clear()
    with opened() as gallery:
        report = gallery.reindex(back=True)
        assert report.switched
        assert {new, album / "Bob/0.png"} == set(embedded)
        assert gallery.who(album / "Bob/0.png")[0].person == "Bob"


def test_back_without_a_photo_that_is_gone(opened, album):
    """A photo that came since the move and is gone again holds the way back up, until it may be dropped."""
    with opened("blind") as gallery:
        gallery.reindex()
        new = painted(album / "Dan/0.png", DARK, shade=9)
        gallery.index(album / "Dan")
    new.rename(album / "gone")
    with opened() as gallery:
        assert not gallery.reindex(back=True).switched
        report = gallery.reindex(back=True, drop_missing=True, jobs=2)
        assert (report.switched, report.dropped, gallery.model) == (True, 1, "hue")


def test_old_vectors_go_when_told(opened, album, embedded):
    """Once old vectors are deleted there is no way back but to embed all faces again."""
    with opened("blind") as gallery:
        gallery.reindex()
        gallery.reindex()
        assert gallery.forget_old_vectors() == 6
        assert gallery.forget_old_vectors() == 0
        with pytest.raises(ConfigError, match="nothing to go back to") as caught:
            gallery.reindex(back=True)
        assert "--model" in caught.value.hint
    embedded.clear()
    with opened("hue") as gallery:
        assert gallery.reindex().faces == len(embedded) == 6


def test_forgetting_somebody_forgets_the_kept_vectors(opened, album):
    """A person who is forgotten is forgotten by both networks."""
    with opened("blind") as gallery:
        gallery.reindex()
        gallery.forget("Bob")
        assert gallery.forget_old_vectors() == 4


def test_no_comparison_without_a_calibration(opened, album, tmp_path):
    """A network that nobody measured cannot be compared: this is said, and the gallery moves all the same."""
    model, data = examine(tmp_path / "blind.onnx", Wishes("new", standardize="fixed"))
    with local.staged(model, data):
        pass
    said, told = [], []
    with Gallery.open(tmp_path / "gallery", model="new", tell=said.append) as gallery:
        assert gallery.reindex(compared=told.append).switched
    assert told == []
    assert "the two models are not compared: model new: is not calibrated" in said[0]
