"""What gets installed: the wheel, an editable install, the metadata."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import facesearch
from facesearch.store.migrate import known_revisions

CHECKOUT = Path(__file__).resolve().parent.parent
SITE = sysconfig.get_paths()["purelib"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

LOCATE = """
import sys
from pathlib import Path
from facesearch.store.migrate import known_revisions, migrations_folder
from facesearch.store.store import Store
Store.open(Path("gallery")).close()
print(migrations_folder())
print(*known_revisions(migrations_folder()))
"""


def run(command: list[str], **options: object) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif("FACESEARCH_TEST_WHEEL" not in os.environ, reason="only `make` installs the wheel first")
def test_the_suite_runs_the_installed_wheel() -> None:
    """Under make, the package that is tested is the installed one, not the source tree."""
    assert Path(facesearch.__file__).is_relative_to(SITE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(CHECKOUT)])
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_migrations_only(wheel: Path) -> None:
    """The wheel adds one top-level package, with py.typed and the migrations inside."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"facesearch", f"facesearch-{facesearch.__version__}.dist-info"}
    assert {"facesearch/py.typed", "facesearch/migrations/env.py"} <= set(names)
    assert any(name.startswith("facesearch/migrations/versions/0001") for name in names)


@pytest.mark.slow
def test_a_wheel_finds_its_own_migrations(wheel: Path, tmp_path: Path) -> None:
    """Installed from a wheel, far from any checkout, a gallery opens with the migrations inside the package."""
    target, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    run([*PIP, "install", "--no-deps", "--target", str(target), str(wheel)])
    out = run([sys.executable, "-c", LOCATE], cwd=empty, env={**os.environ, "PYTHONPATH": str(target)}).split("\n")
    assert Path(out[0]) == target / "facesearch" / "migrations"
    assert out[1].startswith("0001")


@pytest.mark.slow
def test_an_editable_install_sees_a_new_migration(tmp_path: Path) -> None:
    """After an editable install, a revision that is added to the checkout is found without installing again."""
    checkout = tmp_path / "checkout"
    for name in ("facesearch", "migrations"):
        shutil.copytree(CHECKOUT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, checkout / name)
    home = tmp_path / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", str(home)])
    python = home / "bin" / "python"
    own = Path(run([str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]).strip())
    # The libraries come from the environment that runs the tests; the package itself must not.
    (own / "libraries.pth").write_text(SITE + "\n")
    run([*PIP, "--python", str(python), "install", "--no-deps", "--no-build-isolation", "-e", str(checkout)])
    first = next((checkout / "migrations" / "versions").glob("0001*.py"))
    later = first.with_name("9999_later.py")
    later.write_text(first.read_text().replace('revision = "0001"', 'revision = "9999"'))
    code = "from facesearch.store.migrate import *; print(migrations_folder(), *known_revisions(migrations_folder()))"
    out = run([str(python), "-c", code], cwd=tmp_path).split()
    assert Path(out[0]) == checkout / "migrations"
    assert out[1:] == [*known_revisions(CHECKOUT / "migrations"), "9999"]


def test_the_metadata_says_what_a_stranger_must_know() -> None:
    """Name, version, licence and command agree between the package, pyproject and what is installed."""
    text = (CHECKOUT / "pyproject.toml").read_text()
    assert f'version = "{facesearch.__version__}"' in text
    assert 'facesearch = "facesearch.cli:main"' in text
    if any(dist.name == "facesearch" for dist in metadata.distributions()):
        held = metadata.metadata("facesearch")
        assert held["License-Expression"] == "MIT"
        assert held["Requires-Python"] == ">=3.11"
