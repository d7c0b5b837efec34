"""Approximate kinds keep their promise on faces like real ones, and say when they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError, IndexFileError
from facesearch.index import file, policy
from facesearch.index.base import Stamp
from facesearch.index.coded import CodedIndex
from facesearch.index.registry import create_index
from facesearch.index.tuning import TARGET
from facesearch.testing import random_units, synthetic_faces

pytestmark = pytest.mark.slow

STAMP = Stamp("g", "r", "t", 1)
KINDS = ["compressed", "inverted"]


@pytest.fixture(scope="module")
def faces():
    """10,000 faces to be held, and a further one of each of 200 people."""
    rows, _ = synthetic_faces(500, 21, seed=4)
    rows = rows.reshape(500, 21, 128)
    return np.ascontiguousarray(rows[:, :20].reshape(-1, 128)), np.ascontiguousarray(rows[:200, 20])


@pytest.fixture(scope="module", params=KINDS)
def saved(request, faces, tmp_path_factory):
    """The file of an approximate index of 10,000 faces."""
    index = create_index(request.param, 128)
    index.add(np.arange(len(faces[0])) * 3, faces[0])
    path = tmp_path_factory.mktemp(request.param) / "faces.index"
    file.save(index, path, STAMP)
    return path


def recall(index, probes):
    """Of the ten nearest."""
    truth = index.search(probes, 10, exact=True).distances[:, -1:]
    return float(np.mean(index.search(probes, 10).distances <= truth))


def test_recall_is_as_promised(saved, faces):
    """Tuned on its own vectors, it finds 99 % of the ten nearest of photos it has not seen, by few candidates."""
    index, _ = file.load(saved)
    about = index.about()
    assert about.recall >= TARGET
    assert about.candidates <= 400
    assert file.facts_of(saved) == about
    assert recall(index, faces[1]) >= TARGET


def test_codes_are_used(saved, faces, monkeypatch):
    """A search by codes does not go through all vectors."""
    index, _ = file.load(saved)
    monkeypatch.setattr(CodedIndex, "_scan", lambda *_: pytest.fail("went through all"))
    assert (index.search(faces[1], 10).ids >= 0).all()
    with pytest.raises(pytest.fail.Exception):
        index.search(faces[1], 10, exact=True)


def test_filters_are_exact_and_full(saved, faces):
    """A filter of far-away faces still gives k of them, the nearest."""
    index, _ = file.load(saved)
    only = np.arange(7_000, 8_000) * 3
    hits = index.search(faces[1][:20], 25, only=only)
    flat = create_index("exact", 128)
    flat.add(only, faces[0][7_000:8_000])
    np.testing.assert_array_equal(hits.ids, flat.search(faces[1][:20], 25).ids)


def test_vectors_stay_on_disk(saved, faces):
    """What is loaded is mapped: opening reads codes, not vectors."""
    index, _ = file.load(saved)
    assert not index._rows._checked.any()
    index.search(faces[1][:1], 10)
    assert 0 < np.count_nonzero(index._rows._checked) < len(index._rows._checked)


def test_a_removed_face_leaves_no_trace_in_the_file(saved, faces, tmp_path):
    """After removing and saving, the bytes of the vector are gone, and every other one is there."""
    index, _ = file.load(saved)
    gone = faces[0][[5, 77, 9_999]]
    assert index.remove(np.array([5, 77, 9_999]) * 3) == 3
    file.save(index, tmp_path / "new.index", STAMP)
    written = (tmp_path / "new.index").read_bytes()
    assert not any(row.tobytes() in written for row in gone)
    assert faces[0][6].tobytes() in written
    assert len(file.load(tmp_path / "new.index")[0]) == len(faces[0]) - 3


def test_damaged_vectors_are_noticed_when_used(saved, tmp_path, faces):
    """One flipped bit among the vectors is found by whoever reads it, and nothing else is refused."""
    data = bytearray(saved.read_bytes())
    data[-3000] ^= 4  # in the last rows
    path = tmp_path / "flipped.index"
    path.write_bytes(data)
    index, _ = file.load(path)
    with pytest.raises(IndexFileError, match="damaged"):
        index.search(faces[0][-3:], 5)
    with pytest.raises(IndexFileError, match="damaged"):
        index.search(faces[1][:1], 5, exact=True)


@pytest.mark.parametrize("place", ["payload", "checks", "padding", "end"])
def test_damage_elsewhere_is_noticed_at_once(saved, tmp_path, place):
    """Codes, the vectors' checks, the space between and the length are checked on opening."""
    data = bytearray(saved.read_bytes())
    rows = 4 * 128 * 10_000
    if place == "end":
        data += b"x"
    else:
        where = {"payload": 4000, "checks": len(data) - rows - file.PAGE, "padding": len(data) - rows - 1}[place]
        data[where] ^= 1
    (tmp_path / "broken.index").write_bytes(data)
    with pytest.raises(IndexFileError):
        file.load(tmp_path / "broken.index")


def test_it_learns_anew_when_it_has_grown(faces, monkeypatch):
    """By half more vectors: codes and candidates are found again; by fewer, they stay."""
    monkeypatch.setattr(CodedIndex, "codes_from", 1000)
    index = create_index("compressed", 128)
    index.add(np.arange(1000), faces[0][:1000])
    index.settle()
    first = index._tuned
    index.add(np.arange(1000, 1400), faces[0][1000:1400])
    index.settle()
    assert index._tuned is first
    index.add(np.arange(1400, 3000), faces[0][1400:3000])
    index.settle()
    assert index._tuned.vectors == 3000


def test_vectors_that_codes_cannot_tell_apart_are_compared_exactly(monkeypatch):
    """Where no number of candidates reaches the target, the index says that it is exact, and is."""
    monkeypatch.setattr("facesearch.index.tuning.LADDER", (20,))
    index = create_index("compressed", 256)
    rows = random_units(5000, 256, seed=1)
    index.add(np.arange(5000), rows)
    index.settle()
    assert index.about().recall is None
    assert recall(index, random_units(50, 256, seed=2)) == 1.0


def test_equal_vectors_are_no_miss():
    """A thousand copies of one photo do not make tuning fail: any ten of them are the ten nearest."""
    index = create_index("compressed", 128)
    rows, _ = synthetic_faces(500, 10, seed=9)
    rows[:1000] = rows[0]
    index.add(np.arange(5000), rows)
    index.settle()
    assert index.about().recall >= TARGET


@pytest.mark.parametrize(
    ("count", "held", "kind"),
    [
        (0, None, "flat"),
        (policy.FLAT_MOST, None, "flat"),
        (policy.FLAT_MOST + 1, "flat", "compressed"),
        (policy.FLAT_MOST - 1, "compressed", "compressed"),
        (policy.FLAT_MOST // 3, "compressed", "flat"),
        (policy.COMPRESSED_MOST + 1, "compressed", "inverted"),
        (policy.COMPRESSED_MOST - 1, "inverted", "inverted"),
        (1000, "exact", "flat"),
    ],
)
def test_kind_by_size(count, held, kind):
    """Larger galleries get another kind, and keep it when they shrink a little."""
    assert policy.kind_for(count, 128, held=held) == kind


def test_budget():
    """Little memory chooses a smaller kind, too little or a larger one by name is refused with the amount."""
    assert policy.kind_for(200_000, 128, budget=300 << 20) == "compressed"
    with pytest.raises(ConfigError, match="faces need"):
        policy.kind_for(50_000_000, 128, budget=900 << 20)
    with pytest.raises(ConfigError, match="by flat"):
        policy.kind_for(1_000_000, 128, choice="flat", budget=900 << 20)
    assert policy.needed("compressed", 1_000_000, 128) <= 900 << 20
    with pytest.raises(ConfigError, match="no index 'hnsw'"):
        policy.kind_for(5, 128, choice="hnsw")
