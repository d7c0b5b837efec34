"""Nothing depends on how large an embedder's distances are: one whose are a tenth of FaceNet's answers the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.cluster import cluster
from facesearch.errors import ConfigError
from facesearch.evaluation.calibration import usual_of
from facesearch.evaluation.cluster_methods import METHODS, Faces
from facesearch.evaluation.protocols import Photos
from facesearch.gallery.clusters import CUT
from facesearch.gallery.likeness import chance_of_pair, chance_of_person, widest_pair
from facesearch.gallery.portrait import APART, from_others
from facesearch.identify.album import Pairs, fit
from facesearch.identify.calibration import FPIR, built_in
from facesearch.identify.crossval import cross_validate
from facesearch.identify.folders import FITS, choose_faces
from facesearch.identify.knn import identify
from facesearch.identify.leaving_out import leave_out
from facesearch.identify.normalize import normalized
from facesearch.identify.shots import shots
from facesearch.models.registry import DLIB, PAIR
from facesearch.testing import synthetic_faces

SCALE = 0.1
PEOPLE = 40


def squeezed(vectors):
    """The same faces in a narrow cone: all squared distances are a tenth, exactly."""
    ahead = np.full((len(vectors), 1), np.sqrt(1 - SCALE))
    return np.hstack([ahead, np.sqrt(SCALE) * vectors]).astype(np.float32)


def narrow():
    """FaceNet's calibration, of an embedder that does so."""
    known = built_in()
    limits = tuple(tuple(tuple(SCALE * at for at in row) for row in rows) for rows in known.probes.limits)
    pairs = replace(known.pairs, distances=tuple(SCALE * at for at in known.pairs.distances))
    return replace(known, pairs=pairs, probes=replace(known.probes, limits=limits, usual=SCALE * known.usual))


@pytest.fixture(scope="module")
def faces():
    """Unit rows of people who do not exist, five each with a near-duplicate of the first, and who they are."""
    vectors, people = synthetic_faces(PEOPLE, 5, seed=4)
    firsts = vectors[::5] + np.random.default_rng(0).normal(scale=0.01, size=(PEOPLE, 128)).astype(np.float32)
    every = np.vstack([vectors, firsts / np.linalg.norm(firsts, axis=1, keepdims=True)])
    return every.astype(np.float32), [f"p{person:02}" for person in [*people.tolist(), *range(PEOPLE)]]


def test_what_is_derived_is_a_tenth():
    """Every distance that was measured by FaceNet comes out a tenth; FaceNet's own is as it was."""
    known, small = built_in(), narrow()
    for distance in (CUT, APART, FITS):
        assert known.as_rare_as(distance) == distance
        assert small.as_rare_as(distance) == pytest.approx(SCALE * distance)
        assert small.shifted(0.01).as_rare_as(distance) == small.as_rare_as(distance)
    assert (known.near, known.usual) == (0.1, 1.4)
    assert small.near == pytest.approx(SCALE * known.near)
    assert usual_of(known.pairs) == pytest.approx(known.usual, abs=2e-3)
    assert usual_of(small.pairs) == pytest.approx(small.usual, abs=2e-4)


@pytest.mark.parametrize("model", [DLIB, PAIR])
def test_the_built_in_ones_were_measured_so(model):
    """Their limits belong to their own distances, and no number of people makes them jump."""
    found = built_in(model)
    assert found.usual == pytest.approx(usual_of(found.pairs))
    assert found.near < found.as_rare_as(APART) < found.threshold() < found.usual < found.threshold(0.5)
    limits = np.array([found.limit(FPIR, [2] * people) for people in range(1, 12)])
    assert np.all(np.abs(np.diff(limits)) < 0.1 * limits[:-1])


def test_the_same_names(faces):
    """Who is named, left out in turn or asked as a stranger, near-duplicates and outliers."""
    vectors, persons = faces
    photos = np.arange(len(persons))
    plain, small = (
        leave_out(some, persons, photos, meaning, FPIR)
        for some, meaning in ((vectors, built_in()), (squeezed(vectors), narrow()))
    )
    assert np.array_equal(plain.shot, small.shot)
    assert len(plain.firsts) <= 5 * PEOPLE < len(persons)
    assert np.array_equal(plain.rival, small.rival)
    for asked in ("named", "taken_for"):
        assert np.mean(getattr(plain, asked) == getattr(small, asked)) > 0.99, asked
    mixed = np.vstack([vectors[10:15], vectors[[100]]])
    for rows, limit in ((mixed, APART), (squeezed(mixed), narrow().as_rare_as(APART))):
        assert (from_others(rows) > limit).tolist() == [False] * 5 + [True]
    assert np.array_equal(shots(vectors), shots(squeezed(vectors), narrow().near))


def test_the_same_answers_with_few_people(faces):
    """With one to five people enrolled, who is somebody and who is nobody."""
    vectors, persons = faces
    for people in range(1, 6):
        enrolled = [place for place, person in enumerate(persons) if person < f"p{people:02}" and place % 5 < 2]
        asked = vectors[2 : 5 * 20 : 5]
        names = [persons[place] for place in enrolled]
        answers = []
        for change, meaning in ((lambda rows: rows, built_in()), (squeezed, narrow())):
            limit = meaning.limit(FPIR, [names.count(name) for name in set(names)])
            known = change(vectors[enrolled])
            found = identify(change(asked), known, names, range(len(asked)), threshold=limit, usual=meaning.usual)
            answers.append([one.person for one in found])
        assert answers[0] == answers[1]


def test_the_same_choice_of_a_method(faces):
    """The sample that methods are compared on, and what k-NN finds in it."""
    vectors, persons = faces[0][:60], faces[1][:60]
    plain, small = (
        cross_validate(some, persons, meaning, FPIR)[0]
        for some, meaning in ((vectors, built_in()), (squeezed(vectors), narrow()))
    )
    assert len(plain.truth) == len(small.truth) > 0
    assert small.figures().dir == pytest.approx(plain.figures().dir, abs=0.01)


def test_the_same_groups(faces):
    """The product's groups, and those of the methods that it is compared with."""
    vectors, persons = faces
    photos = np.arange(len(persons))
    assert np.array_equal(
        cluster(vectors, photos, threshold=CUT),
        cluster(squeezed(vectors), photos, threshold=narrow().as_rare_as(CUT)),
    )
    plain, small = Faces(vectors, photos), Faces(squeezed(vectors), photos, SCALE)
    for name in ("average", "dbscan"):
        method = METHODS[name]
        for one, other in list(zip(method.settings, method.scaled(SCALE), strict=True))[::12]:
            assert other[0] == pytest.approx(SCALE * one[0])
            assert np.array_equal(method.run(plain, one), method.run(small, other)), (name, one)
    assert METHODS["hdbscan"].scaled(SCALE) == METHODS["hdbscan"].settings


def test_the_same_chances():
    """How likely a group is somebody, and two groups are one person."""
    apart = np.linspace(0.05, 2.5, 40)
    known, small = built_in(), narrow()
    assert chance_of_pair(small, SCALE * apart, 30) == pytest.approx(chance_of_pair(known, apart, 30))
    assert chance_of_person(small, SCALE * apart, SCALE * apart, [3] * 9) == pytest.approx(
        chance_of_person(known, apart, apart, [3] * 9)
    )
    assert widest_pair(small, 30, 0.5) == pytest.approx(SCALE * widest_pair(known, 30, 0.5))
    nobody = np.array([np.inf])
    assert chance_of_person(known, nobody, nobody, [3] * 9) == 0


def test_the_same_faces_of_folders(faces):
    """In a group photo the person is taken, and nobody where only others are in it; unless nobody knows what fits."""
    vectors, _ = faces
    photos = [vectors[[0]], vectors[[1]], vectors[[50, 2]], vectors[[60, 70]]]
    small = [squeezed(some) for some in photos]
    expected = [0, 0, 1, None]
    assert choose_faces(photos, [0] * 4) == expected
    assert choose_faces(small, [0] * 4, fits=narrow().as_rare_as(FITS)) == expected
    assert choose_faces(small, [0] * 4)[3] is not None
    assert choose_faces(small, [0] * 4, fits=0.0) == [0, 0, None, None]


def test_the_same_shift_of_an_album():
    """What a shift is measured at, and which is too large to be one."""
    random = np.random.default_rng(1)
    people = np.array([(a, b) for a in range(25) for b in range(a)])
    apart = random.normal(1.7, 0.25, len(people))
    plain, small = (
        fit(Pairs(scale * apart, people, np.arange(len(people))), meaning, draws=10)
        for scale, meaning in ((1, built_in()), (SCALE, narrow()))
    )
    assert small.shift == pytest.approx(SCALE * plain.shift, abs=1e-4)
    with pytest.raises(ConfigError, match="nearer than strangers are"):
        fit(Pairs(SCALE * (apart - 0.9).clip(1.05), people, np.arange(len(people))), narrow(), draws=10)


def test_near_duplicates_without_a_calibration(faces):
    """An evaluation of an embedder that was not calibrated finds them by the photos themselves."""
    vectors, persons = faces
    known = Photos.of(vectors, persons)
    assert np.array_equal(known.groups, Photos.of(squeezed(vectors), persons, near=None).groups)
    assert known.near_duplicates >= 2 * PEOPLE


@settings(max_examples=50)
@given(st.lists(st.floats(0, 4), min_size=1, max_size=6), st.floats(0.01, 2))
def test_no_less_than_the_evidence(found, usual):
    """What others do only ever takes nearness away: whose evidence is beyond a limit is never within it."""
    evidence = np.array([found])
    assert np.all(normalized(evidence, usual) >= evidence - 1e-9)
