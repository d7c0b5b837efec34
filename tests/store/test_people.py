"""People and what was decided about them."""

import numpy as np
import pytest

from facesearch.errors import ConfigError, NotFoundError, StoreError
from facesearch.types import Person


def test_names_are_found_whatever_their_case(store):
    """People are found by name, whatever its case, spacing and way to write an accent; names need not be unique."""
    one = store.create_person("  Zoë   Weiß ")
    two = store.create_person("zoe\u0308 weiss")
    assert one.name == "Zoë Weiß"
    assert {person.id for person in store.find_people("ZOË WEISS")} == {one.id, two.id}
    assert store.find_people("Zoe") == []


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "\x1b[31mred", "\udcff"])
def test_names_that_are_none(store, name):
    """A name that is empty, would do something to a terminal, or is not valid Unicode is refused."""
    with pytest.raises(ConfigError):
        store.create_person(name)
    assert store.people() == []


def test_people_are_counted(store, make):
    """People come by name with how many faces and photos they were enrolled with."""
    first, second = make.add(store, 1, (10, 100)), make.add(store, 2)
    ada, bob = store.create_person("Bob").id, store.create_person("ada").id
    store.enrol(first + second, ada)
    assert store.people() == [Person(bob, "ada", 0, 0), Person(ada, "Bob", 3, 2)]
    assert store.person(ada) == store.find_people("bob")[0]
    assert store.rename(ada, "Zed").name == "Zed"
    assert [person.name for person in store.people()] == ["ada", "Zed"]


def test_nobody_and_nothing(store, make):
    """Unknown people and faces are errors, and a call that meets one changes nothing."""
    ids = make.add(store, 1)
    ada = store.create_person("Ada").id
    for call in (
        lambda: store.person("nobody"),
        lambda: store.rename("nobody", "Ada"),
        lambda: store.enrol(ids, "nobody"),
        lambda: store.enrol([*ids, 999], ada),
        lambda: store.unenrol([999]),
        lambda: store.reject([999], ada),
        lambda: store.reject(ids, "nobody"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert store.counts().enrolled == 0
    assert store.rejections() == {}


def test_a_face_has_one_person(store, make):
    """A face that is given to somebody else leaves the first one; enrolling anew changes nothing."""
    ids = make.add(store, 1, (10, 100))
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    assert store.enrol(ids, ada) == 2
    assert store.enrol(ids[:1], bob) == 1
    assert store.enrol(ids[:1], bob) == 0
    assert [store.faces(ids)[face_id].person for face_id in ids] == ["Bob", "Ada"]
    assert store.unenrol(ids) == 2
    assert store.unenrol(ids) == 0
    assert store.counts().enrolled == 0


def test_what_a_user_said_outranks_a_folder(store, make):
    """A folder's word about the same person does not replace the user's; a user's replaces a folder's."""
    ids = make.add(store, 1)
    ada = store.create_person("Ada").id
    assert store.enrol(ids, ada, "folder") == 1
    assert store.enrol(ids, ada, "user") == 1
    assert store.enrol(ids, ada, "folder") == 0
    assert [event.payload["after"]["source"] for event in store.events() if event.op == "enrol"] == ["folder", "user"]


def test_automatic_enrolments_are_no_evidence(store, make):
    """An automatic enrolment has its person but is not among the evidence until it is confirmed."""
    sure, guessed = make.add(store, 1, (10, 100))
    ada = store.create_person("Ada").id
    store.enrol([sure], ada)
    store.enrol([guessed], ada, "auto")
    assert store.faces([guessed])[guessed].person == "Ada"
    assert store.enrolled(make.recipe).face_ids.tolist() == [sure]
    assert store.unnamed(make.recipe).face_ids.size == 0
    store.enrol([guessed], ada, "auto", confirmed=True)
    assert store.enrolled(make.recipe).face_ids.tolist() == [sure, guessed]


def test_evidence_in_rows(store, make):
    """The evidence comes row by row: face, photo, person, vector; only of the recipe asked for."""
    ids = make.add(store, 1, (10, 100, 200))
    make.add(store, 2)
    other = make.add(store, 3, (10,), make.other)
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    store.enrol([ids[2], ids[0], *other], ada)
    store.enrol([ids[1]], bob)
    evidence = store.enrolled(make.recipe)
    assert evidence.face_ids.tolist() == ids
    assert evidence.person_ids == (ada, bob, ada)
    assert evidence.photo_ids.tolist() == [store.held(["p1"])["p1"].id] * 3
    assert evidence.vectors.dtype == np.float32
    assert np.array_equal(evidence.vectors, make.vectors(3, seed=1))
    rest = store.unnamed(make.recipe)
    assert rest.photo_ids.tolist() == [store.held(["p2"])["p2"].id]
    assert np.array_equal(rest.vectors, make.vectors(1, seed=2))


@pytest.mark.sqlite
def test_the_evidence_is_found_without_reading_all_vectors(store, make):
    """SQLite goes from the enrolments to their faces and vectors, and scans neither faces nor embeddings."""
    from sqlalchemy import event

    plans = []

    def explain(connection, cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            plans.extend(row[3] for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    event.listen(store._engine, "before_cursor_execute", explain)
    store.enrolled(make.recipe)
    store.vectors_of([1, 2], make.recipe)
    next(store.embeddings(make.recipe), None)
    store.faces([1])
    store.known(make.stamp(1))
    assert len(plans) > 10
    assert [plan for plan in plans if plan.startswith("SCAN") and "enrolment" not in plan] == []


def test_rejections(store, make):
    """A face that is not this person loses that enrolment only; one that is no face loses any, its cluster, and its
    place among the unnamed.
    """  # noqa: D205
    one, two, three = ids = make.add(store, 1, (10, 100, 200))
    ada, bob = store.create_person("Ada").id, store.create_person("Bob").id
    store.enrol([one, two], ada)
    store.save_clusters(make.recipe.key, {"c": [three]})
    assert store.reject([one], ada) == 1
    assert store.reject([one], ada) == 0
    assert store.reject([two], bob) == 1
    assert store.reject([two, three], None) == 2
    assert store.rejections() == {one: {ada}, two: {bob, None}, three: {None}}
    assert store.counts().enrolled == 0
    assert store.unnamed(make.recipe).face_ids.tolist() == [one]
    assert store.clusters(make.recipe.key) == {}
    store.enrol(ids, ada)
    assert store.rejections() == {two: {bob}}


def test_the_enrolments_token(store, make):
    """What was trained on enrolments is out of date after they, or their vectors, change, and only then."""
    tokens = []

    def changed(action):
        action()
        tokens.append(store.state().enrolments)
        return len(tokens) < 2 or tokens[-1] != tokens[-2]

    ids = make.add(store, 1, (10, 100))
    ada = store.create_person("Ada").id
    assert changed(lambda: store.enrol(ids[:1], ada))
    assert not changed(lambda: store.enrol(ids[:1], ada))
    assert not changed(lambda: make.add(store, 2))
    assert not changed(lambda: store.rename(ada, "Ada L."))
    assert not changed(lambda: store.create_person("Bob"))
    assert not changed(lambda: store.reject(ids[1:], ada))
    assert changed(lambda: make.add(store, 1, (10, 100)))
    assert changed(lambda: store.unenrol(ids[:1]))
    assert changed(lambda: store.enrol(ids, ada))
    assert changed(lambda: store.reject(ids[:1], None))
    assert changed(lambda: store.delete_photos([1]))


def test_clusters(store, make):
    """Clusters are replaced as a whole, keep their order, and lose the faces that were named."""
    ids = make.add(store, 1, (10, 100, 200, 300))
    store.use_recipe(make.recipe)
    store.save_clusters(make.recipe.key, {"old": ids})
    store.save_clusters(make.recipe.key, {"a": [ids[2], ids[0]], "b": [ids[3]]})
    assert store.clusters(make.recipe.key) == {"a": [ids[2], ids[0]], "b": [ids[3]]}
    assert store.cluster_faces("a") == [ids[2], ids[0]]
    ada = store.create_person("Ada").id
    store.enrol([ids[2]], ada)
    assert store.cluster_faces("a") == [ids[0]]
    store.enrol(store.cluster_faces("a", make.recipe.key), ada)
    for gone in ("a", "old"):
        with pytest.raises(NotFoundError, match="cluster"):
            store.cluster_faces(gone)
    with pytest.raises(NotFoundError):
        store.cluster_faces("b", make.other.key)


def test_clusters_that_cannot_be(store, make):
    """A face in two clusters, or one that is not in the gallery, is refused, and the old clusters stay."""
    ids = make.add(store, 1)
    store.save_clusters(make.recipe.key, {"a": ids})
    for wrong in ({"b": ids, "c": ids}, {"b": [999]}):
        with pytest.raises(StoreError):
            store.save_clusters(make.recipe.key, wrong)
    assert store.clusters(make.recipe.key) == {"a": ids}
