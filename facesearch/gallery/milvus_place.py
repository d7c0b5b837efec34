"""Where a gallery's vectors are in Milvus: which server, under which names, and how to have them gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.config import MILVUS_URI_VARIABLE
from facesearch.errors import ConfigError
from facesearch.index.milvus_server import MilvusServer

if TYPE_CHECKING:
    from facesearch.config import Settings
    from facesearch.store.store import Store

OUT_OF_REACH = "what Milvus keeps of dropped collections: segments until it has cleaned up, its log, snapshots, backups"


def server_of(settings: Settings) -> MilvusServer:
    """The server that the settings name.

    Raises:
        ConfigError: they name none.
    """
    if settings.milvus_uri is None:
        raise ConfigError(
            "it is not said where Milvus is",
            hint=f"set {MILVUS_URI_VARIABLE}=http://HOST:19530, or [milvus] uri in the settings file",
        )
    return MilvusServer(settings.milvus_uri, settings.milvus_token)


def drop_all(store: Store, server: MilvusServer, prefix: str) -> int:
    """Drop all collections of a gallery, of every recipe. Returns how many there were.

    Raises:
        GalleryBusyError: others wrote for too long.
        StoreError: Milvus cannot be reached.
    """
    with store.index_lock():
        names = server.collections(beginning_of(prefix, store))
        for name in names:
            server.drop(name)
    return len(names)


def beginning_of(prefix: str, store: Store) -> str:
    """How the names of a gallery's collections begin."""
    return f"{prefix}_{store.state().gallery.replace('-', '')}_"
