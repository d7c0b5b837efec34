"""The shift of an album's strangers, on simulated albums: distances are drawn from the curve they are held against."""

import numpy as np
import pytest
from scipy.stats import norm

from facesearch.errors import ConfigError
from facesearch.identify import album
from facesearch.identify.calibration import Calibration, PairRates, ProbeRates, Provenance

MEAN, SPREAD = 1.95, 0.27
"""Of strangers' distances, as those of FaceNet are."""


@pytest.fixture(scope="module")
def built_in():
    """A calibration by which strangers' distances are normal."""
    distances = np.append(np.arange(0.8, 3.0, 0.02), 4.0)
    far = np.clip(norm.cdf(distances, MEAN, SPREAD), 1e-5, 1)
    tar = norm.cdf(distances, 0.4, 0.2)
    return Calibration(
        "fake",
        Provenance("drawn", 0, 0, 0, 0, "2026-01-01", "r", "0"),
        PairRates(tuple(distances), tuple(far), tuple(tar)),
        ProbeRates((1,), (1,), (0.1, 0.01), (((1.0, 0.9),),), 0.01),
    )


def photos(people=120, count=250, faces=3, *, shift=0.0, seed=0, person=0.1):
    """Photos of ``faces`` people each. A couple's distance is drawn once, with some noise of each person's own."""
    random = np.random.default_rng(seed)
    own = random.normal(0, person, people)
    rest = np.sqrt(SPREAD**2 - 2 * person**2)
    couple: dict[tuple[int, int], float] = {}
    rows = []
    for photo in range(count):
        some = np.sort(random.choice(people, faces, replace=False)).tolist()
        for place, a in enumerate(some):
            for b in some[place + 1 :]:
                couple.setdefault((a, b), MEAN + shift + own[a] + own[b] + random.normal(0, rest))
                rows.append((couple[a, b], a, b, photo))
    return rows


def pairs(rows):
    """Rows of distance, two people and a photo as ``Pairs``."""
    table = np.array(rows)
    return album.Pairs(table[:, 0], table[:, 1:3].astype(np.int64), table[:, 3].astype(np.int64))


def twice(rows, share, *, seed=0):
    """Rows with a share of pairs more that are of one person each: a face and its photo or mirror image."""
    random = np.random.default_rng(seed)
    more = []
    for number in range(round(share * len(rows))):
        photo = rows[random.integers(len(rows))][3]
        more.append((abs(random.normal(0.3, 0.2)), 10_000 + 2 * number, 10_001 + 2 * number, photo))
    return [*rows, *more]


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.15])
def test_the_shift_of_an_album_is_found(built_in, shift):
    """The shift is found within its interval, whichever its sign, and FAR 1e-3 is where it is for these strangers."""
    found = album.fit(pairs(photos(shift=shift)), built_in)
    assert found.low < shift < found.high
    assert found.shift == pytest.approx(shift, abs=0.06)
    moved = built_in.shifted(found.shift).threshold(1e-3)
    assert 3e-4 < norm.cdf(moved, MEAN + shift, SPREAD) < 3e-3


def test_the_interval_covers(built_in):
    """Of twenty albums without a shift, eighteen intervals or more hold 0, and none is wider than it must be."""
    found = [album.fit(pairs(photos(seed=seed)), built_in, draws=100) for seed in range(20)]
    assert sum(fit.low <= 0 <= fit.high for fit in found) >= 18
    assert max(fit.high - fit.low for fit in found) < 0.25


@pytest.mark.parametrize("shift", [-0.3, 0.0])
def test_one_person_twice_does_not_move_it(built_in, shift):
    """Five in a hundred pairs of one person are left out, and said so; without them the result is nearly the same."""
    rows = photos(shift=shift)
    clean, spoiled = (album.fit(pairs(some), built_in, draws=10) for some in (rows, twice(rows, 0.05)))
    planted = round(0.05 * len(rows))
    assert planted * 0.9 <= spoiled.near <= planted + 5
    assert spoiled.shift == pytest.approx(clean.shift, abs=0.02)


def test_a_mirror_photo_is_left_out_as_a_whole(built_in):
    """A photo in which everybody is seen twice is left out with all its pairs; one chance neighbour costs one pair."""
    rows = photos()
    mirror = [(0.2, 900, 901, 9000), (0.3, 902, 903, 9000)]
    mirror += [(1.9, a, b, 9000) for a in (900, 901) for b in (902, 903)]
    single = [(0.2, 910, 911, 9001), (1.9, 910, 912, 9001), (1.9, 911, 912, 9001)]
    before = album.fit(pairs(rows), built_in, draws=10)
    found = album.fit(pairs([*rows, *mirror, *single]), built_in, draws=10)
    assert (found.near - before.near, found.near_photos) == (3, before.near_photos + 1)
    assert found.pairs == before.pairs + 2


def test_a_crowd_is_no_mirror(built_in):
    """Two near pairs by chance among the many of a crowd do not cost the photo."""
    crowd = [(1.9, 500 + a, 500 + b, 9000) for a in range(20) for b in range(a)]
    crowd[0], crowd[50] = (0.5, *crowd[0][1:]), (0.5, *crowd[50][1:])
    found = album.fit(pairs([*photos(), *crowd]), built_in, draws=10)
    assert found.near_photos == 0


def test_a_couple_counts_once(built_in):
    """Five hundred photos of one couple who are unusually alike weigh as much as one."""
    rows = photos()
    before = album.fit(pairs(rows), built_in, draws=10)
    couple = [(1.4, 0, 1, 9000 + number) for number in range(500)]
    found = album.fit(pairs([*rows, *couple]), built_in, draws=10)
    assert found.pairs == before.pairs + 500
    assert found.couples - before.couples <= 1
    assert found.shift == pytest.approx(before.shift, abs=0.02)


@pytest.mark.parametrize(("people", "count"), [(15, 300), (200, 20)])
def test_too_few_are_refused_with_their_number(built_in, people, count):
    """Too few people, or couples, are refused; the message has what there is and what is needed."""
    rows = photos(people, count)
    couples = len({row[1:3] for row in rows if row[0] > built_in.threshold(album.NEAR)})
    with pytest.raises(ConfigError, match=rf"{couples} couples of \d+ people, at least 100 couples of 20 people"):
        album.fit(pairs(rows), built_in)


def test_an_empty_album_is_refused(built_in):
    """No pairs at all are refused like few."""
    with pytest.raises(ConfigError, match="0 couples of 0 people"):
        album.fit(album.Pairs(np.empty(0), np.empty((0, 2), np.int64), np.empty(0, np.int64)), built_in)


def test_an_album_of_doubles_is_refused(built_in):
    """Where most pairs are of one person, no number is made up from them."""
    random = np.random.default_rng(0)
    rows = [(random.normal(1.1, 0.1), 2 * number, 2 * number + 1, number) for number in range(300)]
    with pytest.raises(ConfigError, match="most must be of one person") as refused:
        album.fit(pairs(rows), built_in)
    assert "mark PHOTO collage" in refused.value.hint


def test_the_order_of_pairs_does_not_matter(built_in):
    """Shuffled pairs give the same fit."""
    rows = photos()
    order = np.random.default_rng(1).permutation(len(rows))
    first, second = (album.fit(pairs(some), built_in, draws=20) for some in (rows, [rows[i] for i in order]))
    assert first.shift == pytest.approx(second.shift, abs=1e-9)
    assert first.low == pytest.approx(second.low, abs=1e-9)
