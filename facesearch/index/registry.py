"""Which vector indexes there are, from the simplest to the largest. A class is imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.index.base import FileIndex

INDEXES: dict[str, str] = {
    "exact": "facesearch.index.exact:ExactIndex",
    "flat": "facesearch.index.faiss_index:FlatIndex",
    "compressed": "facesearch.index.compressed:CompressedIndex",
    "inverted": "facesearch.index.inverted:InvertedIndex",
}
"""Name → "module:Class"; a class takes the dimension."""


def index_class(name: str) -> type[FileIndex]:
    """The class behind a name.

    Raises:
        ConfigError: there is no index of that name.
    """
    try:
        module, _, attribute = INDEXES[name].partition(":")
    except KeyError as exc:
        raise ConfigError(f"no index {name!r}", hint=f"known: {', '.join(INDEXES)}") from exc
    return cast("type[FileIndex]", getattr(import_module(module), attribute))


def create_index(name: str, dim: int) -> FileIndex:
    """An empty index for vectors of length ``dim``.

    Raises:
        ConfigError: there is no index of that name.
    """
    make = cast("Callable[[int], FileIndex]", index_class(name))
    return make(dim)
