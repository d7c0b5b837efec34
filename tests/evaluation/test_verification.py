"""The protocol over the whole pipeline, with painted people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError
from facesearch.evaluation.pairs import PairList, read_pairs
from facesearch.evaluation.pictures import draw_report, histogram
from facesearch.evaluation.verification import evaluate
from facesearch.images.align import CropSettings
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder
from facesearch.types import Box

# Processes and histories that take seconds.
pytestmark = pytest.mark.slow


class Counting(FrontEnd):
    """A front end that notes what it analyses."""

    def __init__(self, **options):
        super().__init__(FakeDetector(), FakeEmbedder(), **options)
        self.seen = []

    def look(self, path, known=lambda _: False):
        """Look and note."""
        self.seen.append(path)
        return super().look(path, known)


def test_easy_pairs_are_all_right(tree, fakes):
    """The face in the middle is taken, not its neighbour, so every pair is right."""
    report = evaluate(read_pairs(tree.pairs, tree.images), fakes, jobs=1)
    assert (report.pairs, report.listed.genuine, report.listed.impostor, report.photos) == (12, 6, 6, 12)
    assert report.accuracy.mean == 1
    assert (report.listed.auc, report.listed.eer, report.no_face, report.failed) == (1, 0, (), ())
    assert report.listed.worst_genuine[0].distance < report.threshold < report.listed.worst_impostor[0].distance
    assert [point.tar for point in report.listed.tar] == [None, None, None]
    assert report.index_recipe == report.probe_recipe == fakes.recipe
    assert report.everything is None


def test_all_pairs_of_the_folder(tree, fakes):
    """With a folder, every pair of its photos is measured too."""
    every = evaluate(read_pairs(tree.pairs, tree.images), fakes, folder=tree.images, jobs=1).everything
    assert (every.genuine, every.impostor, every.people) == (6, 60, 6)
    assert (every.auc, every.eer) == pytest.approx((1, 0))
    places = [place for pair in every.worst_genuine for place in (pair.a, pair.b)]
    assert len(places) == len(set(places)) == 12


def test_lost_photos_are_never_accepted(tree, fakes):
    """A photo without a face and one that cannot be read are listed, and their genuine pairs are missed."""
    tree.paint("Ada", 1)
    tree.photo("Bob", 2).write_bytes(b"no picture")
    report = evaluate(read_pairs(tree.pairs, tree.images), fakes, folder=tree.images, jobs=1)
    assert report.no_face == (str(tree.photo("Ada", 1)),)
    assert [failure.path for failure in report.failed] == [str(tree.photo("Bob", 2))]
    last = report.listed.roc.thresholds <= 4
    assert report.listed.roc.tar[last].max() == pytest.approx(4 / 6)
    assert report.everything.roc.tar[report.everything.roc.thresholds <= 4].max() == pytest.approx(4 / 6)
    assert len(report.listed.worst_genuine) == 4


def test_roles_have_their_own_front_end(tree):
    """First photos are embedded as the index would, second ones as probes; each photo once a role."""
    index, probe = Counting(), Counting(crops=[CropSettings(scale=1.3)])
    pairs = read_pairs(tree.pairs, tree.images)
    report = evaluate(pairs, index, probe, jobs=1)
    assert (report.index_recipe, report.probe_recipe) == (index.recipe, probe.recipe)
    assert sorted(index.seen) == sorted({pair.a for pair in pairs.pairs})
    assert sorted(probe.seen) == sorted({pair.b for pair in pairs.pairs})
    assert report.accuracy.mean == 1
    both = evaluate(pairs, index, probe, both_as="probe", jobs=1)
    assert both.index_recipe == both.probe_recipe == probe.recipe


def test_equal_recipes_share_their_work(tree):
    """Two front ends of one recipe analyse every photo once between them; progress counts up to all."""
    index, probe, steps = Counting(), Counting(), []
    pairs = read_pairs(tree.pairs, tree.images)
    evaluate(pairs, index, probe, folder=tree.images, jobs=1, progress=lambda *step: steps.append(step))
    assert len(index.seen) == len(set(index.seen)) == 12
    assert probe.seen == []
    assert [step[:2] for step in steps] == [(done, 12) for done in range(13)]


def test_jobs_do_not_matter(tree, fakes):
    """One job and three give equal figures."""
    found = [evaluate(read_pairs(tree.pairs, tree.images), fakes, folder=tree.images, jobs=n) for n in (1, 3)]
    assert found[0].listed.worst_impostor == found[1].listed.worst_impostor
    assert found[0].everything.tar == found[1].everything.tar


def test_lists_that_cannot_be_measured(tree, fakes):
    """A list with pairs of one kind, and a folder without people, are clear errors; a list without folds says so."""
    pairs = read_pairs(tree.pairs, tree.images)
    with pytest.raises(ConfigError, match="one kind only"):
        evaluate(PairList(pairs.pairs[:6], pairs.folds[:6], given=False), fakes)
    with pytest.raises(ConfigError, match="fewer than two people"):
        evaluate(pairs, fakes, folder=tree.images / "Ada")
    report = evaluate(replace(pairs, folds=(0,) * 12), fakes, jobs=1)
    assert report.accuracy is None
    assert "folds" in report.accuracy_reason


def test_histogram_counts_pairs(tree, fakes):
    """The shares between edges add up to all pairs of a kind."""
    roc = evaluate(read_pairs(tree.pairs, tree.images), fakes, jobs=1).listed.roc
    genuine, impostor = histogram(roc, np.array([0.0, 0.5, 1.0, 2.5, 4.1]))
    assert (genuine.sum(), impostor.sum(), genuine[0]) == pytest.approx((1, 1, 1))
    assert impostor[0] == 0


def test_pictures_are_written(tree, fakes, tmp_path):
    """All pictures are PNGs, also where a photo has gone since and where a kind has no worst pairs."""
    tree.paint("Ada", 2, (Box(110, 70, 210, 170), (20, 230, 20)))
    report = evaluate(read_pairs(tree.pairs, tree.images), fakes, folder=tree.images, jobs=1)
    tree.photo("Ada", 1).unlink()
    written = draw_report(report, tmp_path / "new" / "report")
    assert [path.name for path in written] == ["roc.png", "distances.png", "worst-genuine.png", "worst-impostor.png"]
    for path in written:
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 100
    assert sorted(tmp_path.joinpath("new", "report").iterdir()) == sorted(written)
    draw_report(replace(report, everything=replace(report.everything, worst_genuine=())), tmp_path / "new")
