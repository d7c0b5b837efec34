"""Where things live: the gallery, the cache of models, and the environment variables that move them."""

from __future__ import annotations

import os
import platform
from pathlib import Path

GALLERY_VARIABLE = "FACESEARCH_GALLERY"
CACHE_VARIABLE = "FACESEARCH_CACHE"
WEIGHTS_VARIABLE = "FACESEARCH_WEIGHTS"
HOST_VARIABLE = "FACESEARCH_HOST"

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


def host_name() -> str:
    """Whose paths these are, in a gallery that several machines share: ``FACESEARCH_HOST``, else the machine's name."""
    return (os.environ.get(HOST_VARIABLE) or platform.node() or "localhost")[:255]


def weights_override() -> Path | None:
    """A ``facenet_keras.h5`` of the user's own: ``FACESEARCH_WEIGHTS``, else None."""
    return _from_environment(WEIGHTS_VARIABLE)
