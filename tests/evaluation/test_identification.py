"""Open-set identification on vectors whose answers can be told by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.evaluation import protocols
from facesearch.evaluation.identification import measure
from facesearch.evaluation.openset import FARTHEST, NEVER, Contest
from facesearch.evaluation.outcomes import Outcome, limit, too_few
from facesearch.evaluation.photo_lists import read_photos
from facesearch.evaluation.pictures_identification import draw_report
from facesearch.evaluation.protocols import Photos, Plan, Trial
from facesearch.identify.calibration import Calibration, PairRates, ProbeRates, Provenance
from facesearch.identify.crossval import METHODS
from facesearch.identify.shots import NEAR
from facesearch.images.load import load
from facesearch.testing import random_units

slow = pytest.mark.slow  # thousands of bootstrap samples

LIMIT = 0.7


def units(rows) -> np.ndarray:
    """The rows at length 1, float32."""
    rows = np.asarray(rows, np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def people(counts, spread=0.5, seed=0) -> Photos:
    """So many photos of each of so many people, about 2·spread²/(1 + spread²) apart; people are 2 apart."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random_units(len(counts), 64, seed), counts, axis=0)
    noise = random.normal(scale=spread / 8, size=centres.shape)
    names = np.repeat([f"p{place:03d}" for place in range(len(counts))], counts)
    return Photos.of(units(centres + noise), names)


@pytest.fixture
def album() -> Photos:
    """12 people with 4 to 6 photos, 40 with one or two."""
    return people([4, 5, 6] * 4 + [1, 2] * 20)


@pytest.fixture
def calibration() -> Calibration:
    """One that gives the same limit for every gallery."""
    provenance = Provenance("hand", 0, 0, 0, 0, "2026-01-01", "", "0")
    pairs = PairRates((0.5, 4.0), (1e-3, 1.0), (0.5, 1.0))
    return Calibration("hand", provenance, pairs, ProbeRates((10,), (3,), (0.1, 0.001), (((LIMIT, LIMIT),),), 0.001))


def test_near_duplicates_are_never_split():
    """Whoever is enrolled, no probe has a near-duplicate in the gallery, and everybody has three photos there."""
    vectors = people([6] * 10).vectors.copy()
    vectors[1::6] = vectors[::6]  # two copies
    vectors[2::6] = units(vectors[::6] + 0.01)  # and a third photo that is almost one
    photos = Photos.of(vectors, np.repeat([f"p{place}" for place in range(10)], 6))
    assert photos.near_duplicates == 30
    aside = 0
    for seed in range(20):
        trial = protocols.random_enrolment(photos, np.random.default_rng(seed), enrol=3, least=4)
        assert not set(photos.groups[trial.gallery]) & set(photos.groups[trial.probes])
        assert np.unique(photos.people[trial.gallery], return_counts=True)[1].tolist() == [3] * 10
        assert len(trial.gallery) + len(trial.probes) + trial.set_aside == 60
        aside += trial.set_aside
    assert aside > 0


def test_near_duplicates_are_of_one_person_and_pass_on():
    """Who is near to one of a group belongs to it; two people never do, however near."""
    angles = np.array([0, 0.25, 0.5, 0.0, 2.0])  # squared distance of neighbours: about 0.0625
    photos = Photos.of(units(np.stack([np.cos(angles), np.sin(angles)], axis=1)), ["a", "a", "a", "b", "a"])
    assert float(np.square(photos.vectors[0] - photos.vectors[2]).sum()) > NEAR
    assert photos.groups[0] == photos.groups[1] == photos.groups[2]
    assert len(set(photos.groups[[0, 3, 4]])) == 3


def test_strangers_are_left_out(album):
    """A share of the people who could be enrolled joins the strangers, with all their photos."""
    every = protocols.random_enrolment(album, np.random.default_rng(0), enrol=3, least=4)
    some = protocols.random_enrolment(album, np.random.default_rng(0), enrol=3, least=4, strangers=0.25)
    assert len(set(album.people[every.gallery])) == 12
    enrolled = set(album.people[some.gallery])
    assert len(enrolled) == 9
    assert set(album.people[some.probes]) == enrolled
    assert not enrolled & set(album.people[some.strangers])
    assert len(some.gallery) + len(some.probes) + len(some.strangers) == len(album.people)


def test_halves_share_nobody(album):
    """Each person, enrolled or stranger, is in one half only, and the split follows the seed."""
    for split in range(5):
        one, two = protocols.halves(album, Plan(), split)
        sides = [np.concatenate([side.gallery, side.probes, side.strangers]) for side in (one, two)]
        assert not set(album.people[sides[0]]) & set(album.people[sides[1]])
        assert all(len(side.probes) and len(side.strangers) for side in (one, two))
    again = protocols.halves(album, Plan(), 4)[1]
    np.testing.assert_array_equal(two.gallery, again.gallery)


def test_leave_one_out_asks_about_every_photo_once(album):
    """Every photo of an enrolled person is asked about once, every stranger once; copies stay in one fold."""
    trials = protocols.leave_one_out(album, np.random.default_rng(0), least=4)
    able = np.flatnonzero(np.isin(album.people, album.several(4)))
    assert sorted(np.concatenate([trial.probes for trial in trials])) == able.tolist()
    strangers = np.concatenate([trial.strangers for trial in trials])
    assert sorted(strangers) == np.setdiff1d(np.arange(len(album.people)), able).tolist()
    folds = [set(album.groups[trial.probes]) for trial in trials]
    assert sum(map(len, folds)) == len(set.union(*folds))


@pytest.mark.parametrize("method", METHODS)
def test_leave_one_out_takes_no_photo_as_its_own_evidence(method):
    """A photo unlike all others of its person is found where it is enrolled, and lost where it is asked about."""
    vectors = np.eye(12, dtype=np.float32)
    photos = Photos.of(vectors, np.repeat(["a", "b", "c"], 4))
    rows = np.arange(12)
    none = np.empty(0, np.int64)
    assert Contest(method, photos, [Trial(rows, rows, none)]).hits(0.5).all()
    left_out = protocols.leave_one_out(photos, np.random.default_rng(0), least=4)
    assert not Contest(method, photos, left_out).hits(0.5).any()


def test_limit_names_no_more_strangers_than_promised():
    """The threshold for a rate names at most that share, and the next one would name more; ties stay out together."""
    nearest = np.array([0.5, 0.2, 0.2, 0.9, np.inf])
    assert [limit(nearest, rate) for rate in (0.0, 0.2, 0.4, 0.6, 0.8)] == [0.2, 0.2, 0.5, 0.9, FARTHEST]
    # the first counts three times, the infinite one not at all
    assert limit(nearest, 0.5, np.array([3, 1, 1, 1, 0])) == 0.5
    scores = np.random.default_rng(0).random(997)
    for rate in (0.1, 0.01, 0.003):
        at = limit(scores, rate)
        assert (scores < at).mean() <= rate < (scores <= at).mean()


@pytest.mark.parametrize("method", METHODS)
def test_rates_by_hand(method):
    """Right names count per probe and per person; a wrong name, a missing face and a photo too far away are missed."""
    a, b, far, other = np.eye(4)
    rows = [a, b, a + 0.1 * far, a + 0.2 * far, a + 0.3 * far, b + 0.1 * a, b + 9 * a, b + 9 * far, other, other + b]
    vectors = np.vstack([units(rows), np.full((2, 4), np.nan, np.float32)])
    names = ["a", "b", "a", "a", "a", "b", "b", "b", "s", "t", "b", "u"]
    photos = Photos.of(vectors, names)
    trial = Trial(np.array([0, 1]), np.array([2, 3, 4, 5, 6, 7, 10]), np.array([8, 9, 11]))
    contest = Contest(method, photos, [trial])
    assert contest.hits(0.5).tolist() == [True] * 4 + [False] * 3
    assert contest.ranks()[[0, 1, 2, 3]].tolist() == [1] * 4
    assert contest.ranks()[4] == 2
    assert contest.ranks()[6] == NEVER
    nearest = contest.nearest()
    assert nearest[1] == nearest.min()
    assert nearest[2] == np.inf
    figures = Outcome.of(contest, photos, fixed={"x": 0.5}).figures()
    assert figures["dir x"] == pytest.approx((4 / 7, (3 / 3 + 1 / 4) / 2))
    assert figures["named x"][0] == (nearest < 0.5).mean()


def test_people_who_are_drawn_twice_count_twice(album):
    """A bootstrap sample weighs all photos of a person, and nobody else's."""
    trial = protocols.random_enrolment(album, np.random.default_rng(0), enrol=3, least=4)
    outcome = Outcome.of(Contest("knn", album, [trial]), album, fixed={"x": LIMIT})
    ruined = replace(outcome, fixed_hits={"x": outcome.owners == 0})
    once, none = np.ones(12, np.int64), np.ones(12, np.int64)
    once[0], none[0] = 11, 0
    assert ruined.figures(none)["dir x"] == (0, 0)
    assert ruined.figures(once)["dir x"][1] == pytest.approx(0.5)


@slow
def test_easy_people_are_all_named(album, calibration):
    """Where everybody is easy both methods find everybody, at the threshold of ``who`` and at other people's, too."""
    report = measure(album, Plan(draws=3, halves=True), calibration)
    assert (report.draws, report.enrolled, report.strangers, report.strangers_people) == (3, 12, 60, 40)
    assert report.probes == 24
    for found in report.methods:
        assert found.rank1.per_probe.mean == found.rank5.per_person.least == 1
        assert [point.dir is None for point in found.points] == [False, True, True]
        assert found.points[0].dir.per_probe.mean == 1
        assert "0.6 of 60 strangers" in found.points[1].reason
        assert found.product.threshold == pytest.approx((LIMIT, LIMIT, LIMIT))
        assert found.product.dir.per_probe.mean == 1
        assert found.product.named.per_probe.mean == 0
        assert [setting.promised for setting in found.halves] == [0.1, 0.01]
        assert found.halves[1].named.per_probe.mean < 0.2
        assert found.det[0] == (0.3, 0)
        assert found.cmc.tolist() == [1] * 20


@slow
def test_hard_people_have_intervals(calibration):
    """Where some are missed the interval and the draws surround the mean, and equal seeds give equal reports."""
    photos = people([5] * 30 + [2] * 40, spread=1.2)
    one, two = (measure(photos, Plan(draws=4, seed=seed), calibration) for seed in (1, 1))
    for found, again in zip(one.methods, two.methods, strict=True):
        share = found.points[0].dir
        for spread in (share.per_probe, share.per_person):
            assert spread.low < spread.mean < spread.high < 1
            assert spread.least <= spread.mean <= spread.most
        assert share == again.points[0].dir
        assert np.all(np.diff(found.cmc) >= 0)
        assert np.all(np.diff([fnir for _, fnir in found.det]) >= 0)
    assert measure(photos, Plan(draws=4, seed=2), calibration).methods[0].points != one.methods[0].points


@slow
def test_wrong_thresholds_show(album, calibration):
    """A calibration that promises too much is found out: strangers are named at its threshold."""
    lax = replace(calibration, probes=replace(calibration.probes, limits=(((3.0, 3.0),),)))
    assert measure(album, Plan(draws=1), lax).methods[0].product.named.per_probe.mean > 0.9
    assert measure(album, Plan(draws=1), None).methods[0].product is None


def test_no_strangers(calibration):
    """Without strangers there is no rate at any FPIR, with the reason; ranks and the product's DIR are there."""
    found = measure(people([5] * 6), Plan(draws=2), calibration).methods[0]
    assert all(point.dir is None and "0 strangers" in point.reason for point in found.points)
    assert found.product.named is None
    assert found.product.dir.per_probe.mean == found.rank1.per_probe.mean == 1
    assert too_few(1e-2, 300) is None
    assert too_few(1e-2, 299) is not None


@slow
def test_leave_one_out_of_easy_people(album, calibration):
    """Leave-one-out asks about all photos in one draw, and finds easy people."""
    report = measure(album, Plan(leave_one_out=True), calibration)
    assert (report.draws, report.probes, report.strangers, report.enrolled) == (1, 60, 60, 12)
    assert [found.points[0].dir.per_probe.mean for found in report.methods] == [1, 1]


def test_a_person_without_any_face_is_missed(album, calibration):
    """Where no enrolled photo of a person shows a face, that person's probes are missed, not left out."""
    vectors = album.vectors.copy()
    vectors[album.people == "p000"] = np.nan
    report = measure(Photos.of(vectors, album.people), Plan(draws=1), calibration)
    assert [found.rank1.per_probe.mean for found in report.methods] == pytest.approx([23 / 24, 23 / 24])
    assert report.methods[0].product.dir.per_person.mean == pytest.approx(11 / 12)


def test_plans_that_contradict_themselves(album, calibration):
    """A plan that leaves nobody to ask about, or too few to enrol, is refused with a sentence."""
    for plan in (Plan(enrol=4), Plan(leave_one_out=True, halves=True)):
        with pytest.raises(ConfigError):
            plan.check()
    for plan in (Plan(least=40), Plan(strangers=0.95)):
        with pytest.raises(ConfigError, match="would be enrolled"):
            measure(album, plan, calibration)
    with pytest.raises(ConfigError, match="no probe"):
        measure(album, Plan(), calibration, chosen=(np.arange(4), np.arange(4)))
    with pytest.raises(ConfigError, match="strangers"):
        measure(people([5] * 8), Plan(draws=1, halves=True), calibration)


def test_lists_of_photos(tmp_path):
    """A list names people itself, or its folders do; whoever has no name is nobody else's person either."""
    for name in ("Ada/1.png", "Ada/2.png", "Bob/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    lists = tmp_path / "list.csv"
    lists.write_text("path\nAda/1.png\nBob/1.png\n")
    assert list(read_photos(lists, tmp_path, named=True).values()) == ["Ada", "Bob"]
    lists.write_text("path,person\nAda/1.png,Countess\nAda/2.png,\nBob/1.png,\n")
    named = read_photos(lists, tmp_path, named=False)
    assert named[tmp_path / "Ada/1.png"] == "Countess"
    assert len(set(named.values())) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,person\nAda/1.png,\n", "line 2: Ada/1.png has no person"),
        ("path,person\nAda/9.png,Ada\n", "line 2: no photo 'Ada/9.png'"),
        ("path,person\nAda/1.png,Ada\nAda/1.png,Bob\n", "line 3: Ada/1.png is listed twice"),
        ("path,person\nAda/1.png,Ada,7\n", "line 2"),
        ("file,name\nAda/1.png,Ada\n", "line 1: expected path,person"),
        ("path,person\n", "names no photos"),
        ("", "line 1: expected path,person"),
    ],
)
def test_bad_lists(tmp_path, text, reason):
    """A list that cannot be used is refused with its line."""
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "1.png").touch()
    lists = tmp_path / "list.csv"
    lists.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        read_photos(lists, tmp_path, named=True)


@slow
def test_pictures(tmp_path, album, calibration):
    """Both pictures are written, light, and also drawn where there are no strangers."""
    reports = measure(album, Plan(draws=1), calibration), measure(people([5] * 6), Plan(draws=1), None)
    for place, report in enumerate(reports):
        written = draw_report(report, tmp_path / str(place))
        assert [path.name for path in written] == ["cmc.png", "det.png"]
        assert all(load(path).pixels.mean() > 235 for path in written)
