"""What every contract test says it with."""

from __future__ import annotations


def require(holds: bool, rule: str) -> None:
    """Raise AssertionError with the rule where it does not hold; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise AssertionError(rule)
