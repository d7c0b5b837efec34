"""Where things live and what a user has settled: environment variables, and a small file that they come before.

The file is ``config.toml`` in the user's folder for settings, or what ``FACESEARCH_CONFIG`` names::

    [index]
    backend = "milvus"

    [milvus]
    uri = "http://milvus.example:19530"
    token = "user:password"

It is read when something in it is needed, so that a broken one does not keep ``--help`` from coming.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

from facesearch.errors import ConfigError

GALLERY_VARIABLE = "FACESEARCH_GALLERY"
CACHE_VARIABLE = "FACESEARCH_CACHE"
WEIGHTS_VARIABLE = "FACESEARCH_WEIGHTS"
MODELS_VARIABLE = "FACESEARCH_MODELS"
MODEL_VARIABLE = "FACESEARCH_MODEL"
HOST_VARIABLE = "FACESEARCH_HOST"
CONFIG_VARIABLE = "FACESEARCH_CONFIG"
INDEX_VARIABLE = "FACESEARCH_INDEX"
MILVUS_URI_VARIABLE = "FACESEARCH_MILVUS_URI"
MILVUS_TOKEN_VARIABLE = "FACESEARCH_MILVUS_TOKEN"  # noqa: S105 - a name

APP = "facesearch"


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def gallery_place(named: str | os.PathLike[str]) -> Path | str:
    """A gallery as a user names it: a folder, ``~`` replaced, or the URL of a database on a server as it is."""
    return named if isinstance(named, str) and "://" in named else Path(named).expanduser()


def default_gallery() -> Path | str:
    """The gallery that commands use unless told otherwise: ``FACESEARCH_GALLERY``, else the user's data folder."""
    chosen = os.environ.get(GALLERY_VARIABLE)
    if chosen:
        return gallery_place(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "gallery"


def cache_folder() -> Path:
    """Where models and sample photos are kept: ``FACESEARCH_CACHE``, else the user's cache folder."""
    chosen = _from_environment(CACHE_VARIABLE)
    if chosen is not None:
        return chosen
    import platformdirs

    return Path(platformdirs.user_cache_dir(APP, appauthor=False))


def local_models_folder() -> Path:
    """Where models are that the user added: ``FACESEARCH_MODELS``, else ``models`` in the user's data folder."""
    chosen = _from_environment(MODELS_VARIABLE)
    if chosen is not None:
        return chosen
    import platformdirs

    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "models"


def host_name() -> str:
    """Whose paths these are, in a gallery that several machines share: ``FACESEARCH_HOST``, else the machine's name."""
    return (os.environ.get(HOST_VARIABLE) or platform.node() or "localhost")[:255]


def weights_override() -> Path | None:
    """A ``facenet_keras.h5`` of the user's own: ``FACESEARCH_WEIGHTS``, else None."""
    return _from_environment(WEIGHTS_VARIABLE)


CONFIG_NAME = "config.toml"

_KEYS = {"index": ("backend",), "milvus": ("uri", "token", "prefix")}
"""Tables of the file, and their keys; every value is a text."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is settled in the file and the environment; None where nothing is said.

    ``index`` is the kind of vector index. Milvus is at ``milvus_uri``, a URL or a path that ends in ``.db``; names of
    its collections begin with ``milvus_prefix``.
    """

    index: str | None = None
    milvus_uri: str | None = None
    milvus_token: str | None = field(default=None, repr=False)
    milvus_prefix: str = APP


def config_file() -> Path:
    """The file of settings, which need not be there: ``FACESEARCH_CONFIG``, else in the user's folder for settings."""
    chosen = _from_environment(CONFIG_VARIABLE)
    if chosen is not None:
        return chosen
    import platformdirs

    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / CONFIG_NAME


def settings() -> Settings:
    """The settings as they are now; the environment comes before the file.

    Raises:
        ConfigError: the file cannot be read, or says something that is no setting; or a value cannot be used.
    """
    held = _read(config_file())
    chosen = os.environ.get(MILVUS_URI_VARIABLE)
    uri = chosen or held.get("milvus.uri")
    if uri and "://" not in uri:
        if not uri.endswith(".db"):
            where = MILVUS_URI_VARIABLE if chosen else f"{config_file()}: milvus.uri"
            raise ConfigError(
                f"{where} is neither a URL nor a path that ends in .db", hint="such as http://localhost:19530"
            )
        uri = str(Path(uri).expanduser().absolute())
    prefix = held.get("milvus.prefix", APP)
    if not re.fullmatch(r"[A-Za-z_]\w{0,99}", prefix, re.ASCII):
        raise ConfigError(f"{config_file()}: milvus.prefix is {prefix!r}: only letters, digits and _, a letter first")
    return Settings(
        index=os.environ.get(INDEX_VARIABLE) or held.get("index.backend"),
        milvus_uri=uri or None,
        milvus_token=os.environ.get(MILVUS_TOKEN_VARIABLE) or held.get("milvus.token"),
        milvus_prefix=prefix,
    )


def _read(path: Path) -> dict[str, str]:
    """The values of the file by ``table.key``; none where there is no file.

    Raises:
        ConfigError: it cannot be read, or holds something else; values are not repeated, for one may be a token.
    """
    import tomllib

    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if os.environ.get(CONFIG_VARIABLE):
            raise ConfigError(f"{path}: there is no such file", hint=f"correct or unset {CONFIG_VARIABLE}") from None
        return {}
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror or exc}", hint="make it readable, or name another one") from exc
    except ValueError as exc:
        # TOML or UTF-8. What tomllib says holds the place, never the text.
        raise ConfigError(f"{path}: is not TOML: {exc}", hint="texts stand in quotation marks") from exc
    values: dict[str, str] = {}
    for table, content in told.items():
        if table not in _KEYS:
            raise ConfigError(f"{path}: unknown table {table!r}", hint=f"known: {', '.join(_KEYS)}")
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: {table} is not a table", hint=f"write [{table}] on a line of its own")
        for key, value in content.items():
            if key not in _KEYS[table]:
                raise ConfigError(f"{path}: unknown key {table}.{key}", hint=f"known: {', '.join(_KEYS[table])}")
            if not isinstance(value, str):
                raise ConfigError(f"{path}: {table}.{key} is not a text", hint="write it in quotation marks")
            values[f"{table}.{key}"] = value
    return values
