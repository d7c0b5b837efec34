"""A gallery that cannot be written is asked as any other: on a read-only file system, or where its mode forbids."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from facesearch.errors import FacesearchError
from facesearch.gallery.cache import FILE_NAME
from facesearch.gallery.gallery import Gallery
from facesearch.store.store import Store

from .pictures import BLUE, GREEN, RED, painted

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]

NOBODY = 65534


@contextlib.contextmanager
def without_privileges():
    """Permissions bind whoever runs the tests, also root."""
    if os.getuid():
        yield
        return
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


@pytest.fixture
def frozen(tmp_path, fake, open_gallery):
    """A closed gallery of three photos with a name for one; nobody may write into its folder."""
    gallery = open_gallery(tmp_path / "gallery", fake)
    for number, colour in enumerate((RED, GREEN, BLUE)):
        painted(tmp_path / "photos" / f"{number}.png", colour, shade=number)
    gallery.index(tmp_path / "photos")
    gallery.enrol("Ann", tmp_path / "photos" / "0.png")
    gallery.close()
    with tempfile.TemporaryDirectory() as name:
        # Not below pytest's own folder, which only its owner may enter.
        folder = Path(name) / "gallery"
        shutil.copytree(tmp_path / "gallery", folder)
        Path(name).chmod(0o755)
        for path in (*folder.iterdir(), folder):
            path.chmod(0o500 if path.is_dir() else 0o400)
            if not os.getuid():
                os.chown(path, NOBODY, NOBODY)
        yield folder
        folder.chmod(0o700)


def asked(folder, fake, probes):
    """Who is in a photo, and where else the face is."""
    with Gallery(Store.open(folder, create=False), lambda: fake, index="exact") as gallery:
        (answer,) = gallery.who(probes / "red.png")
        (probe,) = gallery.search(probes / "red.png", threshold=4.0)
        return answer.person, [(match.path, match.distance) for match in probe.matches], gallery.stats().faces


def test_it_answers(frozen, fake, tmp_path):
    """Names, search and counts are those of the gallery that can be written, with and without an index file."""
    painted(tmp_path / "probes" / "red.png", RED, shade=90)
    for path in (tmp_path / "probes", tmp_path / "probes" / "red.png"):
        path.chmod(0o755)
    expected = asked(tmp_path / "gallery", fake, tmp_path / "probes")
    assert expected[0] == "Ann"
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        probes = Path(shutil.copytree(tmp_path / "probes", Path(name) / "probes"))
        held = sorted(path.name for path in frozen.iterdir())
        with without_privileges():
            assert not os.access(frozen, os.W_OK)
            assert asked(frozen, fake, probes) == expected
        frozen.chmod(0o700)
        (frozen / FILE_NAME).unlink()
        frozen.chmod(0o500)
        with without_privileges():
            assert asked(frozen, fake, probes) == expected
    held.remove(FILE_NAME)
    assert sorted(path.name for path in frozen.iterdir()) == held


def test_a_change_is_refused_with_the_reason(frozen, fake):
    """Naming somebody there is an error that points to the permissions; nothing is changed."""
    with without_privileges(), Gallery(Store.open(frozen, create=False), lambda: fake) as gallery:
        with pytest.raises(FacesearchError) as caught:
            gallery.rename("Ann", "Anna")
        assert "permissions" in (caught.value.hint or "")
        assert [person.name for person in gallery.people()] == ["Ann"]
    assert stat.S_IMODE((frozen / "gallery.sqlite").stat().st_mode) == 0o400
