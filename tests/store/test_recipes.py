"""Vectors of another recipe beside those that answers come from, and the switch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesearch.errors import StoreError

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def held(store, make):
    """Three photos of one recipe, the active one, with four faces, the first one Ada's; returns the face ids."""
    store.use_recipe(make.recipe)
    ids = [
        face_id for number, lefts in enumerate([(10, 200), (10,), (10,)]) for face_id in make.add(store, number, lefts)
    ]
    make.add(store, 3, ())
    store.enrol(ids[:1], store.create_person("Ada").id)
    store.save_clusters(make.recipe.key, {"1": ids[2:]})
    return ids


def embed(store, make, ids, seed=50):
    """Give faces vectors of the other recipe, as if they had been embedded where the store says that they are."""
    faces = list(store.faces(ids).values())
    return store.add_vectors(faces, make.vectors(len(faces), seed), make.other)


def test_new_vectors_stand_beside_the_old_ones(store, make, held):
    """Vectors of a recipe that is not active change neither what is answered nor what was trained, and are logged as
    its own.
    """  # noqa: D205
    before = store.state()
    old = store.vectors_of(held, make.recipe)
    assert store.photos_to_embed(make.other.key) == sorted({face.photo_id for face in store.faces(held).values()})
    assert embed(store, make, held[:2]) == 2
    now = store.state()
    assert (now.recipe, now.enrolments) == (before.recipe, before.enrolments)
    assert now.token != before.token
    assert np.array_equal(store.vectors_of(held, make.recipe)[1], old[1])
    assert store.changes(before.seq, make.recipe.key).added.size == 0
    assert store.changes(before.seq, make.other.key).added.tolist() == held[:2]
    assert store.photos_to_embed(make.other.key) == [store.faces(held)[face].photo_id for face in held[2:]]
    assert store.photos_to_embed(make.recipe.key) == []


def test_vectors_of_the_active_recipe_are_evidence(store, make, held):
    """A named face that gets a vector of the active recipe makes what was trained out of date."""
    before = store.state().enrolments
    face = store.faces(held)[held[0]]
    store.add_vectors([face], make.vectors(1, 9), make.recipe)
    assert store.state().enrolments != before


def test_a_face_that_went_or_moved_gets_none(store, make, held):
    """A vector that was made from where a face lay before, or from a face that is gone, is not taken."""
    faces = list(store.faces(held).values())
    store.delete_photos([faces[3].photo_id])
    again = [replace(faces[2], box=make.face(12).box)]
    store.add_photo(make.photo(1), again, make.vectors(1, 7), make.recipe)
    assert store.add_vectors(faces, make.vectors(4), make.other) == 2
    assert store.vectors_of(held, make.other)[0].tolist() == held[:2]


def test_vectors_must_fit(store, make, held):
    """Vectors of another number or dimension are refused before anything is written."""
    before = store.state()
    faces = list(store.faces(held).values())
    for wrong in (make.vectors(3), make.vectors(4)[:, :3]):
        with pytest.raises(StoreError, match="dimension 4"):
            store.add_vectors(faces, wrong, make.other)
    assert store.state() == before


def test_outdated_vectors(store, make, held):
    """Vectors of faces that were analysed by another recipe since are dropped, unless answers come from them."""
    embed(store, make, held)
    assert store.drop_outdated(make.other.key) == 0
    make.add(store, 0, (10, 200))
    assert store.drop_outdated(make.recipe.key) == 0
    seq = store.state().seq
    assert store.drop_outdated(make.other.key) == 2
    assert store.drop_outdated(make.other.key) == 0
    assert store.changes(seq, make.other.key).removed.tolist() == held[:2]
    assert store.vectors_of(held, make.other)[0].tolist() == held[2:]
    embed(store, make, held[:2])
    assert store.drop_outdated(make.other.key) == 0


def test_the_switch(store, make, held):
    """The new recipe answers, nothing of the old one is left, photos without a face move too, and every cache and
    whatever was trained learns of it.
    """  # noqa: D205
    embed(store, make, held)
    before = store.state()
    assert store.move_to(make.other) == 0
    now = store.state()
    assert now.recipe == make.other.key
    assert now.enrolments != before.enrolments
    assert store.counts().embeddings == {make.other.key: 4}
    assert store.changes(before.seq, make.recipe.key).removed.tolist() == held
    assert store.clusters(make.recipe.key) == {}
    assert {photo.recipe for photo in store.held(["p0", "p1", "p2", "p3"]).values()} == {make.other.key}
    assert store.enrolled(make.other).face_ids.tolist() == held[:1]
    assert store.move_to(make.other) == 0
    assert store.state() == now


def test_the_switch_without_some_vectors(store, make, held):
    """A face without a new vector keeps its name and loses the old one; its photo stays with the old recipe, so that
    it is analysed anew when it is indexed.
    """  # noqa: D205
    embed(store, make, held[1:])
    assert store.move_to(make.other) == 1
    assert store.counts().embeddings == {make.other.key: 3}
    assert store.faces(held)[held[0]].person == "Ada"
    recipes = {key: photo.recipe for key, photo in store.held(["p0", "p1", "p2", "p3"]).items()}
    assert recipes == {"p0": make.recipe.key, "p1": make.other.key, "p2": make.other.key, "p3": make.other.key}


def test_a_recipe_that_is_kept(store, make, held):
    """Vectors of the recipe before stay where they are to be kept, and the gallery can move back to them at once."""
    embed(store, make, held)
    assert store.earlier_recipes() == []
    old = store.vectors_of(held, make.recipe)
    before = store.state()
    assert store.move_to(make.other, keep=make.recipe.key) == 0
    assert store.state().enrolments != before.enrolments
    assert store.counts().embeddings == {make.recipe.key: 4, make.other.key: 4}
    assert store.earlier_recipes() == [make.recipe.key]
    assert store.drop_outdated(make.recipe.key) == 0
    assert store.photos_to_embed(make.recipe.key) == []
    assert store.move_to(make.recipe, keep=make.other.key) == 0
    assert np.array_equal(store.vectors_of(held, make.recipe)[1], old[1])
    assert store.earlier_recipes() == []
    assert store.drop_outdated(make.other.key) == 0


def test_kept_vectors_of_faces_that_changed(store, make, held):
    """A face that is analysed by the new recipe after the move loses its kept vector before the gallery moves back."""
    embed(store, make, held)
    store.move_to(make.other, keep=make.recipe.key)
    store.add_photo(make.photo(1), [make.face(12)], make.vectors(1, 7), make.other)
    assert store.drop_outdated(make.recipe.key) == 1
    assert len(store.photos_to_embed(make.recipe.key)) == 1


def test_kept_vectors_are_deleted_when_told(store, make, held):
    """All vectors but those that answers come from go, and the change log says so."""
    embed(store, make, held)
    store.move_to(make.other, keep=make.recipe.key)
    seq = store.state().seq
    assert store.drop_others() == 4
    assert store.counts().embeddings == {make.other.key: 4}
    assert store.changes(seq, make.recipe.key).removed.tolist() == held
    assert store.drop_others() == 0
    assert store.earlier_recipes() == []
