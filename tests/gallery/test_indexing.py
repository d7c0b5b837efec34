"""Indexing: what is known is skipped, what is broken is told, and nothing that was analysed is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from facesearch.errors import ConfigError, ModelError
from facesearch.gallery import indexing
from facesearch.types import Failure

from .pictures import BLUE, GREEN, RED, contents, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

TURNED = 3
"""How often the album's photo without a face is looked at once more: in the other orientations."""


@pytest.fixture
def album(tmp_path):
    """Five photos: two with one face, one with two, one copy, one without a face."""
    folder = tmp_path / "album"
    painted(folder / "1.png", RED)
    painted(folder / "2.png", RED, GREEN, shade=1)
    painted(folder / "sub" / "3.png", BLUE)
    painted(folder / "sub" / "4.png")
    shutil.copy(folder / "1.png", folder / "sub" / "copy of 1.png")
    return folder


def later(path):
    """Make a file's time another one, as every change does."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 10**9))


def test_a_first_run_takes_everything_in(gallery, album):
    """Photos, faces and photos without a face are counted; a copy is one photo in two places."""
    report = gallery.index(album)
    assert (report.added, report.no_face, report.faces, report.failed) == (3, 1, 4, ())
    assert report.skipped == 1
    assert report.photos_per_second > 0
    stats = gallery.stats()
    assert (stats.photos, stats.no_face, stats.faces, stats.files, stats.embeddings) == (3, 1, 4, 5, 4)


def test_a_second_run_opens_no_file(gallery, place, album, counting_fake, monkeypatch):
    """What is unchanged is skipped by size and time alone: not even decoded."""
    gallery.index(album)
    before = contents(place)
    counting_fake.seen.clear()
    monkeypatch.setattr("facesearch.pipeline.front_end.load", lambda *_, **__: pytest.fail("opened"))
    report = gallery.index(album)
    assert (report.added, report.skipped, report.no_face, report.faces) == (0, 5, 0, 0)
    assert counting_fake.seen == {}
    assert contents(place) == before


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda album: (album / "2.png").rename(album / "renamed.png"), id="renamed"),
        pytest.param(lambda album: (album / "2.png").rename(album / "sub" / "2.png"), id="moved"),
        pytest.param(lambda album: album.joinpath("sub").rename(album / "other"), id="folder renamed"),
        pytest.param(lambda album: shutil.copy(album / "2.png", album / "copy.png"), id="copied"),
        pytest.param(lambda album: later(album / "2.png"), id="touched"),
    ],
)
def test_what_only_moved_is_not_analysed_again(gallery, place, album, counting_fake, change):
    """A file that was moved, renamed, copied or touched keeps its photo: nothing is analysed again, names stay."""
    gallery.index(album)
    gallery.enrol("Ann", face=gallery.faces(album / "2.png")[1].id)
    before = contents(place)["photos"]
    counting_fake.seen.clear()
    change(album)
    report = gallery.index(album)
    assert counting_fake.seen == {}
    assert (report.added, report.no_face, report.faces, report.failed) == (0, 0, 0, ())
    assert report.skipped == sum(1 for path in album.rglob("*.png"))
    assert contents(place)["photos"] == before
    assert [person.name for person in gallery.people()] == ["Ann"]


def test_a_moved_library_is_found_again(gallery, album, counting_fake, tmp_path):
    """A whole library under another path costs no analysis, and answers point to the new place."""
    gallery.index(album)
    counting_fake.seen.clear()
    album.rename(tmp_path / "elsewhere")
    assert gallery.index(tmp_path / "elsewhere").skipped == 5
    assert counting_fake.seen == {}
    probe = painted(tmp_path / "probe.png", BLUE, shade=9)
    (found,) = gallery.search(probe)
    assert str(tmp_path / "elsewhere" / "sub" / "3.png") in {match.path for match in found.matches} | set(
        gallery._store.paths_of([found.matches[0].face.photo_id])[found.matches[0].face.photo_id]
    )


def test_a_changed_picture_is_a_new_photo(gallery, album):
    """A file that holds another picture now gives the faces of that picture."""
    gallery.index(album)
    painted(album / "1.png", GREEN, BLUE)
    later(album / "1.png")
    report = gallery.index(album)
    assert (report.added, report.faces, report.skipped) == (1, 2, 4)
    assert len(gallery.faces(album / "1.png")) == 2


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_number_of_jobs_changes_nothing(tmp_path, fake, album, open_gallery, jobs):
    """However many photos are analysed at once, the gallery holds the same, in the same order."""
    one = open_gallery(tmp_path / "one", fake)
    other = open_gallery(tmp_path / "other", fake)
    one.index(album, jobs=1)
    other.index(album, jobs=jobs)
    assert contents(one.folder) == contents(other.folder)


def test_broken_files_are_told_and_stop_nothing(gallery, album):
    """Every file that cannot be used is reported with its reason; the others are taken in."""
    (album / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (album / "empty.png").write_bytes(b"")
    (album / "letter.jpg").write_bytes(b"%PDF-1.7 something else")
    report = gallery.index(album)
    assert report.added == 3
    assert [Path(failure.path).name for failure in report.failed] == ["broken.jpg", "empty.png", "letter.jpg"]
    assert all(failure.error and "\n" not in failure.error for failure in report.failed)
    assert gallery.stats().failed == 3


def test_a_broken_file_is_tried_again_only_when_told(gallery, album, monkeypatch):
    """A file that failed is reported again without being opened, until ``retry``."""
    (album / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    first = gallery.index(album)
    opened = []
    real = indexing.analyse_many
    monkeypatch.setattr(
        indexing,
        "analyse_many",
        lambda front, paths, **rest: real(front, (opened.append(p) or p for p in paths), **rest),
    )
    second = gallery.index(album)
    assert (second.failed, opened) == (first.failed, [])
    third = gallery.index(album, retry=True)
    assert third.failed == first.failed
    assert [path.name for path in opened] == ["broken.jpg"]


def test_a_mended_file_is_taken_in(gallery, album):
    """A file that failed and changed since is tried without being told."""
    (album / "late.png").write_bytes(b"")
    gallery.index(album)
    painted(album / "late.png", GREEN, shade=5)
    report = gallery.index(album)
    assert (report.added, report.failed) == (1, ())
    assert gallery.stats().failed == 0


def test_better_decoders_get_another_try(gallery, album, monkeypatch):
    """A file that failed under other decoders is tried again when they change."""
    (album / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    gallery.index(album)
    monkeypatch.setattr(indexing, "decoder_version", lambda: "Pillow 99")
    tried = []
    gallery.index(album, progress=lambda done, total, path: tried.append(path))
    assert [Path(path).name for path in tried if path] == ["broken.jpg"]


def test_a_file_that_breaks_later_is_told(gallery, album):
    """A photo whose file is overwritten with rubbish is reported as failed."""
    gallery.index(album)
    (album / "1.png").write_bytes(b"rubbish")
    later(album / "1.png")
    report = gallery.index(album)
    assert [Path(failure.path).name for failure in report.failed] == ["1.png"]


def test_a_photo_without_a_face_is_not_tried_again(gallery, album, counting_fake):
    """No face is an answer: the photo is not looked at a second time."""
    gallery.index(album)
    counting_fake.seen.clear()
    assert gallery.index(album / "sub" / "4.png").skipped == 1
    assert counting_fake.seen == {}


def test_a_missing_path_is_said_before_anything_is_done(gallery, album):
    """One path that does not exist: an error that names it, and nothing is indexed."""
    with pytest.raises(ConfigError, match="nowhere: no such file or folder"):
        gallery.index(album, album / "nowhere")
    assert gallery.stats().files == 0


def test_single_files_and_overlapping_folders_are_each_taken_once(gallery, album):
    """A file that is given twice, by name and by folder, is one file."""
    report = gallery.index(album / "1.png", album / "sub", album, album / "sub" / "3.png")
    assert (report.added, report.no_face, report.skipped) == (3, 1, 1)
    assert gallery.stats().files == 5
    assert gallery.index(album).skipped == 5


def test_a_file_given_by_name_is_taken_whatever_it_is_called(gallery, album):
    """A photo without a suffix is taken when it is named, and not when its folder is."""
    (album / "1.png").rename(album / "photo")
    assert gallery.index(album).added == 3  # the copy stands in for it
    assert gallery.index(album / "photo").skipped == 1
    assert gallery.stats().files == 5


def test_hidden_files_thumbnails_and_other_files_are_left_alone(gallery, album):
    """Dot files, other programs' thumbnails and files that are no photos are not even counted."""
    for name in (".hidden.png", ".cache/x.png", "@eaDir/x.png", "notes.txt"):
        painted(album / "x.png", GREEN, shade=7)
        (album / name).parent.mkdir(exist_ok=True)
        (album / "x.png").rename(album / name)
    report = gallery.index(album)
    assert (report.added + report.no_face + report.skipped, report.failed) == (5, ())


def test_the_gallerys_own_folder_is_not_indexed(tmp_path, fake, album, open_gallery):
    """A gallery inside the photo folder does not take in its own pictures."""
    inside = open_gallery(album / "facesearch", fake)
    painted(album / "facesearch" / "sheet.png", GREEN, shade=3)
    assert inside.index(album).added == 3


def test_a_link_to_a_folder_above_ends(gallery, album):
    """Symbolic links to folders are not followed, so a circle has no end to wait for."""
    (album / "loop").symlink_to(album)
    assert gallery.index(album).added == 3


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS admits Unicode names only")
def test_names_that_are_no_unicode_survive(gallery, album):
    """A file name of arbitrary bytes is indexed, found again, and reported."""
    odd = album / os.fsdecode(b"caf\xe9.png")
    painted(album / "x.png", GREEN, BLUE, shade=4).rename(odd)
    broken = album / os.fsdecode(b"br\xff.jpg")
    broken.write_bytes(b"\xff\xd8\xff rubbish")
    report = gallery.index(album)
    assert (report.added, [failure.path for failure in report.failed]) == (4, [str(broken)])
    assert gallery.index(album).skipped == 6
    assert len(gallery.faces(odd)) == 2


def test_progress_counts_up_to_the_end(gallery, album):
    """Progress starts at 0 of all, counts every photo with work left once, and ends at all."""
    seen = []
    gallery.index(album, progress=lambda done, total, path: seen.append((done, total, path)))
    assert seen[0] == (0, 5, "")
    assert [(done, total) for done, total, _ in seen[1:]] == [(i, 5) for i in range(1, 6)]
    assert {path for _, _, path in seen[1:]} == {str(path) for path in album.rglob("*.png")}


@pytest.mark.parametrize("after", [1, 3])
def test_ctrl_c_keeps_what_was_analysed(gallery, album, counting_fake, after):
    """An interrupted run says so, keeps what is done, and the next run does only the rest."""

    def progress(done, total, path):
        if done == after:
            raise KeyboardInterrupt

    report = gallery.index(album, jobs=1, progress=progress)
    assert report.interrupted
    kept = gallery.stats().files
    assert after <= kept < 5
    pictures = counting_fake.seen["pictures"]
    rest = gallery.index(album)
    assert not rest.interrupted
    assert rest.skipped >= kept
    assert gallery.stats().files == 5
    assert counting_fake.seen["pictures"] - pictures <= 5 - kept + TURNED


@pytest.fixture
def ctrl_c():
    """Ctrl-C is an interrupt here, though a test run in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("after", [1, 3, 5])
def test_ctrl_c_just_after_a_commit(gallery, album, monkeypatch, ctrl_c, after):
    """A Ctrl-C between a commit and its count does not make the report forget photos that are in the gallery."""
    monkeypatch.setattr(indexing, "GROUP_PHOTOS", 2)
    store = gallery._store
    real = store.writing
    sent = False

    @contextmanager
    def writing():
        nonlocal sent
        with real():
            yield
        if not sent and gallery.stats().files >= after:
            sent = True
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(store, "writing", writing)
    report = gallery.index(album, jobs=1)
    assert sent
    assert report.interrupted
    assert report.added + report.skipped + report.no_face == gallery.stats().files >= after


def test_ctrl_c_enrols_nobody(gallery, album):
    """A run that was interrupted does not go on to name people."""

    def progress(done, total, path):
        if done == 2:
            raise KeyboardInterrupt

    report = gallery.index(album, people_from_folders=True, progress=progress)
    assert report.people == 0
    assert gallery.people() == []


def test_a_failing_model_loses_nothing_that_was_done(gallery, album, counting_fake):
    """An error of the models ends the run and is raised; photos before it are in the gallery."""
    real = counting_fake.detect

    def detect(image, **options):
        if counting_fake.seen["pictures"] == 3:
            raise ModelError("fake", "out of memory")
        return real(image)

    counting_fake.detect = detect
    with pytest.raises(ModelError):
        gallery.index(album, jobs=1)
    assert gallery.stats().files >= 1
    counting_fake.detect = real
    gallery.index(album)
    assert gallery.stats().files == 5


def test_photos_are_committed_in_groups(gallery, place, tmp_path, monkeypatch):
    """After each group of photos another process sees them: what a kill can cost is one group."""
    monkeypatch.setattr(indexing, "GROUP_PHOTOS", 4)
    for number in range(12):
        painted(tmp_path / "many" / f"{number:02d}.png", RED, shade=number)
    visible = []
    gallery.index(
        tmp_path / "many",
        jobs=1,
        progress=lambda done, *_: visible.append((done, len(contents(place)["photos"]))),
    )
    assert [count for _, count in visible] == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12]


def test_reprocessing_analyses_everything_and_keeps_ids_and_names(gallery, album, counting_fake):
    """With ``reprocess`` every photo is analysed anew; faces keep their ids and their people."""
    gallery.index(album)
    gallery.enrol("Ann", album / "1.png")
    before = gallery.faces(album / "1.png")
    counting_fake.seen.clear()
    report = gallery.index(album, reprocess=True)
    assert counting_fake.seen["pictures"] == 5 + TURNED
    assert report.skipped == 0
    assert gallery.faces(album / "1.png") == before
    assert before[0].person == "Ann"


def test_a_file_that_vanishes_on_the_way_is_a_failure(gallery, album, monkeypatch):
    """A photo deleted between the scan and the analysis is one failed file."""

    def progress(done, total, path):
        if done == 0:
            (album / "2.png").unlink()

    report = gallery.index(album, progress=progress)
    assert report.failed == (Failure(str(album / "2.png"), "no such file"),)


def test_no_photos_are_no_error(gallery, tmp_path):
    """An empty folder gives a report of zeros."""
    (tmp_path / "empty").mkdir()
    report = gallery.index(tmp_path / "empty")
    assert (report.added, report.skipped, report.no_face, report.failed, report.photos_per_second) == (0, 0, 0, (), 0)
