"""What somebody said about whole photos. A mark is journaled, so it is there again when its photo is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from facesearch.errors import NotFoundError
from facesearch.store.evidence import EvidenceStore
from facesearch.store.journal import Draft
from facesearch.store.schema import PhotoRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.types import Mark


class MarkStore(EvidenceStore):
    """The part of the store that knows marks."""

    def mark(self, photo_id: int, mark: Mark | None) -> bool:
        """Mark a photo, or with None take its mark away. Returns whether that is new.

        Raises:
            NotFoundError: there is no such photo.
        """
        with self.writing():
            query = select(PhotoRow.pixel_hash, PhotoRow.mark).where(PhotoRow.id == photo_id)
            found = self._work.connection.execute(query).one_or_none()
            if found is None:
                raise NotFoundError("photo", photo_id)
            if found.mark == mark:
                return False
            self._write(update(PhotoRow).where(PhotoRow.id == photo_id).values(mark=mark))
            payload = {"previous": found.mark} if mark is None else {"mark": mark, "previous": found.mark}
            self._record([Draft("unmark" if mark is None else "mark", None, payload, pixel_hash=found.pixel_hash)])
        return True

    def marked(self, mark: Mark = "collage") -> set[int]:
        """The ids of the photos with a mark."""
        with self._reader() as connection:
            return set(connection.execute(select(PhotoRow.id).where(PhotoRow.mark == mark)).scalars())

    def _mark_again(self, pixel_hashes: Sequence[str]) -> None:
        """Give photos that are new the marks that the journal knows of; no new decision is recorded."""
        rows = []
        for pixel_hash, events in self.events_of(pixel_hashes).items():
            last = next((event for event in reversed(events) if event.op in ("mark", "unmark")), None)
            if last is not None and last.op == "mark":
                rows.append({"hash": pixel_hash, "mark": last.payload["mark"]})
        self._write(update(PhotoRow).where(PhotoRow.pixel_hash == bindparam("hash")), rows)
