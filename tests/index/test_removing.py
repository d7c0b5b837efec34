"""Removing is cheap: what stays is not encoded anew, moves up, and nothing of what went is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.index.coded import MOST_GONE, CodedIndex
from facesearch.index.faiss_codes import Codes
from facesearch.index.registry import create_index
from facesearch.testing import synthetic_faces

pytestmark = pytest.mark.slow

FACES, _ = synthetic_faces(100, 10, seed=6)
LISTS = (0, 30)
LEARNED = {lists: Codes.trained(FACES, lists).dump() for lists in LISTS}


def encoded(lists, rows):
    """Codes of some rows, by quantizers that were learned once."""
    codes = Codes.restore(LEARNED[lists], FACES.shape[1])
    codes.add(rows)
    return codes


@settings(max_examples=60, deadline=None)
@given(st.integers(1, len(FACES)), st.sets(st.integers(0, len(FACES) - 1)))
def test_codes_are_as_if_the_removed_had_never_come(count, gone):
    """Byte for byte, whatever goes: also in the block that the last code shares with removed ones."""
    gone = np.array(sorted(one for one in gone if one < count), dtype=np.int64)
    codes = encoded(0, FACES[:count])
    codes.remove(gone)
    assert codes.dump().tobytes() == encoded(0, np.delete(FACES[:count], gone, axis=0)).dump().tobytes()


@pytest.mark.parametrize("lists", LISTS)
@pytest.mark.parametrize("left", [0, 1, 31, 32, 700, 999])
def test_the_last_codes_leave_no_trace(lists, left):
    """Lists that shrink are as they were before the last codes came, byte for byte."""
    codes = encoded(lists, FACES)
    codes.remove(np.arange(left, len(FACES)))
    assert codes.dump().tobytes() == encoded(lists, FACES[:left]).dump().tobytes()


def test_many_codes_leave_no_trace():
    """As above where codes fill over a thousand blocks."""
    many = np.tile(FACES, (40, 1))
    codes = encoded(0, many)
    codes.remove(np.array([7, 39_999]))
    assert codes.dump().tobytes() == encoded(0, np.delete(many, [7, 39_999], axis=0)).dump().tobytes()


@pytest.mark.parametrize("lists", LISTS)
@pytest.mark.parametrize("seed", range(5))
def test_positions_move_up(lists, seed):
    """After removals and further codes, every position is of the vector that is there, as in an array."""
    random = np.random.default_rng(seed)
    held, codes = FACES, encoded(lists, FACES)
    for _ in range(3):
        gone = random.choice(len(held), 150, replace=False)
        codes.remove(gone)
        held = np.delete(held, gone, axis=0)
        codes.add(FACES[:40])
        held = np.concatenate([held, FACES[:40]])
    assert len(codes) == len(held)
    found = codes.search(held, 20, 30)
    assert np.sort(codes.search(held[:3], len(held), 30), axis=1).tolist() == [list(range(len(held)))] * 3
    near = ((held[found] - held[:, None]) ** 2).sum(axis=2)
    assert np.mean(near.min(axis=1) < 1e-6) > 0.99  # each vector is among its own twenty candidates


@pytest.mark.parametrize("kind", ["compressed", "inverted"])
def test_nothing_is_encoded_anew(kind, monkeypatch):
    """Few that are removed wait as marks, many are cleared away, and the quantizers stay."""
    monkeypatch.setattr(CodedIndex, "codes_from", 100)
    index = create_index(kind, FACES.shape[1])
    index.add(np.arange(len(FACES)), FACES)
    index.settle()
    monkeypatch.setattr(Codes, "add", lambda *_: pytest.fail("encoded"))
    monkeypatch.setattr(Codes, "trained", lambda *_: pytest.fail("learned"))
    few, many = np.arange(0, 1000, 20), np.arange(1, 1000, 5)
    assert index.remove(few) == len(few) <= MOST_GONE * len(FACES)
    assert len(index._codes) == len(FACES)
    expected = index.search(FACES[few], 10)
    assert not np.isin(expected.ids, few).any()
    index.settle()
    assert len(index._codes) == len(FACES) - len(few)
    np.testing.assert_array_equal(index.search(FACES[few], 10).distances, expected.distances)
    index.remove(many)
    assert len(index._codes) == len(index) == len(FACES) - len(few) - len(many)
    assert (index.search(FACES[:20], 700).ids >= 0).all()


@pytest.mark.parametrize("kind", ["compressed", "inverted"])
def test_a_faiss_that_does_not_remove(kind, monkeypatch):
    """Where FAISS leaves codes as they are and says nothing, as 1.13 does, the rest is encoded anew."""
    monkeypatch.setattr(CodedIndex, "codes_from", 100)
    index = create_index(kind, FACES.shape[1])
    index.add(np.arange(len(FACES)), FACES)
    index.settle()
    monkeypatch.setattr(index._codes._index, "remove_ids", lambda _: 0)
    gone = np.arange(0, 1000, 3)
    index.remove(gone)
    left = index.ids()
    assert len(index._codes) == len(index) == len(left) == 1000 - len(gone)
    assert np.mean(index.search(FACES[left], 10).ids[:, 0] == left) > 0.99


def test_flat_fills_the_gaps():
    """Exact answers and the saved bytes hold nothing of what was removed, be it first, last or all."""
    index = create_index("flat", FACES.shape[1])
    index.add(np.arange(50), FACES[:50])
    for gone in ([0], [49], [48, 3, 47], list(range(10, 20))):
        index.remove(np.array(gone))
        assert not any(FACES[one].tobytes() in index.dump().tobytes() for one in gone)
        left = index.ids()
        assert index.search(FACES[left], 1).ids[:, 0].tolist() == left.tolist()
    assert index.remove(np.arange(50)) == len(left)
    assert (len(index), len(index.dump())) == (0, 0)


@pytest.mark.parametrize("kind", ["compressed", "inverted"])
def test_everything_removed(kind):
    """An index that lost all its vectors finds nothing, and takes new ones."""
    vectors, _ = synthetic_faces(500, 10, seed=3)
    index = create_index(kind, 128)
    index.add(np.arange(len(vectors)), vectors)
    index.settle()
    assert index.remove(np.arange(len(vectors))) == len(vectors)
    assert (index.search(vectors[:2], 3).ids == -1).all()
    index.add(np.array([7]), vectors[:1])
    assert index.search(vectors[:1], 3).ids.tolist() == [[7, -1, -1]]


@pytest.mark.parametrize("kind", ["compressed", "inverted"])
def test_cut_short_while_clearing_away(kind, monkeypatch):
    """Ctrl-C in the middle of clearing away leaves an index that answers right, also after it was saved."""
    vectors, _ = synthetic_faces(500, 10, seed=3)
    index = create_index(kind, 128)
    index.add(np.arange(len(vectors)), vectors)
    index.settle()

    def cut(*_):
        raise KeyboardInterrupt

    index.remove(np.arange(100))
    monkeypatch.setattr("facesearch.index.faiss_codes.Codes.remove", cut)
    with pytest.raises(KeyboardInterrupt):
        index.settle()
    monkeypatch.undo()
    assert index.search(vectors[200:203], 1).ids[:, 0].tolist() == [200, 201, 202]
    index.settle()
    assert index.search(vectors[200:203], 1).ids[:, 0].tolist() == [200, 201, 202]
    assert not np.isin(index.search(vectors[:50], 10).ids, np.arange(100)).any()
