"""Everything that facesearch raises on purpose.

::

    FacesearchError
      ConfigError
      PhotoError
        UnreadableError
        UnsupportedError
        TooLargeError
      NoFaceError
        AmbiguousFaceError
      ModelError
      IndexFileError
        DimensionMismatchError
      StoreError
        NotFoundError
        SchemaTooNewError
        GalleryBusyError

Every error carries a one-line ``message`` that a user can read and, where there is something to do next, a
``hint`` that says what. Errors of other libraries stop at our seams and become one of these, ``from exc``.
"""

from __future__ import annotations

import copyreg
from pathlib import Path


class FacesearchError(Exception):
    """Base of every error in this tree: ``message`` says what is wrong, ``hint`` what to do next."""

    kind = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes send errors. Exception would give the message to a constructor that takes other arguments.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ConfigError(FacesearchError):
    """A setting, argument or environment variable cannot be used as given."""

    kind = "config"


class PhotoError(FacesearchError):
    """One photo could not be used; the others are not affected."""

    kind = "photo"

    def __init__(self, path: str | Path, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {reason}", hint=hint)
        self.path = Path(path)
        self.reason = reason


class UnreadableError(PhotoError):
    """The file is missing, empty, cut short or damaged."""

    kind = "unreadable"


class UnsupportedError(PhotoError):
    """The file is not a picture, or of a kind that no decoder here reads."""

    kind = "unsupported"


class TooLargeError(PhotoError):
    """The picture has more pixels than the limit."""

    kind = "too_large"


class NoFaceError(FacesearchError):
    """A face was needed in this photo and none was found."""

    kind = "no_face"

    def __init__(self, path: str | Path, reason: str = "no face found", *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {reason}", hint=hint)
        self.path = Path(path)
        self.reason = reason


class AmbiguousFaceError(NoFaceError):
    """Exactly one face was asked for and several were found."""

    kind = "ambiguous_face"


class ModelError(FacesearchError):
    """A model is unknown, its weights are missing or wrong, or what runs it is not there."""

    kind = "model"

    def __init__(self, name: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"model {name}: {reason}", hint=hint)
        self.name = name
        self.reason = reason


class IndexFileError(FacesearchError):
    """The vector index file cannot be read or written; the gallery itself is not affected."""

    kind = "index_file"

    def __init__(self, path: str | Path, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {reason}", hint=hint)
        self.path = Path(path)
        self.reason = reason


class DimensionMismatchError(IndexFileError):
    """Vectors of one dimension met an index of another."""

    kind = "dimension_mismatch"


class StoreError(FacesearchError):
    """The gallery's database cannot be read or written."""

    kind = "store"


class NotFoundError(StoreError):
    """Something was named that the gallery does not hold."""

    kind = "not_found"

    def __init__(self, what: str, key: object, *, hint: str | None = None) -> None:
        where = "" if what == "gallery" else " in this gallery"
        super().__init__(f"no {what} {key!r}{where}", hint=hint)
        self.what = what
        self.key = key


class SchemaTooNewError(StoreError):
    """The gallery was written by a newer facesearch than this one."""

    kind = "schema_too_new"


class GalleryBusyError(StoreError):
    """Another process is writing to this gallery."""

    kind = "gallery_busy"
