"""Scores of clusterings, the methods that are compared, and the command."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from facesearch import pipeline
from facesearch.cli.evaluating_clustering import clustering
from facesearch.cli.guard import Commands
from facesearch.cli.teaching import lesson
from facesearch.errors import ConfigError
from facesearch.evaluation.cluster_methods import METHODS, Faces, apart_in_photos
from facesearch.evaluation.clustering import PRECISION, choose, compared, evaluate, measure
from facesearch.evaluation.clustering_scores import score
from facesearch.testing import synthetic_faces

# Tests of some tenths of a second and more: `make test` runs them.
pytestmark = pytest.mark.slow

app = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)
evaluate_app = typer.Typer(rich_markup_mode=None)
evaluate_app.command(help=lesson(clustering))(clustering)
app.add_typer(evaluate_app, name="evaluate")
app.callback()(lambda: None)
evaluate_app.callback()(lambda: None)


def by_definition(labels, people):
    """BCubed and pairwise precision and recall, face by face and pair by pair."""
    places = range(len(labels))
    own = [label if label >= 0 else -1 - place for place, label in enumerate(labels)]
    cluster = [{j for j in places if own[j] == own[i]} for i in places]
    person = [{j for j in places if people[j] == people[i]} for i in places]
    bcubed = [np.mean([len(cluster[i] & person[i]) / len(side[i]) for i in places]) for side in (cluster, person)]
    together = {pair for pair in combinations(places, 2) if own[pair[0]] == own[pair[1]]}
    same = {pair for pair in combinations(places, 2) if people[pair[0]] == people[pair[1]]}
    shares = [len(together & same) / len(pairs) if pairs else 1.0 for pairs in (together, same)]
    return [*bcubed, *shares]


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 4)), min_size=1, max_size=25))
def test_scores_are_as_defined(faces):
    """Counting the table gives what the definitions give, faces without a cluster being clusters of their own."""
    labels, people = np.array(faces, dtype=np.int64).T
    found = score(labels, people)
    both = (found.bcubed, found.pairwise)
    values = [both[0].precision, both[0].recall, both[1].precision, both[1].recall]
    assert values == pytest.approx(by_definition(labels.tolist(), people.tolist()))
    assert found.clusters == len(set(labels[labels >= 0])) + int((labels < 0).sum())
    assert found.people == len(set(people.tolist()))


def test_a_perfect_and_a_useless_grouping():
    """The truth scores 1; all in one cluster has full recall, all alone full precision."""
    people = np.repeat(np.arange(4), 3)
    assert score(people, people).bcubed.f == score(people, people).pairwise.f == 1
    one = score(np.zeros(12, dtype=np.int64), people)
    assert (one.bcubed.recall, one.pairwise.recall, one.purity, one.largest) == (1, 1, 0.25, 12)
    alone = score(np.full(12, -1), people)
    assert (alone.bcubed.precision, alone.pairwise.precision, alone.alone) == (1, 1, 12)
    assert alone.pairwise.f == 0


def test_nothing_to_score():
    """No faces, or labels of other faces, are refused."""
    with pytest.raises(ValueError, match="do not fit"):
        score(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    with pytest.raises(ValueError, match="do not fit"):
        score(np.zeros(2, dtype=np.int64), np.zeros(3, dtype=np.int64))


@pytest.fixture(scope="module")
def faces():
    """Sixty people with one to six faces, in photos of three people each, and who they are."""
    counts = np.random.default_rng(4).integers(1, 7, size=60).tolist()
    vectors, people = synthetic_faces(60, counts, seed=4)
    order = np.random.default_rng(5).permutation(len(people))
    return Faces(vectors[order], np.arange(len(people)) // 3), people[order]


@pytest.mark.parametrize("name", METHODS)
def test_methods_find_people(faces, name):
    """Every method groups most faces of well separated people rightly, and never two of one photo."""
    some, people = faces
    report = measure(name, some, people)
    assert report.scores.bcubed.f > 0.7
    assert report.chosen
    for setting in METHODS[name].settings[::7]:
        labels = METHODS[name].run(some, setting)
        for label in set(labels[labels >= 0].tolist()):
            photos = some.photos[labels == label]
            assert len(photos) == len(set(photos.tolist())) > 1


def test_faces_of_one_photo_are_taken_apart():
    """The first face of a photo keeps its cluster; who is left alone by that is in none."""
    labels = apart_in_photos(np.array([3, 3, 3, 5, 5, -1]), np.array([1, 1, 2, 4, 4, 4]))
    assert labels.tolist() == [3, -1, 3, -1, -1, -1]


def test_the_setting_is_chosen_for_precision_first(faces):
    """Of settings with enough pairwise precision the best F counts, and without any the most precise."""
    some, people = faces
    tried = {cut: score(METHODS["average"].run(some, (cut,)), people) for cut in (0.2, 0.7, 1.9)}
    best, reached = choose({(cut,): scores for cut, scores in tried.items()})
    assert (best, reached) == ((0.7,), True)
    assert tried[1.9].pairwise.precision < PRECISION
    assert choose({(1.9,): tried[1.9]}) == ((1.9,), False)


def test_methods_are_compared_on_others(faces):
    """A comparison scores each half with the other's setting, and comes with the best method first."""
    some, people = faces
    reports = compared(some, people, splits=2, names=("whispers", "average"))
    means = [report.halves.bcubed_f.mean for report in reports]
    assert means == sorted(means, reverse=True)
    for report in reports:
        assert report.halves.count == 4
        assert report.halves.bcubed_f.least <= report.halves.bcubed_f.mean <= report.halves.bcubed_f.most <= 1


def test_photos_are_evaluated(tree, fakes):
    """The faces in the middle of the photos are grouped by who they look like."""
    report = evaluate(tree.images, fakes)
    (found,) = report.methods
    assert (report.photos, found.scores.faces, found.scores.people, found.scores.clusters) == (12, 12, 6, 6)
    assert found.scores.bcubed.f == 1
    with pytest.raises(ConfigError, match="no method"):
        evaluate(tree.images, fakes, method="guess")


def run(*words):
    """Run the command."""
    return CliRunner().invoke(app, ["evaluate", "clustering", *map(str, words)])


@pytest.fixture
def fake_models(fakes, monkeypatch):
    """The command sees painted faces."""
    monkeypatch.setattr(pipeline, "make_front_end", lambda **_: fakes)


def test_the_command(tree, fake_models):
    """The document has the keys of design.md, and the text the same figures."""
    document = json.loads(run("--images", tree.images, "--json").stdout)
    assert {key: document[key] for key in ("faces", "people", "clusters")} == {"faces": 12, "people": 6, "clusters": 6}
    assert document["bcubed"] == document["pairwise"] == {"precision": 1, "recall": 1, "f": 1}
    assert document["largest"] == {"faces": 2, "purity": 1}
    shown = run("--images", tree.images)
    assert shown.exit_code == 0
    assert "12 faces of 6 people" in shown.stdout
    assert "average linkage, cut 0.75" in shown.stdout


@pytest.mark.slow
def test_the_command_compares(tree, fake_models):
    """With --compare every method is listed with its spread, and all are in the document."""
    words = ("--images", tree.images, "--compare", "--splits", 1)
    document = json.loads(run(*words, "--json").stdout)
    assert set(document["methods"]) == set(METHODS)
    assert all(found["halves"]["count"] == 2 for found in document["methods"].values())
    shown = run(*words).stdout
    assert all(method.title in shown for method in METHODS.values())


def test_the_command_refuses(tree, fake_models, tmp_path):
    """An unknown method and a folder that is none are errors with a hint."""
    for words in (("--images", tree.images, "--method", "guess"), ("--images", tmp_path / "none")):
        assert run(*words).exit_code == 2
