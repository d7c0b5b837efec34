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

OF = {"recipe": "r", "token": "t"}


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
    assert svm.Svm.from_bytes(machine.to_bytes(**OF), **OF).coef.shape == (0, 128)


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
    data = machine.to_bytes(**OF)
    again = svm.Svm.from_bytes(data, **OF)
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
    "data",
    [b"", b"PK\x03\x04 no", b"not a file", evil(), svm.train(*people(3, 2)).to_bytes(**OF)[:-40]],
)
def test_other_bytes_are_refused(data):
    """Damaged bytes and pickles are a ModelError."""
    with pytest.raises(ModelError, match="not a trained SVM"):
        svm.Svm.from_bytes(data, **OF)


def test_answering_imports_no_scikit_learn():
    """A trained SVM answers, and k-NN and decide without a conflict too, with neither scikit-learn nor SciPy."""
    code = """if True:
        import sys
        from facesearch.identify import knn, svm
        from facesearch.testing import random_units
        rows, ids = random_units(4, 8), list("abcd")
        machine = svm.train(rows[:1], ids[:1])
        of = {"recipe": "r", "token": "t"}
        svm.identify(svm.Svm.from_bytes(machine.to_bytes(**of), **of), rows, rows, ids, range(4), threshold=1.0)
        knn.identify(rows, rows, ids, [0] * 4, threshold=0.01)
        assert not {"sklearn", "scipy"} & set(sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_file_of_other_enrolments_is_refused():
    """The recipe and the state of the enrolments are inside of the file, and must be those asked for."""
    data = svm.train(*people(3, 2)).to_bytes(**OF)
    for other in ({"recipe": "other"}, {"token": "other"}):
        with pytest.raises(ModelError, match="other enrolments"):
            svm.Svm.from_bytes(data, **{**OF, **other})


def test_the_order_of_enrolment_does_not_matter():
    """Shuffled faces give the same bits, and so the same answers."""
    enrolled, persons = people(6, 4, spread=1.0)
    order = np.random.default_rng(3).permutation(len(persons))
    first, second = svm.train(enrolled, persons), svm.train(enrolled[order], [persons[place] for place in order])
    assert first.people == second.people
    np.testing.assert_array_equal(first.coef, second.coef)
    np.testing.assert_array_equal(first.intercept, second.intercept)


def test_the_most_alike_rivals_stand_for_all():
    """Told from the most alike half of the others, people keep their margins; told from one face they do not."""
    enrolled, persons = people(40, 5, spread=0.8)
    probes, _ = people(40, 2, seed=5, spread=0.8)
    every = svm.train(enrolled, persons, rivals=195).margins(probes)
    half = svm.train(enrolled, persons, rivals=100).margins(probes)
    near = every > -0.7
    assert np.abs(every - half)[near].max() < 0.05
    assert np.abs(every - svm.train(enrolled, persons, rivals=1).margins(probes))[near].max() > 0.3
    np.testing.assert_array_equal(every, svm.train(enrolled, persons, rivals=10**6).margins(probes))


def test_two_faces_of_a_photo_never_get_one_name():
    """Of two faces of a photo that both are nearest to one person, one gets another name or none."""
    enrolled, persons = people(5, 3)
    machine = svm.train(enrolled, persons)
    probes = np.vstack([enrolled[:1], enrolled[1:2], enrolled[2:3]])
    found = [d.person for d in svm.identify(machine, probes, enrolled, persons, ["a"] * 3, threshold=0.9)]
    assert found.count("p00") == 1


def test_a_person_with_one_photo_beside_others_with_many():
    """A single enrolled face is enough, also where everybody else has ten."""
    enrolled, persons = people(8, 10)
    kept = [0, *range(10, 80)]
    machine = svm.train(enrolled[kept], persons[:1] + persons[10:])
    probes, truth = people(8, 2, seed=5)
    assert names(machine, probes, enrolled[kept], persons[:1] + persons[10:]) == truth
