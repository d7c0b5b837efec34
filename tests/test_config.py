"""The settings file and the environment: which comes first, and what is said of a file that cannot be used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from facesearch import Gallery
from facesearch.config import config_file, settings
from facesearch.errors import ConfigError


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Writes the settings file."""
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("FACESEARCH_CONFIG", str(path))
    return path.write_text


def test_nothing_is_settled():
    """Without a file and an environment everything is as the program has it."""
    assert config_file().name == "config.toml"
    assert not config_file().exists()
    held = settings()
    assert (held.index, held.milvus_uri, held.milvus_token, held.milvus_prefix) == (None, None, None, "facesearch")


def test_the_file_in_the_users_folder():
    """The file is found where the platform keeps settings."""
    config_file().parent.mkdir(parents=True)
    config_file().write_text('[index]\nbackend = "flat"\n')
    assert settings().index == "flat"


def test_the_environment_comes_before_the_file(told, monkeypatch):
    """Each value by itself."""
    told('[index]\nbackend = "milvus"\n[milvus]\nuri = "http://a:19530"\ntoken = "one"\nprefix = "mine"\n')
    held = settings()
    assert (held.index, held.milvus_uri, held.milvus_token) == ("milvus", "http://a:19530", "one")
    assert held.milvus_prefix == "mine"
    monkeypatch.setenv("FACESEARCH_INDEX", "exact")
    monkeypatch.setenv("FACESEARCH_MILVUS_URI", "https://b:443")
    monkeypatch.setenv("FACESEARCH_MILVUS_TOKEN", "two")
    held = settings()
    assert (held.index, held.milvus_uri, held.milvus_token) == ("exact", "https://b:443", "two")
    assert "two" not in repr(held)


def test_a_path_for_milvus_lite(told, monkeypatch, tmp_path):
    """A path is one whatever the working folder is later; ~ is the user's home."""
    told('[milvus]\nuri = "~/faces.db"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings().milvus_uri == str(tmp_path / "faces.db")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[index\nbackend = "flat"', "is not TOML"),
        ('[milvus]\ntoken = "secret', "is not TOML"),
        ('[indx]\nbackend = "flat"', "unknown table 'indx'"),
        ('[index]\nkind = "flat"', "unknown key index.kind"),
        ("[index]\nbackend = 3", "index.backend is not a text"),
        ('index = "flat"', "index is not a table"),
        ('[milvus]\nuri = "somewhere"', "milvus.uri is neither a URL"),
        ('[milvus]\nprefix = "a-b"', "milvus.prefix is 'a-b'"),
    ],
)
def test_a_file_that_cannot_be_used(told, text, word, tmp_path):
    """The file and the key are named, what to do is said, and a token is not repeated."""
    told(text)
    with pytest.raises(ConfigError) as caught:
        settings()
    assert str(tmp_path / "settings.toml") in caught.value.message
    assert word in caught.value.message
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_file_that_is_not_there(monkeypatch, tmp_path):
    """A file that was named must be there; and it must be text."""
    monkeypatch.setenv("FACESEARCH_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="no such file"):
        settings()
    (tmp_path / "none.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        settings()
    (tmp_path / "none.toml").unlink()
    (tmp_path / "none.toml").mkdir()
    with pytest.raises(ConfigError, match=r"none\.toml"):
        settings()


def test_a_gallery_goes_by_it(told, tmp_path, monkeypatch):
    """The kind of index comes from the file, from the environment before it, and from the caller before both."""
    told('[index]\nbackend = "exact"\n')
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert gallery._index_name == "exact"
    monkeypatch.setenv("FACESEARCH_INDEX", "flat")
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert gallery._index_name == "flat"
    with Gallery.open(tmp_path / "gallery", index="auto") as gallery:
        assert gallery._index_name == "auto"


def test_an_index_that_there_is_not(told, tmp_path):
    """A misspelt kind is answered with the right ones, and makes no gallery."""
    told('[index]\nbackend = "mivlus"\n')
    with pytest.raises(ConfigError) as caught:
        Gallery.open(tmp_path / "gallery")
    assert "milvus" in caught.value.hint
    assert not (tmp_path / "gallery").exists()


def test_help_needs_no_settings(told):
    """A broken file keeps nobody from the help, nor from naming an index."""
    told("[")
    done = subprocess.run([sys.executable, "-m", "facesearch", "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_use_of_a_broken_file_is_one_message(told, tmp_path):
    """At the command line: exit code 2, the file and what to do, no traceback."""
    told("[")
    command = [sys.executable, "-m", "facesearch", "stats", "--gallery", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "settings.toml: is not TOML" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
