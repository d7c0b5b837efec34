"""Leaving out: every enrolled face asked about without itself, against the plain way that names are given."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.identify.calibration import FPIR, built_in
from facesearch.identify.leaving_out import NOBODY, ask, leave_out
from facesearch.identify.normalize import normalized
from facesearch.identify.table import Enrolled


def people(seed: int, count: int, faces: int, spread: float) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Unit rows of simulated people in shuffled order, their ids, and photos that show two of them."""
    random = np.random.default_rng(seed)
    middles = np.zeros((count, 128))
    middles[:, :30] = random.normal(size=(count, 30)) / np.sqrt(30)
    ids = np.repeat(np.arange(count), random.integers(1, faces + 1, count))
    rows = middles[random.permutation(ids)]
    ids = np.array([int(np.argmin(((middles - row) ** 2).sum(1))) for row in rows])
    rows = rows + random.normal(scale=spread, size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), [f"person {i}" for i in ids], np.arange(len(ids)) // 2


def slowly(vectors, persons, photos, shot, row, *, stranger):
    """Who one face is, by the classes that ``who`` uses: by ``Enrolled`` without what is left out."""
    owner = np.array(persons)
    kept = (photos != photos[row]) & ~((owner == owner[row]) & (shot == shot[row]))
    sizes = Counter(persons)
    if stranger:
        kept &= owner != owner[row]
        del sizes[persons[row]]
    faces = Enrolled.of(vectors, persons)
    ((_, apart),) = faces.distances(vectors[row : row + 1], kept[None])
    evidence = faces.evidence(apart)
    beside = normalized(evidence)[0]
    limit = built_in().limit(FPIR, tuple(sizes.values()))
    return faces.people[int(beside.argmin())] if beside.min() < limit else None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.sampled_from([0.02, 0.05, 0.08]))
def test_it_answers_as_who_would(seed, count, spread):
    """Names with a shot left out, and with a person left out, are those of the plain way, face by face."""
    vectors, persons, photos = people(seed, count, 5, spread)
    held = leave_out(vectors, persons, photos, built_in(), FPIR)
    names = [*held.people, None]
    for row in range(len(vectors)):
        for found, stranger in ((held.named[row], False), (held.taken_for[row], True)):
            expected = slowly(vectors, persons, photos, held.shot, row, stranger=stranger)
            assert names[found] == expected


def test_distances_to_the_own_person_and_the_next():
    """The nearest other shot, the nearest other person, and the nearest faces of two people are what they are."""
    vectors, persons, photos = people(3, 6, 6, 0.05)
    held = leave_out(vectors, persons, np.arange(len(photos)), built_in(), FPIR)
    rows = vectors.astype(np.float64)
    apart = 2 - 2 * rows @ rows.T
    same = held.person[:, None] == held.person
    other_shot = same & (held.shot[:, None] != held.shot)
    assert held.nearest == pytest.approx(np.where(other_shot, apart, np.inf).min(axis=1), abs=1e-6)
    assert held.rival_distance == pytest.approx(np.where(same, np.inf, apart).min(axis=1), abs=1e-6)
    assert held.rival.tolist() == held.person[np.where(same, np.inf, apart).argmin(axis=1)].tolist()
    assert held.apart == pytest.approx(held.apart.T)
    pair = held.apart[0, 1]
    assert pair == pytest.approx(apart[np.ix_(held.person == 0, held.person == 1)].min(), abs=1e-6)


def test_near_duplicates_do_not_find_each_other():
    """Two copies of one picture are one shot: left out together, nobody is found by them."""
    vectors, _, _ = people(1, 4, 1, 0.0)
    twice = np.vstack([vectors, vectors])
    held = leave_out(twice, ["a", "b", "c", "d"] * 2, np.arange(8), built_in(), FPIR)
    assert held.shot.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert held.firsts.tolist() == [0, 1, 2, 3]
    assert np.isinf(held.nearest).all()
    assert (held.named == NOBODY).all()


def test_the_order_of_faces_does_not_matter():
    """The same faces in another order get the same answers."""
    vectors, persons, photos = people(5, 5, 5, 0.06)
    held = leave_out(vectors, persons, photos, built_in(), FPIR)
    order = np.random.default_rng(0).permutation(len(persons))
    mixed = leave_out(vectors[order], [persons[i] for i in order], photos[order], built_in(), FPIR)
    assert mixed.named.tolist() == held.named[order].tolist()
    assert mixed.taken_for.tolist() == held.taken_for[order].tolist()


def test_nobody_and_one_person():
    """Without people there is nothing; alone, a person has no rival, and strangers have nobody to be taken for."""
    nothing = np.empty((0, 128), np.float32)
    held = leave_out(nothing, [], np.empty(0, np.int64), built_in(), FPIR)
    assert (held.people, len(held.person), held.apart.shape) == ((), 0, (0, 0))
    vectors, persons, photos = people(2, 1, 5, 0.05)
    held = leave_out(vectors, persons, np.arange(len(photos)), built_in(), FPIR)
    assert set(held.rival.tolist()) == set(held.taken_for.tolist()) == {NOBODY}


def test_unnamed_faces_are_asked_by_the_same_rule():
    """An unnamed face gets the name of the person whom it is near, and none by faces of its own photo alone."""
    vectors, persons, photos = people(4, 5, 6, 0.04)
    enrolled = vectors, persons, np.arange(len(photos))
    names = ask(vectors, np.full(len(vectors), -1), enrolled, built_in(), FPIR)
    assert names == persons
    alone = [persons.index(person) for person, count in Counter(persons).items() if count == 1]
    for row in alone:
        assert ask(vectors[row : row + 1], np.array([row]), enrolled, built_in(), FPIR)[0] != persons[row]
    empty = np.empty((0, 128), np.float32), [], np.empty(0, np.int64)
    assert ask(vectors[:2], photos[:2], empty, built_in(), FPIR) == [None, None]
