"""The command line over painted faces: fake models, real galleries."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from facesearch.cli.app import app
from facesearch.errors import ConfigError

# Before ``fake_models`` replaces what it imports, so that it keeps the real one in whatever order tests run.
from facesearch.evaluation import own_model  # noqa: F401
from facesearch.pipeline import FrontEnd
from facesearch.testing import FakeDetector, FakeEmbedder, paint
from facesearch.types import Box

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facesearch.types import Recipe

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 220, 40),
    "blue": (40, 40, 220),
    "violet": (200, 40, 220),
    "rust": (190, 80, 60),
}


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def fake_models(monkeypatch):
    """All commands see faces as ``facesearch.testing`` paints them; returns the options that a front end was made with.

    The front end of another engine has another recipe, as a real one has.
    """
    made: list[dict[str, Any]] = []

    def make_front_end(**options: Any) -> FrontEnd:
        made.append(options)
        return FrontEnd(FakeDetector(4 if options.get("engine", "onnx") == "onnx" else 5), FakeEmbedder())

    def front_end_for(recipe: Recipe, *, engine: str, **options: Any) -> FrontEnd:
        # It only has to make the recipe of the engine that was not asked for.
        other = make_front_end(engine="onnx" if engine == "reference" else "reference")
        made.pop()
        assert other.recipe == recipe
        if engine == "reference":
            raise ConfigError("by --engine onnx", hint="facesearch reindex --engine reference")
        return other

    monkeypatch.setattr("facesearch.gallery.opening.front_end_for", front_end_for)
    monkeypatch.setattr("facesearch.pipeline.make_front_end", make_front_end)
    monkeypatch.setattr("facesearch.gallery.opening.make_front_end", make_front_end)
    return made


@pytest.fixture
def run(fake_models, tmp_path, monkeypatch) -> Callable[..., Outcome]:
    """Runs a command in this process, with fake models and a gallery of its own."""
    monkeypatch.setenv("FACESEARCH_GALLERY", str(tmp_path / "own.gallery"))
    monkeypatch.setenv("FACESEARCH_WEIGHTS", "")
    monkeypatch.delenv("FACESEARCH_DEBUG", raising=False)

    def call(*words: object) -> Outcome:
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="facesearch")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def photo(tmp_path) -> Callable[..., Path]:
    """Paints a photo: ``photo("a/1.png", "red", "blue")`` has a red face left of a blue one. ``width`` makes it new."""

    def make(name: str, *colours: str, width: int = 320) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        faces = [(Box(20 + 90 * i, 60, 90 + 90 * i, 130), COLOURS[colour]) for i, colour in enumerate(colours)]
        Image.fromarray(paint(faces, width=width)).save(path, format="PNG")
        return path

    return make


@pytest.fixture
def album(photo, run, tmp_path) -> Path:
    """An indexed folder: two photos of ada (red), one of bob (green), one of nobody known (blue)."""
    photo("album/ada/1.png", "red")
    photo("album/ada/2.png", "red", width=330)
    photo("album/bob/3.png", "green", width=340)
    assert run("index", tmp_path / "album", "--people-from-folders").code == 0
    photo("album/4.png", "blue", width=350)
    photo("album/5.png", "blue", width=360)
    assert run("index", tmp_path / "album").code == 0
    return tmp_path / "album"


class Terminal(io.StringIO):
    """A stream that says it is a terminal and keeps what is written to it."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture
def terminal(monkeypatch) -> Callable[[], tuple[Terminal, Terminal]]:
    """Call it to make stdout and stderr terminals, and to get these."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def begin() -> tuple[Terminal, Terminal]:
        streams = Terminal(), Terminal()
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        return streams

    return begin
