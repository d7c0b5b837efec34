"""The gallery's database as one object: plain values in, plain values out, every error one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from facesearch.errors import NotFoundError
from facesearch.store import sqlite
from facesearch.store.lock import WriterLock
from facesearch.store.migrate import ensure_schema
from facesearch.store.reviewing import ReviewStore

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Store(ReviewStore):
    """A gallery's photos, faces, embeddings, people and journal.

    Its methods live in one file a concern, each built on the one before: ``connection`` (transactions), ``changes``
    (state and vectors), ``files``, ``faces``, ``journal``, ``people``, ``marks``, ``analysis``, ``clusters``,
    ``recipes``, ``calibrations``, ``remnants``, ``erasure``, ``finding``, ``reviewing``.

    Reading never waits. A method that writes is a transaction of its own, or part of the ``writing`` it is called in.
    """

    @classmethod
    def open(cls, folder: Path, *, create: bool = True, timeout: float = 10.0) -> Self:
        """Open the gallery in ``folder``, and bring its database to this program's schema.

        An older database is migrated after a backup (``gallery.sqlite.backup``, one at most). Everything is readable
        by its owner alone.

        Args:
            folder: of the gallery.
            create: make the folder and an empty gallery where there is none.
            timeout: seconds to wait for another process that writes.

        Raises:
            NotFoundError: there is no gallery, and none was to be made.
            SchemaTooNewError: a newer facesearch wrote it.
            GalleryBusyError: another process is writing while the schema must be changed.
            StoreError: it is damaged, is not a gallery, or cannot be read or made.
        """
        # Connections are opened later too, when the working directory may be another one.
        folder = folder.absolute()
        path = folder / sqlite.FILE_NAME
        lock = WriterLock(folder, timeout)
        with sqlite.seam(path, lock.holder, files=True):
            if create:
                sqlite.make_private_folder(folder)
            elif not path.is_file():
                raise NotFoundError("gallery", str(folder), hint="facesearch index PHOTOS makes one")
            sqlite.make_private(path)
            engine = sqlite.open_engine(path, timeout=timeout)
            try:
                ensure_schema(path, engine, lock, timeout=timeout)
            except BaseException:
                engine.dispose()
                raise
        return cls(engine, lock, path)

    @property
    def folder(self) -> Path:
        """The gallery's folder."""
        return self.path.parent

    def close(self) -> None:
        """Let go of the database; the store cannot be used afterwards. Harmless when repeated."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
