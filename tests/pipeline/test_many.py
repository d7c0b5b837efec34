"""Many photos: in this process or in workers, the results are the same, in the order of the paths."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ModelError, PhotoError, TooLargeError
from facesearch.images.load import load
from facesearch.pipeline import Analysis, FrontEnd, analyse_many
from facesearch.pipeline.many import AT_ONCE, CROPS_AT_ONCE, PAYS
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RED, GREEN, BLUE = (220, 40, 40), (40, 200, 40), (40, 40, 220)

in_processes = pytest.param(2, marks=pytest.mark.slow)
"""Starting processes takes a second."""


@pytest.fixture
def fake():
    """A front end of fakes: a face is a coloured square, a person a colour."""
    return FrontEnd(FakeDetector(), FakeEmbedder())


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Enough photos for three workers, with one face each, in different places and colours."""
    folder = tmp_path_factory.mktemp("album")
    paths = []
    for number in range(3 * PAYS):
        path = folder / f"{number:02d}.png"
        left = 10 + number * 5
        Image.fromarray(paint([(Box(left, 40, left + 60, 100), (RED, GREEN, BLUE)[number % 3])])).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def deeds(monkeypatch):
    """Front ends that are importable here and in the workers."""
    monkeypatch.syspath_prepend(HERE)
    import deeds

    return deeds


def same(one, other):
    """Two results are equal bit for bit."""
    assert one[0] == other[0]
    first, second = one[1], other[1]
    assert (first.faces, first.skipped, first.photo.pixel_hash) == (
        second.faces,
        second.skipped,
        second.photo.pixel_hash,
    )
    assert np.array_equal(first.vectors, second.vectors)
    assert np.array_equal(first.crops, second.crops)


@pytest.mark.slow
def test_the_number_of_jobs_changes_nothing(album, deeds):
    """One process, two or three, however long each photo takes: equal results in the order of the paths."""
    runs = {jobs: list(analyse_many(deeds.Uneven(), album, jobs=jobs)) for jobs in (1, 2, 3)}
    assert [path for path, _ in runs[1]] == album
    assert [result.faces[0].box.left for _, result in runs[1]] == [10 + i * 5 for i in range(len(album))]
    for jobs in (2, 3):
        used = {result.seconds["process"] for _, result in runs[jobs]} - {os.getpid()}
        assert len(used) == jobs
        for one, other in zip(runs[1], runs[jobs], strict=True):
            same(one, other)


@pytest.mark.parametrize(("jobs", "count"), [(1, 3 * PAYS), (2, 2 * PAYS - 1)])
def test_no_process_is_started_where_it_does_not_pay(album, deeds, jobs, count):
    """One job, or few photos: everything is done in this process."""
    results = list(analyse_many(deeds.Uneven(), album[:count], jobs=jobs))
    assert {result.seconds["process"] for _, result in results} == {os.getpid()}
    assert [path for path, _ in results] == album[:count]


def test_no_photos_give_no_results(fake):
    """Nothing in, nothing out."""
    assert list(analyse_many(fake, [])) == []


@pytest.mark.parametrize("jobs", [1, in_processes])
def test_a_bad_photo_is_a_value_and_stops_nothing(album, fake, tmp_path, jobs):
    """A photo that cannot be used comes as its error, in its place; the others are analysed."""
    bad, missing = tmp_path / "bad.jpg", tmp_path / "missing.jpg"
    bad.write_bytes(b"\xff\xd8\xff but then nothing")
    photos = [album[0], bad, missing, *album[1:]]
    results = list(analyse_many(fake, photos, jobs=jobs))
    assert [path for path, _ in results] == photos
    assert [path for path, result in results if isinstance(result, PhotoError)] == [bad, missing]
    assert (results[2][1].path, results[2][1].reason) == (missing, "no such file")
    assert results[1][1].kind == "unreadable"


@pytest.mark.parametrize("jobs", [1, in_processes])
def test_a_model_that_fails_ends_the_run(album, deeds, jobs):
    """An error of the models is not a bad photo: it is raised."""
    with pytest.raises(ModelError, match="model fake: not there"):
        list(analyse_many(FrontEnd(deeds.WithoutModel(), FakeEmbedder()), album, jobs=jobs))


@pytest.mark.slow
def test_a_photo_that_kills_its_process_is_a_bad_photo(album, deeds):
    """A crash of a decoder costs one photo: it comes as an error that says so, and all others are analysed."""
    results = dict(analyse_many(deeds.Deadly(), album, jobs=2))
    error = results.pop(album[11])
    assert isinstance(error, PhotoError)
    assert error.reason == "the worker process died while reading it (SIGKILL)"
    assert [*results] == album[:11] + album[12:]
    assert all(isinstance(result, Analysis) for result in results.values())


@pytest.mark.parametrize("jobs", [1, in_processes])
def test_known_is_asked_here_about_photos_without_pixels(album, fake, jobs):
    """``known`` runs in this process, whose database it needs; a photo that it knows is skipped."""
    asked = []

    def known(photo):
        asked.append((os.getpid(), photo.pixels.size))
        return photo.pixel_hash in hashes

    hashes = {load(path).pixel_hash for path in album[::2]}
    results = list(analyse_many(fake, album[: 2 * PAYS], jobs=jobs, known=known))
    assert asked == [(os.getpid(), 0)] * len(results)
    assert [result.skipped for _, result in results] == [True, False] * PAYS


@pytest.mark.parametrize("jobs", [1, in_processes])
def test_crops_come_only_where_they_are_wanted(album, fake, jobs):
    """Crops take more memory than all else: results are without them, unless asked for."""
    photos = album[: 2 * PAYS]
    plain = list(analyse_many(fake, photos, jobs=jobs))
    assert {result.crops.shape for _, result in plain} == {(0, 160, 160, 3)}
    assert not any(isinstance(result.crops.base, np.ndarray) for _, result in plain)
    kept = list(analyse_many(fake, photos, jobs=jobs, keep_crops=True))
    for path, result in kept[::8]:
        assert np.array_equal(result.crops, fake.analyse(path).crops)


def test_only_a_few_photos_are_read_ahead(album, fake):
    """Photos are read as results are fetched, so memory does not grow with their number."""
    taken, read = [], []

    def endless():
        while True:
            taken.append(album[len(taken) % len(album)])
            yield taken[-1]

    results = analyse_many(fake, endless(), jobs=2, known=lambda photo: bool(read.append(1)))
    results.close()
    assert not taken
    results = analyse_many(fake, endless(), jobs=1, known=lambda photo: bool(read.append(1)))
    for number in range(1, 31):
        next(results)
        assert len(read) <= len(taken) <= number + AT_ONCE
    results.close()
    assert len(read) < 31 + AT_ONCE


def test_faces_of_several_photos_are_embedded_together(album, tmp_path):
    """The embedder gets the crops of several photos at once; a crowd does not wait for more photos."""

    class Counting(FakeEmbedder):
        def embed(self, crops):
            calls.append(len(crops))
            return super().embed(crops)

    crowd = tmp_path / "crowd.png"
    boxes = [Box(30 * x + 5, 30 * y + 5, 30 * x + 20, 30 * y + 20) for x in range(10) for y in range(6)]
    Image.fromarray(paint([(box, RED) for box in boxes])).save(crowd)
    empty = tmp_path / "empty.png"
    Image.fromarray(paint([])).save(empty)
    front = FrontEnd(FakeDetector(), Counting())
    calls, a_face = [], 2
    for number, photos, expected in [
        ("full", album[:AT_ONCE], [CROPS_AT_ONCE]),
        ("crowd", [album[0], crowd, album[1]], [a_face * 61, a_face]),
        ("empty", [empty] * 9, []),
    ]:
        calls.clear()
        list(analyse_many(front, photos, jobs=1))
        assert [call for call in calls if call] == expected, number


def test_a_photo_that_needs_too_much_memory_is_a_bad_photo(album, deeds):
    """Out of memory while one photo is looked at: that photo is an error and the others are analysed."""

    class Hungry(FakeDetector):
        def detect(self, image, **options):
            if image[50, 50].tolist() == list(GREEN):
                raise MemoryError
            return super().detect(image, **options)

    results = list(analyse_many(FrontEnd(Hungry(), FakeEmbedder()), album[:4], jobs=1))
    assert [type(result) for _, result in results] == [Analysis, TooLargeError, Analysis, Analysis]
    assert results[1][1].reason == "needs more memory than there is"


def test_too_many_faces_at_once_are_embedded_photo_by_photo(album, fake):
    """Out of memory while several photos are embedded: each is tried alone before it is given up."""

    class Small(FakeEmbedder):
        def embed(self, crops):
            if len(crops) > 2 or (len(crops) and crops[0, 80, 80].argmax() == 1):
                raise MemoryError
            return super().embed(crops)

    results = list(analyse_many(FrontEnd(FakeDetector(), Small()), album[:6], jobs=1))
    expected = Counter({Analysis: 4, TooLargeError: 2})
    assert Counter(type(result) for _, result in results) == expected
    assert [path for path, result in results if isinstance(result, PhotoError)] == [album[1], album[4]]
    assert np.array_equal(results[0][1].vectors, fake.analyse(album[0]).vectors)


@pytest.mark.slow
def test_a_front_end_that_cannot_be_sent_works_here(album, fake):
    """A detector that another process cannot import, as one of a notebook: the photos are analysed in this one."""

    class Local(FakeDetector):
        pass

    results = list(analyse_many(FrontEnd(Local(), FakeEmbedder()), album, jobs=2))
    for one, other in zip(analyse_many(fake, album, jobs=1), results, strict=True):
        same(one, other)


SCRIPT = """
from facesearch.gallery.gallery import Gallery
from facesearch.pipeline import FrontEnd, analyse_many
from facesearch.store.store import Store
from facesearch.testing import FakeDetector, FakeEmbedder
from pathlib import Path

class Own(FakeDetector):
    pass

front = FrontEnd(FakeDetector(), FakeEmbedder())
with Gallery(Store.open(Path({gallery!r})), lambda: front) as gallery:
    print(gallery.index({photos!r}, jobs=2).added)
print(len(list(analyse_many(FrontEnd(Own(), FakeEmbedder()), sorted(Path({photos!r}).iterdir()), jobs=2))))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a file", "standard input"])
def test_an_unguarded_script_can_use_jobs(album, tmp_path, how):
    """A script without ``if __name__ == "__main__"``, or one on standard input, runs once and ends well."""
    text = SCRIPT.format(gallery=str(tmp_path / "gallery"), photos=str(album[0].parent))
    script = tmp_path / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, script if how == "a file" else "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{len(album)}\n{len(album)}\n", "")


def test_real_vectors_do_not_depend_on_the_number_of_jobs(front_end, samples):
    """This process or two others: faces and embeddings of real photos are equal bit for bit."""
    photos = sorted(samples.rglob("*.jpg"))[: 2 * PAYS]
    one, two = (list(analyse_many(front_end, photos, jobs=jobs)) for jobs in (1, 2))
    for first, second in zip(one, two, strict=True):
        same(first, second)


def test_a_front_end_on_a_card_stays_in_one_process(album, monkeypatch):
    """Processes that would only wait for one card are not started, however many jobs are asked for."""
    monkeypatch.setattr("facesearch.pipeline.many.Workers", lambda *_, **__: pytest.fail("started"))
    front_end = FrontEnd(FakeDetector(), FakeEmbedder(), alone=True)
    assert len(list(analyse_many(front_end, album[: 2 * PAYS], jobs=2))) == 2 * PAYS
    with pytest.raises(pytest.fail.Exception, match="started"):
        list(analyse_many(FrontEnd(FakeDetector(), FakeEmbedder()), album[: 2 * PAYS], jobs=2))
