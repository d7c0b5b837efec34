"""Measuring a calibration, on drawn people whose rates are known."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.evaluation.allpairs import all_pairs
from facesearch.evaluation.calibration import (
    LEAST_FAR,
    MEASURED,
    RATES,
    kept,
    measure,
    pair_rates,
    probe_rates,
    strangers,
)
from facesearch.identify.calibration import Provenance, from_json

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

NOWHERE = Provenance("drawn", 0, 0, 0, 0, "2026-11-25", "none", "0")


@pytest.fixture(scope="module")
def drawn():
    """400 people around centres of their own, 1 to 9 photos each: unit rows and their people."""
    random = np.random.default_rng(7)
    people = np.repeat(np.arange(400), random.integers(1, 10, 400))
    centres = random.normal(size=(400, 16))
    rows = centres[people] + 0.5 * random.normal(size=(len(people), 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), people


def test_pair_rates_are_those_of_brute_force(drawn):
    """FAR and TAR of the table are the shares of all pairs, each couple of people and each person weighing the same."""
    vectors, people = drawn
    few = people < 60
    vectors, people = vectors[few], people[few]
    apart = np.square(vectors[:, None].astype(float) - vectors[None]).sum(axis=2)
    found = pair_rates(all_pairs(vectors, people.astype(str)))
    photos = np.bincount(people)
    couple = 1 / photos[people][:, None] / photos[people][None]
    other = people[:, None] != people[None]
    same = ~other & ~np.eye(len(people), dtype=bool)
    weight = couple * np.where(same, photos[people][:, None] / np.maximum(photos[people][:, None] - 1, 1), 0)
    for place in range(0, len(found.distances) - 1, 10):
        near = apart < found.distances[place]
        far = (couple * other * near).sum() / (couple * other).sum()
        assert found.far[place] == pytest.approx(max(far, LEAST_FAR), rel=0.02, abs=1e-6)
        assert found.tar[place] == pytest.approx((weight * near).sum() / weight.sum(), abs=2e-3)
    assert (found.far[0], found.far[-1], found.tar[-1]) == (LEAST_FAR, 1, 1)


def test_limits_are_quantiles_of_strangers(drawn):
    """At the limit for a measured rate that share of strangers gets a name; rarer limits lie on a line below."""
    vectors, people = drawn
    found = probe_rates(vectors, people, 10, 3, sizes=(5, 20), faces_each=(1, 2))
    for f, faces in enumerate(found.faces):
        for p, size in enumerate(found.people):
            scores = np.concatenate(list(strangers(vectors, people, size, faces, 10, 3)))
            for rate, limit in zip(found.rates, found.limits[f][p], strict=True):
                if rate >= MEASURED:
                    assert np.mean(scores < limit) == pytest.approx(rate, abs=2 / len(scores) + 1e-3)
    rare = [place for place, rate in enumerate(RATES) if rate < MEASURED]
    steps = np.diff(np.array(found.limits)[..., rare], axis=2) / np.diff(np.log10(np.array(RATES)[rare]))
    assert np.allclose(steps, steps[..., :1], atol=2e-3)


def test_enrolled_people_are_no_strangers(drawn):
    """Each gallery asks about everybody else once, and about nobody whom it holds."""
    vectors, people = drawn
    scores = list(strangers(vectors, people, 20, 2, 3, 0))
    assert [len(one) for one in scores] == [380] * 3
    assert min(one.min() for one in scores) > 0.01
    assert not list(strangers(vectors, people, 390, 1, 3, 0))
    assert not list(strangers(vectors, people, 20, 50, 3, 0))


def test_promises_hold_for_other_people(drawn):
    """People drawn from the same crowd keep the promises made for the others, within a factor of two."""
    found = kept(*drawn, NOWHERE, splits=4, galleries=10, sizes=(5, 20))
    assert {(one.what, one.promised) for one in found} >= {("FAR", 1e-3), ("FPIR, 20 enrolled", 1e-2)}
    for one in found:
        assert len(one.ratios) == 4
        assert one.ratios[0] <= one.mean <= one.ratios[-1]
        assert 0.5 < one.mean < 2


def test_too_few_people(tree, fakes):
    """A folder of six people is refused, with their number and how many are needed."""
    with pytest.raises(ConfigError, match="6 people are too few"):
        measure(tree.images, fakes, data="painted")


def test_a_folder_of_photos(tree, fakes, monkeypatch):
    """From photos to a calibration that can be stored: who, how many, by which recipe."""
    monkeypatch.setattr("facesearch.evaluation.calibration.LEAST_STRANGERS", 3)
    tree.paint("Ada", 1)
    report = measure(tree.images, fakes, data="painted people", splits=0)
    made = report.calibration.provenance
    assert (made.data, made.photos, made.people, made.genuine_pairs) == ("painted people", 11, 6, 5)
    assert made.recipe == fakes.recipe.key
    assert (report.left_out, report.kept) == (1, ())
    assert from_json(report.calibration.as_json()) == report.calibration
