"""What distances mean: tables that come with the model, and what is read off them."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError, ModelError
from facesearch.identify.calibration import FAR, FPIR, built_in, from_json
from facesearch.identify.normalize import share_of_shift

sizes = st.lists(st.integers(1, 60), max_size=40)


def test_the_default_rates_can_be_asked_for():
    """The model's own calibration answers at the default rates, with provenance."""
    found = built_in()
    assert 0.9 < found.threshold(FAR) < 1.1
    assert found.far(found.threshold(FAR)) == pytest.approx(FAR, rel=1e-6)
    assert 0.97 < found.tar(found.threshold(FAR)) < 0.99
    assert 0.7 < found.limit(FPIR, [3] * 20) < 1.0
    assert found.provenance.people > 1000
    assert found.provenance.impostor_pairs > 10**6


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 4), st.floats(0, 4))
def test_nearer_is_rarer(a, b):
    """FAR and TAR never fall with the distance, and stay rates."""
    found = built_in()
    near, far = sorted((a, b))
    assert found.least_far <= found.far(near) <= found.far(far) <= 1
    assert 0 <= found.tar(near) <= found.tar(far) <= 1


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-4, 0.5), sizes)
def test_limit_and_rate_are_each_others_inverse(rate, faces):
    """A face at the limit for a rate has that rate; a rarer rate never has a wider limit."""
    found = built_in()
    limit = found.limit(rate, faces)
    assert found.fpir(limit, faces) == pytest.approx(rate, rel=0.35)
    assert found.limit(rate / 1.5 if rate > 2e-4 else rate, faces) <= limit


def test_more_people_ask_for_nearer_faces():
    """With few people enrolled, everyone who is added makes the limit narrower."""
    limits = [built_in().limit(1e-2, [1] * people) for people in (0, 1, 2, 5, 20)]
    assert limits[0] == limits[1]
    assert limits[1] > limits[2] > limits[3] > limits[4]


@pytest.mark.parametrize("rate", [0, 1e-9, 0.9999, 2])
def test_rates_that_were_not_measured(rate):
    """A rate beyond the tables is an error that says which can be had."""
    with pytest.raises(ConfigError, match="was not measured") as caught:
        built_in().limit(rate, [1])
    assert "--threshold" in caught.value.hint
    if rate < 1e-5 or rate > 1:
        with pytest.raises(ConfigError, match="was not measured"):
            built_in().threshold(rate)


def test_beyond_the_tables():
    """What is nearer than anything measured has the smallest rate; what is farther than all limits the rate 1."""
    found = built_in()
    assert (found.far(0), found.far(4)) == (found.least_far, 1)
    assert (found.fpir(-1, [1]), found.fpir(4, [1])) == (found.least_fpir, 1)


@pytest.mark.parametrize("people", [1, 2, 10])
def test_a_shift_moves_thresholds_and_limits(people):
    """Where strangers are farther apart, thresholds are farther out, and limits by what is left of the shift."""
    found = built_in()
    moved = found.shifted(0.1)
    assert moved.threshold(1e-3) == pytest.approx(found.threshold(1e-3) + 0.1)
    assert moved.far(0.9) == pytest.approx(found.far(0.8))
    expected = found.limit(1e-2, [1] * people) + 0.1 * share_of_shift(people)
    assert moved.limit(1e-2, [1] * people) == pytest.approx(expected)


def test_it_survives_being_stored():
    """JSON and back is the same calibration."""
    found = built_in().shifted(-0.05)
    assert from_json(found.as_json()) == found
    other = replace(found, probes=replace(found.probes, usual=0.2))
    assert from_json(other.as_json()) == other


@pytest.mark.parametrize("model", ["facenet-128", "dlib-128", "facenet+dlib"])
def test_its_document_stays_what_it_was(model):
    """What is written is what was read, byte for byte, so that its hash is that of earlier versions."""
    text = (resources.files("facesearch.models") / "calibrations" / f"{model}.json").read_text(encoding="utf-8")
    assert from_json(text).as_json() == text
    assert ("usual" in json.loads(text)["probes"]) == (model != "facenet-128")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("pairs"),
        lambda document: document["pairs"]["far"].reverse(),
        lambda document: document["probes"]["limits"][0][0].reverse(),
        lambda document: document["provenance"].update(extra=1),
    ],
)
def test_a_spoilt_one_is_refused(spoil):
    """A document that is no calibration, or whose tables are not monotone, is one clear error."""
    document = json.loads(built_in().as_json())
    spoil(document)
    with pytest.raises(ModelError, match="calibration"):
        from_json(json.dumps(document))
    with pytest.raises(ModelError, match="not a calibration"):
        from_json("{")


def test_all_tables_are_finite():
    """No table of the shipped calibration holds a hole."""
    found = built_in()
    assert np.isfinite(found.probes.limits).all()
    assert min(found.pairs.far) > 0
