"""Error rates equal what counting gives, and intervals cover what they should."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.evaluation import metrics

few = st.lists(st.integers(0, 40).map(lambda tenth: tenth / 10), min_size=1, max_size=30)
weighted = st.lists(st.tuples(st.integers(0, 40).map(lambda tenth: tenth / 10), st.integers(1, 4)), min_size=1)
rates = st.sampled_from([0.5, 0.25, 0.1, 0.01, 1 / 3])


@given(few, few)
def test_curve_counts_what_is_nearer(genuine, impostor):
    """At every threshold both rates are the shares of distances below it, from none to all."""
    roc = metrics.curve(genuine, impostor)
    for threshold, far, tar in zip(roc.thresholds, roc.far, roc.tar, strict=True):
        assert far == pytest.approx(np.mean(np.array(impostor) < threshold))
        assert tar == pytest.approx(np.mean(np.array(genuine) < threshold))
    assert (roc.far[0], roc.tar[0], roc.far[-1], roc.tar[-1]) == (0, 0, 1, 1)


@given(few, few)
def test_auc_is_the_chance_that_a_genuine_pair_is_nearer(genuine, impostor):
    """The area equals the share of (genuine, impostor) couples in the right order, ties counting half."""
    couples = np.array(genuine)[:, None] - np.array(impostor)
    expected = np.mean((couples < 0) + 0.5 * (couples == 0))
    assert metrics.auc(metrics.curve(genuine, impostor)) == pytest.approx(expected)


@given(few, few)
def test_eer_lies_where_the_rates_cross(genuine, impostor):
    """The equal error rate is between the best and the worst that a single threshold can say about it."""
    roc = metrics.curve(genuine, impostor)
    found = metrics.eer(roc)
    assert np.minimum(roc.far, 1 - roc.tar).max() - 1e-9 <= found <= np.maximum(roc.far, 1 - roc.tar).min() + 1e-9


@given(few, few, rates)
def test_point_is_the_best_tar_that_the_rate_allows(genuine, impostor, far):
    """No threshold with at most this FAR accepts more genuine pairs, and the one given back has both rates."""
    tar, threshold = metrics.point(metrics.curve(genuine, impostor), far)
    values = np.unique([*genuine, *impostor, 5.0])
    allowed = [t for t in values if np.mean(np.array(impostor) < t) <= far + 1e-12]
    assert tar == pytest.approx(max(np.mean(np.array(genuine) < t) for t in allowed))
    assert np.mean(np.array(genuine) < threshold) == pytest.approx(tar)
    assert np.mean(np.array(impostor) < threshold) <= far + 1e-12


@given(weighted, weighted, rates)
def test_weights_are_repetitions(genuine, impostor, far):
    """A pair of weight 3 counts like three pairs."""
    (near, one), (wide, two) = zip(*genuine, strict=True), zip(*impostor, strict=True)
    weights = metrics.curve(near, wide, one, two)
    repeated = metrics.curve(np.repeat(near, one), np.repeat(wide, two))
    for measure in (metrics.auc, metrics.eer, lambda roc: metrics.point(roc, far)):
        assert measure(weights) == pytest.approx(measure(repeated))


@pytest.mark.parametrize(
    ("genuine", "impostor", "weights"), [([], [1], None), ([1], [], None), ([1, 2], [1], [1]), ([1], [1], [-1])]
)
def test_curve_refuses_what_it_cannot_count(genuine, impostor, weights):
    """Without pairs of both kinds, or with weights that do not fit, there are no rates."""
    with pytest.raises(ValueError, match="pair"):
        metrics.curve(genuine, impostor, weights)


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=25))
def test_best_threshold_gets_the_most_pairs_right(pairs):
    """No other threshold is right more often, and none as good has more room around it."""
    distances, same = np.array([d / 10 for d, _ in pairs]), np.array([truth for _, truth in pairs])

    def right(threshold):
        return int(np.sum((distances < threshold) == same))

    found = metrics.best_threshold(distances, same)
    edges = np.unique([0.0, *distances, 4.0])
    middles = (edges[1:] + edges[:-1]) / 2
    best = max(right(middle) for middle in middles)
    assert right(found) == best
    runs = [
        (edges[first], edges[last + 1])
        for first in range(len(middles))
        for last in range(first, len(middles))
        if all(right(middle) == best for middle in middles[first : last + 1])
    ]
    widest = max(high - low for low, high in runs)
    assert any(math.isclose(found, (low + high) / 2) for low, high in runs if math.isclose(high - low, widest))


def test_folds_are_judged_by_the_others():
    """Each fold's accuracy comes from the threshold of the remaining folds; the error is over folds."""
    distances = [0.2, 1.0, 0.5, 1.4, 1.1, 1.2]
    same = [True, False, True, False, True, False]
    found = metrics.fold_accuracy(distances, same, [0, 0, 1, 1, 2, 2])
    assert found.thresholds == pytest.approx((1.15, 0.6, 0.75))
    assert found.accuracies == (0.5, 1, 0.5)
    assert found.mean == pytest.approx(np.mean(found.accuracies))
    assert found.standard_error == pytest.approx(np.std(found.accuracies, ddof=1) / math.sqrt(3))


def test_folds_leave_out_negative_ones():
    """A pair in no fold is neither tested nor trained on, and one fold alone is refused."""
    distances, same = [0.1, 2.0, 0.2, 2.1, 3.9], [True, False, True, False, True]
    assert metrics.fold_accuracy(distances, same, [0, 0, 1, 1, -1]).mean == 1
    with pytest.raises(ValueError, match="two folds"):
        metrics.fold_accuracy(distances, same, [0, 0, 0, 0, -1])


def test_wilson_agrees_with_the_textbook():
    """Wilson's interval of 90 in 100 is 0.8256 to 0.9448, and stays within 0 and 1."""
    assert metrics.wilson(0.9, 100) == pytest.approx((0.82563, 0.94477), abs=1e-5)
    assert metrics.wilson(1.0, 50)[1] == 1
    assert metrics.wilson(0.5, 0) == (0, 1)


@given(st.integers(1, 200), st.floats(0.001, 0.5), st.sampled_from([0.5, 0.95, 0.975]))
def test_binomial_range_agrees_with_the_sum(count, chance, level):
    """Both ends are the quantiles that adding up the binomial distribution gives."""
    below, above = metrics._binomial_range(count, chance, level)
    sums = np.cumsum([math.comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in range(count + 1)])
    for found, tail in ((below, (1 - level) / 2), (above, (1 + level) / 2)):
        assert sums[found] >= tail - 1e-9
        assert found == 0 or sums[found - 1] < tail + 1e-9


def test_too_few_impostors_give_no_rate():
    """Where fewer than three false accepts are expected, TAR is None and the reason says so."""
    roc = metrics.curve(np.linspace(0, 1, 500), np.linspace(1, 4, 500))
    assert metrics.tar_at(roc, 1e-2, genuine=500, impostor=500).reason is None
    missing = metrics.tar_at(roc, 1e-3, genuine=500, impostor=500)
    assert (missing.tar, missing.low, missing.threshold) == (None, None, None)
    assert "0.50 false accepts" in str(missing.reason)
    assert metrics.tar_at(roc, 1e-3, genuine=500, impostor=3000).tar is not None


@pytest.mark.parametrize("far", [1e-2, 1e-3])
def test_interval_covers_the_true_rate(far):
    """Of 200 simulated lists of LFW's size, at least 95 % have the true TAR in their interval."""
    random = np.random.default_rng(4)
    near, wide = NormalDist(0.6, 0.2), NormalDist(1.6, 0.25)
    truth = near.cdf(wide.inv_cdf(far))
    hits = 0
    for _ in range(200):
        roc = metrics.curve(random.normal(0.6, 0.2, 3000), random.normal(1.6, 0.25, 3000))
        found = metrics.tar_at(roc, far, genuine=3000, impostor=3000)
        assert found.low <= found.tar <= found.high
        hits += found.low <= truth <= found.high
    assert hits >= 190


def test_effective_number():
    """Equal weights count fully, one heavy pair hardly more than one."""
    assert metrics.effective([2, 2, 2]) == pytest.approx(3)
    assert metrics.effective([100, 1, 1]) == pytest.approx(1.04, abs=0.01)
    assert metrics.effective([]) == 0
