"""``train svm``: said in words and in JSON."""

from __future__ import annotations

import pytest
from PIL import Image

from facesearch.testing import paint
from facesearch.types import Box

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

PEOPLE = {
    "ada": (220, 40, 40),
    "bob": (40, 220, 40),
    "cem": (40, 40, 220),
    "dia": (220, 40, 220),
    "eva": (40, 220, 220),
}
LOOKS = [(0, 0, 0), (-24, 0, 0), (0, -24, 0), (0, 0, -24)]
"""What each photo of a person changes of the colour: beyond a near-duplicate, far from anybody else."""


@pytest.fixture
def family(run, tmp_path):
    """A gallery of five people with four photos each."""
    for person, colour in PEOPLE.items():
        (tmp_path / "family" / person).mkdir(parents=True)
        for place, look in enumerate(LOOKS):
            red, green, blue = (abs(a + b) for a, b in zip(colour, look, strict=True))
            picture = paint([(Box(60, 60, 140, 140), (red, green, blue))])
            Image.fromarray(picture).save(tmp_path / "family" / person / f"{place}.png")
    assert run("index", tmp_path / "family", "--people-from-folders").code == 0


def test_an_empty_gallery_has_nobody_to_learn(run, photo):
    """Without a name there is nothing to train, which is said with what to do."""
    run("index", photo("one.png", "red"))
    shown = run("train", "svm", "--report")
    assert shown.code == 0
    assert "nobody has a name yet" in shown.out
    assert "facesearch enrol" in shown.err


def test_it_trains_once(run, album):
    """The first call trains, the second says that all is up to date, until a name changes."""
    assert "trained: 3 faces of 2 people" in run("train", "svm").out
    assert "up to date: 3 faces of 2 people" in run("train", "svm").out
    assert run("enrol", "cem", album / "4.png").code == 0
    document = run("train", "svm", "--json").document
    assert (document["people"], document["faces"], document["trained"]) == (3, 4, True)


def test_a_small_album_is_not_compared(run, album):
    """With too few people the report says what is missing and what ``auto`` takes."""
    shown = run("train", "svm", "--report")
    assert "auto takes k-NN: comparing needs 5 people with 3 different photos each" in shown.out
    document = run("train", "svm", "--report", "--json").document
    assert (document["method"], document["figures"], document["recall"]) == ("knn", [], {})


def test_the_report_says_who_is_found(run, family):
    """The report has the rates of both methods, everybody's recall, and the choice with its reason."""
    shown = run("train", "svm", "--report")
    assert shown.code == 0
    for word in ("k-NN", "SVM", "strangers named", *PEOPLE, "auto takes k-NN"):
        assert word in shown.out
    document = run("train", "svm", "--report", "--json").document
    assert document["fpir"] == 0.01
    assert [one["method"] for one in document["figures"]] == ["knn", "svm"]
    assert {one["person"] for one in document["recall"]["svm"]} == set(PEOPLE)
    assert sum(one["of"] for one in document["recall"]["knn"]) == document["figures"][0]["probes"] > 0


def test_a_rate_that_was_not_measured_is_an_error(run, family):
    """--fpir beyond the calibration is refused with the range."""
    shown = run("train", "svm", "--report", "--fpir", "1e-9")
    assert shown.code == 2
    assert "was not measured" in shown.err


def test_bench_identify_in_words(run, monkeypatch):
    """``bench identify`` prints the time of training and of one answer by each method."""
    from facesearch.bench import Identification

    monkeypatch.setattr(
        "facesearch.bench.bench_identify", lambda **_: Identification(500, 10_000, 3, 4.2, {"knn": 3.1, "svm": 2.9})
    )
    shown = run("bench", "identify")
    for word in ("10,000 faces of 500 people", "4.2 s", "3.1 ms", "2.9 ms"):
        assert word in shown.out
    assert run("bench", "identify", "--json").document["train_seconds"] == 4.2


def test_bench_identify_measures():
    """A small bench takes time for each of its figures."""
    from facesearch.bench import bench_identify

    told = []
    found = bench_identify(people=5, faces=20, runs=1, tell=told.append)
    assert (found.people, found.faces, found.runs) == (5, 20, 1)
    assert min(found.train_seconds, *found.answer_ms.values()) > 0
    assert told == ["run 1 of 1"]


def test_auto_says_that_the_svm_answered(run, album, photo, monkeypatch):
    """Where ``auto`` takes the SVM, it is said; where k-NN had to answer for an SVM that may not be trained, too."""
    from facesearch.identify import crossval

    probe = photo("p.png", "red", width=500)
    assert run("who", probe).err == ""
    assert "svm is not trained for the names" in run("who", probe, "--method", "svm", "--no-train").err
    monkeypatch.setattr(crossval, "choose", lambda _: crossval.Choice("svm", "it is better"))
    run("train", "svm")
    assert "answered by the SVM" in run("who", probe).err
    assert run("who", probe, "--method", "svm", "--no-train").err == ""
