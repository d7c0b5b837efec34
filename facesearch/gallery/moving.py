"""A gallery in another place: from a folder into a database on a server, the other way, or to another of its kind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facesearch.store.moving import CopiedTable


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was compared with its source. ``source`` and ``target`` are places, URLs without a password.

    ``gallery`` is the copy's UUID; ``tables`` are what was compared.
    """

    source: str
    target: str
    gallery: str
    tables: tuple[CopiedTable, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """How many rows were copied."""
        return sum(table.rows for table in self.tables)


def copy_gallery(store: Store, target: Path | str, progress: Callable[[int, int, str], None]) -> Copied:
    """Copy a whole gallery into an empty place, and compare the two before anything is kept; see ``Store.copy_to``.

    What is made from a gallery (index, SVM, pictures) is not copied: the copy makes its own when it needs them.

    Args:
        store: what is copied; it may be in use.
        target: a folder, or the URL of a database, with no gallery or an empty one; ``~`` is replaced already.
        progress: called with rows done, rows to do and a table: once from the start for writing, once for comparing.

    Raises:
        ConfigError: the target holds something already, or cannot be named so.
        StoreError: it cannot be written, or something is being forgotten in the source; the target is empty then.
    """
    began = time.monotonic()
    # Before anything is made over there.
    store.check_settled()
    with Store.open(target) as other:
        tables = store.copy_to(other, progress)
        gallery = other.state().gallery
        return Copied(store.name, other.name, gallery, tables, time.monotonic() - began)
