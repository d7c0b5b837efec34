"""Face crops with labels: extracted from folders, saved and loaded without pickles."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from facesearch import FaceDataset, extract_faces
from facesearch.errors import ConfigError, FacesearchError
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box

RED, GREEN = (220, 40, 40), (40, 200, 40)
SMALL, LARGE = Box(20, 60, 60, 100), Box(120, 60, 240, 180)


@pytest.fixture
def fake():
    """A front end of fakes."""
    return FrontEnd(FakeDetector(), FakeEmbedder())


@pytest.fixture
def tree(tmp_path):
    """Two people with two photos each, and things that are not photos of people."""
    root = tmp_path / "train"
    for person, colour in (("ann", RED), ("bob", GREEN)):
        (root / person).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(paint([(LARGE, colour), (SMALL, (40, 40, 220))])).save(root / person / f"{number}.png")
    Image.fromarray(paint([])).save(root / "ann" / "nobody.png")
    (root / "bob" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (root / "bob" / "notes.txt").write_text("not a photo")
    (root / ".hidden").mkdir()
    Image.fromarray(paint([(LARGE, RED)])).save(root / ".hidden" / "0.png")
    Image.fromarray(paint([(LARGE, RED)])).save(root / "beside.png")
    return root


def test_the_most_prominent_face_of_each_photo_is_taken(tree, fake):
    """One crop a photo, labelled by its folder, in the order of the paths; the large central face is meant."""
    data = extract_faces(tree, front_end=fake)
    assert data.labels.tolist() == ["ann", "ann", "bob", "bob"]
    assert [path.rsplit("/", 2)[1:] for path in data.paths] == [
        [person, f"{number}.png"] for person in ("ann", "bob") for number in (0, 1)
    ]
    assert (data.crops.shape, data.crops.dtype) == ((4, 160, 160, 3), np.uint8)
    assert (data.vectors.shape, data.vectors.dtype) == ((4, 128), np.float32)
    assert np.abs(data.crops[:, 80, 80].astype(int) - [RED, RED, GREEN, GREEN]).max() < 5


def test_what_gave_no_face_is_told(tree, fake):
    """Photos without a face, and broken ones, are named with the reason; other files are not mentioned."""
    skipped = {failure.path.rsplit("/", 1)[1]: failure.error for failure in extract_faces(tree, front_end=fake).skipped}
    assert set(skipped) == {"nobody.png", "broken.jpg"}
    assert skipped["nobody.png"] == "no face found"


def test_saving_and_loading_gives_the_same(tree, fake, tmp_path):
    """What is loaded equals what was saved, without the list of skipped photos."""
    data = extract_faces(tree, front_end=fake)
    data.save(tmp_path / "faces.npz")
    again = FaceDataset.load(tmp_path / "faces.npz")
    for name in ("crops", "labels", "vectors", "paths"):
        assert np.array_equal(getattr(data, name), getattr(again, name))
        assert getattr(data, name).dtype == getattr(again, name).dtype
    assert (len(again), again.skipped) == (4, ())


def test_an_empty_tree_gives_an_empty_dataset(tmp_path, fake):
    """No photos: arrays of zero rows, which can be saved and loaded."""
    data = extract_faces(tmp_path, front_end=fake)
    assert (data.crops.shape, data.vectors.shape, data.labels.shape) == ((0, 160, 160, 3), (0, 128), (0,))
    data.save(tmp_path / "empty.npz")
    assert len(FaceDataset.load(tmp_path / "empty.npz")) == 0


def test_a_missing_folder_is_a_clear_error(tmp_path, fake):
    """A folder that is not there, or a file in its place, is said at once."""
    (tmp_path / "file").write_bytes(b"")
    for name in ("nowhere", "file"):
        with pytest.raises(ConfigError, match="is not a folder"):
            extract_faces(tmp_path / name, front_end=fake)


def test_no_pickle_is_written(tree, fake, tmp_path):
    """The file holds plain arrays: NumPy reads all of it without pickles."""
    extract_faces(tree, front_end=fake).save(tmp_path / "faces.npz")
    with np.load(tmp_path / "faces.npz", allow_pickle=False) as held:
        assert {held[name].dtype.hasobject for name in held.files} == {False}


class Evil:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_pickles_are_refused(tmp_path):
    """A dataset with pickled objects in it is refused, and nothing in it runs."""
    evil = np.array([Evil()], dtype=object)
    np.savez(tmp_path / "evil.npz", crops=evil, labels=evil, vectors=evil, paths=evil)
    with pytest.raises(FacesearchError, match="not a face dataset"):
        FaceDataset.load(tmp_path / "evil.npz")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FacesearchError, match="not a face dataset"):
        FaceDataset.load(tmp_path / "evil.pkl")


def _other_arrays(path):
    np.savez(path, crops=np.zeros((2, 160, 160, 3), np.uint8), labels=np.array(["a"]), vectors=[], paths=[])


def _one_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def _cut(path):
    _other_arrays(path)
    path.write_bytes(path.read_bytes()[:-30])


def _flipped(path):
    arrays = {name: np.zeros(0) for name in ("labels", "vectors", "paths")}
    np.savez_compressed(path, crops=np.random.default_rng(0).integers(0, 255, 9000), **arrays)
    with zipfile.ZipFile(path) as zipped:
        start = zipped.getinfo("crops.npy").header_offset + 200
    data = bytearray(path.read_bytes())
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "write", [_other_arrays, _one_array, _cut, _flipped, lambda path: path.write_bytes(b""), lambda path: path.mkdir()]
)
def test_anything_else_is_no_dataset(tmp_path, write):
    """Files that are damaged or hold something else are one clear error that names them."""
    path = tmp_path / "other.npz"
    write(path)
    with pytest.raises(FacesearchError, match=r"other\.npz is not a face dataset"):
        FaceDataset.load(path)


def test_a_failed_save_leaves_the_old_file(tree, fake, tmp_path, monkeypatch):
    """A save that fails half way leaves what was there, and no rubbish."""
    data = extract_faces(tree, front_end=fake)
    folder = tmp_path / "out"
    folder.mkdir()
    data.save(folder / "faces.npz")
    before = (folder / "faces.npz").read_bytes()

    def full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(FacesearchError, match="No space left"):
        data.save(folder / "faces.npz")
    assert (folder / "faces.npz").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["faces.npz"]


def test_saving_into_nowhere_is_a_clear_error(tree, fake, tmp_path):
    """A folder that does not exist is said, not created."""
    with pytest.raises(FacesearchError, match="cannot write"):
        extract_faces(tree, front_end=fake).save(tmp_path / "nowhere" / "faces.npz")


def test_the_classic_tutorial_works_on_the_sample_photos(samples, front_end, tmp_path):
    """Extract, save, load, train a linear SVM on ``train``: all 25 photos of ``val`` are right, and 1-NN too."""
    from sklearn.svm import SVC

    sets = {}
    for part in ("train", "val"):
        extract_faces(samples / part, front_end=front_end).save(tmp_path / f"{part}.npz")
        sets[part] = FaceDataset.load(tmp_path / f"{part}.npz")
    train, val = sets["train"], sets["val"]
    assert (len(train), len(val)) == (93, 25)
    machine = SVC(kernel="linear").fit(train.vectors, train.labels)
    assert (machine.predict(val.vectors) == val.labels).all()
    assert (train.labels[(val.vectors @ train.vectors.T).argmax(axis=1)] == val.labels).all()
