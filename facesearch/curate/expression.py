r"""People expressions: ``Alice & (Bob | "Carol & Co") & !unknown``, read and answered with sets of photos.

::

    any    = all ("|" all)*
    all    = one ("&" one)*
    one    = "!" one | "(" any ")" | name
    name   = words without & | ! ( ) "   or   anything in "quotes", where \ comes before " and \

The words ``anyone`` (a face with a name) and ``unknown`` (a face without) are no names unless they are quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

_TOKEN = re.compile(r'\s*+(?:([&|!()])|"((?:[^"\\]|\\.)*+)"|([^&|!()"]++))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_GRAMMAR = 'join names by & (and), | (or), ! (not) and parentheses; a name that holds one of these stands in "quotes"'

_DEEPEST = 100
"""Levels of parentheses and nots: far more than anybody writes, far fewer than Python's stack holds."""


class ExpressionError(ConfigError):
    """An expression cannot be read: ``text`` is the whole of it, ``at`` the place, in characters from 0."""

    def __init__(self, reason: str, text: str, at: int) -> None:
        super().__init__(f"{reason} (character {at + 1} of the expression)", hint=_GRAMMAR)
        self.text = text
        self.at = at


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name or id, as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """``anyone`` is a face with a name, ``unknown`` one without."""

    text: Literal["anyone", "unknown"]


@dataclass(frozen=True, slots=True)
class Not:
    """Whatever the part does not say."""

    part: Expression


@dataclass(frozen=True, slots=True)
class All:
    """What all of two or more parts say."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """What one of two or more parts says."""

    parts: tuple[Expression, ...]


Leaf = Name | Word
Expression = Name | Word | Not | All | Any


@dataclass(frozen=True, slots=True)
class Selection:
    """Photos: those of ``ids``, or, where it is ``inverted``, all but those."""

    ids: Set[int]
    inverted: bool = False

    def __invert__(self) -> Selection:
        return Selection(self.ids, not self.inverted)

    def __and__(self, other: Selection) -> Selection:
        if self.inverted and other.inverted:
            return Selection(self.ids | other.ids, inverted=True)
        if self.inverted:
            return Selection(other.ids - self.ids)
        return Selection(self.ids - other.ids if other.inverted else self.ids & other.ids)

    def __or__(self, other: Selection) -> Selection:
        return ~(~self & ~other)


EVERYTHING = Selection(frozenset(), inverted=True)


class PhotosOf(Protocol):
    """Looks a leaf up."""

    def __call__(self, leaf: Leaf, /, *, wanted: bool, within: Set[int] | None) -> Set[int]:
        """The photos that show it.

        Args:
            leaf: what to look for.
            wanted: False below a "not", where the photos are asked for that do *not* show it.
            within: no other photos matter; they may be left out. None for all.
        """


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: it is not one; says where.
    """
    return _Parser(text).read()


def select(expression: Expression, photos_of: PhotosOf) -> Selection:
    """The photos that an expression speaks of, from those of its leaves."""
    return _select(expression, photos_of, wanted=True, within=None)


def leaves(expression: Expression, *, wanted: bool = True) -> Iterator[tuple[Leaf, bool]]:
    """Names and words from left to right, each with whether it is wanted: below an odd number of nots it is not."""
    if isinstance(expression, Not):
        yield from leaves(expression.part, wanted=not wanted)
    elif isinstance(expression, All | Any):
        for part in expression.parts:
            yield from leaves(part, wanted=wanted)
    else:
        yield expression, wanted


def _select(expression: Expression, photos_of: PhotosOf, *, wanted: bool, within: Set[int] | None) -> Selection:
    if isinstance(expression, Not):
        return ~_select(expression.part, photos_of, wanted=not wanted, within=within)
    if isinstance(expression, Any):
        found = ~EVERYTHING
        for part in expression.parts:
            found |= _select(part, photos_of, wanted=wanted, within=within)
        return found
    if isinstance(expression, All):
        found = EVERYTHING
        # A person is in few photos, an unknown face in most: asked last, most of those need not be looked at.
        for part in sorted(expression.parts, key=_cost):
            left = within if found.inverted else found.ids
            found &= _select(part, photos_of, wanted=wanted, within=left)
        return found
    return Selection(photos_of(expression, wanted=wanted, within=within))


def _cost(expression: Expression) -> int:
    words = {leaf.text for leaf, _ in leaves(expression) if isinstance(leaf, Word)}
    return 2 if "unknown" in words else 1 if words else 0


@dataclass(frozen=True, slots=True)
class _Token:
    """``kind`` is a mark of the grammar, "name", "word" or "end"."""

    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent, one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._depth = 0

    def read(self) -> Expression:
        if self._next.kind == "end":
            raise ExpressionError("there is no name in it", self._text, 0)
        found = self._any()
        if self._next.kind != "end":
            raise self._unexpected()
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[0]

    def _take(self, kind: str) -> bool:
        """Go beyond the next token if it is of this kind."""
        if self._next.kind != kind:
            return False
        del self._tokens[0]
        return True

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._take("|"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._take("&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Expression:
        token = self._next
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"more than {_DEEPEST} levels deep", self._text, token.at)
        found: Expression
        if self._take("!"):
            found = Not(self._one())
        elif self._take("("):
            found = self._any()
            if not self._take(")"):
                if self._next.kind == "end":
                    raise ExpressionError("this parenthesis is never closed", self._text, token.at)
                raise self._unexpected()
        elif self._take("word"):
            found = Word("anyone" if token.text == "anyone" else "unknown")
        elif self._take("name"):
            found = Name(token.text)
        else:
            where = "at the end" if token.kind == "end" else f"before {token.text}"
            raise ExpressionError(f"a name is missing {where}", self._text, token.at)
        self._depth -= 1
        return found

    def _unexpected(self) -> ExpressionError:
        token = self._next
        if token.kind == ")":
            return ExpressionError("a parenthesis is closed that was never opened", self._text, token.at)
        return ExpressionError(f"& or | is missing before {token.text}", self._text, token.at)


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None:
            start = text.index('"', at)
            raise ExpressionError("this quotation mark is never closed", text, start)
        mark, quoted, bare = match.groups()
        start = match.start(match.lastindex or 0)
        if mark:
            yield _Token(mark, mark, start)
        elif bare is not None:
            name = " ".join(bare.split())
            word = name.casefold()
            yield _Token("word", word, start) if word in {"anyone", "unknown"} else _Token("name", name, start)
        else:
            name = " ".join(_ESCAPED.sub(r"\1", quoted).split())
            if not name:
                raise ExpressionError("there is nothing between these quotation marks", text, start - 1)
            yield _Token("name", name, start - 1)
        at = match.end()
    yield _Token("end", "", end)
