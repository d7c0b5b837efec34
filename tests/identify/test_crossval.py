"""Cross-validation of the methods on enrolled faces: open set, and no copy on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError
from facesearch.identify import crossval
from facesearch.identify.calibration import built_in
from facesearch.identify.crossval import Outcome, choose, cross_validate
from facesearch.identify.shots import shots
from facesearch.testing import random_units

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def people(count, faces, spread=0.5, seed=0):
    """Unit rows and ids of ``count`` people with ``faces`` faces each."""
    rows = np.repeat(random_units(count, 128, seed=1), faces, axis=0)
    rows = rows + spread * random_units(count * faces, 128, seed=2 + seed)
    ids = [f"p{place:03}" for place in range(count) for _ in range(faces)]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), ids


def outcome(method, right, strangers_named=0):
    """Ten people with ten probes each, of which so many got their name; 100 strangers."""
    truth = tuple(f"p{person}" for person in range(10) for _ in range(10))
    named = tuple(f"p{person}" if place < right[person] else None for person in range(10) for place in range(10))
    return Outcome(method, truth, named, truth, 100, strangers_named)


def test_everybody_is_asked_about_and_everybody_is_a_stranger_once():
    """Each face of people apart is found, and each is once that of a stranger, who gets no name."""
    knn, svm = cross_validate(*people(12, 4), built_in(), 1e-2)
    for found in (knn, svm):
        assert (len(found.truth), found.strangers, found.strangers_named) == (48, 48, 0)
        assert found.named == found.first == found.truth
        assert found.confused() == []
    assert (knn.method, svm.method) == ("knn", "svm")


def test_strangers_who_look_like_somebody_are_counted():
    """Two ids of one and the same person get each other's names when one of them is left out."""
    vectors, ids = people(12, 4)
    twins = ["p001b" if place in (6, 7) else person for place, person in enumerate(ids)]
    vectors = np.vstack([vectors, people(12, 4, seed=9)[0][4:8]])
    twins += ["p001b"] * 4
    knn, svm = cross_validate(vectors, twins, built_in(), 1e-2)
    assert knn.strangers_named > 0
    assert svm.strangers_named > 0


@settings(max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=8, max_size=40), st.integers(0, 1000))
def test_near_duplicates_are_in_one_fold(shots, seed):
    """Near-duplicates share a fold, and no fold holds all of a person or one who is a stranger in it."""
    names = np.array([f"p{place % 4}" for place in range(len(shots))])
    groups = np.array(shots)
    held_out, unknown = crossval._folds(names, groups, np.random.default_rng(seed))
    for person in set(names.tolist()):
        own = names == person
        assert len(set(unknown[own].tolist())) == 1
        folds = {shot: set(held_out[own & (groups == shot)].tolist()) for shot in set(groups[own].tolist())}
        assert all(len(found) == 1 for found in folds.values())
        used = {fold for found in folds.values() for fold in found}
        assert unknown[own][0] not in used
        assert used == {-1} if len(folds) == 1 else len(used) > 1


def test_copies_of_a_photo_find_nobody():
    """A person whose every photo is a copy of one is never held out: nothing but copies could find them."""
    vectors, ids = people(8, 4)
    vectors[:4] = vectors[0]
    for found in cross_validate(vectors, ids, built_in(), 1e-2):
        assert "p000" not in found.truth
        assert len(found.truth) == 28
    chain = vectors[:1] + 0.2 * np.arange(4)[:, None] * random_units(1, 128, seed=3)
    chain = (chain / np.linalg.norm(chain, axis=1, keepdims=True)).astype(np.float32)
    assert len(set(shots(chain).tolist())) == 1


def test_too_few_people_or_photos_give_no_comparison():
    """With fewer than five people with three different photos k-NN is taken, and it is said why."""
    copies, ids = people(9, 4)
    copies[4:] = np.repeat(copies[4::4], 4, axis=0)
    for vectors, persons in (people(4, 6), people(30, 2), (copies, ids), (np.empty((0, 128), np.float32), [])):
        outcomes = cross_validate(vectors, persons, built_in(), 1e-2)
        assert outcomes == ()
        choice = choose(outcomes)
        assert (choice.method, choice.figures) == ("knn", ())
        assert "5 people with 3 different photos" in choice.reason


@pytest.mark.parametrize("count", [7, 130])
def test_the_order_of_enrolment_and_ids_do_not_matter(count):
    """Shuffled faces under other ids give the same outcome, also where people are drawn from a large gallery."""
    vectors, ids = people(count, 3, spread=1.2)
    order = np.random.default_rng(5).permutation(len(ids))
    other = {person: f"q{len(set(ids)) - place:03}" for place, person in enumerate(sorted(set(ids)))}
    first = cross_validate(vectors, ids, built_in(), 1e-2)
    second = cross_validate(vectors[order], [other[ids[place]] for place in order], built_in(), 1e-2)
    for one, two in zip(first, second, strict=True):
        assert tuple(other[person] for person in one.truth) == two.truth
        assert tuple(name and other[name] for name in one.named) == two.named


def test_a_large_gallery_is_sampled():
    """No more than 100 people with 10 faces each are looked at."""
    knn, _ = cross_validate(*people(150, 12), built_in(), 1e-2)
    assert (len(set(knn.truth)), len(knn.truth), knn.strangers) == (100, 1000, 1000)


def test_a_rate_beyond_the_calibration_is_refused():
    """The threshold is the calibration's, so a rate that it cannot promise is an error."""
    with pytest.raises(ConfigError, match="not measured"):
        cross_validate(*people(6, 3), built_in(), 1e-9)


def test_the_svm_must_be_better_beyond_noise():
    """k-NN is taken where both do as well or a difference is one person's, the SVM where it is better for most."""
    knn = outcome("knn", [9] * 10)
    assert choose((knn, outcome("svm", [9] * 10))).method == "knn"
    assert choose((knn, outcome("svm", [10] + [9] * 9))).method == "knn"
    assert choose((knn, outcome("svm", [8] * 10))).method == "knn"
    better = choose((knn, outcome("svm", [10] * 9 + [9])))
    assert better.method == "svm"
    assert "99.0%" in better.reason
    assert "90.0%" in better.reason


def test_a_better_rate_is_not_bought_with_strangers():
    """The SVM is not taken where it names more strangers than k-NN."""
    assert choose((outcome("knn", [9] * 10), outcome("svm", [10] * 10, strangers_named=1))).method == "knn"


def test_figures_weigh_people_alike():
    """A person with many photos counts as much as one with a single one, and the worst found come first."""
    found = Outcome("knn", ("a",) * 9 + ("b",), ("a",) * 9 + (None,), ("a",) * 9 + ("a",), 10, 1)
    figures = found.figures()
    assert (figures.dir, figures.rank1, figures.named) == (0.5, 0.5, 0.1)
    assert list(found.recall().items()) == [("b", (0, 1)), ("a", (9, 9))]
    assert found.confused() == [("b", "a", 1)]
