"""One writer at a time: a file lock on the gallery, and a note beside it that says who holds it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from facesearch.errors import StoreError
from facesearch.store.sqlite import busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = "gallery.lock"
NOTE_NAME = "gallery.writer.json"
INDEX_NAMES = ("index.lock", "index.writer.json")
"""The same for whoever brings an index up to date that is elsewhere."""


class WriterLock:
    """The gallery's write lock; the kernel drops it when its holder dies. Re-entrant within a thread."""

    def __init__(self, folder: Path, timeout: float, *, name: str = LOCK_NAME, note: str = NOTE_NAME) -> None:
        self._folder = folder
        self._note = folder / note
        self._lock = FileLock(folder / name, timeout=timeout, mode=0o600)

    @contextlib.contextmanager
    def hold(self, timeout: float | None = None, *, command: str | None = None) -> Iterator[None]:
        """Hold the lock.

        Args:
            timeout: seconds to wait for another holder; None for the lock's own limit.
            command: what the note says that this process is; None for how it was started.

        Raises:
            GalleryBusyError: another process or thread still held it after that time.
            StoreError: the gallery's folder cannot be written.
        """
        try:
            self._lock.acquire(timeout)
            try:
                if self._lock.lock_counter == 1:
                    self._write_note(command)
            except BaseException:
                self._lock.release()
                raise
        except Timeout as exc:
            raise busy(self._folder, self.holder()) from exc
        except OSError as exc:
            raise StoreError(f"{self._folder}: {exc}", hint="check the permissions of the gallery's folder") from exc
        try:
            yield
        finally:
            if self._lock.lock_counter == 1:
                with contextlib.suppress(OSError):
                    self._note.unlink(missing_ok=True)
            self._lock.release()

    def holder(self) -> str | None:
        """``process 123 (facesearch index …)``, or None where nobody else alive says that it writes."""
        if self._lock.is_locked:
            return None
        try:
            note = json.loads(self._note.read_text())
            pid = int(note["pid"])
            os.kill(pid, 0)
        except PermissionError:
            # Somebody else's process, hence alive.
            pass
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return f"process {pid} ({note['command']})"

    def _write_note(self, command: str | None) -> None:
        # Renamed into place, so that whoever waits never reads half of it. Path.open knows no opener.
        temporary = self._note.with_name(f"{self._note.name}.{os.getpid()}")
        with open(temporary, "w", opener=_private) as file:
            json.dump({"pid": os.getpid(), "command": command or shlex.join(sys.argv) or "python"}, file)
        temporary.replace(self._note)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
