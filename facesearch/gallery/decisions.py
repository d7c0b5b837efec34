"""What people decide about a gallery: names put right, and every decision taken back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.gallery import carrying, curating, journal
from facesearch.gallery.contents import GalleryContents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.gallery.carrying import Imported
    from facesearch.gallery.curating import Change
    from facesearch.gallery.journal import Entry
    from facesearch.gallery.opening import Photo
    from facesearch.store.values import Unplaced


class GalleryDecisions(GalleryContents):
    """The part of a gallery that keeps decisions. Each call is one action of the journal."""

    def rename(self, name: str, new: str) -> Change:
        """Give a person, known by name or id, another name; see ``curating.rename``."""
        return curating.rename(self._store, name, new)

    def merge(self, into: str, *others: str) -> Change:
        """Make people part of the first one; see ``curating.merge``."""
        return curating.merge(self._store, into, others)

    def split(self, name: str, faces: Sequence[int], *, new: str | None = None) -> Change:
        """Take faces from a person, for good, and give them to another one; see ``curating.split``."""
        return curating.split(self._store, name, faces, new)

    def split_cluster(self, cluster: str, faces: Sequence[int], *, new: str | None = None) -> Change:
        """Take faces out of a group, for good, and give them to somebody; see ``curating.split_cluster``."""
        return curating.split_cluster(self._store, cluster, faces, new)

    def reject(self, faces: Sequence[int], name: str | None = None) -> Change:
        """Say that faces are not a person; see ``curating.reject``."""
        return curating.reject(self._store, faces, name)

    def not_a_face(self, faces: Sequence[int]) -> Change:
        """Say that detections are no faces; see ``curating.not_a_face``."""
        return curating.not_a_face(self._store, faces)

    def ignore(self, *clusters: str, faces: Sequence[int] = (), smaller_than: int = 0, back: bool = False) -> Change:
        """Say that nobody wants to name these faces; see ``curating.ignore``."""
        return curating.ignore(self._store, clusters, faces, smaller_than=smaller_than, back=back)

    def log(self) -> list[Entry]:
        """Everything that was decided, the latest first."""
        return journal.log(self._store)

    def undo(self, which: int | str = 1) -> list[Entry]:
        """Take back the last actions, or one by its id; see ``journal.undo``."""
        return journal.undo(self._store, which)

    def redo(self, which: int | str = 1) -> list[Entry]:
        """Repeat what was taken back; see ``journal.redo``."""
        return journal.redo(self._store, which)

    def replay(self) -> list[Unplaced]:
        """Find out who is who from the journal alone; see ``Store.replay``."""
        return self._store.replay()

    def export_journal(self, target: Photo) -> int:
        """Write the journal as JSON Lines into a new file; returns how many decisions; see ``carrying.export``."""
        return carrying.export(self._store, Path(target))

    def import_journal(self, source: Photo) -> Imported:
        """Take in a journal that another gallery wrote; see ``carrying.carry_in``."""
        return carrying.carry_in(self._store, Path(source))
