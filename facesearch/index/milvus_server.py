"""A connection to Milvus, where its errors become ours, and which collections and aliases there are."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from facesearch.errors import ConfigError, FacesearchError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

MILVUS = "milvus"
"""The name of this kind of index."""

TIMEOUT = 20.0
"""Seconds for the server to answer the first time."""

_DENIED = (1400, 1401)
_NO_COLLECTION = (4, 100)
"""Codes of Milvus: not authenticated, not permitted; no such collection (of earlier versions, and now)."""

INT = 5
FLOAT_VECTOR = 101
"""Milvus's numbers of the types of our two fields."""


class CollectionGoneError(StoreError):
    """A collection is not there: never made, or another process has put a newer one in its place."""


class MilvusServer:
    """Milvus, connected to when it is first needed. Any number of threads may use it.

    Args:
        uri: ``http://host:19530``, or a path that ends in ``.db`` for milvus-lite, which serves one process at a time.
        token: ``user:password`` or an API key; None where none is asked for.
    """

    def __init__(self, uri: str, token: str | None = None) -> None:
        self._uri = uri
        self._token = token
        self._client: Any = None
        self.name = shown(uri)

    @property
    def client(self) -> Any:  # noqa: ANN401 - pymilvus has types that mypy cannot follow
        """The client of pymilvus; use it within ``seam``.

        Raises:
            ConfigError: pymilvus is not installed, or the token is not right.
            StoreError: Milvus cannot be reached.
        """
        if self._client is None:
            make = _client_class()
            if "://" not in self._uri:
                _prepare_folder(Path(self._uri))
            with self.seam():
                self._client = make(self._uri, token=self._token or "", timeout=TIMEOUT)
        return self._client

    def close(self) -> None:
        """Let go of the connection. Harmless when repeated."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(StoreError, ConfigError), self.seam():
                client.close()

    @contextlib.contextmanager
    def seam(self) -> Iterator[None]:
        """Where errors of pymilvus and gRPC become ours.

        Raises:
            ConfigError: the token is not right.
            CollectionGoneError: there is no such collection.
            StoreError: Milvus cannot be reached, or refuses.
        """
        try:
            yield
        except (FacesearchError, KeyboardInterrupt):
            raise
        except Exception as exc:
            if not _is_theirs(exc):
                raise
            raise self._explained(exc) from exc

    def properties(self, collection: str) -> dict[str, str]:
        """The properties of a collection, or of the one behind an alias.

        Raises:
            CollectionGoneError: there is none.
        """
        client = self.client
        with self.seam():
            return dict(client.describe_collection(collection)["properties"])

    def put_property(self, collection: str, key: str, value: str) -> None:
        """Change one property of a collection, all of its value at once."""
        client = self.client
        with self.seam():
            client.alter_collection_properties(collection, {key: value})

    def collections(self, beginning: str) -> list[str]:
        """The collections whose names begin so, sorted."""
        client = self.client
        with self.seam():
            return sorted(name for name in client.list_collections() if name.startswith(beginning))

    def target(self, alias: str) -> str | None:
        """The collection that an alias stands for; None where there is no such alias."""
        client = self.client
        with contextlib.suppress(CollectionGoneError), self.seam():
            if client.has_collection(alias):
                name = str(client.describe_collection(alias)["collection_name"])
                # Earlier versions say the alias again.
                return name if name != alias else str(client.describe_alias(alias)["collection_name"])
        return None

    def point(self, alias: str, collection: str) -> None:
        """Let an alias stand for a collection from now on; whoever asks by the alias sees the old one or the new."""
        held, client = self.target(alias), self.client
        with self.seam():
            (client.create_alias if held is None else client.alter_alias)(collection, alias)

    def drop(self, collection: str) -> None:
        """Drop a collection and its aliases; one that is gone already is fine."""
        client = self.client
        with contextlib.suppress(CollectionGoneError), self.seam():
            for alias in client.list_aliases(collection)["aliases"]:
                client.drop_alias(alias)
            client.drop_collection(collection)

    def _explained(self, exc: Exception) -> FacesearchError:
        code, text = getattr(exc, "code", None), _one_line(exc)
        number = code() if callable(code) else code
        # pymilvus hides what the server answered when it was connected to.
        cause = getattr(exc.__cause__, "code", None)
        words = f"{number} {cause() if callable(cause) else cause} {text}".lower()
        if number in _DENIED or "unauthenticated" in words or "auth check failure" in words:
            return ConfigError(
                f"Milvus at {self.name} does not take the token", hint="set FACESEARCH_MILVUS_TOKEN, or [milvus] token"
            )
        if number in _NO_COLLECTION or "collection not found" in words or "can't find collection" in words:
            return CollectionGoneError(f"Milvus at {self.name}: {text}")
        if "://" not in self._uri and type(exc).__name__ in ("ConnectionConfigException", "ConnectError"):
            return StoreError(
                f"Milvus in {self.name} cannot be opened",
                hint="milvus-lite must be installed, and serves one process at a time: end the other one",
            )
        if "unavailable" in words or "deadline" in words or type(exc).__name__ in _NOT_THERE or not text:
            return StoreError(
                f"Milvus at {self.name} cannot be reached", hint="start it, or correct FACESEARCH_MILVUS_URI"
            )
        return StoreError(f"Milvus at {self.name}: {text}", hint="the gallery itself is whole; --index auto needs none")


_NOT_THERE = ("MilvusUnavailableException", "ConnectError", "ConnectionNotExistException")


def shown(uri: str) -> str:
    """An address without user and password, or a path."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _client_class() -> Any:  # noqa: ANN401 - see ``MilvusServer.client``
    # gRPC writes to the terminal from C, unless told not to before it is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from pymilvus import MilvusClient
    except ImportError as exc:
        raise ConfigError("Milvus needs pymilvus", hint="pip install 'facesearch[milvus]'") from exc
    # What goes wrong is raised as well; a library's log is not for the terminal.
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return MilvusClient


def _prepare_folder(path: Path) -> None:
    """milvus-lite would make it readable by everybody."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror or exc}", hint="name another place as [milvus] uri") from exc


def _is_theirs(exc: Exception) -> bool:
    return any(kind.__module__.partition(".")[0] in ("pymilvus", "grpc") for kind in type(exc).__mro__)


def _one_line(exc: Exception) -> str:
    """What Milvus says of it, without the address and the token, which its messages may repeat."""
    text = str(getattr(exc, "message", "") or "").strip()
    return text.splitlines()[0][:200] if text else ""
