"""A gallery moves to another recipe while it goes on answering, and ends as if the new recipe had made it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesearch.errors import ConfigError
from facesearch.gallery import indexing
from facesearch.gallery.cache import IndexCache
from facesearch.gallery.clusters import cluster_unnamed
from facesearch.gallery.reindexing import reindex
from facesearch.images.align import CropSettings
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder

from .pictures import BLUE, GREEN, ORIENTATION, RED, contents, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


class Watching(FrontEnd):
    """The front end of the new recipe; ``before`` is called with the number of photos that it embedded."""

    def __init__(self, before=lambda count: None):
        super().__init__(FakeDetector(), FakeEmbedder(), crops=[CropSettings(scale=1.3)])
        self.before = before
        self.count = 0
        self._guard = threading.Lock()

    def embed_faces(self, path, faces):
        """Embed, and count."""
        with self._guard:
            self.before(self.count)
            self.count += 1
        return super().embed_faces(path, faces)


@pytest.fixture
def album(tmp_path, gallery):
    """Seven photos with ten faces, two of Ann and one of Bob, and one without a face, indexed by the old recipe."""
    folder = tmp_path / "album"
    for number in range(3):
        painted(folder / f"red{number}.png", RED, shade=number)
    for number in range(3):
        painted(folder / f"more{number}.png", GREEN, RED, shade=number)
    painted(folder / "blue.png", BLUE)
    painted(folder / "none.png")
    gallery.index(folder, jobs=1)
    gallery.enrol("Ann", folder / "red0.png", folder / "red1.png")
    gallery.enrol("Bob", folder / "blue.png")
    return folder


def move(gallery, front_end, **options):
    """Move the gallery as ``Gallery.reindex`` does."""
    cache = IndexCache(gallery._store, front_end.recipe, engine="exact")
    options = {"jobs": 1, "progress": lambda *_: None} | options
    return reindex(gallery._store, front_end, cache, **options)


def fresh(new_place, open_gallery, front_end, album):
    """What a gallery holds that the recipe made from the start."""
    place = new_place("fresh")
    gallery = open_gallery(place, front_end)
    gallery.index(album, jobs=1)
    gallery.enrol("Ann", album / "red0.png", album / "red1.png")
    gallery.enrol("Bob", album / "blue.png")
    return contents(place)


def recipes_of(gallery):
    """How many embeddings of each recipe there are."""
    return gallery._store.counts().embeddings


def ids(gallery, album):
    """The face ids of each photo."""
    return {path.name: [face.id for face in gallery.faces(path)] for path in album.iterdir()}


@pytest.mark.sqlite  # For time.
@pytest.mark.parametrize("jobs", [1, 3])
def test_ends_as_if_the_new_recipe_had_made_it(place, new_place, gallery, album, open_gallery, jobs):
    """Boxes, names, ids and every vector are those of a fresh index by the new recipe; nothing of the old one is left,
    no photo was searched again, and an ``index`` run finds nothing to do.
    """  # noqa: D205
    new = Watching()
    new._detector.detect = None
    before = ids(gallery, album)
    report = move(gallery, new, jobs=jobs)
    assert (report.faces, report.failed, report.switched, report.dropped) == (10, (), True, 0)
    assert report.recipe == new.recipe.key
    new = Watching()
    assert contents(place) == fresh(new_place, open_gallery, new, album)
    assert recipes_of(gallery) == {new.recipe.key: 10}
    gallery.use(new)
    assert ids(gallery, album) == before
    assert gallery.index(album, jobs=1).skipped == 8


def test_answers_before_and_after(place, gallery, album, fake, open_gallery, monkeypatch):
    """While it runs, ``search``, ``who`` and the SVM answer as before, from the old vectors; afterwards from the new
    ones only, and an SVM that was trained on old ones is not used again.
    """  # noqa: D205
    monkeypatch.setattr(indexing, "GROUP_PHOTOS", 2)

    def ask(one):
        found = one.search(album / "blue.png", threshold=4.0)
        names = [one.who(album / "more1.png", method=method) for method in ("knn", "svm")]
        return [[(match.face.id, match.distance) for match in probe.matches] for probe in found], names

    expected = ask(gallery)
    marks = [gallery._store.state().enrolments]
    during = []

    def look(count):
        if count == 5:
            during.append(ask(gallery))
            marks.append(gallery._store.state().enrolments)

    assert move(gallery, Watching(look)).switched
    assert during == [expected]
    assert marks[0] == marks[1] != gallery._store.state().enrolments
    moved = open_gallery(place, Watching())
    new = Watching()
    for path in album.iterdir():
        analysis = new.analyse(path)
        hits = moved._cache(moved.front_end.recipe).fresh().search(analysis.vectors, 1)
        assert np.allclose(hits.distances[:, 0], 0, atol=1e-5)
    assert [answer.person for answer in moved.who(album / "red2.png", method="svm")] == ["Ann"]
    with pytest.raises(ConfigError):
        open_gallery(place, fake).who(album / "red2.png")


def test_stopped_and_resumed(place, new_place, gallery, album, open_gallery):
    """Ctrl-C keeps what is embedded and moves nothing; the next run embeds the rest only, and moves."""

    def stop(count):
        if count == 3:
            raise KeyboardInterrupt

    report = move(gallery, Watching(stop))
    assert report.interrupted
    assert not report.switched
    assert report.faces > 0
    assert recipes_of(gallery) == {gallery.front_end.recipe.key: 10, report.recipe: report.faces}
    assert [answer.person for answer in gallery.who(album / "red2.png")] == ["Ann"]
    new = Watching()
    again = move(gallery, new)
    assert (again.faces, again.switched) == (10 - report.faces, True)
    assert new.count == 7 - 3
    assert contents(place) == fresh(new_place, open_gallery, Watching(), album)


def test_photos_that_come_meanwhile(place, new_place, gallery, album, open_gallery, monkeypatch):
    """A photo that is indexed by the old recipe while it runs, and one that is analysed again after it was embedded,
    are embedded before the switch.
    """  # noqa: D205
    monkeypatch.setattr(indexing, "GROUP_PHOTOS", 1)

    def come(count):
        if count == 5:
            painted(album / "late.png", GREEN, BLUE, shade=9)
            gallery.index(album / "late.png", jobs=1)
            gallery.index(album / "blue.png", jobs=1, reprocess=True)

    totals = []
    report = move(gallery, Watching(come), progress=lambda done, total, path: totals.append(total))
    assert report.switched
    assert report.faces == 10 + 2 + 1
    assert set(totals) == {7, 2}
    assert contents(place) == fresh(new_place, open_gallery, Watching(), album)


def test_a_vector_of_a_face_that_moved_is_made_anew(gallery, album):
    """What an interrupted run embedded is not used where the face was analysed again since, and lies elsewhere."""

    def stop(count):
        if count == 5:
            raise KeyboardInterrupt

    move(gallery, Watching(stop))
    store, old = gallery._store, gallery.front_end
    (face,) = gallery.faces(album / "red0.png")
    photo = store.photo(face.photo_id)
    (seen,) = old.analyse(album / "red0.png").faces
    shifted = type(seen)(seen.box.scaled(1.1), seen.landmarks.scaled(1.1), seen.confidence, seen.quality)
    store.add_photo(
        indexing.NewPhoto(photo.byte_hash, photo.pixel_hash, photo.width, photo.height),
        [shifted],
        old.embed_faces(album / "red0.png", lambda _: [shifted]),
        old.recipe,
    )
    new = Watching()
    assert move(gallery, new).switched
    expected = new.embed_faces(album / "red0.png", lambda _: [shifted])
    assert np.array_equal(store.vectors_of([face.id], new.recipe)[1], expected)


def test_a_missing_photo_moves_nothing(place, gallery, album):
    """Where a photo is gone, is broken, or became another picture, it is named and the gallery stays as it was; when
    the photo is back, the next run has only that one to do.
    """  # noqa: D205
    kept = {name: (album / name).read_bytes() for name in ("red0.png", "blue.png", "red1.png")}
    (album / "red0.png").unlink()
    (album / "blue.png").write_bytes(b"broken")
    painted(album / "red1.png", GREEN, shade=77)
    before = contents(place)
    report = move(gallery, Watching())
    assert (report.switched, report.faces, report.dropped) == (False, 7, 0)
    failed = {Path(failure.path).name: failure.error for failure in report.failed}
    assert set(failed) == set(kept)
    assert failed["red1.png"] == "the file holds another picture now"
    assert gallery.stats().recipe == gallery.front_end.recipe.key
    assert recipes_of(gallery) == {gallery.front_end.recipe.key: 10, report.recipe: 7}
    assert [answer.person for answer in gallery.who(album / "red2.png")] == ["Ann"]
    for name, data in kept.items():
        (album / name).write_bytes(data)
    again = move(gallery, Watching())
    assert (again.switched, again.faces, again.failed) == (True, 3, ())
    assert contents(place)["files"] == before["files"]


def test_a_missing_photo_can_be_given_up(place, new_place, gallery, album, open_gallery):
    """With ``drop_missing`` the gallery moves; the faces of a photo that is gone keep id, box and name but are not
    found, and are embedded when the photo is back and is indexed.
    """  # noqa: D205
    data = (album / "red0.png").read_bytes()
    before = ids(gallery, album)
    (album / "red0.png").unlink()
    report = move(gallery, Watching(), drop_missing=True)
    assert (report.switched, report.dropped, len(report.failed)) == (True, 1, 1)
    new = Watching()
    moved = open_gallery(place, new)
    assert recipes_of(moved) == {new.recipe.key: 9}
    assert [(person.name, person.faces) for person in moved.people()] == [("Ann", 2), ("Bob", 1)]
    assert before["red0.png"][0] not in moved._cache(moved.front_end.recipe).fresh().ids()
    (album / "red0.png").write_bytes(data)
    report = moved.index(album, jobs=1)
    assert (report.added, report.skipped) == (1, 7)
    assert ids(moved, album) == before
    assert contents(place) == fresh(new_place, open_gallery, new, album)


def test_a_copy_stands_in(gallery, album, tmp_path):
    """A photo is read from whichever of its files is still there."""
    shutil.copy(album / "red0.png", album / "zzz.png")
    gallery.index(album, jobs=1)
    (album / "red0.png").unlink()
    assert move(gallery, Watching()).switched


@pytest.mark.parametrize("orientation", [3, 5, 6])
def test_a_photo_that_was_turned_since(tmp_path, gallery, orientation):
    """Where only the EXIF orientation was changed since a photo was indexed, its faces are found where they are now."""
    photo = painted(tmp_path / "album" / "a.png", RED, BLUE)
    gallery.index(photo, jobs=1)
    held = [face.id for face in gallery.faces(photo)]
    with Image.open(photo) as image:
        tags = Image.Exif()
        tags[ORIENTATION] = orientation
        image.save(photo, exif=tags)
    new = Watching()
    assert move(gallery, new).switched
    expected = new.analyse(photo).vectors
    _, vectors = gallery._store.vectors_of(held, new.recipe)
    apart = ((vectors[:, None] - expected) ** 2).sum(axis=2)
    assert np.allclose(apart.min(axis=1), 0, atol=1e-5)


def test_a_file_that_holds_a_small_picture_now_is_named(gallery, album):
    """Boxes of the old picture are never cut from a new one that is too small for them: the file is named instead."""
    painted(album / "red0.png", RED)
    Image.new("RGB", (8, 8)).save(album / "red0.png")
    report = move(gallery, Watching())
    assert [(Path(failure.path).name, failure.error) for failure in report.failed] == [
        ("red0.png", "the file holds another picture now")
    ]
    assert not report.switched


def test_a_photo_without_any_file_hinders_nothing(gallery, album):
    """A photo whose file was overwritten, and indexed as another, cannot be embedded: its face keeps id and name."""
    (face,) = gallery.faces(album / "red0.png")
    painted(album / "red0.png", GREEN, shade=9)
    gallery.index(album)
    report = move(gallery, Watching())
    assert (report.switched, report.dropped) == (True, 1)
    assert gallery._store.faces([face.id])[face.id].person == "Ann"
    again = FrontEnd(FakeDetector(), FakeEmbedder(), crops=[CropSettings(scale=1.1)])
    assert move(gallery, again).switched


def test_a_run_that_began_before_the_move_does_not_move_back(gallery, album, fake):
    """Whoever still holds a front end of the old recipe is refused, and the gallery stays where it is."""
    new = Watching()
    assert move(gallery, new).switched
    for ask in (
        lambda: indexing.index_photos(
            gallery._store,
            fake,
            IndexCache(gallery._store, fake.recipe, engine="exact"),
            [album],
            jobs=1,
            runner="local",
            address=None,
            retry=False,
            reprocess=True,
            instead_of=None,
            progress=lambda *_: None,
        ),
        lambda: cluster_unnamed(gallery._store, fake),
    ):
        with pytest.raises(ConfigError, match="was moved to other models"):
            ask()
    assert gallery._store.state().recipe == new.recipe.key


def test_nothing_to_do(gallery, album, new_place, open_gallery):
    """A gallery of the recipe already, and an empty one, are left alone and say that they answer by it."""
    before = gallery._store.state()
    report = move(gallery, gallery.front_end)
    assert (report.faces, report.switched) == (0, True)
    assert gallery._store.state() == before
    empty = open_gallery(new_place("empty"), gallery.front_end)
    assert move(empty, Watching()).switched


def test_an_index_run_of_the_old_recipe_stops(gallery, album):
    """An ``index`` run that began before the switch writes nothing after it: it would delete what it does not see."""
    painted(album / "late.png", GREEN, shade=9)

    def switch(done, total, path):
        if done == 0:
            assert move(gallery, Watching()).switched

    with pytest.raises(ConfigError, match="meanwhile"):
        gallery.index(album, jobs=1, progress=switch)
    assert recipes_of(gallery) == {Watching().recipe.key: 10}


def test_a_photo_forgotten_meanwhile_is_not_one_without_a_face(gallery, album):
    """A photo that ``index`` skips because it is known, and that another process forgets before that is written, is
    analysed after all instead of being recorded as one without a face.
    """  # noqa: D205
    shutil.copy(album / "blue.png", album / "copy.png")
    store, real = gallery._store, gallery._store.held
    (photo,) = {face.photo_id for face in gallery.faces(album / "blue.png")}

    def held(pixel_hashes):
        found = real(pixel_hashes)
        if len(pixel_hashes) == 1 and store._local.work is None:
            store.delete_photos([photo])
        return found

    store.held = held
    report = gallery.index(album / "copy.png", jobs=1)
    del store.held
    assert (report.added, report.no_face, report.skipped) == (1, 0, 0)
    assert gallery.index(album / "copy.png", jobs=1).skipped == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from facesearch.gallery import indexing
from facesearch.gallery.cache import IndexCache
from facesearch.gallery.clusters import cluster_unnamed
from facesearch.gallery.reindexing import reindex
from facesearch.images.align import CropSettings
from facesearch.pipeline import FrontEnd
from facesearch.config import gallery_place
from facesearch.store.store import Store
from facesearch.testing import FakeDetector, FakeEmbedder

indexing.GROUP_PHOTOS = 1
moment, calls = sys.argv[2], int(sys.argv[3])
real, count = getattr(Store, moment), []


def deadly(*arguments, **options):
    result = real(*arguments, **options)
    count.append(1)
    if len(count) == calls:
        os.kill(os.getpid(), signal.SIGKILL)
    return result


setattr(Store, moment, deadly)
front_end = FrontEnd(FakeDetector(), FakeEmbedder(), crops=[CropSettings(scale=1.3)])
with Store.open(gallery_place(sys.argv[1])) as store:
    cache = IndexCache(store, front_end.recipe, engine="exact")
    reindex(store, front_end, cache, jobs=1, progress=lambda *_: None)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "calls", "kept"),
    [("add_vectors", 1, 1), ("add_vectors", 4, 4), ("move_to", 1, 7), ("drop_outdated", 2, 7), ("_drop_vectors", 1, 7)],
)
def test_killed(place, new_place, own_environment, gallery, album, open_gallery, fake, moment, calls, kept):
    """Kill −9 after some photos, or in the middle of the switch: the gallery answers by the old recipe as if nothing
    had happened, nothing that was committed is embedded again, and the next run ends as if there had been no kill.
    """  # noqa: D205
    before = gallery.search(album / "blue.png")
    gallery.close()
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(place), moment, str(calls)],
        capture_output=True,
        text=True,
        env=own_environment,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    held = open_gallery(place, fake)
    assert held.search(album / "blue.png") == before
    assert contents(place).get("integrity", "ok") == "ok"
    new = Watching()
    assert move(held, new).switched
    assert new.count == 7 - kept
    assert contents(place) == fresh(new_place, open_gallery, Watching(), album)


@pytest.mark.sqlite  # its steps are those of the tests above, which run on both
def test_any_history_ends_the_same(tmp_path, new_place, open_gallery, fake):
    """Whatever is indexed, enrolled, interrupted, missing or moved back in between, ``reindex`` ends with the vectors
    of a fresh index.
    """  # noqa: D205
    for seed in range(5):
        dice = random.Random(seed)
        folder, place, clean = tmp_path / f"album{seed}", new_place(f"gallery{seed}"), new_place(f"fresh{seed}")
        gallery = open_gallery(place, fake)
        for step in range(8):
            painted(folder / f"{step}.png", *dice.sample([RED, GREEN, BLUE], dice.randint(0, 3)), shade=step)
            dice.choice(
                [
                    lambda: gallery.index(folder, jobs=1),  # noqa: B023
                    lambda: gallery.index(folder, jobs=1, reprocess=True),  # noqa: B023
                    lambda: move(gallery, Watching(stop_at(dice.randint(0, 3)))),  # noqa: B023
                ]
            )()
            gallery.use(Watching() if gallery.stats().recipe == Watching().recipe.key else fake)
            if dice.random() < 0.2:
                gallery.use(dice.choice([fake, Watching()]))
                gallery.index(folder, jobs=1, reprocess=True)
        gallery.index(folder, jobs=1)
        assert move(gallery, Watching()).switched
        other = open_gallery(clean, Watching())
        other.index(folder, jobs=1)
        assert contents(place) == contents(clean), seed


def stop_at(photos):
    """Ctrl-C at this photo."""

    def stop(count):
        if count == photos:
            raise KeyboardInterrupt

    return stop


def test_half_written_groups_are_not_kept(gallery, album, monkeypatch):
    """A group whose transaction fails leaves no vector behind."""
    store = gallery._store
    real = store._upsert

    def failing(table, keys, rows):
        real(table, keys, rows)
        if len(rows) == 10:
            raise OSError(os.strerror(28))

    monkeypatch.setattr(store, "_upsert", failing)
    with pytest.raises(OSError, match="No space"):
        move(gallery, Watching())
    assert recipes_of(gallery) == {gallery.front_end.recipe.key: 10}
