"""Rates and counts in words, for the terminal and for pages."""

from __future__ import annotations


def one_in(rate: float, least: float) -> str:
    """A rate in words, to one digit; ``least`` is the smallest that can be told."""
    if rate > 0.5:
        return "most"
    count = 1 / rate
    step = 10 ** (len(str(int(count))) - 1)
    number = f"1 in {round(count / step) * step:,}"
    return f"fewer than {number}" if rate <= least else f"about {number}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 photo``, ``1,204 photos``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
