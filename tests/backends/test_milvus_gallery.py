"""Galleries whose nearest faces Milvus finds: the answers are those of the database, whatever Milvus holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from facesearch.errors import ConfigError, StoreError
from facesearch.gallery import milvus_cache, milvus_place
from facesearch.gallery.cache import FILE_NAME
from facesearch.index.milvus_index import MilvusIndex
from facesearch.testing import random_units

from ..gallery.pictures import BLUE, GREEN, RED, painted
from ..gallery.test_cache import album, answers


@pytest.fixture(autouse=True)
def _settled(milvus_uri, monkeypatch):
    monkeypatch.setenv("FACESEARCH_MILVUS_URI", milvus_uri)


@pytest.fixture
def photos(tmp_path):
    """Twenty painted photos."""
    return album(tmp_path / "photos", range(20))


@pytest.fixture
def probes(tmp_path):
    """Where probes are painted; never indexed."""
    return tmp_path / "probes"


@pytest.fixture(params=["folder", "postgresql"])
def place(request, tmp_path):
    """A folder, or the URL of a database."""
    return tmp_path / "gallery" if request.param == "folder" else request.getfixturevalue("server").new_place()


@pytest.fixture
def filled(place, fake, open_gallery, photos):
    """An open gallery by Milvus that holds them."""
    gallery = open_gallery(place, fake, index="milvus")
    gallery.index(photos)
    return gallery


@pytest.fixture
def truth(place, fake, open_gallery, probes):
    """What the gallery answers by NumPy now."""
    return lambda: answers(open_gallery(place, fake, index="exact"), probes)


def cache_of(gallery, fake):
    """The gallery's index."""
    return gallery._cache(fake.recipe)


def held(gallery, fake, milvus):
    """The ids in Milvus, without bringing it up to date."""
    return MilvusIndex(milvus, cache_of(gallery, fake)._alias(), fake.recipe.dim).ids().tolist()


def in_database(gallery, fake):
    """The ids that should be there."""
    return [one for ids, _ in gallery._store.embeddings(fake.recipe) for one in ids.tolist()]


@contextmanager
def another(place):
    """Somebody else brings Milvus up to date meanwhile, and takes long."""
    from facesearch.store.store import Store

    begun, over = threading.Event(), threading.Event()

    def hold():
        with Store.open(place) as store, store.index_lock():
            begun.set()
            over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(60)
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_gallery_by_milvus_answers_as_any_other(filled, fake, milvus, probes, truth):
    """Index and search; the vectors are in Milvus when ``index`` is done, and no index file is written."""
    assert held(filled, fake, milvus) == in_database(filled, fake)
    assert answers(filled, probes) == truth()
    facts = filled.stats().index
    assert (facts.kind, facts.vectors, facts.recall) == ("milvus", len(in_database(filled, fake)), None)
    assert facts.place.endswith("lite.db")


def test_names_are_answered(filled, fake, tmp_path):
    """Enrolling and asking who it is does not depend on where the vectors are."""
    filled.enrol("Ann", painted(tmp_path / "red.png", RED, shade=90))
    filled.enrol("Bob", painted(tmp_path / "blue.png", BLUE, shade=91))
    (answer,) = filled.who(painted(tmp_path / "probe.png", BLUE, shade=92))
    assert answer.person == "Bob"


def test_what_came_and_went_is_caught_up(filled, place, fake, milvus, open_gallery, photos, probes, truth):
    """A machine with another index adds and removes; the next one that asks brings Milvus up to date."""
    other = open_gallery(place, fake, index="exact")
    other.index(album(photos, range(20, 30)))
    for number in (3, 4, 5, 21):
        (photos / f"{number:03d}.png").unlink()
    other.prune(photos)
    collection = milvus.target(cache_of(filled, fake)._alias())
    assert held(filled, fake, milvus) != in_database(filled, fake)
    assert answers(filled, probes) == truth()
    assert held(filled, fake, milvus) == in_database(filled, fake)
    assert milvus.target(cache_of(filled, fake)._alias()) == collection


def test_while_another_does_it_nothing_is_missed(filled, place, fake, milvus, open_gallery, photos, probes, truth):
    """Who asks while another machine brings Milvus up to date does not wait: what it lacks is compared beside it."""
    other = open_gallery(place, fake, index="exact")
    other.index(album(photos, range(20, 30)))
    (photos / "003.png").unlink()
    other.prune(photos)
    before, expected = held(filled, fake, milvus), truth()
    with another(place):
        assert answers(filled, probes) == expected
        filled.index(painted(photos.parent / "more" / "one.png", GREEN, shade=140))
        assert answers(filled, probes) == truth()
    assert held(filled, fake, milvus) == before


def test_cut_short_between_vectors_and_stamp(filled, place, fake, milvus, open_gallery, photos, probes, truth):
    """A process that dies before it has written the stamp costs doing it again, and nothing twice."""
    cache = cache_of(filled, fake)
    old = milvus.properties(cache._alias())[milvus_cache._STAMP]
    open_gallery(place, fake, index="exact").index(album(photos, range(20, 30)))
    (photos / "003.png").unlink()
    open_gallery(place, fake, index="exact").prune(photos)
    cache.fresh()
    milvus.put_property(cache._alias(), milvus_cache._STAMP, old)
    assert answers(filled, probes) == truth()
    assert held(filled, fake, milvus) == in_database(filled, fake)


def test_cut_short_while_it_is_filled(filled, fake, milvus, photos, probes, truth, monkeypatch):
    """A process that dies while it fills a new collection leaves the old one answering; the next run sweeps."""
    cache = cache_of(filled, fake)
    milvus.put_property(
        cache._alias(), milvus_cache._STAMP, json.dumps({"gallery": "", "recipe": "", "token": "", "seq": 0})
    )

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cache._server, "point", die)
        with pytest.raises(KeyboardInterrupt):
            answers(filled, probes)
    beginning = cache._alias().rpartition("_")[0]
    assert len(milvus.collections(beginning)) == 2
    filled.index(photos)
    assert len(milvus.collections(beginning)) == 1
    assert answers(filled, probes) == truth()


def test_ids_that_the_database_does_not_know(filled, fake, milvus, probes, truth):
    """Vectors that nobody put there are never answered, and k come all the same; nor is a wrong one believed."""
    known = in_database(filled, fake)
    alias = cache_of(filled, fake)._alias()
    index = MilvusIndex(milvus, alias, fake.recipe.dim)
    near = np.concatenate([vectors for _, vectors in filled._store.embeddings(fake.recipe)])
    for copy in range(1, 12):
        index.add(np.array(known) + 10_000 * copy, near)
    assert answers(filled, probes) == truth()
    index.add(np.array(known[:1]), random_units(1, fake.recipe.dim, seed=9))
    for found, true in zip(answers(filled, probes), truth(), strict=True):
        # One face cannot be found where it is not; nobody else's place or distance changes.
        assert set(found) <= set(true)


def test_exact_is_by_the_database(filled, fake, milvus, tmp_path, truth):
    """``exact`` finds a face whose vector in Milvus is a wrong one."""
    known = in_database(filled, fake)
    index = MilvusIndex(milvus, cache_of(filled, fake)._alias(), fake.recipe.dim)
    index.add(np.array(known), random_units(len(known), fake.recipe.dim, seed=9))
    probe = painted(tmp_path / "probe.png", GREEN, shade=99)
    (found,) = filled.search(probe, threshold=4.0, exact=True)
    assert len(found.matches) == 20


def test_two_galleries_side_by_side(filled, fake, open_gallery, tmp_path, probes, truth):
    """Two galleries in one Milvus, whose face ids are the same, answer each its own."""
    other = open_gallery(tmp_path / "other", fake, index="milvus")
    other.index(album(tmp_path / "elsewhere", range(40, 60)))
    assert answers(filled, probes) == truth()
    assert all("/elsewhere/" in path for found in answers(other, probes) for path, _ in found)


def test_a_copy_that_went_its_own_way(fake, milvus, open_gallery, photos, probes, tmp_path):
    """A copy of a gallery's folder has its identity, and so its collection: each makes it anew, neither is misled."""
    first = open_gallery(tmp_path / "gallery", fake, index="milvus")
    first.index(photos)
    shutil.copytree(tmp_path / "gallery", tmp_path / "copy")
    second = open_gallery(tmp_path / "copy", fake, index="milvus")
    first.index(album(tmp_path / "one", range(60, 70)))
    second.index(album(tmp_path / "two", range(80, 90)))
    for gallery in (first, second, first):
        exact = open_gallery(gallery.folder, fake, index="exact")
        assert answers(gallery, probes) == answers(exact, probes)


@pytest.mark.parametrize("everything", [False, True])
def test_what_is_forgotten_is_gone_from_milvus(filled, fake, milvus, photos, probes, truth, everything):
    """The collection is dropped before the receipt is written, which says so and what is out of reach."""
    beginning = cache_of(filled, fake)._alias().rpartition("_")[0]
    doomed = photos / "003.png"
    gone = set(in_database(filled, fake))
    receipt = filled.forget(photo=None if everything else doomed, everything=everything)
    assert milvus.collections(beginning) == []
    assert receipt.derived["vectors in Milvus"].startswith("removed")
    assert milvus_place.OUT_OF_REACH in receipt.out_of_reach
    if everything:
        filled.index(painted(photos.parent / "new" / "one.png", RED, shade=3))
        assert not gone & set(held(filled, fake, milvus))
    else:
        assert answers(filled, probes) == truth()
        assert all(str(doomed) != path for found in answers(filled, probes) for path, _ in found)
        assert held(filled, fake, milvus) == in_database(filled, fake)


def test_forgetting_needs_milvus(filled, fake, monkeypatch, photos):
    """Where Milvus cannot be reached nothing is forgotten, for its copy would stay unseen."""
    before = in_database(filled, fake)
    monkeypatch.setenv("FACESEARCH_MILVUS_URI", "http://127.0.0.1:9")
    monkeypatch.setattr("facesearch.index.milvus_server.TIMEOUT", 1.0)
    with pytest.raises(StoreError, match="cannot be reached"):
        filled.forget(photo=photos / "003.png")
    assert in_database(filled, fake) == before


def test_a_large_gallery_gets_a_graph(filled, fake, milvus, photos, probes, truth, monkeypatch):
    """Beyond so many faces the collection is made anew with a graph, and answers as before; a small one goes back."""
    cache = cache_of(filled, fake)
    for most, graph in ((25, True), (50, True), (100, False)):
        cache._approximate_from = most
        cache.save()
        assert cache.fresh().has_graph is graph
        assert (filled.stats().index.recall is not None) is graph
        assert answers(filled, probes) == truth()
    assert len(milvus.collections(cache._alias())) == 1


def test_it_is_not_said_where_milvus_is(tmp_path, fake, open_gallery, photos, monkeypatch):
    """Asking for Milvus without an address says how to give one, before any photo is looked at."""
    monkeypatch.delenv("FACESEARCH_MILVUS_URI")
    gallery = open_gallery(tmp_path / "gallery", fake, index="milvus")
    with pytest.raises(ConfigError) as caught:
        gallery.index(photos)
    assert "FACESEARCH_MILVUS_URI" in caught.value.hint
    assert gallery.stats().faces == 0


def test_at_the_command_line(tmp_path, sample_folder, val):
    """The settings file chooses Milvus for a command, the command line something else; stats says which and where."""
    gallery, uri = tmp_path / "gallery", tmp_path / "own.db"
    shutil.copytree(sample_folder, gallery)
    (gallery / FILE_NAME).unlink()
    settled = tmp_path / "config.toml"
    settled.write_text(f'[index]\nbackend = "milvus"\n[milvus]\nuri = "{uri}"\n')
    environment = {**os.environ, "FACESEARCH_CONFIG": str(settled), "FACESEARCH_GALLERY": str(gallery)}
    del environment["FACESEARCH_MILVUS_URI"]

    def run(*words):
        command = [sys.executable, "-m", "facesearch", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    by_milvus = run("search", str(val[0]), "--json")
    assert not (gallery / FILE_NAME).exists()
    assert json.loads(run("stats", "--json"))["index"]["place"] == str(uri)
    assert run("search", str(val[0]), "--json", "--index", "exact") == by_milvus
