"""What somebody says about a whole photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.errors import NotFoundError
from facesearch.images.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.store.store import Store
    from facesearch.types import Mark


def mark(store: Store, path: Path, what: Mark | None, *, max_megapixels: float) -> bool:
    """Mark a photo, known by its pixels, or with None take its mark away; see ``Gallery.mark``.

    Raises:
        PhotoError: the photo cannot be read.
        NotFoundError: it is not in the gallery.
    """
    pixel_hash = load(path, max_megapixels=max_megapixels).pixel_hash
    with store.writing():
        photo = store.photo_by_pixel_hash(pixel_hash)
        if photo is None:
            raise NotFoundError("photo", str(path), hint=f"facesearch index {path}")
        return store.mark(photo.id, what)
