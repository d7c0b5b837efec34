"""How a page is made: from a template and values, with its pictures inside, into a file that only its owner can read.

Every page extends ``base.html``: blocks ``title`` (text), ``style`` (more CSS), ``content``. A page loads nothing, runs
no script, and forbids the browser both.
"""

from __future__ import annotations

import base64
import contextlib
import os
import uuid
from functools import cache
from typing import TYPE_CHECKING

from facesearch.errors import FacesearchError
from facesearch.images.encode import webp

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from jinja2 import Environment
    from numpy.typing import NDArray


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("facesearch.report"),
        # Names of people and files are what somebody typed: text, whatever is in it.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> str:
    """A page as text. Every value is shown as text, never taken for HTML.

    Args:
        template: a file name in ``templates``.
        values: what the template needs; one that is missing is an error of the program.
    """
    return _environment().get_template(template).render(values)


def data_uri(pixels: NDArray[np.uint8], *, side: int | None = None) -> str:
    """A picture as the ``src`` of an ``img``: RGB, shape (H, W, 3), uint8; ``side`` as for ``images.encode.webp``."""
    return "data:image/webp;base64," + base64.b64encode(webp(pixels, side=side)).decode()


def write(page: str, target: Path) -> int:
    """Write a page, whole or not at all, readable by its owner alone; missing folders are made. Returns its bytes.

    Raises:
        FacesearchError: it cannot be written there.
    """
    # File names that are not valid Unicode are in it as lone surrogates.
    held = page.encode("utf-8", "backslashreplace")
    partial = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(held)
        partial.replace(target)
    except OSError as exc:
        raise FacesearchError(
            f"cannot write {target}: {(exc.strerror or str(exc)).lower()}", hint="name another file with --output"
        ) from exc
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return len(held)
