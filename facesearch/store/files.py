"""Files on disk: which are known, which failed, which photo each one holds, and forgetting them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, insert, or_, select, update

from facesearch.store.changes import ChangeStore
from facesearch.store.connection import CHUNK, chunks
from facesearch.store.schema import PathRow, PhotoRow, RootRow
from facesearch.store.values import FileStamp, HeldPhoto, KnownFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Select

_KNOWN = (
    select(
        PathRow.id,
        RootRow.folder,
        PathRow.relative,
        PathRow.size,
        PathRow.mtime_ns,
        PathRow.photo_id,
        PhotoRow.recipe,
        PathRow.error,
        PathRow.decoder,
    )
    .join(RootRow, PathRow.root_id == RootRow.id)
    .join(PhotoRow, PathRow.photo_id == PhotoRow.id, isouter=True)
)

# Made once: every photo that is indexed is looked up, and making the statement takes half of that time.
_HELD = select(PhotoRow.pixel_hash, PhotoRow.id, PhotoRow.recipe, PhotoRow.status, PhotoRow.orientation).where(
    PhotoRow.pixel_hash.in_(bindparam("hashes", expanding=True))
)


def now() -> str:
    """The time as it is stored: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class FileStore(ChangeStore):
    """The part of the store that knows where photos lie."""

    def root_for(self, folder: Path) -> Path:
        """The root that files below ``folder`` belong to, so that a file never has two places.

        It is a known root at or above ``folder``, else ``folder`` itself; known roots below it become part of it.

        Args:
            folder: absolute, symbolic links resolved.
        """
        with self.writing():
            roots = self._work.connection.execute(self._roots()).all()
            for _, known in roots:
                if folder.is_relative_to(known):
                    return Path(known)
            root_id = self._root_id(folder)
            for below_id, known in roots:
                if Path(known).is_relative_to(folder):
                    self._move_into(root_id, below_id, Path(known).relative_to(folder))
        return folder

    def known(self, stamp: FileStamp) -> KnownFile | None:
        """What the gallery remembers of a file, or None; ``KnownFile.is_current`` says whether work is left."""
        root = RootRow.host == self._database.host, RootRow.folder == str(stamp.root)
        query = _KNOWN.where(*root, PathRow.relative == stamp.relative)
        with self._reader() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _known(*row)

    def files(self, folder: Path) -> Iterator[KnownFile]:
        """Every file that was known at or below an absolute folder, in no particular order, a page at a time.

        Of a gallery that several machines share: files of this one.
        """
        after = 0
        with self._reader() as connection:
            within = _within(connection.execute(self._roots()).all(), folder)
        while within:
            query = _KNOWN.where(or_(*within), PathRow.id > after).order_by(PathRow.id).limit(CHUNK)
            with self._reader() as connection:
                page = connection.execute(query).all()
            if not page:
                return
            yield from (_known(*row) for row in page)
            after = page[-1][0]

    def stamps(self) -> set[tuple[int, int]]:
        """Size and time of all files that hold a photo, on whichever machine: a moved file keeps both."""
        query = select(PathRow.size, PathRow.mtime_ns).where(PathRow.photo_id.is_not(None)).distinct()
        with self._reader() as connection:
            return {(size, mtime_ns) for size, mtime_ns in connection.execute(query)}

    def held(self, pixel_hashes: Sequence[str]) -> dict[str, HeldPhoto]:
        """Photos by the hash of their stored pixels; those that the gallery does not hold are left out."""
        found: dict[str, HeldPhoto] = {}
        with self._reader() as connection:
            for some in chunks(pixel_hashes):
                for row in connection.execute(_HELD, {"hashes": some}):
                    found[row.pixel_hash] = HeldPhoto(row.id, row.recipe, row.status, row.orientation)
        return found

    def seen(self, files: Sequence[tuple[FileStamp, int, str]]) -> None:
        """Record which photo each file holds: a new file, or one that was moved, renamed or edited.

        Args:
            files: each once, with the id of its photo and the hash of its bytes.
        """
        with self.writing():
            self._put_paths(
                [
                    (stamp, {"photo_id": photo_id, "byte_hash": byte_hash, "error": None, "decoder": None})
                    for stamp, photo_id, byte_hash in files
                ]
            )

    def add_failure(self, stamp: FileStamp, error: str, decoder: str, byte_hash: str | None = None) -> None:
        """Record that a file could not be used; it is left alone until it or the decoders change.

        A file that has not changed since it gave a photo keeps that photo: the names in it are no worse for a decoder
        that lost the knack.

        Args:
            stamp: the file.
            error: why, in one line.
            decoder: version of the decoders that failed.
            byte_hash: of the whole file, if it could be read.
        """
        with self.writing():
            old = self.known(stamp)
            same = old is not None and (old.size, old.mtime_ns) == (stamp.size, stamp.mtime_ns)
            photo_id = old.photo_id if old is not None and same else None
            # A message may quote a file name that is not valid Unicode, or a NUL, which PostgreSQL's text cannot hold.
            readable = error.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
            values = {"photo_id": photo_id, "byte_hash": byte_hash, "error": readable, "decoder": decoder}
            self._put_paths([(stamp, values)])

    def delete_files(self, file_ids: Sequence[int]) -> int:
        """Forget files by ``KnownFile.id``; their photos stay until ``delete_photos``. Returns how many were there."""
        with self.writing():
            return sum(self._write(delete(PathRow).where(PathRow.id.in_(some))) for some in chunks(file_ids))

    def photos_without_file(self) -> list[int]:
        """Photos that no known file holds any more, by id."""
        query = select(PhotoRow.id).where(~exists().where(PathRow.photo_id == PhotoRow.id)).order_by(PhotoRow.id)
        with self._reader() as connection:
            return list(connection.execute(query).scalars())

    def paths_of(self, photo_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """Where photos lie, sorted; an empty tuple for a photo that no known file holds.

        Files of other machines, of a gallery that several share, come last, as ``HOST:/folder/name``.
        Undecodable bytes of a file name are lone surrogates, as ``os.fsdecode`` makes them.
        """
        found: dict[int, list[tuple[bool, str]]] = {int(photo_id): [] for photo_id in photo_ids}
        with self._reader() as connection:
            for some in chunks(list(found)):
                query = (
                    select(PathRow.photo_id, RootRow.host, RootRow.folder, PathRow.relative)
                    .join(RootRow, PathRow.root_id == RootRow.id)
                    .where(PathRow.photo_id.in_(some))
                )
                for photo_id, host, folder, relative in connection.execute(query):
                    if photo_id is not None:
                        found[photo_id].append(self._place(host, Path(folder, relative)))
        return {photo_id: tuple(path for _, path in sorted(places)) for photo_id, places in found.items()}

    def _place(self, host: str, path: Path) -> tuple[bool, str]:
        """Whether a file is on another machine, and how it is called here."""
        elsewhere = host != self._database.host
        return elsewhere, f"{host}:{path}" if elsewhere else str(path)

    def _roots(self) -> Select[int, str]:
        """The roots on this machine."""
        return select(RootRow.id, RootRow.folder).where(RootRow.host == self._database.host)

    def _put_paths(self, files: Sequence[tuple[FileStamp, dict[str, Any]]]) -> None:
        """Insert files, or update those that are known, with the given values beside what their stamps say."""
        roots = {root: self._root_id(root) for root in {stamp.root for stamp, _ in files}}
        last_seen = now()
        rows = [
            {
                "root_id": roots[stamp.root],
                "relative": stamp.relative,
                "size": stamp.size,
                "mtime_ns": stamp.mtime_ns,
                "last_seen": last_seen,
                **values,
            }
            for stamp, values in files
        ]
        self._upsert(PathRow, ("root_id", "relative"), rows)

    def _root_id(self, folder: Path) -> int:
        connection = self._work.connection
        host = self._database.host
        query = select(RootRow.id).where(RootRow.host == host, RootRow.folder == str(folder))
        found = connection.execute(query).scalar_one_or_none()
        if found is None:
            new = insert(RootRow).values(host=host, folder=str(folder)).returning(RootRow.id)
            found = connection.execute(new).scalar_one()
            self._work.changed = True
        return found

    def _move_into(self, root_id: int, below_id: int, prefix: Path) -> None:
        query = select(PathRow.id, PathRow.relative).where(PathRow.root_id == below_id)
        moved: list[dict[str, Any]] = [
            {"row": row_id, "moved": str(prefix / relative)}
            for row_id, relative in self._work.connection.execute(query)
        ]
        statement = update(PathRow).where(PathRow.id == bindparam("row"))
        self._write(statement.values(root_id=root_id, relative=bindparam("moved", type_=PathRow.relative.type)), moved)
        self._write(delete(RootRow).where(RootRow.id == below_id))


def _known(file_id: int, root: str, *rest: Any) -> KnownFile:  # noqa: ANN401
    return KnownFile(file_id, Path(root), *rest)


def _within(roots: Sequence[tuple[int, str]], folder: Path) -> list[ColumnElement[bool]]:
    """Conditions, any of which a file at or below ``folder`` meets; none where there can be none."""
    found: list[ColumnElement[bool]] = []
    for root_id, known in roots:
        if Path(known).is_relative_to(folder):
            found.append(PathRow.root_id == root_id)
        elif folder.is_relative_to(known):
            inside = str(folder.relative_to(known))
            # "0" is the character after "/": everything that starts with "inside/".
            below = PathRow.relative.between(inside + "/", inside + "0") & (PathRow.relative != inside + "0")
            found.append((PathRow.root_id == root_id) & (below | (PathRow.relative == inside)))
    return found
