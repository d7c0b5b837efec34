"""What the commands print: results on stdout, everything else on stderr; colour and rules on a terminal only.

Whatever is printed passes ``clean``, so no file or person can be called something that garbles a terminal, and nothing
is ever read as rich's markup.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from facesearch.errors import FacesearchError
from facesearch.identify.words import one_in as one_in
from facesearch.identify.words import plural as plural

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rich.console import Console

Cell = str | tuple[str, str]
"""A text, or a text and the rich style that it has on a terminal."""

MARGIN = "  "
GAP = "  "

FAILED = ("failed", "bold red")
"""The label of photos that could not be used."""

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"


class PipeClosedError(Exception):
    """Whoever reads our output has gone: ``facesearch … | head``."""


def clean(text: str) -> str:
    r"""``text`` in one line that can be printed: control characters and undecodable bytes as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(_visible(letter) for letter in text)


def _visible(letter: str) -> str:
    if unicodedata.category(letter) not in _HIDDEN or letter in _JOINERS:
        return letter
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not valid UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()


def say(*cells: Cell) -> None:
    """Print one line of results."""
    _line(sys.stdout, [MARGIN, *cells])


def complain(text: str) -> None:
    """Print an error, on stderr."""
    _message(text, "error:", "bold red")


def hint(text: str) -> None:
    """Print what to do next, on stderr."""
    _message(f"hint: {text}", "hint:", "cyan")


def warn(text: str) -> None:
    """Print what was doubtful, on stderr."""
    _message(f"warning: {text}", "warning:", "yellow")


def tell(text: str) -> None:
    """Print what is being done, on stderr."""
    _aside((text, "dim"))


def emit(document: object) -> None:
    """Print one JSON document; ASCII only, so that every name survives every pipe."""
    _write(sys.stdout, json.dumps(document, indent=2) + "\n")


def columns(rows: Sequence[Sequence[Cell]], *, right: Collection[int] = ()) -> None:
    """Print lines whose cells stand below each other; columns with nothing in them are left out.

    Args:
        rows: cells from left to right.
        right: columns that are aligned to the right.
    """
    widths = _widths(rows)
    for row in rows:
        filled = [(place, cell) for place, cell in enumerate(row) if widths[place]]
        padded = [_pad(cell, widths[place], right=place in right) for place, cell in filled]
        say(*[part for cell in padded for part in (cell, GAP)][:-1])


def labelled(label: Cell, rows: Sequence[Sequence[Cell]]) -> None:
    """Print ``columns`` with a label before the first line."""
    columns([(label if place == 0 else "", *row) for place, row in enumerate(rows)])


def table(headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Collection[int] = ()) -> None:
    """Print a table with headings; a rule stands below them on a terminal."""
    heads: list[Cell] = [(heading, "bold") for heading in headings]
    if on_terminal(sys.stdout):
        widths = _widths([heads, *rows])
        rows = [[("─" * width, "dim") for width in widths], *rows]
    columns([heads, *rows], right=right)


def on_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at it: only then is there colour and a progress bar."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def console(stream: TextIO) -> Console:
    """Rich's console for a stream that is a terminal; it honours NO_COLOR."""
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def finish() -> None:
    """Write out what is still buffered.

    Raises:
        PipeClosedError: nobody reads it any more.
        FacesearchError: there is no room for it, say.
    """
    if sys.stdout is not None:
        with _seam(sys.stdout):
            sys.stdout.flush()


def _message(text: str, label: str, style: str) -> None:
    head, found, rest = text.partition(label)
    _aside(*([(label, style), rest] if found and not head else [text]))


def _aside(*cells: Cell) -> None:
    """Print one line on stderr, where that can be done."""
    finish()  # or in a file that takes both, an error stands before the results that it comes after
    with suppress(FacesearchError, PipeClosedError):
        _line(sys.stderr, cells)


def _line(stream: TextIO | None, cells: Sequence[Cell]) -> None:
    if stream is not None and on_terminal(stream) and any(_style(cell) for cell in cells):
        from rich.text import Text

        text = Text.assemble(*((clean(_text(cell)), _style(cell)) for cell in cells))
        text.rstrip()
        console(stream).print(text, soft_wrap=True)
    else:
        _write(stream, clean("".join(_text(cell) for cell in cells)).rstrip() + "\n")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started with the stream closed: nobody wants to read it
        return
    with _seam(stream):
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


@contextmanager
def _seam(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        # Point the stream at nothing, or Python complains about it again while it exits.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
        if isinstance(exc, BrokenPipeError):
            raise PipeClosedError from exc
        raise FacesearchError(f"cannot write the output: {exc.strerror or exc}") from exc


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _style(cell: Cell) -> str:
    return "" if isinstance(cell, str) else cell[1]


def _pad(cell: Cell, width: int, *, right: bool) -> Cell:
    text = clean(_text(cell))
    space = " " * (width - _wide(text))
    padded = space + text if right else text + space
    return padded if isinstance(cell, str) else (padded, cell[1])


def _widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    count = max((len(row) for row in rows), default=0)
    return [max(_wide(clean(_text(row[place]))) for row in rows if place < len(row)) for place in range(count)]


def _wide(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    marks = sum(1 for letter in text if unicodedata.category(letter) in {"Mn", "Me", "Cf"})
    return len(text) - marks + sum(1 for letter in text if unicodedata.east_asian_width(letter) in "WF")
