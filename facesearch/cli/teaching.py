"""Help texts: the docstrings of the commands, with their examples left as they are written."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def lesson(command: Callable[..., None]) -> str:
    """A command's docstring as help; paragraphs with indented lines are marked as not to be filled (a backspace)."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(f"\b\n{paragraph}" if "\n " in paragraph else paragraph for paragraph in paragraphs)
