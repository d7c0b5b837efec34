"""Get what a model needs onto this machine before its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.errors import ModelError
from facesearch.models import export, local
from facesearch.models.dlib_files import ready_dlib_files
from facesearch.models.registry import DEFAULT_DETECTOR, DEFAULT_EMBEDDER, DLIB, PAIR, model_info

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[str], None]


def pull(tell: Tell, name: str = DEFAULT_EMBEDDER, *, force: bool = False) -> None:
    """Get a built-in model ready, and the detector that goes before every embedder.

    Args:
        tell: takes one line of progress at a time.
        name: of the model.
        force: make everything anew that it needs, even what is there.

    Raises:
        ModelError: there is none of this name, or it is the user's; no pip, no network, a wrong hash, no room on the
            disk; or the export failed.
        ConfigError: the cache folder cannot be written.
    """
    if name in local.names():
        raise ModelError(
            name, "is yours: there is nothing to fetch", hint=f"where it lies: facesearch models show {name}"
        )
    model_info(name)
    if name in (DEFAULT_EMBEDDER, PAIR):
        export.pull(tell, force=force)
    if name in (DEFAULT_DETECTOR, DLIB):
        export.pull_detector(tell, force=force)
    if name in (DLIB, PAIR):
        ready_dlib_files(tell, force=force)
