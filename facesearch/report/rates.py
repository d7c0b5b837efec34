"""The rates of a person in words, with what they rest on: no rate without its interval, none from too few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.evaluation.metrics import wilson
from facesearch.identify.words import plural

if TYPE_CHECKING:
    from facesearch.gallery.people_summary import PersonSummary

LEAST = 5
"""Trials below which no rate is said: of 4 without a miss, the 95 % interval still reaches to 49 %."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate as it is said, in short and with its counts; ``share`` and the ends are None where trials are too few."""

    brief: str
    text: str
    share: float | None = None
    low: float | None = None
    high: float | None = None


def miss_rate(one: PersonSummary) -> Estimate:
    """The expected share of a person's photos in which they are not recognised; 95 % interval by Wilson over shots."""
    if not one.asked:
        return Estimate("–", "cannot be measured with one shot only")
    missed = one.asked - one.found
    counts = f"{missed:,} of {plural(one.asked, 'shot')} not recognised by the others"
    if one.asked < LEAST:
        return Estimate(f"{missed} of {one.asked}", f"{counts}: too few to say a rate")
    return _estimate(missed / one.asked, one.asked, counts)


def false_rate(one: PersonSummary) -> Estimate:
    """The expected share of strangers who get this person's name; 95 % interval by Wilson, over people."""
    false = one.false
    if not false.others:
        return Estimate("–", "cannot be measured with one person only")
    counts = (
        f"{false.named:,} of {plural(false.asked, 'shot')} of {plural(false.others, 'other person', 'other people')}"
    )
    if false.others < LEAST:
        return Estimate(
            f"{false.named} of {false.asked}", f"{counts} would get this name: too few people to say a rate"
        )
    return _estimate(false.share, false.others, f"{counts} would get this name")


def percent(share: float) -> str:
    """A share in percent, as precise as it is small."""
    value = 100 * share
    if 0 < value < 0.1:
        return "< 0.1 %"
    return f"{value:.1f} %" if 0 < value < 10 and round(value, 1) != round(value) else f"{value:.0f} %"


def _estimate(share: float, trials: float, counts: str) -> Estimate:
    # The ends are exact at 0 and 1 but for the last digit, which would be said as "< 0.1 %".
    low, high = (round(end, 9) for end in wilson(share, trials))
    ends = f"{percent(low)} to {percent(high)}".replace(" % to ", " to ")
    return Estimate(percent(share), f"{percent(share)} ({ends}); {counts}", share, low, high)
