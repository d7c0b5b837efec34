"""The conversation of ``review``: what is asked, how an answer is read, and what was done."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from facesearch.cli.output import complain, finish, hint, on_terminal, plural, say, tell
from facesearch.errors import ConfigError, FacesearchError

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.curate.questions import Question
    from facesearch.gallery.reviewing import Review

PATHS = 4
"""Files that are named below a question."""

_WORDS = {
    **dict.fromkeys(("y", "yes"), "yes"),
    **dict.fromkeys(("n", "no"), "no"),
    **dict.fromkeys(("s", "skip"), "skip"),
    **dict.fromkeys(("i", "ignore"), "ignore"),
    "x": "no_face",
    **dict.fromkeys(("u", "undo"), "undo"),
    **dict.fromkeys(("q", "quit"), "quit"),
    **dict.fromkeys(("?", "h", "help"), "help"),
}

_OUT = re.compile(r"(?:o|out)((?:[\s,]+\d+)+)", re.IGNORECASE)

HELP = """y  yes            n  no             s  ask another time
i  strangers      x  not faces      o 3 5  faces 3 and 5 do not belong
u  undo           q  quit           anything else is a name; Ada* begins one, "n" is one"""


def converse(review: Review, limit: int | None, picture: Path) -> None:
    """Ask until nothing is left, the user quits, or ``limit`` questions were answered; then say what was settled."""
    try:
        while review.question is not None and (limit is None or review.answers < limit):
            _show(review, review.question, picture)
            if not _answered(review):
                break
    finally:  # also where Ctrl-C ends it
        done = f"{plural(review.answers, 'answer')} settled {plural(review.settled, 'face')}"
        say((done, "bold"), f"; {review.left:,} {'is' if review.left == 1 else 'are'} left" if review.left else "")


def wording(review: Review, question: Question) -> str:
    """A question in words."""
    count = plural(len(question.faces), "face")
    if question.kind == "same":
        one, other = question.sizes
        return f"are these two one person? {one:,} and {plural(other, 'face')}"
    if question.person is None:
        return "who is this?" if len(question.faces) == 1 else f"who is this? {count}"
    name = review.person(question.person).name
    if question.kind == "faces":
        return f"are these {count} all {name}?"
    return f"is this {name}?" if len(question.faces) == 1 else f"is this {name}? {count}"


def _show(review: Review, question: Question, picture: Path) -> None:
    try:
        review.draw(question, picture)
    except FacesearchError as error:
        tell(error.message)
    far = "" if question.distance is None or question.kind == "who" else f"   distance {question.distance:.2f}"
    say((f"{review.answers + 1}", "bold"), "  ", (wording(review, question), "bold"), (far, "dim"))
    matches = review.matches(question)
    for number, match in enumerate(matches[:PATHS], 1):
        say(f"     {number}  ", (match.path, "dim"))
    if len(matches) > PATHS:
        say((f"     and {len(matches) - PATHS:,} more", "dim"))


def _answered(review: Review) -> bool:
    """Take answers until one counts, or the question is not open any more. Returns False where the user has enough."""
    asked = review.question
    while True:
        said = _read(review)
        if said is None:
            return False
        try:
            done = _take(review, said)
        except FacesearchError as error:
            complain(error.message)
            if error.hint:
                hint(error.hint)
            if review.question != asked:
                return True
            continue
        if done is not None:
            say("     ", done)
            return True
        if _WORDS.get(said.lower()) == "quit":
            return False


def _take(review: Review, said: str) -> str | None:
    """Do what was said and return what that was; None where the question stands."""
    word, asked = _WORDS.get(said.lower()), review.question
    count = plural(len(asked.faces) if asked else 0, "face")
    if found := _OUT.fullmatch(said):
        return f"{plural(review.out([int(one) for one in re.findall('[0-9]+', found[1])]), 'face')} apart"
    if word == "yes":
        return f"{review.yes().name}: {count}"
    if word == "no":
        review.no()
        return "not all of them: asked again in parts" if asked and asked.kind == "faces" else "no"
    if word == "skip":
        review.skip()
        return "another time"
    if word == "ignore":
        review.ignore()
        return f"{count} of strangers, not asked about again"
    if word == "no_face":
        review.no_face()
        return f"not {'a face' if asked and len(asked.faces) == 1 else 'faces'}"
    if word == "undo":
        return "taken back" if review.undo() else "there is no answer to take back"
    if word == "help":
        for line in HELP.splitlines():
            say("     ", line)
    if word is not None or not said:
        return None
    return f"{review.called(_name(said)).name}: {count}"


def _name(said: str) -> str:
    """A name as it was typed; in quotes it may be one that reads like an answer."""
    if len(said) > 2 and said[0] == said[-1] and said[0] in "\"'":
        return said[1:-1]
    if len(said) == 1:
        raise ConfigError(f"there is no answer {said!r}", hint=f'for somebody of this name type "{said}"; ? for help')
    return said


def _read(review: Review) -> str | None:
    """One line of the user's, None at the end."""
    finish()
    try:
        if sys.stdin is None:
            return None
        if on_terminal(sys.stdin) and on_terminal(sys.stdout):
            import readline  # noqa: F401 - makes input() a line that can be edited

            asked = review.question
            can = "name" if asked is None or asked.kind in {"who", "same"} else "y/n/name"
            return input(f"     {can}, o i x s u q ? > ").strip()
        line = sys.stdin.readline()
    except EOFError:
        return None
    except UnicodeDecodeError as exc:
        raise ConfigError("the answers are not text in UTF-8") from exc
    return line.strip() if line else None
