"""What an index catches up from, and when it must not."""

import shutil

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facesearch.store import Store
from facesearch.store.changes import pack, unpack


def catch_up(known, store, since, recipe):
    """Do to a dict of vectors by id what an index does to itself."""
    changes = store.changes(since, recipe.key)
    for face_id in changes.removed.tolist():
        known.pop(face_id, None)
    ids, vectors = store.vectors_of(changes.added.tolist(), recipe)
    assert ids.tolist() == changes.added.tolist()
    known.update(zip(ids.tolist(), map(tuple, vectors.tolist()), strict=True))
    return changes.seq


def rebuilt(store, recipe):
    """All vectors by id."""
    return {
        int(face_id): tuple(row)
        for ids, vectors in store.embeddings(recipe)
        for face_id, row in zip(ids, vectors.tolist(), strict=True)
    }


@given(arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(1, 8))))
def test_vectors_survive_bit_by_bit(vectors):
    """Vectors come back from BLOBs bit by bit, and the BLOBs are little-endian float32."""
    blobs = pack(vectors)
    assert unpack(blobs, vectors.shape[1]).tobytes() == vectors.tobytes()
    assert b"".join(blobs) == vectors.astype("<f4").tobytes()


def test_embeddings_stream_in_order(store, make):
    """Embeddings come in chunks by ascending face id, from any id on, as int64 and float32; other recipes stay out."""
    for number in range(7):
        make.add(store, number, (10, 100, 200))
    make.add(store, 50, (10,), make.other)
    parts = list(store.embeddings(make.recipe, chunk=4))
    assert [len(ids) for ids, _ in parts] == [4, 4, 4, 4, 4, 1]
    ids = np.concatenate([part[0] for part in parts])
    assert ids.dtype == np.int64
    assert parts[0][1].dtype == np.float32
    assert parts[0][1].shape == (4, 4)
    assert parts[0][1].flags.writeable
    assert ids.tolist() == list(range(1, 22))
    assert next(store.embeddings(make.recipe, after_id=20))[0].tolist() == [21]
    assert np.array_equal(parts[0][1][0], make.vectors(3, seed=0)[0])


def test_nothing_is_empty_not_an_error(store, make):
    """A recipe that the gallery never saw gives no chunks, and empty arrays of its dimension."""
    assert list(store.embeddings(make.recipe)) == []
    ids, vectors = store.vectors_of([1, 2], make.recipe)
    assert (ids.shape, vectors.shape) == ((0,), (0, 4))
    assert store.enrolled(make.recipe).vectors.shape == (0, 4)
    assert store.unnamed(make.recipe).vectors.shape == (0, 4)
    changes = store.changes(0, make.recipe.key)
    assert (changes.added.size, changes.removed.size, changes.seq) == (0, 0, 0)
    assert store.recipes() == []


def test_catching_up_equals_a_rebuild(store, make):
    """Following the change log through additions, re-detections and deletions ends at what a rebuild gives."""
    known, seq = {}, 0
    for number in range(20):
        make.add(store, number, (10, 100))
        if number % 3 == 0:
            faces = [make.face(12), make.face(300)]
            store.add_photo(make.photo(number), faces, make.vectors(2, seed=99), make.recipe)
        if number % 4 == 0:
            store.delete_photos([store.photo_by_pixel_hash(f"p{number // 2}").id])
        if number % 5 == 0:
            seq = catch_up(known, store, seq, make.recipe)
    catch_up(known, store, seq, make.recipe)
    assert known == rebuilt(store, make.recipe)


def test_added_and_removed_since(store, make):
    """A face that came and went since is removed; one that was known and has a new vector is added."""
    (first,) = make.add(store, 1)
    seq = store.state().seq
    (second,) = make.add(store, 2)
    store.delete_photos([store.photo_by_pixel_hash("p2").id])
    make.add(store, 1)
    changes = store.changes(seq, make.recipe.key)
    assert (changes.added.tolist(), changes.removed.tolist()) == ([first], [second])
    assert changes.seq == store.state().seq
    assert store.changes(changes.seq, make.recipe.key).added.size == 0


def test_earlier_states_are_ancestors(store, make):
    """Every state that the gallery was in leads to the present one; made-up ones do not."""
    states = [store.state()]
    for number in range(3):
        make.add(store, number)
        states.append(store.state())
    assert all(store.is_ancestor(state.token, state.seq) for state in states)
    assert not store.is_ancestor(states[1].token, states[2].seq)
    assert not store.is_ancestor("0" * 32, states[1].seq)


def test_a_lost_future_is_never_trusted(folder, make):
    """After a backup was put back and indexed on to the same seq, a cache of the lost future is recognized, though
    gallery and seq agree; one from before the backup still leads to here, and catching up from it is a rebuild.
    """  # noqa: D205
    with Store.open(folder) as store:
        make.add(store, 1)
        early, known = store.state(), rebuilt(store, make.recipe)
        make.add(store, 2)
    shutil.copy(folder / "gallery.sqlite", folder.parent / "copy")
    with Store.open(folder) as store:
        lost_ids = make.add(store, 3, (10, 100))
        lost = store.state()
    shutil.copy(folder.parent / "copy", folder / "gallery.sqlite")
    with Store.open(folder) as store:
        assert not store.is_ancestor(lost.token, lost.seq)
        assert make.add(store, 4, (200, 300)) == lost_ids
        now = store.state()
        assert (now.gallery, now.seq) == (lost.gallery, lost.seq)
        assert now.token != lost.token
        assert not store.is_ancestor(lost.token, lost.seq)
        assert store.is_ancestor(early.token, early.seq)
        catch_up(known, store, early.seq, make.recipe)
        assert known == rebuilt(store, make.recipe)


def test_two_galleries_are_two(folder, make, tmp_path):
    """Galleries made alike have UUIDs and tokens of their own."""
    with Store.open(folder) as one, Store.open(tmp_path / "other") as two:
        make.add(one, 1)
        make.add(two, 1)
        assert one.state().seq == two.state().seq
        assert one.state().gallery != two.state().gallery
        assert not two.is_ancestor(one.state().token, one.state().seq)


def test_the_active_recipe(store, make):
    """A gallery has no recipe at first, and then the one it was told to use."""
    assert store.state().recipe is None
    store.use_recipe(make.recipe)
    assert store.state().recipe == make.recipe.key
    store.use_recipe(make.other)
    assert store.state().recipe == make.other.key
    assert {recipe.key for recipe in store.recipes()} == {make.recipe.key, make.other.key}


def test_counts(store, make):
    """Counts say how much there is of everything."""
    ids = make.add(store, 1, (10, 100))
    make.add(store, 2, ())
    make.add(store, 3, (10,), make.other)
    store.add_failure(make.stamp(4), "no", "v1")
    store.enrol(ids[:1], store.create_person("Ada").id)
    counts = store.counts()
    assert counts.photos == {"done": 2, "no_face": 1}
    assert (counts.failed, counts.paths, counts.faces, counts.people, counts.enrolled) == (1, 4, 3, 1, 1)
    assert counts.embeddings == {make.recipe.key: 2, make.other.key: 1}
