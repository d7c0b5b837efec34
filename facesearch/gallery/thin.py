"""What a person's photos lack, in one plain sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.identify.words import plural
from facesearch.images.quality import doubt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.types import Face

ENOUGH = 3
"""Different shots, and good ones, from which on a person is not called thin: what ``crossval`` asks for too."""

FEW_FOUND = 0.8
LEAST_ASKED = 5
"""Below this share of so many shots the photos do not recognise each other."""


def advice(faces: Sequence[Face], days: Sequence[str], *, shots: int, asked: int, found: int) -> str | None:
    """What to add to a person's photos; None where nothing is missing.

    Args:
        faces: the person's.
        days: when the photos were taken, as far as that is known.
        shots: how many of the faces that are evidence are no near-duplicates.
        asked: how many shots were left out in turn.
        found: how many of them were named right.
    """
    count = len(faces)
    doubts = [reason for face in faces if (reason := doubt(face)) is not None]
    good = count - len(doubts)
    photos = plural(count, "photo")
    if not good:
        return f"{_flaw(doubts, count)}: add one frontal, sharp photo"
    if shots < ENOUGH:
        same = f", {plural(shots, 'different shot')}" if shots < good else ""
        poor = f", {len(doubts)} of them {_word(doubts)}" if doubts else ""
        return f"only {photos}{poor}{same}: add {ENOUGH - shots} more, of other days"
    if good < ENOUGH:
        return f"{photos}, {len(doubts)} of them {_word(doubts)}: add one frontal, sharp one"
    if asked >= LEAST_ASKED and found < FEW_FOUND * asked:
        return f"{asked - found} of {plural(asked, 'shot')} are not recognised by the others: add frontal, sharp photos"
    if len(days) == count and len(set(days)) == 1:
        return f"all {photos} are of one day: add some of other times"
    return None


def _flaw(doubts: Sequence[str], count: int) -> str:
    word = _word(doubts)
    if word == "blurry":
        return plural(count, "blurry photo")
    return f"{plural(count, 'photo')}, {'all ' if count > 1 else ''}{word}"


def _word(doubts: Sequence[str]) -> str:
    """What is wrong with the faces: blurry, small, or both."""
    blurry = sum(reason == "blurred" for reason in doubts)
    if blurry == len(doubts):
        return "blurry"
    return "too small" if not blurry else "blurry or too small"
