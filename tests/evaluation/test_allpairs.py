"""All pairs of a folder: counting and weighting agree with counting one by one, and people are what is resampled."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from facesearch.evaluation import allpairs, bootstrap, metrics
from facesearch.evaluation.allpairs import all_pairs
from facesearch.testing import random_units


def population(people, photos, noise, seed, dim=16):
    """Unit rows of people around centres of their own, with labels; ``photos`` may be one number a person."""
    random = np.random.default_rng(seed)
    counts = np.broadcast_to(photos, people)
    centres = np.repeat(random_units(people, dim, seed), counts, axis=0)
    rows = centres + noise * random.normal(size=centres.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), np.repeat([f"p{i:04}" for i in range(people)], counts)


def one_by_one(rows, labels, times=None):
    """Distances and weights of genuine and of impostor pairs, by loops; ``times`` is how often a person was drawn."""
    drawn = dict.fromkeys(labels.tolist(), 1) if times is None else times
    count = {name: int(np.sum(labels == name)) for name in drawn}
    kinds: tuple[list, list] = ([], [])
    for i, j in combinations(range(len(rows)), 2):
        one, two = labels[i], labels[j]
        known = np.isfinite(rows[i]).all() and np.isfinite(rows[j]).all()
        distance = float(np.sum((rows[i] - rows[j]) ** 2)) if known else 4.0
        if one == two:
            kinds[0].append((distance, drawn[one] * 2 / (count[one] * (count[one] - 1))))
        else:
            kinds[1].append((distance, drawn[one] * drawn[two] / (count[one] * count[two])))
    return [np.array(kind).T for kind in kinds]


@pytest.fixture
def uneven():
    """Twenty people with one to six photos, one photo without a face."""
    rows, labels = population(20, [1 + i % 6 for i in range(20)], 0.12, seed=1)
    rows[7] = np.nan
    return rows, labels


def test_rates_agree_with_loops(uneven):
    """The curve, TAR and counts are those of weighted pairs, one by one."""
    rows, labels = uneven
    pairs = all_pairs(rows, labels)
    (near, weights), (wide, couples) = one_by_one(rows, labels)
    roc = metrics.curve(near, wide, weights, couples)
    assert (pairs.genuine_pairs, pairs.impostor_pairs) == (len(near), len(wide))
    assert pairs.impostor_effective == pytest.approx(metrics.effective(couples))
    assert metrics.auc(pairs.roc) == pytest.approx(metrics.auc(roc), abs=1e-3)
    assert metrics.eer(pairs.roc) == pytest.approx(metrics.eer(roc), abs=1e-2)
    for point in bootstrap.tars(pairs, [0.01, 0.02, 0.035], draws=50):
        assert (point.tar is None) == (point.far * metrics.effective(couples) < 3)
        if point.tar is not None:
            assert (point.tar, point.threshold) == pytest.approx(metrics.point(roc, point.far), abs=1e-5)
            assert point.low <= point.tar <= point.high


def test_weights_add_up_to_one(uneven):
    """Every person weighs the same among genuine pairs, every pair of people among impostor pairs."""
    rows, labels = uneven
    pairs = all_pairs(rows, labels, fars=[1.0])
    assert pairs.reach == 1
    assert len(pairs.impostor.distances) == pairs.impostor_pairs
    assert pairs.impostor.weights.sum() == pytest.approx(1)
    by_person = np.bincount(pairs.people[pairs.genuine.first], pairs.genuine.weights, pairs.person_count)
    several = np.bincount(pairs.people) > 1
    assert by_person[several] == pytest.approx(1 / several.sum())
    assert not by_person[~several].any()


def test_blocks_do_not_matter(uneven, monkeypatch):
    """Small blocks give the same pairs in the same order."""
    whole = all_pairs(*uneven)
    monkeypatch.setattr(allpairs, "_BLOCK", 7)
    cut = all_pairs(*uneven)
    assert np.array_equal(whole.impostor.first, cut.impostor.first)
    assert np.allclose(whole.impostor.distances, cut.impostor.distances, atol=1e-6)
    # Block sizes change the last bit of a product, so a distance on the edge of a bin may fall into the next one.
    assert (cut.roc.far[1:-1] >= whole.roc.far[:-2] - 1e-9).all()
    assert (cut.roc.far[1:-1] <= whole.roc.far[2:] + 1e-9).all()
    assert np.array_equal(whole.genuine.second, cut.genuine.second)


def test_photos_without_a_face_are_never_accepted(uneven):
    """Their pairs are at distance 4 and come last."""
    rows, labels = uneven
    pairs = all_pairs(rows, labels, fars=[1.0])
    for kind in (pairs.genuine, pairs.impostor):
        lost = (kind.first == 7) | (kind.second == 7)
        assert (kind.distances[lost] == 4).all()
        assert (kind.distances[~lost] < 4).all()


def test_probes_of_their_own_count_in_both_orders(uneven):
    """Where probes equal the index the rates are the same; where they differ, each pair counts twice."""
    rows, labels = uneven
    alone, both = all_pairs(rows, labels, fars=[0.02]), all_pairs(rows, labels, probes=rows.copy(), fars=[0.02])
    assert (both.genuine_pairs, both.impostor_pairs) == (2 * alone.genuine_pairs, 2 * alone.impostor_pairs)
    assert both.impostor_effective == pytest.approx(alone.impostor_effective)
    assert np.allclose(alone.roc.far, both.roc.far, atol=1e-6)
    assert bootstrap.difference(alone, both, 0.02, draws=20).mean == pytest.approx(0)
    other = np.where(np.arange(len(rows))[:, None] == 3, np.nan, rows).astype(np.float32)
    assert bootstrap.difference(alone, all_pairs(rows, labels, probes=other, fars=[0.02]), 0.02, draws=20).mean < 0


@pytest.mark.parametrize("labels", [["a", "a", "a"], ["a", "b", "c"], ["a", "a"]])
def test_all_pairs_refuses_what_has_no_pairs(labels):
    """One person alone, nobody with two photos, or labels that do not fit have no rates."""
    with pytest.raises(ValueError, match=r"all pairs need|one row"):
        all_pairs(random_units(3, 8), labels)


def test_a_draw_is_weighting(uneven):
    """Drawing people some number of times gives the rates of pairs weighted by those numbers."""
    rows, labels = uneven
    pairs = all_pairs(rows, labels, fars=[0.05])
    names = np.unique(labels)
    times = np.bincount(np.random.default_rng(5).integers(0, len(names), len(names)), minlength=len(names))
    (near, weights), (wide, couples) = one_by_one(rows, labels, dict(zip(names.tolist(), times.tolist(), strict=True)))
    drawing = bootstrap._Drawing(pairs)
    drawing.draw(times.astype(float))
    expected = metrics.point(metrics.curve(near, wide, weights, couples), 0.05)
    assert drawing(0.05)[0] == pytest.approx(expected[0], abs=1e-6)


def test_compare_finds_the_better_embeddings():
    """Less noise is better for certain, the same is no different, and the interval contains the difference."""
    (good, labels), (poor, _) = (population(150, 3, noise, seed=2) for noise in (0.12, 0.2))
    better = bootstrap.compare(poor, good, labels, 1e-2, draws=200)
    assert better.low > 0
    assert better.low <= better.mean <= better.high
    assert better.mean == pytest.approx(better.b - better.a)
    same = bootstrap.compare(good, good, labels, 1e-2, draws=100)
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    assert bootstrap.compare(poor, good, labels, 1e-2, draws=200) == better


def test_compare_refuses_other_photos():
    """A paired comparison of different photos, or at a rate that was not collected, is refused."""
    (rows, labels), (other, fewer) = population(10, 3, 0.1, seed=2), population(10, 2, 0.1, seed=2)
    pairs = all_pairs(rows, labels)
    with pytest.raises(ValueError, match="same photos"):
        bootstrap.difference(pairs, all_pairs(other, fewer))
    with pytest.raises(ValueError, match="lower false accept rates"):
        bootstrap.tars(pairs, [0.5])


@pytest.mark.slow
def test_bootstrap_covers_the_true_rate():
    """Of 60 samples of 100 people, most have the TAR of a population of 2,000 in their interval."""
    rows, labels = population(2000, 3, 0.17, seed=9)
    truth = bootstrap.tars(all_pairs(rows, labels, fars=[1e-2]), [1e-2], draws=2)[0].tar
    people, random, hits, widths = np.unique(labels), np.random.default_rng(6), 0, []
    for sample in range(60):
        chosen = np.isin(labels, random.choice(people, 100, replace=False))
        found = bootstrap.tars(all_pairs(rows[chosen], labels[chosen], fars=[1e-2]), [1e-2], draws=200, seed=sample)[0]
        hits += found.low <= truth <= found.high
        widths.append(found.high - found.low)
    assert hits >= 52
    assert np.mean(widths) < 0.25
