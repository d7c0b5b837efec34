"""The SVM: plain arrays that may answer "unknown"."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from facesearch.errors import ModelError
from facesearch.identify import svm
from facesearch.testing import random_units


def people(count, faces, seed=0, spread=0.5, dim=128):
    """Unit rows and ids: ``faces`` of each of ``count`` people around centres of their own."""
    centres = random_units(count, dim, seed=1000)
    rows = np.repeat(centres, faces, axis=0) + spread * random_units(count * faces, dim, seed=seed)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), [
        f"p{i:02}" for i in range(count) for _ in range(faces)
    ]


def names(machine, probes, enrolled, persons, **options):
    """The names of probes, each from a photo of its own."""
    options = {"threshold": 0.9, "plain": True, **options}
    return [d.person for d in svm.identify(machine, probes, enrolled, persons, range(len(probes)), **options)]


@pytest.mark.parametrize(("count", "faces"), [(2, 1), (2, 4), (5, 1), (12, 3)])
def test_names_people_and_refuses_strangers(count, faces):
    """New faces of enrolled people are named, also with a single enrolled face; strangers are not."""
    enrolled, persons = people(count, faces)
    machine = svm.train(enrolled, persons)
    probes, truth = people(count, 3, seed=5)
    assert names(machine, probes, enrolled, persons) == truth
    assert set(names(machine, random_units(40, 128, seed=77), enrolled, persons)) == {None}


def test_one_person_is_decided_by_distance():
    """With one person enrolled the distance alone decides, and a stranger is still unknown."""
    enrolled, persons = people(1, 2)
    machine = svm.train(enrolled, persons)
    probes, truth = people(1, 3, seed=5)
    assert names(machine, probes, enrolled, persons) == truth
    assert names(machine, random_units(5, 128, seed=7), enrolled, persons) == [None] * 5


def test_nobody_enrolled():
    """An SVM of nobody names nobody."""
    nobody = np.empty((0, 128), np.float32)
    machine = svm.train(nobody, [])
    assert machine.people == ()
    assert names(machine, random_units(2, 128), nobody, []) == [None, None]
    assert svm.Svm.from_bytes(machine.to_bytes(**of), **of).coef.shape == (0, 128)


def test_margin_alone_and_distance_alone_do_not_name():
    """A person needs both: the margin above the floor and a face of their own within the threshold."""
    enrolled, persons = people(4, 3)
    machine = svm.train(enrolled, persons)
    probe, truth = enrolled[:1], persons[:1]
    assert names(machine, probe, enrolled, persons) == truth
    assert names(machine, probe, enrolled, persons, threshold=1e-9, usable=np.arange(12)[None] > 0) == [None]
    assert names(machine, probe, enrolled, persons, floor=1e9) == [None]


def test_decision_tells_margin_and_distance():
    """Score is 0 to 1 from the margin, votes are faces within the threshold, the runner-up is the nearest other."""
    enrolled, persons = people(4, 3)
    decision = svm.identify(svm.train(enrolled, persons), enrolled[:1], enrolled, persons, ["a"], threshold=0.9)[0]
    assert (decision.person, decision.votes, decision.distance) == ("p00", 3, pytest.approx(0, abs=1e-6))
    assert 0.9 < decision.score <= 1
    others = 2 - 2 * enrolled[3:] @ enrolled[0]
    assert decision.runner_up == (persons[3 + int(others.argmin())], pytest.approx(others.min(), abs=1e-5))


def test_older_svm_than_enrolments():
    """Whom the SVM does not know is not named, and whom it knows but nobody is any more neither."""
    enrolled, persons = people(4, 3)
    machine = svm.train(enrolled[:9], persons[:9])
    assert names(machine, enrolled[[0, 9]], enrolled, persons) == ["p00", None]
    assert names(machine, enrolled[[0, 3]], enrolled[3:], persons[3:]) == [None, "p01"]


def test_training_is_repeatable_and_quiet():
    """Equal input gives equal bits, and many people with one face each raise no warning."""
    enrolled, persons = people(12, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = svm.train(enrolled, persons), svm.train(enrolled, persons)
    np.testing.assert_array_equal(first.coef, second.coef)
    np.testing.assert_array_equal(first.intercept, second.intercept)


def test_agrees_with_scikit_learn():
    """NumPy gives scikit-learn's decision function, also for two people, where it trains one classifier."""
    from sklearn.svm import LinearSVC

    for count in (2, 3):
        enrolled, persons = people(count, 3)
        reference = LinearSVC(C=svm.C, class_weight="balanced", dual=False).fit(enrolled.astype(float), persons)
        probes = random_units(6, 128)
        expected = reference.decision_function(probes.astype(float))
        margins = svm.train(enrolled, persons).margins(probes)
        np.testing.assert_allclose(margins[:, 1] if count == 2 else margins, expected, atol=1e-9)


def test_bytes_round_trip():
    """A trained SVM survives as bytes that hold no pickle."""
    machine = svm.train(*people(3, 2))
    data = machine.to_bytes(recipe="r", token="t")
    again = svm.Svm.from_bytes(data, recipe="r", token="t")
    assert again.people == machine.people
    np.testing.assert_array_equal(again.coef, machine.coef)
    np.testing.assert_array_equal(again.intercept, machine.intercept)


def evil():
    """An .npz whose people are a pickle."""
    import io

    file = io.BytesIO()
    np.savez(file, people=np.array([{}], dtype=object), coef=np.zeros((1, 2)), intercept=np.zeros(1))
    return file.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 no", b"not a file", evil(), svm.train(*people(3, 2)).to_bytes(recipe="r", token="t")[:-40]]
)
def test_other_bytes_are_refused(data):
    """Damaged bytes and pickles are a ModelError."""
    with pytest.raises(ModelError, match="not a trained SVM"):
        svm.Svm.from_bytes(data, recipe="r", token="t")


def test_answering_imports_no_scikit_learn():
    """A trained SVM answers, and k-NN and decide without a conflict too, with neither scikit-learn nor SciPy."""
    code = """if True:
        import sys
        from facesearch.identify import knn, svm
        from facesearch.testing import random_units
        rows, ids = random_units(4, 8), list("abcd")
        machine = svm.train(rows[:1], ids[:1])
        svm.identify(svm.Svm.from_bytes(machine.to_bytes(**of), **of), rows, rows, ids, range(4), threshold=1.0)
        knn.identify(rows, rows, ids, [0] * 4, threshold=0.01)
        assert not {"sklearn", "scipy"} & set(sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)
