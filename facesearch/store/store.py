"""The gallery's database as one object: plain values in, plain values out, every error one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from facesearch.errors import ConfigError
from facesearch.store.claims import ClaimStore
from facesearch.store.file_database import FileDatabase
from facesearch.store.migrate import ensure_schema

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import URL

    from facesearch.store.database import Database
    from facesearch.store.nearest import VectorTable
    from facesearch.types import Recipe


class Store(ClaimStore):
    """A gallery's photos, faces, embeddings, people and journal.

    Its methods live in one file a concern, each built on the one before: ``connection`` (transactions), ``changes``
    (state and vectors), ``files``, ``faces``, ``journal``, ``people``, ``marks``, ``analysis``, ``clusters``,
    ``recipes``, ``calibrations``, ``remnants``, ``erasure``, ``finding``, ``reviewing``, ``moving``, ``claims``.

    Reading never waits. A method that writes is a transaction of its own, or part of the ``writing`` it is called in.
    """

    @classmethod
    def open(cls, place: Path | str | URL, *, create: bool = True, timeout: float = 10.0) -> Self:
        """Open a gallery, and bring its database to this program's schema.

        An older database in a folder is migrated after a backup (``gallery.sqlite.backup``, one at most); everything
        there is readable by its owner alone. Backups and rights on a server are the server's business.

        Args:
            place: the gallery's folder, or the URL of a PostgreSQL database (``postgresql+psycopg://user@host/name``).
            create: make an empty gallery where there is none, and its folder; a database on a server must be there.
            timeout: seconds to wait for another process that writes.

        Raises:
            NotFoundError: there is no gallery, and none was to be made.
            SchemaTooNewError: a newer facesearch wrote it.
            GalleryBusyError: another process is writing while the schema must be changed.
            StoreError: it is damaged, is not a gallery, or cannot be reached, read or made.
            ConfigError: the URL cannot be used, or what it needs is not installed.
        """
        database = _database(place, create=create, timeout=timeout)
        try:
            with database.seam(files=True):
                ensure_schema(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def vector_table(self, recipe: Recipe, *, half: bool = False) -> VectorTable:
        """The vectors of a recipe to be searched in the database itself.

        Args:
            recipe: whose vectors.
            half: see ``VectorTable``.

        Raises:
            ConfigError: the gallery is not on a server.
        """
        if self._engine.dialect.name != "postgresql":
            raise ConfigError("pgvector searches galleries in PostgreSQL only", hint="leave --index to facesearch")
        from facesearch.store.nearest import VectorTable

        return VectorTable(self._database, recipe.key, recipe.dim, half=half)

    def close(self) -> None:
        """Let go of the database; the store cannot be used afterwards. Harmless when repeated."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _database(place: Path | str | URL, *, create: bool, timeout: float) -> Database:
    if isinstance(place, Path) or (isinstance(place, str) and "://" not in place):
        return FileDatabase(Path(place), create=create, timeout=timeout)
    from facesearch.store import postgres
    from facesearch.store.server_database import ServerDatabase

    return ServerDatabase(postgres.parse(place), create=create, timeout=timeout)
