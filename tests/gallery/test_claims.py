"""Machines that index the same photos share the work, and no photo is lost between them."""

from __future__ import annotations

import threading
import time

import pytest

from facesearch.gallery import indexing
from facesearch.gallery.sharing import Shared
from facesearch.pipeline import FrontEnd
from facesearch.store import Store
from facesearch.testing import FakeDetector, FakeEmbedder

from .conftest import Counting
from .pictures import BLUE, GREEN, RED, painted

PHOTOS = 12


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Tests need not wait for a second."""
    monkeypatch.setattr(indexing, "POLL_SECONDS", 0.02)


@pytest.fixture
def url(server):
    """Where the gallery is."""
    return server.new_place()


@pytest.fixture
def album(tmp_path):
    """Twelve photos; one shows nobody."""
    for number in range(PHOTOS - 1):
        painted(tmp_path / "album" / f"{number:02}.png", (RED, GREEN, BLUE)[number % 3], shade=number + 1)
    painted(tmp_path / "album" / "wall.png")
    return tmp_path / "album"


@pytest.fixture
def machine(url, open_gallery):
    """Makes a machine: a gallery of its own connections, and what counts its work."""

    def begin(place=url):
        counter = Counting(FakeDetector(), FakeEmbedder())
        return open_gallery(place, FrontEnd(counter, counter)), counter

    return begin


def hash_of(photo):
    """Of its pixels."""
    return FrontEnd(FakeDetector(), FakeEmbedder()).analyse(photo).photo.pixel_hash


def in_background(function):
    """Starts it; returns a function that waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()

    def wait():
        thread.join(60)
        return results[0]

    return wait


def test_each_photo_is_looked_at_once(machine, album):
    """Three machines with one folder: every photo is looked at once in all, and all reports add up."""
    machines = [machine() for _ in range(3)]
    waits = [in_background(lambda one=gallery: one.index(album, jobs=1)) for gallery, _ in machines]
    reports = [wait() for wait in waits]
    alone = sum(machine_alone(album).values())
    assert sum(sum(counter.seen.values()) for _, counter in machines) == alone
    assert sum(report.added for report in reports) == PHOTOS - 1
    assert sum(report.no_face for report in reports) == 1
    assert {report.added + report.no_face + report.skipped for report in reports} == {PHOTOS}
    assert machines[0][0].stats().photos == PHOTOS - 1


def machine_alone(album):
    """What one machine is asked for the album."""
    counter = Counting(FakeDetector(), FakeEmbedder())
    front_end = FrontEnd(counter, counter)
    for photo in sorted(album.iterdir()):
        front_end.analyse(photo)
    return counter.seen


def test_what_another_machine_writes_is_unchanged_here(url, machine, album):
    """A photo that somebody is working on is put off; once it is written only its place is new here. Meanwhile the
    others are done, and the progress stands still and then ends where it should.
    """  # noqa: D205
    gallery, counter = machine()
    other, _ = machine()
    photo = album / "03.png"
    steps = []
    with Store.open(url) as store, store.claiming() as claims:
        assert claims.take(hash_of(photo))
        wait = in_background(lambda: gallery.index(album, jobs=1, progress=lambda *told: steps.append(told)))
        while store.counts().faces < PHOTOS - 2:
            time.sleep(0.01)
        assert other.index(photo, reprocess=True, jobs=1).added == 1
        report = wait()
    assert (report.added, report.skipped, report.no_face) == (PHOTOS - 2, 1, 1)
    assert counter.seen["crops"] == (PHOTOS - 2) * 2
    done = [count for count, total, _ in steps if total == PHOTOS]
    assert done == sorted(done)
    assert done[-1] == PHOTOS
    assert gallery.index(album, jobs=1).skipped == PHOTOS


@pytest.mark.parametrize("patience", [600.0, 0.3])
def test_what_another_machine_gives_up_is_done_here(url, machine, album, patience, monkeypatch):
    """Somebody who ends, or says nothing for too long, without having written its photo loses it to whoever waits."""
    gallery, _ = machine()
    monkeypatch.setattr("facesearch.store.claims.PATIENCE", patience)
    with Store.open(url) as store, store.claiming() as claims:
        assert claims.take(hash_of(album / "03.png"))
        assert claims.take(hash_of(album / "wall.png"))
        wait = in_background(lambda: gallery.index(album, jobs=1))
        while store.counts().faces < PHOTOS - 2:
            time.sleep(0.01)
        if patience > 1:
            claims.close()
        report = wait()
    assert (report.added, report.skipped, report.no_face) == (PHOTOS - 1, 0, 1)
    assert gallery.index(album, jobs=1).skipped == PHOTOS


def test_ctrl_c_while_waiting(url, machine, album):
    """Ctrl-C ends the waiting; what was done is kept, and the next run goes on."""
    gallery, _ = machine()
    calls = []

    def stop(*told):
        calls.append(told)
        if len(calls) > PHOTOS + 3:
            raise KeyboardInterrupt

    with Store.open(url) as store, store.claiming() as claims:
        assert claims.take(hash_of(album / "03.png"))
        report = gallery.index(album, jobs=1, progress=stop)
    assert report.interrupted
    assert (report.added, report.no_face, calls[-1][:2]) == (PHOTOS - 2, 1, (PHOTOS - 1, PHOTOS))
    assert gallery.index(album, jobs=1).added == 1


def test_a_photo_that_fails_here_is_nobodys(url, machine, album):
    """A photo that is claimed and then cannot be used is free for others at the end of the run, and no claim stays."""
    (album / "broken.png").write_bytes(b"\x89PNG and no more")
    gallery, counter = machine()
    detect = counter.detect

    def fail(image, **options):
        if counter.seen["pictures"] == 4:
            counter.seen["pictures"] += 1
            raise MemoryError
        return detect(image, **options)

    counter.detect = fail
    report = gallery.index(album, jobs=1)
    assert len(report.failed) == 2
    with Store.open(url) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM claim").scalar_one() == 0
    assert machine()[0].index(album, jobs=1, retry=True).added == 1


def test_a_photo_that_fails_is_free_at_once(url, machine, album, monkeypatch):
    """Its claim is given back as soon as it failed, while the run goes on; those of photos under way are kept."""
    gallery, counter = machine()
    detect, claims = counter.detect, []
    monkeypatch.setattr(indexing, "GROUP_SECONDS", 600.0)

    def fail(image, **options):
        if counter.seen["pictures"] == 4:
            counter.seen["pictures"] += 1
            raise MemoryError
        return detect(image, **options)

    def look(done, total, path):
        if done == PHOTOS - 1:
            claims.append(other.theirs(hashes))

    counter.detect = fail
    hashes = [hash_of(photo) for photo in sorted(album.iterdir())]
    with Store.open(url) as store, store.claiming() as other:
        report = gallery.index(album, jobs=1, progress=look)
    assert [failure.path for failure in report.failed] == [str(album / "04.png")]
    assert hashes[4] not in claims[0]
    assert hashes[0] in claims[0]


def test_a_failed_photo_leaves_its_copy_claimed(url, album):
    """While a copy of a photo that failed is under way the claim stays; it is given back when that fails too."""
    (album / "copy.png").write_bytes((album / "03.png").read_bytes())
    front = FrontEnd(FakeDetector(), FakeEmbedder())
    photos = [front.analyse(album / name).photo for name in ("03.png", "copy.png")]
    pixels = [photos[0].pixel_hash]
    with Store.open(url) as store, store.claiming() as claims, store.claiming() as other:
        shared = Shared(store, claims, front.recipe.key, everything=False)
        assert [shared.is_known(photo) for photo in photos] == [False, False]
        shared.failed(photos[0].path)
        assert other.theirs(pixels) == set(pixels)
        shared.failed(photos[1].path)
        assert other.theirs(pixels) == set()
        shared.failed(photos[1].path)  # of what is not claimed


def test_copies_are_put_off_together(url, machine, album):
    """Several files of a picture that somebody is working on all get their place."""
    for name in ("x.png", "y.png"):
        (album / name).write_bytes((album / "03.png").read_bytes())
    gallery, _ = machine()
    with Store.open(url) as store, store.claiming() as claims:
        assert claims.take(hash_of(album / "03.png"))
        wait = in_background(lambda: gallery.index(album, jobs=1))
        while store.counts().faces < PHOTOS - 2:
            time.sleep(0.01)
        claims.close()
        report = wait()
        assert store.counts().paths == PHOTOS + 2
    assert (report.added, report.skipped) == (PHOTOS - 1, 2)


def test_a_photo_that_is_forgotten_meanwhile_is_taken_in(tmp_path, machine, album):
    """A photo that is known when it is looked at and gone when its place is written is looked at again, in the same
    run; in a folder, too.
    """  # noqa: D205
    place = tmp_path / "gallery"
    gallery, counter = machine(place)
    other, _ = machine(place)
    other.index(album / "00.png")
    (album / "00.png").rename(album / "000.png")
    detect = counter.detect

    def forget(image, **options):
        with Store.open(place) as store:
            store.delete_photos(store.photos_without_file() or [1])
        return detect(image, **options)

    counter.detect = forget
    report = gallery.index(album / "000.png", album / "01.png", jobs=1)
    assert (report.added, report.skipped) == (2, 0)
    assert counter.seen["pictures"] >= 2
