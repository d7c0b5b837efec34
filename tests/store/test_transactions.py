"""All or nothing, and what a commit leaves behind.

PT012 is off where a whole transaction is what must fail.
"""

import pytest

from facesearch.errors import NotFoundError, StoreError


def test_an_exception_undoes_everything(store, make):
    """A transaction that ends in an exception, whatever kind, leaves no trace, not even a new token."""
    before = store.state(), store.counts()
    for kind in (ValueError, KeyboardInterrupt):
        with pytest.raises(kind), store.writing():  # noqa: PT012
            make.add(store, 1)
            store.create_person("Ada")
            raise kind
    assert (store.state(), store.counts()) == before


def test_a_part_can_fail_alone(store, make):
    """An inner transaction that fails is undone alone; the outer one goes on."""
    with store.writing():
        make.add(store, 1)
        with pytest.raises(NotFoundError), store.writing():  # noqa: PT012
            store.create_person("half")
            store.enrol([12345], "nobody")
        make.add(store, 2)
    assert store.counts().faces == 2
    assert store.people() == []
    assert store.events() == []


def test_add_photo_is_one_transaction(store, make, monkeypatch):
    """A photo whose last statement fails is not there at all: no photo, no path, no change."""
    before = store.state()
    monkeypatch.setattr(store, "_put_vectors", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make.add(store, 1)
    monkeypatch.undo()
    assert store.state() == before
    assert store.counts().paths == store.counts().faces == 0
    assert store.photo_by_pixel_hash("p1") is None


def test_reading_is_of_one_state(store, folder, make):
    """Inside ``reading`` nothing moves, though another connection commits."""
    from facesearch.store import Store

    with Store.open(folder) as writer:
        make.add(writer, 1)
        with store.reading():
            state, counts = store.state(), store.counts()
            make.add(writer, 2)
            assert (store.state(), store.counts()) == (state, counts)
        assert store.counts().faces == 2


def test_every_change_renews_the_token(store, make):
    """Each commit that changes something has a token of its own, and each one that does not keeps the token."""
    tokens = [store.state().token]

    def step(action):
        result = action()
        tokens.append(store.state().token)
        return result

    (face,) = step(lambda: make.add(store, 1))
    person = step(lambda: store.create_person("Ada"))
    step(lambda: store.enrol([face], person.id))
    step(lambda: store.rename(person.id, "Ada L."))
    step(lambda: store.add_failure(make.stamp(9), "not a picture", "v1"))
    step(lambda: store.use_recipe(make.recipe))
    step(lambda: store.unenrol([face]))
    step(lambda: store.save_clusters(make.recipe.key, {"c": [face]}))
    step(lambda: store.reject([face], person.id))
    step(lambda: store.delete_files([next(store.files(make.stamp(1).root)).id]))
    step(lambda: store.delete_photos([1]))
    assert len(set(tokens)) == len(tokens)

    last = store.state()
    store.unenrol([])
    store.delete_photos([1, 99])
    store.use_recipe(make.recipe)
    store.rename(person.id, "Ada L.")
    assert store.root_for(make.stamp(1).root) == make.stamp(1).root
    with store.writing():
        store.counts()
    assert store.state() == last


def test_a_group_of_photos_is_one_commit(store, make):
    """Many photos in one ``writing`` are one state."""
    with store.writing():
        before = store.state().token
        for number in range(5):
            make.add(store, number)
        assert store.state().token == before
    assert store.state().token != before
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM commit_log").scalar() == 2


@pytest.mark.sqlite
def test_a_full_disk(store, make):
    """A full disk is one of our errors, with a way out, and leaves what was committed before."""
    make.add(store, 1)
    with pytest.raises(StoreError) as caught, store.writing():  # noqa: PT012
        connection = store._work.connection
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for number in range(2, 400):
            make.add(store, number)
    assert "free some disk space" in caught.value.hint
    store._engine.dispose()
    assert store.counts().faces == 1
    make.add(store, 2)
    assert store.counts().faces == 2


@pytest.mark.sqlite
def test_a_read_only_database(store):
    """A database that cannot be written is one of our errors."""
    with pytest.raises(StoreError) as caught, store.writing():  # noqa: PT012
        store._work.connection.exec_driver_sql("PRAGMA query_only = ON")
        store.create_person("nobody")
    assert "permissions" in caught.value.hint


def test_errors_of_the_caller_pass_through(store):
    """An OSError of the code inside a transaction is the caller's business and stays what it is."""
    with pytest.raises(FileNotFoundError), store.lock(), store.writing():
        raise FileNotFoundError("a photo")
