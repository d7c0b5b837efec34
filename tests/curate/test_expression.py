"""People expressions: how they are read, what they select, and how they complain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.curate.expression import (
    EVERYTHING,
    All,
    Any,
    ExpressionError,
    Name,
    Not,
    Selection,
    Word,
    leaves,
    parse,
    select,
)

A, B, C = Name("a"), Name("b"), Name("c")
UNIVERSE = frozenset(range(8))

READINGS = {
    "a": A,
    "  Ada   Lovelace ": Name("Ada Lovelace"),
    "a & b & c": All((A, B, C)),
    "a|b|c": Any((A, B, C)),
    "a & b | c": Any((All((A, B)), C)),
    "a | b & c": Any((A, All((B, C)))),
    "(a | b) & c": All((Any((A, B)), C)),
    "!a & b": All((Not(A), B)),
    "!(a & b)": Not(All((A, B))),
    "!!a": Not(Not(A)),
    '"P!nk" & "R&B (live) | x"': All((Name("P!nk"), Name("R&B (live) | x"))),
    r'"a \"b\" \\"': Name('a "b" \\'),
    "O'Brien & Müller-Lüdenscheidt": All((Name("O'Brien"), Name("Müller-Lüdenscheidt"))),
    "anyone & !Unknown": All((Word("anyone"), Not(Word("unknown")))),
    '"unknown" | unknown soldier': Any((Name("unknown"), Name("unknown soldier"))),
}

COMPLAINTS = {
    "": (0, "no name"),
    "  ": (0, "no name"),
    "a &": (3, "missing at the end"),
    "a & | b": (4, "missing before |"),
    "& a": (0, "missing before &"),
    "a & ()": (5, "missing before )"),
    "(a | b": (0, "never closed"),
    "a & (b | (c)": (4, "never closed"),
    "a) & b": (1, "never opened"),
    'a & "b': (4, "quotation mark is never closed"),
    'a & ""': (4, "nothing between"),
    'Ada "Lovelace"': (4, "& or | is missing before Lovelace"),
    "P!nk": (1, "& or | is missing before !"),
    "a (b)": (2, "& or | is missing before ("),
    "!" * 200 + "a": (100, "levels deep"),
    "(" * 5000: (100, "levels deep"),
}


@pytest.mark.parametrize("text", READINGS)
def test_how_expressions_are_read(text):
    """Not binds before and, and before or; names are words, or anything in quotes."""
    assert parse(text) == READINGS[text]


@pytest.mark.parametrize("text", COMPLAINTS)
def test_an_error_points_at_its_place(text):
    """What cannot be read says what is wrong and where."""
    at, words = COMPLAINTS[text]
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert words in caught.value.message
    assert (caught.value.at, caught.value.text) == (at, text)
    assert caught.value.kind == "config"
    assert "(and)" in caught.value.hint


names = st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(bool)
expressions = st.recursive(
    names.map(Name) | st.sampled_from(["anyone", "unknown"]).map(Word),
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=4).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=4).map(lambda parts: Any(tuple(parts)))
    ),
    max_leaves=12,
)


def written(expression) -> str:
    """An expression as somebody might type it who is careful with parentheses."""
    if isinstance(expression, Name):
        return '"' + expression.text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(expression, Word):
        return expression.text
    if isinstance(expression, Not):
        return "!" + written(expression.part)
    mark = " & " if isinstance(expression, All) else " | "
    return "(" + mark.join(written(part) for part in expression.parts) + ")"


@given(expressions)
def test_what_is_written_is_read(expression):
    """Every expression can be written, whatever names are in it, and reads as itself."""
    assert parse(written(expression)) == expression


@given(st.text(alphabet='ab &|!()"\\ é'))
def test_any_text_is_read_or_refused(text):
    """No text does anything else than to be an expression or an error whose place is inside it."""
    places = [0]
    try:
        parse(text)
    except ExpressionError as error:
        places.append(error.at)
    assert 0 <= places[-1] <= len(text)


def naive(expression, shown) -> frozenset[int]:
    """What an expression selects, photo by photo."""
    if isinstance(expression, Not):
        return UNIVERSE - naive(expression.part, shown)
    if isinstance(expression, All):
        return frozenset.intersection(*(naive(part, shown) for part in expression.parts))
    if isinstance(expression, Any):
        return frozenset.union(*(naive(part, shown) for part in expression.parts))
    return shown(expression)


@given(expressions, st.randoms(use_true_random=False))
def test_selecting_is_the_algebra_of_sets(expression, random):
    """The selection is that of plain sets, though lookups leave out what does not matter."""
    held = {leaf: frozenset(i for i in UNIVERSE if random.random() < 0.5) for leaf, _ in leaves(expression)}
    wanted = {(leaf, sign) for leaf, sign in leaves(expression)}

    def photos_of(leaf, /, *, wanted, within):
        asked.add((leaf, wanted))
        return held[leaf] if within is None else held[leaf] & within

    asked: set = set()
    found = select(expression, photos_of)
    assert (UNIVERSE - found.ids if found.inverted else found.ids) == naive(expression, held.__getitem__)
    assert asked == wanted


def test_the_rare_is_asked_first():
    """Unknown faces are looked for in the photos of a person only, wherever they stand in the expression."""
    seen = {}

    def photos_of(leaf, /, *, wanted, within):
        seen[leaf.text] = within
        return {1, 2} if leaf == A else {2, 3}

    assert select(parse("unknown & anyone & a"), photos_of) == Selection({2})
    assert seen == {"a": None, "anyone": {1, 2}, "unknown": {2}}


def test_everything_is_all_but_nothing():
    """A selection of all photos needs no list of them."""
    assert EVERYTHING & Selection({1}) == Selection({1})
    assert (~EVERYTHING | Selection({1})) == Selection({1})
