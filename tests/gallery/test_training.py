"""What is learned from enrolled faces is kept in files that are whole and of the current enrolments, or not used."""

from __future__ import annotations

import hashlib
import json
import stat
import threading
import time
from contextlib import nullcontext
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from facesearch.gallery import training
from facesearch.gallery.training import chosen_method, train_svm, trained_svm
from facesearch.identify import crossval, svm
from facesearch.identify.calibration import built_in
from facesearch.store.store import Store
from facesearch.store.values import Enrolled
from facesearch.testing import random_units

from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

MARK = "f" * 32


def enrolled(people=3, faces=2):
    """Faces 1, 2, … of photos 101, 102, …, close together for each person."""
    rows = np.repeat(random_units(people, 128, seed=1), faces, axis=0) + 0.4 * random_units(people * faces, 128, seed=2)
    ids = np.arange(1, people * faces + 1)
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return Enrolled(ids, 100 + ids, vectors, tuple(f"p{place}" for place in range(people) for _ in range(faces)))


@pytest.fixture
def store(place):
    """An empty gallery's store."""
    with Store.open(place) as opened:
        yield opened


@pytest.fixture
def recipe(fake):
    """That of the fakes."""
    return fake.recipe


@pytest.fixture
def no_training(monkeypatch):
    """Call it, and any training is an error from then on."""

    def never(*_, **__):
        raise AssertionError("trained")

    def begin():
        monkeypatch.setattr(svm, "train", never)

    return begin


def kept(store, what="svm"):
    """The files of the gallery whose names have ``what`` in them."""
    return sorted(path for path in store.folder.iterdir() if what in path.name)


def ask(store, recipe, mark=MARK, **options):
    """The SVM of the usual faces."""
    return trained_svm(store, recipe, enrolled(), **{"without_photo": None, "mark": mark, **options})


def test_it_is_trained_once(store, recipe, no_training):
    """The second question takes the SVM from a file that its owner alone can read."""
    first = ask(store, recipe)
    (path,) = kept(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    no_training()
    second = ask(store, recipe)
    assert first.people == second.people == ("p0", "p1", "p2")
    np.testing.assert_array_equal(first.coef, second.coef)


def test_other_enrolments_train_anew(store, recipe):
    """A changed enrolment takes an SVM of its own, and the old file goes, with what killed runs left behind."""
    ask(store, recipe)
    (store.folder / ".svm-killed.tmp").touch()
    (old,) = [path for path in kept(store) if path.suffix == ".npz"]
    ask(store, recipe, mark="0" * 32)
    (new,) = kept(store)
    assert new != old


@pytest.mark.parametrize("content", [b"", b"no", "cut", "foreign"])
def test_a_damaged_or_foreign_file_is_replaced(store, recipe, content):
    """A file that is cut short, or says inside that it is of other enrolments, is not used and made anew."""
    right = ask(store, recipe)
    (path,) = kept(store)
    whole = path.read_bytes()
    other = svm.train(enrolled().vectors, ("x", "y") * 3)
    bad = {"cut": whole[:-30], "foreign": other.to_bytes(recipe=recipe.key, token=MARK[:16] + "0" * 16)}
    path.write_bytes(bad.get(content, content))
    assert ask(store, recipe).people == right.people
    assert path.read_bytes() == whole


def test_without_training_only_a_current_file_is_used(store, recipe, no_training):
    """``train=False`` gives None where training would be needed, else what is there, and never trains."""
    ask(store, recipe)
    no_training()
    assert ask(store, recipe, train=False) is not None
    assert ask(store, recipe, train=False, mark="0" * 32) is None
    assert ask(store, recipe, train=False, mark=None) is None
    assert ask(store, recipe, train=False, without_photo=101) is None


def test_the_photo_itself_is_left_out(store, recipe):
    """For a photo that is enrolled a machine without its faces is trained, and not kept."""
    machine = ask(store, recipe, without_photo=101)
    assert kept(store) == []
    faces = enrolled()
    np.testing.assert_array_equal(machine.coef, svm.train(faces.vectors[1:], faces.person_ids[1:]).coef)


def test_while_another_process_writes_it_is_not_kept(store, place, recipe, monkeypatch):
    """A gallery that is being written still answers: the SVM is trained and left in memory."""
    monkeypatch.setattr(training, "MOMENT", 0.05)
    with Store.open(place) as other, other.files_lock():
        assert ask(store, recipe).people == ("p0", "p1", "p2")
    assert kept(store) == []


def test_who_waits_for_the_lock_takes_what_the_other_has_trained(store, place, recipe, no_training, monkeypatch):
    """Of two processes that need one SVM the second reads the file of the first."""
    monkeypatch.setattr(training, "MOMENT", 30.0)
    ask(store, recipe)
    (path,) = kept(store)
    data = path.read_bytes()
    path.unlink()
    no_training()
    found = []
    waiting = threading.Thread(target=lambda: found.append(ask(store, recipe)))
    with Store.open(place) as other, other.files_lock():
        waiting.start()
        time.sleep(0.3)
        assert not found
        path.write_bytes(data)
    waiting.join(30)
    assert found[0].people == ("p0", "p1", "p2")


def test_a_file_that_cannot_be_written_costs_no_answer(store, recipe, monkeypatch):
    """Where the file cannot take its place the answer comes all the same, and nothing is left behind."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    # The lock's own note is put in place in the same way.
    monkeypatch.setattr(store, "lock", lambda _: nullcontext())
    assert ask(store, recipe).people == ("p0", "p1", "p2")
    assert kept(store) == []


def test_the_comparison_is_made_once(store, recipe, monkeypatch):
    """Cross-validation runs once for an enrolment, rate and calibration; a damaged file is made anew."""
    runs = []
    real = crossval.cross_validate

    def counted(*arguments):
        runs.append(arguments[-1])
        return real(*arguments)

    monkeypatch.setattr(crossval, "cross_validate", counted)
    monkeypatch.setattr(store, "enrolled", lambda _: enrolled(6, 4))
    mark = store.state().enrolments

    def known(fpir=1e-2, calibration=built_in()):  # noqa: B008 - a constant
        return chosen_method(store, recipe, mark, calibration, fpir)

    assert (known().method, known().figures) == ("knn", ())
    first = train_svm(store, recipe, built_in()).choice
    assert first.method == "knn"
    assert [one.method for one in first.figures] == ["knn", "svm"]
    assert known() == first == train_svm(store, recipe, built_in()).choice
    assert len(runs) == 1
    assert known(fpir=1e-1).figures == known(calibration=built_in().shifted(0.1)).figures == ()
    assert train_svm(store, recipe, built_in(), report=True).choice == first
    assert len(runs) == 2
    (path,) = kept(store, "method")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for bad in (b"", b"[]", b'{"of": 3}', path.read_bytes().replace(b'"knn"', b'"magic"')):
        path.write_bytes(bad)
        assert known().figures == ()
        assert train_svm(store, recipe, built_in()).choice == first
    assert len(runs) == 6


def test_some_of_the_people_are_answered_by_neighbours(store, recipe):
    """Where people are left out of the question, what was found for all of them does not count."""
    assert chosen_method(store, recipe, None, built_in(), 1e-2).method == "knn"


def test_the_svm_of_a_gallery_follows_its_names(gallery, tmp_path, fake):
    """An SVM is current until somebody is enrolled, and the next training knows the new person."""
    for name, colour in (("ada", RED), ("bob", GREEN)):
        gallery.enrol(name, painted(tmp_path / f"{name}.png", colour))
    first = train_svm(gallery._store, fake.recipe, built_in())
    assert (first.people, first.faces, first.current, first.choice.method) == (2, 2, False, "knn")
    assert train_svm(gallery._store, fake.recipe, built_in()).current
    gallery.enrol("cem", painted(tmp_path / "cem.png", BLUE))
    assert [answer.person for answer in gallery.who(tmp_path / "ada.png", method="svm")] == [None]
    report = train_svm(gallery._store, fake.recipe, built_in(), report=True)
    assert (report.people, report.current, report.choice.method, report.outcomes) == (3, False, "knn", ())
    assert sorted(report.names.values()) == ["ada", "bob", "cem"]


def test_auto_goes_by_what_training_found(gallery, tmp_path, fake, monkeypatch):
    """``who`` takes the method that ``train_svm`` found to be better, until names change; k-NN before and after."""
    for name, colour in (("ada", RED), ("bob", GREEN)):
        gallery.enrol(name, painted(tmp_path / f"{name}.png", colour))
    probe = painted(tmp_path / "probe.png", RED, BLUE)

    def methods(**options):
        return {answer.method for answer in gallery.who(probe, **options)}

    assert methods() == {"knn"}
    monkeypatch.setattr(crossval, "choose", lambda _: crossval.Choice("svm", "it is better"))
    gallery.train_svm()
    assert methods() == {"svm"}
    assert methods(fpir=1e-3) == methods(threshold=1.0) == methods(without=["nobody"]) == {"knn"}
    gallery.enrol("cem", painted(tmp_path / "cem.png", BLUE))
    assert methods() == methods(method="svm", train=False) == {"knn"}
    assert methods(method="svm") == {"svm"}


@pytest.mark.sqlite  # it is about what is in a file beside the database
def test_what_an_earlier_version_found_still_counts(gallery, tmp_path, fake):
    """A choice whose file an earlier version wrote is taken: what it was hashed with is what the model comes with."""
    for name, colour in (("ada", RED), ("bob", GREEN)):
        gallery.enrol(name, painted(tmp_path / f"{name}.png", colour))
    gallery.train_svm()
    (path,) = kept(gallery._store, "method")
    document = (resources.files("facesearch.models") / "calibrations" / "facenet-128.json").read_text(encoding="utf-8")
    about = hashlib.sha256(f"0.01 {document}".encode()).hexdigest()
    of = [fake.recipe.key, gallery._store.state().enrolments, about]
    path.write_text(json.dumps({"of": of, "method": "svm", "reason": "it is better", "figures": []}))
    assert [answer.method for answer in gallery.who(tmp_path / "ada.png")] == ["svm"]


@pytest.mark.sqlite  # likewise
@pytest.mark.parametrize("recorded", [True, False])
def test_a_choice_by_another_calibration_is_told(gallery, tmp_path, fake, monkeypatch, recorded):
    """Where the SVM was better by another calibration it is said once that k-NN answers; of other rates nothing."""
    for name, colour in (("ada", RED), ("bob", GREEN)):
        gallery.enrol(name, painted(tmp_path / f"{name}.png", colour))
    told, probe, store = [], painted(tmp_path / "probe.png", RED), gallery._store
    gallery._tell = told.append
    monkeypatch.setattr(crossval, "choose", lambda _: crossval.Choice("svm", "it is better"))
    gallery.train_svm()
    if not recorded:
        (path,) = kept(store, "method")
        held = json.loads(path.read_bytes())
        del held["rate"]
        path.write_text(json.dumps(held))
    assert [answer.method for answer in (*gallery.who(probe), *gallery.who(probe, fpir=1e-1))] == ["svm", "knn"]
    assert told == []
    with store.writing():
        store.save_calibration(fake.recipe.key, json.dumps({"shift": 0.05, "beside": built_in().digest()}))
    assert [answer.method for answer in (*gallery.who(probe), *gallery.who(probe))] == ["knn", "knn"]
    why = "another calibration" if recorded else "another calibration or rate"
    assert told == [f"the SVM was found to be better by {why}: k-NN answers until facesearch train svm"]
    gallery.train_svm()
    assert [answer.method for answer in gallery.who(probe)] == ["svm"]
    assert len(told) == 1
