"""The gallery's index is of the kind that suits its size, and the answers do not depend on the kind."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.gallery.cache import FILE_NAME
from facesearch.index import policy
from facesearch.index.coded import CodedIndex
from facesearch.index.file import load
from facesearch.index.registry import INDEXES

from .pictures import painted

pytestmark = pytest.mark.slow

COLOURS = np.random.default_rng(3).integers(0, 256, (400, 3))
BRIGHT = [tuple(map(int, colour)) for colour in COLOURS if np.ptp(colour) > 120]


def album(folder, numbers):
    """A photo with one face in a colour of its own for each number."""
    for number in numbers:
        painted(folder / f"{number:03d}.png", BRIGHT[number], shade=number)
    return folder


def answers(gallery, folder, **options):
    """What is found for some colours."""
    found = []
    for number in range(0, 40, 5):
        probe = painted(folder / f"probe-{number}.png", BRIGHT[number], shade=200 + number)
        (one,) = gallery.search(probe, threshold=4.0, limit=5, **options)
        found.append([(match.path, match.distance) for match in one.matches])
    return found


@pytest.fixture
def small(monkeypatch):
    """Limits that a painted album reaches: flat to 50 faces, compressed to 80, codes from 20."""
    monkeypatch.setattr(policy, "FLAT_MOST", 50)
    monkeypatch.setattr(policy, "COMPRESSED_MOST", 80)
    monkeypatch.setattr(CodedIndex, "codes_from", 20)


@pytest.mark.sqlite  # the file is the same wherever the rows are; test_a_kind_by_name reads them from both
def test_the_kind_follows_the_size(small, tmp_path, fake, place, new_place, open_gallery):
    """More photos, another kind, at the end of the run that brought them; the answers stay those of NumPy."""
    gallery = open_gallery(place, fake)
    kinds = []
    for upto in (40, 60, 100):
        gallery.index(album(tmp_path / "photos", range(upto)))
        kinds.append(gallery.stats().index.kind)
        exact = open_gallery(new_place(f"exact-{upto}"), fake, index="exact")
        exact.index(tmp_path / "photos")
        assert answers(gallery, tmp_path / "probes") == answers(exact, tmp_path / "probes")
    assert kinds == ["flat", "compressed", "inverted"]
    about = gallery.stats().index
    assert (about.vectors, about.lists is not None) == (100, True)
    assert about.recall >= 0.99


def test_a_kind_by_name(small, tmp_path, fake, place, open_gallery):
    """Every kind can be had by name, takes over a file of another kind, and gives the same answers exactly."""
    open_gallery(place, fake).index(album(tmp_path / "photos", range(60)))
    expected = None
    for kind in INDEXES:
        gallery = open_gallery(place, fake, index=kind)
        found = answers(gallery, tmp_path / "probes", exact=True)
        expected = expected or found
        assert found == expected
        gallery.index(tmp_path / "photos")
        assert gallery.stats().index.kind == kind == load(gallery.folder / FILE_NAME)[0].name
    gallery = open_gallery(place, fake)
    gallery.index(tmp_path / "photos")
    assert gallery.stats().index.kind == "inverted"  # not so far above its limit as to be made anew


@pytest.mark.sqlite  # as above
def test_damaged_vectors_cost_time_and_no_answer(small, tmp_path, fake, place, open_gallery):
    """A flipped bit among the vectors on disk is noticed by the question that meets it; the index is made anew."""
    gallery = open_gallery(place, fake, index="compressed")
    gallery.index(album(tmp_path / "photos", range(60)))
    before = answers(gallery, tmp_path / "probes")
    path = gallery.folder / FILE_NAME
    gallery.close()
    data = bytearray(path.read_bytes())
    data[-512 * 30] ^= 8
    path.write_bytes(data)
    assert answers(open_gallery(place, fake, index="compressed"), tmp_path / "probes") == before
    index, _ = load(path)
    list(index.rows())  # whole again

    path.write_bytes(data)
    gallery = open_gallery(place, fake, index="compressed")
    gallery.index(album(tmp_path / "photos", range(61)))
    list(load(path)[0].rows())
    assert answers(gallery, tmp_path / "probes") == before


@pytest.mark.sqlite  # as above; test_a_stale_file_is_caught_up in test_cache.py prunes on both
def test_forgotten_faces_leave_the_file(small, tmp_path, fake, place, open_gallery):
    """Photos that are pruned are neither answered nor found in the file's bytes."""
    gallery = open_gallery(place, fake, index="compressed")
    gallery.index(album(tmp_path / "photos", range(60)))
    vectors = gallery._store.vectors_of(range(1, 61), fake.recipe)[1]
    for number in (5, 10):
        (tmp_path / "photos" / f"{number:03d}.png").unlink()
    gallery.prune(tmp_path / "photos")
    found = answers(gallery, tmp_path / "probes")
    assert not any(path.endswith(("005.png", "010.png")) for one in found for path, _ in one)
    gallery.index(tmp_path / "photos")
    written = (gallery.folder / FILE_NAME).read_bytes()
    assert [row.tobytes() in written for row in vectors[[4, 5, 10, 11]]] == [True, False, False, True]


def test_memory_budget(tmp_path, fake, counting_fake, place, open_gallery):
    """A budget that nothing fits into is refused with what would be needed, before a photo is looked at."""
    gallery = open_gallery(place, fake, memory_budget=1 << 20)
    with pytest.raises(ConfigError, match=r"--memory-budget \(0 are here, about 3 in 3 new photos"):
        gallery.index(album(tmp_path / "photos", range(3)))
    assert not counting_fake.seen
    open_gallery(place, fake).index(tmp_path / "photos")
    assert counting_fake.seen["pictures"] == 3


@pytest.mark.sqlite  # what is counted is not the database's
def test_a_budget_for_what_will_come(monkeypatch, tmp_path, fake, counting_fake, place, open_gallery):
    """How many faces will come is told from those that the photos so far had; what fits is indexed."""
    monkeypatch.setattr(policy, "BASE_BYTES", 0)
    open_gallery(place, fake).index(album(tmp_path / "photos", range(10)))
    gallery = open_gallery(place, fake, memory_budget=policy.needed("compressed", 20, fake.recipe.dim))
    assert gallery.index(album(tmp_path / "photos", range(20))).added == 10
    with pytest.raises(ConfigError, match="20 are here, about 1 in 1 new photos"):
        gallery.index(album(tmp_path / "photos", range(21)))
    assert counting_fake.seen["pictures"] == 20
    (tmp_path / "photos" / "020.png").unlink()
    gallery.index(tmp_path / "photos", reprocess=True)  # these are not twenty more
    assert counting_fake.seen["pictures"] == 40
    (tmp_path / "photos").rename(tmp_path / "moved")
    moved = gallery.index(tmp_path / "moved")  # nor are these
    assert (moved.added, moved.skipped, counting_fake.seen["pictures"]) == (0, 20, 40)
    album(tmp_path / "moved", [20])
    with pytest.raises(ConfigError, match="20 are here, about 1 in 1 new photos"):
        gallery.index(tmp_path / "moved")
