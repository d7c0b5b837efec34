"""The index file is a cache: deleted, damaged, stale or foreign, the answers are those of the database."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest

from facesearch.gallery import cache as module
from facesearch.gallery.cache import FILE_NAME, IndexCache
from facesearch.identify import svm
from facesearch.index.file import load
from facesearch.store.store import Store

from .pictures import BLUE, GREEN, RED, contents, painted

pytestmark = pytest.mark.slow

COLOURS = (RED, GREEN, BLUE, (200, 200, 20), (200, 20, 200), (20, 200, 200))


def album(folder, numbers):
    """Photos with one or two faces in colours near the six."""
    random = np.random.default_rng(7)
    shifts = random.integers(0, 12, (200, 3))
    for number in numbers:
        colours = [COLOURS[number % 6], COLOURS[number % 5]][: 1 + number % 2]
        painted(
            folder / f"{number:03d}.png", *(tuple(np.abs(colour - shifts[number])) for colour in colours), shade=number
        )
    return folder


def answers(gallery, folder):
    """What a search for each of six colours finds: paths and distances, nearest first."""
    found = []
    for number, colour in enumerate(COLOURS):
        probe = painted(folder / f"probe-{number}.png", colour, shade=200 + number)
        (one,) = gallery.search(probe, threshold=4.0)
        found.append([(match.path, match.distance) for match in one.matches])
    assert all(found)
    return found


@pytest.fixture
def probes(tmp_path):
    """Where probes are painted; never indexed."""
    return tmp_path / "probes"


@pytest.fixture
def filled(place, tmp_path, fake, open_gallery):
    """Where a gallery is with 20 photos and an index file, closed."""
    gallery = open_gallery(place, fake)
    gallery.index(album(tmp_path / "photos", range(20)))
    gallery.close()
    return place


@pytest.fixture
def file(filled):
    """The index file of ``filled``: in its folder, or in the user's cache."""
    with Store.open(filled) as store:
        path = store.folder / FILE_NAME
    assert path.exists()
    return path


@pytest.fixture
def rebuilt(open_gallery, fake, filled, file, probes):
    """What the gallery answers when it has no index file and must build one; its file is left as it was."""

    def ask():
        held = file.read_bytes() if file.exists() else None
        file.unlink(missing_ok=True)
        found = answers(open_gallery(filled, fake), probes)
        file.unlink()
        if held is not None:
            file.write_bytes(held)
            file.chmod(0o600)
        return found

    return ask


@pytest.mark.sqlite  # a file is damaged in the same way wherever the rows are
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.unlink(), id="deleted"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(b"\0" * 5000), id="zeros"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-100]), id="cut"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"x"), id="longer"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a folder"),
        pytest.param(lambda path: (path.unlink(), path.symlink_to("/nowhere")), id="a dead link"),
    ],
)
@pytest.mark.sqlite  # For time, as the file is read alike.
def test_a_spoilt_file_costs_time_and_no_answer(filled, file, fake, open_gallery, probes, spoil):
    """Deleted or damaged: the next question is answered as before, by a rebuilt index."""
    before = answers(open_gallery(filled, fake), probes)
    spoil(file)
    assert answers(open_gallery(filled, fake), probes) == before


@pytest.mark.sqlite  # as above
def test_any_flipped_bit_is_noticed(filled, file, fake, open_gallery, probes):
    """One bit changed anywhere in the file: the answers stay."""
    before = answers(open_gallery(filled, fake), probes)
    data = file.read_bytes()
    for place in np.random.default_rng(1).integers(0, len(data), 6):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(place) % 8
        file.write_bytes(flipped)
        assert answers(open_gallery(filled, fake), probes) == before


@pytest.mark.sqlite  # For time.
def test_a_rebuilt_index_is_saved_again(filled, file, fake, open_gallery, probes, monkeypatch):
    """A rebuild happens once: the next process reads the file."""
    file.unlink()
    answers(open_gallery(filled, fake), probes)
    assert load(file)
    monkeypatch.setattr(module, "create_index", lambda *_: pytest.fail("rebuilt"))
    answers(open_gallery(filled, fake), probes)


def test_a_current_file_is_read_and_not_rebuilt(filled, file, fake, open_gallery, probes, monkeypatch):
    """A file of the gallery's very state is used as it is, and not written again."""
    answers(open_gallery(filled, fake), probes)
    written = file.stat().st_mtime_ns
    monkeypatch.setattr(module, "create_index", lambda *_: pytest.fail("rebuilt"))
    answers(open_gallery(filled, fake), probes)
    assert file.stat().st_mtime_ns == written


def test_a_stale_file_is_caught_up(filled, file, fake, open_gallery, probes, rebuilt, tmp_path, monkeypatch):
    """A file from before photos came and went is brought up to date from the change log, without a rebuild."""
    stale = file.read_bytes()
    gallery = open_gallery(filled, fake)
    gallery.index(album(tmp_path / "photos", range(20, 30)))
    for number in (3, 4, 5, 21):
        (tmp_path / "photos" / f"{number:03d}.png").unlink()
    assert gallery.prune(tmp_path / "photos") == 4
    expected = rebuilt()
    gallery.close()
    file.write_bytes(stale)
    monkeypatch.setattr(module, "create_index", lambda *_: pytest.fail("rebuilt"))
    assert answers(open_gallery(filled, fake), probes) == expected


def test_the_file_of_another_gallery_is_not_believed(filled, file, new_place, fake, open_gallery, probes, tmp_path):
    """An index file that was copied from another gallery is ignored."""
    before = answers(open_gallery(filled, fake), probes)
    other = open_gallery(new_place("other"), fake)
    other.index(album(tmp_path / "other-photos", range(40, 60)))
    shutil.copy(other.folder / FILE_NAME, file)
    assert answers(open_gallery(filled, fake), probes) == before


@pytest.mark.sqlite  # its backup is a copy of its file
def test_a_restored_backup_that_goes_on_differently(filled, file, fake, open_gallery, probes, rebuilt, tmp_path):
    """A backup put back and indexed on, until the change log is as long as before: the answers of a clean rebuild.

    The index file on disk is of the lost future; its sequence number is reached again, with other faces.
    """
    backup = tmp_path / "backup.sqlite"
    shutil.copy(filled / "gallery.sqlite", backup)
    gallery = open_gallery(filled, fake)
    gallery.index(album(tmp_path / "future", range(60, 70)))
    lost = gallery._store.state()
    gallery.close()
    future = file.read_bytes()
    for name in ("gallery.sqlite-wal", "gallery.sqlite-shm"):
        (filled / name).unlink(missing_ok=True)
    shutil.copy(backup, filled / "gallery.sqlite")

    gallery = open_gallery(filled, fake)
    gallery.index(album(tmp_path / "instead", range(80, 90)))
    assert gallery._store.state().seq == lost.seq
    gallery.close()
    file.write_bytes(future)
    again = answers(open_gallery(filled, fake), probes)
    assert again == rebuilt()
    assert not any("/future/" in path for found in again for path, _ in found)


@pytest.mark.sqlite  # its backup is a copy of its file
def test_a_restored_backup_alone(filled, fake, open_gallery, probes, rebuilt, tmp_path):
    """A backup put back, with the newer index file beside it: nothing of the lost photos is answered."""
    shutil.copy(filled / "gallery.sqlite", tmp_path / "backup.sqlite")
    gallery = open_gallery(filled, fake)
    before = answers(gallery, probes)
    gallery.index(album(tmp_path / "future", range(60, 70)))
    gallery.close()
    for name in ("gallery.sqlite-wal", "gallery.sqlite-shm"):
        (filled / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.sqlite", filled / "gallery.sqlite")
    assert answers(open_gallery(filled, fake), probes) == before


def test_what_another_process_adds_is_found_at_once(filled, fake, open_gallery, probes, rebuilt, tmp_path):
    """An open gallery sees what somebody else indexed, enrolled or removed since its last answer."""
    reader, writer = open_gallery(filled, fake), open_gallery(filled, fake)
    answers(reader, probes)
    writer.index(album(tmp_path / "photos", range(20, 30)))
    assert answers(reader, probes) == rebuilt()
    (tmp_path / "photos" / "001.png").unlink()
    writer.prune(tmp_path / "photos")
    assert answers(reader, probes) == rebuilt()


@pytest.mark.sqlite  # For time.
@pytest.mark.parametrize("index", ["flat", "exact"])
def test_both_indexes_answer_alike(filled, file, fake, open_gallery, probes, rebuilt, index):
    """The FAISS index and the exact one give the same answers, also from each other's file."""
    assert answers(open_gallery(filled, fake, index=index), probes) == rebuilt()
    file.unlink()
    assert answers(open_gallery(filled, fake, index=index), probes) == rebuilt()


def test_a_folder_that_cannot_be_written_still_answers(filled, file, fake, open_gallery, probes, monkeypatch):
    """Who only asks does not fail for want of a cache: an index that cannot be saved is used from memory."""
    before = answers(open_gallery(filled, fake), probes)
    file.unlink()
    monkeypatch.setattr("facesearch.index.file.tempfile.mkstemp", _denied)
    assert answers(open_gallery(filled, fake), probes) == before


def _denied(*_, **__):
    raise PermissionError(13, "Permission denied")


def test_saving_does_not_collide_with_another_process_tidying(filled, file, fake, open_gallery, tmp_path):
    """While one process writes its index file, another that begins to index does not sweep it away."""
    album(tmp_path / "photos", range(20, 24))
    album(tmp_path / "elsewhere", range(30, 34))
    other = open_gallery(filled, fake)
    reports, threads = [], []

    def meanwhile():
        if not threads:
            threads.append(threading.Thread(target=lambda: reports.append(other.index(tmp_path / "elsewhere"))))
            threads[0].start()
            threads[0].join(0.5)

    gallery = open_gallery(filled, fake, before_rename=meanwhile)
    reports.append(gallery.index(tmp_path / "photos"))
    threads[0].join()
    assert [report.added for report in reports] == [4, 4]
    assert list(file.parent.glob(".*.tmp")) == []


def test_what_a_killed_process_left_is_swept(filled, file, fake, open_gallery, tmp_path):
    """Half-written index files go with the next index run."""
    file.with_name(f".{FILE_NAME}.abc.tmp").write_bytes(b"half")
    open_gallery(filled, fake).index(tmp_path / "photos")
    assert list(file.parent.glob(".*.tmp")) == []


def test_a_long_run_saves_now_and_then(filled, file, fake, open_gallery, tmp_path):
    """During a run the file is written at most once in a while; ``force`` writes it where it is behind."""
    gallery = open_gallery(filled, fake)
    cache = IndexCache(gallery._store, fake.recipe, engine="exact")
    gallery.index(album(tmp_path / "photos", range(20, 22)))
    written = file.stat().st_mtime_ns
    cache.save(force=False)
    assert file.stat().st_mtime_ns == written
    cache._saved_at -= module.SAVE_EVERY + 1
    painted(tmp_path / "one" / "x.png", BLUE, shade=99)
    gallery.index(tmp_path / "one")
    cache.save(force=False)
    _, stamp = load(file)
    assert stamp.seq == gallery._store.state().seq


def test_everything_is_for_the_owner_alone(file):
    """A gallery holds biometrics: its folder, also the one in the cache, is 0700 and every file 0600."""
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert {oct(path.stat().st_mode & 0o777) for path in file.parent.iterdir()} == {"0o600"}


class TestSvm:
    """The trained SVM is a cache as well."""

    @pytest.fixture
    def named(self, filled, fake, open_gallery, tmp_path):
        """The gallery with three people of two photos each."""
        gallery = open_gallery(filled, fake)
        for number, name in enumerate(("Ann", "Bob", "Cleo")):
            gallery.enrol(name, *(tmp_path / "photos" / f"{number + step:03d}.png" for step in (0, 6)))
        return gallery

    @pytest.fixture
    def trained(self, monkeypatch):
        """A list that grows with each training."""
        seen = []
        real = svm.train
        monkeypatch.setattr(svm, "train", lambda *args, **rest: (seen.append(len(args[1])), real(*args, **rest))[1])
        return seen

    @staticmethod
    def ask(gallery, probes):
        """Names by the SVM for each colour."""
        paths = [painted(probes / f"{i}.png", colour, shade=100 + i) for i, colour in enumerate(COLOURS)]
        return [answer.person for path in paths for answer in gallery.who(path, method="svm")]

    def test_it_is_trained_once(self, named, filled, trained, probes, open_gallery, fake):
        """As long as nobody is enrolled or taken back it is trained once, by whatever process."""
        first = self.ask(named, probes)
        assert {"Ann", "Bob", "Cleo"} <= set(first)
        assert self.ask(named, probes) == first
        assert self.ask(open_gallery(filled, fake), probes) == first
        assert trained == [6]

    def test_enrolments_train_it_anew(self, named, trained, probes, tmp_path):
        """A new name is known to the SVM at the next question, and the file of the old one goes."""
        self.ask(named, probes)
        named.enrol("Dora", tmp_path / "photos" / "003.png")
        assert "Dora" in self.ask(named, probes)
        assert trained == [6, len(named.faces_of(named.people()[-1].id)) + 6]
        assert len(list(named.folder.glob("svm-*"))) == 1

    def test_taking_a_name_back_trains_it_anew(self, named, trained, probes):
        """Who has no enrolled face any more is not answered."""
        self.ask(named, probes)
        ann = named.people()[0]
        named._store.unenrol([match.face.id for match in named.faces_of(ann.id)])
        assert "Ann" not in self.ask(named, probes)
        assert trained == [6, 4]

    def test_renaming_does_not_train_it(self, named, trained, probes):
        """Another name for the same person is answered without training."""
        self.ask(named, probes)
        named._store.rename(named.people()[0].id, "Anna")
        assert "Anna" in self.ask(named, probes)
        assert trained == [6]

    @pytest.mark.sqlite  # as for the index
    @pytest.mark.parametrize("spoil", [b"", b"PK\x03\x04 rubbish", None])
    def test_a_spoilt_file_is_trained_anew(self, named, trained, probes, spoil):
        """An SVM file that was damaged or deleted costs a training and no answer."""
        before = self.ask(named, probes)
        (path,) = named.folder.glob("svm-*")
        path.unlink() if spoil is None else path.write_bytes(spoil)
        assert self.ask(named, probes) == before
        assert trained == [6, 6]

    def test_it_is_for_the_owner_alone(self, named, probes):
        """The trained SVM says something about people's faces: mode 0600."""
        self.ask(named, probes)
        (path,) = named.folder.glob("svm-*")
        assert path.stat().st_mode & 0o777 == 0o600

    def test_names_given_meanwhile_are_not_lost(self, named, filled, probes, open_gallery, fake, tmp_path, monkeypatch):
        """An enrolment by another process while one answers is in the next answer: the old SVM is not kept as new.

        Not while it is trained: that holds the writer's lock.
        """
        other = open_gallery(filled, fake)
        real, done = named._store.enrolled, []

        def then_enrol(*args, **rest):
            result = real(*args, **rest)
            if not done:
                done.append(1)
                other.enrol("Dora", tmp_path / "photos" / "003.png")
            return result

        monkeypatch.setattr(named._store, "enrolled", then_enrol)
        self.ask(named, probes)
        assert done
        assert "Dora" in self.ask(named, probes)


@pytest.mark.sqlite  # it asks SQLite's own checks
def test_a_gallery_of_painted_faces_is_whole(filled):
    """The check that these tests rest on: SQLite finds nothing wrong."""
    held = contents(filled)
    assert (held["integrity"], held["broken"], len(held["photos"])) == ("ok", [], 20)
