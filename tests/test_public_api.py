"""The front door: what ``from facesearch import …`` offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import facesearch
from facesearch import errors


def test_all_is_sorted_and_without_repetition():
    """``__all__`` is sorted and names everything once."""
    assert facesearch.__all__ == sorted(set(facesearch.__all__))


def test_all_is_what_is_there():
    """Every name in ``__all__`` can be had, and nothing else that is public is exposed but submodules."""
    import types

    for name in facesearch.__all__:
        assert getattr(facesearch, name) is not None
    exposed = {name for name, value in vars(facesearch).items() if not isinstance(value, types.ModuleType)}
    public = {name for name in exposed if not name.startswith("_")}
    allowed = {"TYPE_CHECKING", "annotations", "import_module"}
    assert public - allowed <= set(facesearch.__all__)
    assert set(dir(facesearch)) == set(facesearch.__all__)


def test_a_star_import_gives_all_of_it():
    """``from facesearch import *`` brings in exactly ``__all__``."""
    code = "from facesearch import *; import facesearch; print(set(facesearch.__all__) - set(dir()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_names_that_are_loaded_late_are_the_same_objects():
    """What is loaded on first use is the class or function of its own module."""
    from facesearch.dataset import FaceDataset, extract_faces
    from facesearch.gallery.gallery import Gallery

    assert facesearch.Gallery is Gallery
    assert facesearch.FaceDataset is FaceDataset
    assert facesearch.extract_faces is extract_faces


def test_an_unknown_name_is_an_attribute_error():
    """A misspelt name fails like in any module."""
    with pytest.raises(AttributeError, match="Galery"):
        _ = facesearch.Galery  # codespell:ignore


def test_every_error_is_at_the_front_door():
    """Each class of the error tree can be imported from the package, derives from one base and has its own kind."""
    tree = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert {kind.__name__ for kind in tree} <= set(facesearch.__all__)
    assert all(issubclass(kind, facesearch.FacesearchError) for kind in tree)
    kinds = [kind.kind for kind in tree]
    assert len(kinds) == len(set(kinds))


def test_errors_carry_message_and_hint():
    """Every error has a one-line message and a place for the next step."""
    error = facesearch.PhotoError("a.jpg", "cut short", hint="copy it again")
    assert (error.message, error.hint, error.reason, str(error)) == (
        "a.jpg: cut short",
        "copy it again",
        "cut short",
        "a.jpg: cut short",
    )
    assert facesearch.ModelError("x", "unknown").hint is None


def test_values_are_frozen_and_slotted():
    """What the library returns cannot be changed by accident, and a typo in a name does not go unnoticed."""
    import dataclasses

    values = [getattr(facesearch, name) for name in facesearch.__all__]
    for value in values:
        if dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen, value
            assert hasattr(value, "__slots__"), value


def test_the_version_is_the_one_of_the_project():
    """``__version__`` is what pyproject.toml says."""
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert facesearch.__version__ == project["version"]
